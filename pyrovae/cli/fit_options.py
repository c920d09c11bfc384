"""The options of `pyrovae fit`, and how training follows them."""

from typing import Any

from jsonargparse import Namespace

from ..train.optim import schedules
from ..train.optim.joint import adam
from .numbers import Count, CountOrNone, NotNegative, Positive, Seed
from .options import add_device
from .parser import Parser, make_parser

_SCHEDULES = {
    "constant": schedules.constant,
    "cosine": schedules.cosine,
    "exponential": schedules.exponential,
    "iwae": schedules.iwae,
}


def fit_parser() -> Parser:
    """The options of `pyrovae fit`, without those of the data, the model and the objective."""
    parser = make_parser(
        "fit",
        "Train a model and guide on data, measure the result on test data, and leave a run "
        "folder. --data NAME, --model NAME and --objective NAME say what to use. Each of the "
        "three has options of its own, which are listed last, for what is named: `pyrovae fit "
        "--data mnist --help` lists those of mnist. A class that is an option has options in "
        "turn, which `--model.encoder.help MLP` lists. A YAML file may hold any of them.",
        arguments="",
    )
    _add_data(parser)
    _add_start(parser)
    _add_training(parser)
    _add_speed(parser)
    _add_run_folder(parser)
    return parser


def _add_data(parser: Parser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("--data-root", type=str, help="Folder of downloaded data; else $PYROVAE_DATA.")
    add("--labels", type=bool, default=False,
        help="Call a model of your own with (x, y) instead of (x).")  # fmt: skip
    add("--num-labelled", type=Count,
        help="Keep so many labels of the training data, a fifth of each batch.")  # fmt: skip
    add("--missing", type=NotNegative, default=0.0,
        help="Remove this share of all values; y is then the mask.")  # fmt: skip
    add("--quadrants", type=Count,
        help="Give so many quadrants of each image as y, and keep the others as x.")  # fmt: skip


def _add_start(parser: Parser) -> None:
    add = parser.add_argument_group("initial parameters").add_argument
    add("--from", type=str, help="Run folder whose parameters to start with, where they fit.")
    add("--start", type=Count,
        help="Fit clusters, codebooks, pseudo-inputs to so many data first.")  # fmt: skip
    add("--only", type=str, nargs="+", metavar="PART",
        help="Train these parts of the pair alone, such as its prior.")  # fmt: skip


def _add_training(parser: Parser) -> None:
    add = parser.add_argument_group("training").add_argument
    add("--epochs", type=Count, default=100, help="Passes over the training data.")
    add("--batch-size", type=Count, default=100, help="Data per step.")
    add("--drop-last", action="store_true",
        help="Leave out the last batch where it is smaller than the others.")  # fmt: skip
    add("--lr", type=Positive, default=1e-3, help="Learning rate of Adam.")
    add("--adam-eps", type=NotNegative, default=1e-8,
        help="Adam's epsilon (1e-4 in the IWAE paper).")  # fmt: skip
    add("--schedule", choices=list(_SCHEDULES), default="constant",
        help="How the learning rate changes.")  # fmt: skip
    add("--clip-norm", type=Positive, help="Largest gradient norm over all parameters.")
    add("--patience", type=Count,
        help="Stop after so many epochs without a better validation.")  # fmt: skip
    add("--kl-warmup", type=NotNegative, default=0.0,
        help="Epochs over which the KL weight of --objective Beta rises from 0.")  # fmt: skip
    add("--seed", type=Seed, default=0,
        help="Seed of initial weights, batches and noise.")  # fmt: skip


def _add_speed(parser: Parser) -> None:
    group = parser.add_argument_group("device and speed")
    add_device(group)
    add = group.add_argument
    add("--compile", nargs="?", const="yes", default="no", choices=["no", "yes", "auto"],
        help="Compile the training step; auto: if the run is long enough.")  # fmt: skip
    add("--steps-per-call", type=Count, default=1,
        help="Steps in one compiled graph; 4 saves time on small models.")  # fmt: skip
    add("--precision", choices=["full", "tf32", "bf16"], default="full",
        help="bf16: networks in bfloat16; tf32: CUDA's matrix products with TF32.")  # fmt: skip
    add("--memory", type=Count,
        help="Bytes for one step; particles are drawn in chunks to keep to it.")  # fmt: skip


def _add_run_folder(parser: Parser) -> None:
    add = parser.add_argument_group("run folder").add_argument
    add("--run", type=str,
        help="Where to write; default: runs/DATA-MODEL-OBJECTIVE-SEED.")  # fmt: skip
    add("--resume", action="store_true",
        help="Continue the run in that folder; lr, schedule, epochs may change.")  # fmt: skip
    add("--overwrite", action="store_true", help="Replace the run in that folder.")
    add("--test-particles", type=CountOrNone, default=1000,
        help="Particles per datum of the NLL on test data; 0: do not measure.")  # fmt: skip
    add("--tensorboard", action="store_true", help="Also log to TensorBoard, in the run folder.")


def training_options(config: Namespace) -> dict[str, Any]:
    """The arguments that `fit` and `compare_training` share, from a configuration."""
    return {
        "batch_size": config.batch_size,
        "drop_last": config.drop_last,
        "optimizer": adam(config.lr, config.adam_eps),
        "schedule": _SCHEDULES[config.schedule](),
        "clip_norm": config.clip_norm,
    }
