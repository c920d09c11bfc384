"""The options of `pyrovae fit`, and how training follows them."""

import math
from typing import Any

from jsonargparse import Namespace
from jsonargparse.typing import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from ..errors import ConfigError
from ..train.optim.scheduling import named_schedule
from ..train.optim.source import NAMES as OPTIMIZERS
from ..train.optim.source import default_optimizer, source_of
from ..train.optim.words import name_and_options, simplified
from .options import add_device
from .parser import Parser, make_parser

_SCHEDULES = (
    "constant", "cosine", "warmup_cosine", "linear", "exponential", "iwae", "plateau",
)  # fmt: skip


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
    add("--num-labelled", type=PositiveInt,
        help="Keep so many labels of the training data, a fifth of each batch.")  # fmt: skip
    add("--missing", type=NonNegativeFloat, default=0.0,
        help="Remove this share of all values; y is then the mask.")  # fmt: skip
    add("--quadrants", type=PositiveInt,
        help="Give so many quadrants of each image as y, and keep the others as x.")  # fmt: skip


def _add_start(parser: Parser) -> None:
    add = parser.add_argument_group("initial parameters").add_argument
    add("--from", type=str, help="Run folder whose parameters to start with, where they fit.")
    add("--start", type=PositiveInt,
        help="Fit clusters, codebooks, pseudo-inputs to so many data first.")  # fmt: skip
    add("--only", type=str, nargs="+", metavar="PART",
        help="Train these parts of the pair alone, such as its prior.")  # fmt: skip


def _add_training(parser: Parser) -> None:
    add = parser.add_argument_group("training").add_argument
    add("--epochs", type=PositiveInt, default=100, help="Passes over the training data.")
    add("--batch-size", type=PositiveInt, default=100, help="Data per step.")
    add("--drop-last", action="store_true",
        help="Leave out the last batch where it is smaller than the others.")  # fmt: skip
    add("--lr", type=PositiveFloat,
        help="Learning rate; without it that of the optimiser, 0.001 for Adam.")  # fmt: skip
    add("--lr-of", type=str, nargs="+", metavar="PART=RATE",
        help="Learning rates of parts of the pair: encoder=1e-4 decoder=0.")  # fmt: skip
    add("--optimizer", type=str, metavar="NAME",
        help=f"{', '.join(OPTIMIZERS)}; with options as in 'sgd(momentum=0.9)'. Without it adam, "
        "or adamw with a --weight-decay.")  # fmt: skip
    add("--weight-decay", type=NonNegativeFloat, help="Weight decay of all parameters.")
    add("--adam-eps", type=NonNegativeFloat, default=1e-8,
        help="Epsilon of adam and adamw (1e-4 in the IWAE paper).")  # fmt: skip
    add("--schedule", type=str, metavar="NAME", default="constant",
        help=f"How the learning rate changes: {', '.join(_SCHEDULES)}; with options as in "
        "'cosine(warmup=0.1)'. Or a scheduler of torch, 'StepLR(step_size=30)'.")  # fmt: skip
    add("--ema", type=NonNegativeFloat, metavar="DECAY",
        help="Validate and keep a moving average of all parameters, of this decay: "
        "0.999.")  # fmt: skip
    add("--clip-norm", type=PositiveFloat, help="Largest gradient norm over all parameters.")
    add("--patience", type=PositiveInt,
        help="Stop after so many epochs without a better validation.")  # fmt: skip
    add("--kl-warmup", type=NonNegativeFloat, default=0.0,
        help="Epochs over which the KL weight of --objective Beta rises from 0.")  # fmt: skip
    add("--seed", type=NonNegativeInt, default=0,
        help="Seed of initial weights, batches and noise.")  # fmt: skip


