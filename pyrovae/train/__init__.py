"""Training: `fit`, the loop; `SVI`, its step; callbacks and schedules."""

from .callbacks import (
    Anneal,
    Callback,
    CSVLogger,
    CyclicAnneal,
    EarlyStopping,
    EpochLog,
    ProgressBar,
    TensorBoard,
)
from .checkpoint import load_checkpoint
from .fit import fit
from .history import History
from .loop import Loop
from .optim import schedules
from .pair_file import save
from .run import Run
from .step.svi import SVI

__all__ = [
    "SVI",
    "Anneal",
    "CSVLogger",
    "Callback",
    "CyclicAnneal",
    "EarlyStopping",
    "EpochLog",
    "History",
    "Loop",
    "ProgressBar",
    "Run",
    "TensorBoard",
    "fit",
    "load_checkpoint",
    "save",
    "schedules",
]
