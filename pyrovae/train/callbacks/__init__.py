"""Callbacks of a training run."""

from .anneal import Anneal
from .base import Callback
from .csv_logger import CSVLogger
from .cyclic_anneal import CyclicAnneal
from .early_stopping import EarlyStopping
from .epoch_log import EpochLog
from .progress_bar import ProgressBar
from .tensorboard import TensorBoard

__all__ = [
    "Anneal",
    "CSVLogger",
    "Callback",
    "CyclicAnneal",
    "EarlyStopping",
    "EpochLog",
    "ProgressBar",
    "TensorBoard",
]