def _add_speed(parser: Parser) -> None:
    group = parser.add_argument_group("device and speed")
    add_device(group)
    add = group.add_argument
    add("--compile", nargs="?", const="yes", default="no", choices=["no", "yes", "auto"],
        help="Compile the training step; auto: if the run is long enough.")  # fmt: skip
    add("--steps-per-call", type=PositiveInt, default=1,
        help="Steps in one compiled graph; 4 saves time on small models.")  # fmt: skip
    add("--precision", choices=["full", "tf32", "bf16"], default="full",
        help="bf16: networks in bfloat16; tf32: CUDA's matrix products with TF32.")  # fmt: skip
    add("--memory", type=PositiveInt,
        help="Bytes for one step; particles are drawn in chunks to keep to it.")  # fmt: skip


def _add_run_folder(parser: Parser) -> None:
    add = parser.add_argument_group("run folder").add_argument
    add("--run", type=str,
        help="Where to write; default: runs/DATA-MODEL-OBJECTIVE-SEED.")  # fmt: skip
    add("--resume", action="store_true",
        help="Continue the run in that folder; lr, schedule, epochs may change.")  # fmt: skip
    add("--overwrite", action="store_true", help="Replace the run in that folder.")
    add("--test-particles", type=NonNegativeInt, default=1000,
        help="Particles per datum of the NLL on test data; 0: do not measure.")  # fmt: skip
    add("--tensorboard", action="store_true", help="Also log to TensorBoard, in the run folder.")


def training_options(config: Namespace) -> dict[str, Any]:
    """The arguments that `fit` and `compare_training` share, from a configuration.

    Raises:
        ConfigError: A rate, an optimiser or a schedule is none, or they do not fit together.
    """
    _check_finite(config)
    optimizer = config.optimizer or default_optimizer(config.weight_decay)
    if config.adam_eps != 1e-8:
        optimizer = _with_eps(optimizer, config.adam_eps)
    lr = _rates(config)
    source_of(optimizer, lr, config.weight_decay)
    named_schedule(config.schedule)
    return {
        "batch_size": config.batch_size,
        "drop_last": config.drop_last,
        "lr": lr,
        "optimizer": optimizer,
        "weight_decay": config.weight_decay,
        "schedule": config.schedule,
        "ema": config.ema,
        "clip_norm": config.clip_norm,
    }


def _check_finite(config: Namespace) -> None:
    """Refuse numbers that no optimiser takes, which are numbers all the same."""
    for name in ("lr", "weight_decay", "adam_eps", "clip_norm", "ema"):
        value = config[name]
        if value is not None and not math.isfinite(value):
            option = name.replace("_", "-")
            raise ConfigError(f"--{option} {value}: it needs a finite number")
    if config.ema is not None and config.ema >= 1:
        raise ConfigError(f"--ema {config.ema}: it needs a number in [0, 1), such as 0.999")


def _rates(config: Namespace) -> float | dict[str, float] | None:
    """The rate of `--lr`, or with `--lr-of` rates by part."""
    if not config.lr_of:
        return config.lr
    found = {} if config.lr is None else {"": config.lr}
    for words in config.lr_of:
        part, _, text = words.partition("=")
        try:
            rate = float(text)
        except ValueError:
            rate = math.nan
        if not part or not 0 <= rate < math.inf or part in found:
            twice = " once" if part in found else ""
            raise ConfigError(
                f"--lr-of {words}: give each part{twice} with a finite number, 0 or more, as in "
                "encoder=1e-4"
            )
        found[part] = rate
    return found


def _with_eps(optimizer: str, eps: float) -> str:
    """The optimiser in words, with the epsilon of `--adam-eps`."""
    name, options = name_and_options(optimizer, "--optimizer")
    if simplified(name) not in ("adam", "adamw") or "eps" in options:
        raise ConfigError(
            f"--adam-eps {eps}: it is an option of adam and adamw; with --optimizer {optimizer} "
            "write eps among its options, as in 'nadam(eps=1e-4)'"
        )
    listed = ", ".join(f"{key}={value!r}" for key, value in {**options, "eps": eps}.items())
    return f"{name}({listed})"
