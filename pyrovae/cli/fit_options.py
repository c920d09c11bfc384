"""The options of `pyrovae fit`, and how training follows them."""

from typing import Any

from jsonargparse import Namespace

from ..errors import ConfigError
from ..train.optim.scheduling import named_schedule
from ..train.optim.source import NAMES as OPTIMIZERS
from ..train.optim.source import default_optimizer, source_of
from ..train.optim.words import name_and_options, simplified
from .numbers import Count, CountOrAuto, CountOrNone, NotNegative, Positive, Seed, Share
from .options import EVIDENCE_PARTICLES, add_device
from .parser import USUAL, Parser, make_parser

_SCHEDULES = (
    "constant", "cosine", "warmup_cosine", "linear", "exponential", "iwae", "plateau",
)  # fmt: skip


def fit_parser() -> Parser:
    """The options of `pyrovae fit`, without those of the data, the model and the objective."""
    parser = make_parser(
        "fit",
        "examples:\n"
        "  pyrovae fit --data digits --model VAE --model.latent_dim 16 \\\n"
        "      --model.likelihood Binomial --run runs/digits\n"
        "  pyrovae fit --data images.npz --model mine.py:Model --epochs 20 --run runs/mine\n\n"
        "Trains a model and its guide, measures them on test data, and leaves a run folder with "
        "parameters, numbers and pictures.\n\n"
        "What --data, --model and --objective name has options of its own, which stand at the "
        "end for those that are named here: `pyrovae fit --data mnist --help` lists the options "
        "of mnist. Where an option takes a class, that class has options too: "
        "`--model.encoder.help MLP` lists those of MLP. `--option none` is as if an option were "
        "not given, also where a file gives it.",
        arguments="",
    )
    _add_usual(parser)
    _add_run_folder(parser)
    _add_training(parser)
    add_data(parser)
    _add_start(parser)
    _add_speed(parser)
    return parser


def _add_usual(parser: Parser) -> None:
    group = parser.add_argument_group("the usual options", name=USUAL)
    add = group.add_argument
    add("--run", type=str, metavar="FOLDER",
        help="Where to write; default: runs/DATA-MODEL-OBJECTIVE-SEED.")  # fmt: skip
    add("--epochs", type=Count, default=100, metavar="N", help="Passes over the training data.")
    add("--batch-size", type=Count, default=100, metavar="N", help="Data per step.")
    add("--lr", type=Positive, metavar="RATE",
        help="Learning rate; without it that of the optimiser, 0.001 for Adam.")  # fmt: skip
    add("--seed", type=Seed, default=0, metavar="N",
        help="Seed of initial weights, batches and noise.")  # fmt: skip
    add_device(group)


def _add_run_folder(parser: Parser) -> None:
    add = parser.add_argument_group("run folder").add_argument
    add("--resume", action="store_true",
        help="Continue the run in that folder; lr, schedule, epochs may change.")  # fmt: skip
    add("--overwrite", action="store_true", help="Replace the run in that folder.")
    add("--test-particles", type=CountOrNone, default=EVIDENCE_PARTICLES, metavar="K",
        help="Particles per datum of the NLL on test data; 0: do not measure.")  # fmt: skip
    add("--tensorboard", action="store_true", help="Also log to TensorBoard, in the run folder.")
    add("--csv", action="store_true", help="Also write history.csv, in the run folder.")


def _add_training(parser: Parser) -> None:
    add = parser.add_argument_group("training").add_argument
    add("--patience", type=Count, metavar="N",
        help="Stop after so many epochs without a better validation.")  # fmt: skip
    add("--optimizer", type=str, metavar="NAME",
        help=f"{', '.join(OPTIMIZERS)}; with options as in 'sgd(momentum=0.9)'. Without it adam, "
        "or adamw with a --weight-decay.")  # fmt: skip
    add("--schedule", type=str, metavar="NAME", default="constant",
        help=f"How the learning rate changes: {', '.join(_SCHEDULES)}; with options as in "
        "'cosine(warmup=0.1)'. Or a scheduler of torch, 'StepLR(step_size=30)'.")  # fmt: skip
    add("--clip-norm", type=Positive, metavar="NORM",
        help="Largest gradient norm over all parameters.")  # fmt: skip
    add("--weight-decay", type=NotNegative, metavar="RATE",
        help="Weight decay of all parameters.")  # fmt: skip
    add("--lr-of", type=str, nargs="+", metavar="PART=RATE",
        help="Learning rates of parts of the pair: encoder=1e-4 decoder=0.")  # fmt: skip
    add("--adam-eps", type=NotNegative, default=1e-8, metavar="EPS",
        help="Epsilon of adam and adamw (1e-4 in the IWAE paper).")  # fmt: skip
    add("--ema", type=Share, metavar="DECAY",
        help="Validate and keep a moving average of all parameters, of this decay: "
        "0.999.")  # fmt: skip
    add("--kl-warmup", type=NotNegative, default=0.0, metavar="EPOCHS",
        help="Epochs over which the KL weight of --objective Beta rises from 0.")  # fmt: skip
    add("--kl-cycles", type=Count, metavar="N",
        help="Let the KL weight of --objective Beta rise from 0 in N cycles, each in half of "
        "it.")  # fmt: skip
    add("--like-lengths", action="store_true",
        help="Of text: batches of like lengths, cut to the longest of them; see "
        "data.like_lengths.")  # fmt: skip
    add("--drop-last", action="store_true",
        help="Leave out the last batch where it is smaller than the others.")  # fmt: skip


def add_data(parser: Parser) -> None:
    """What is done to the data before they are given to the pair."""
    add = parser.add_argument_group("data").add_argument
    add("--data-root", type=str, metavar="FOLDER",
        help="Folder of downloaded data; else $PYROVAE_DATA.")  # fmt: skip
    add("--labels", action="store_true",
        help="Call a model of your own with (x, y) instead of (x).")  # fmt: skip
    add("--num-labelled", type=Count, metavar="N",
        help="Keep so many labels of the training data, a fifth of each batch.")  # fmt: skip
    add("--missing", type=Share, default=0.0, metavar="SHARE",
        help="Remove this share of all values; y is then the mask.")  # fmt: skip
    add("--quadrants", type=Count, metavar="N",
        help="Give so many quadrants of each image as y, and keep the others as x.")  # fmt: skip


def _add_start(parser: Parser) -> None:
    add = parser.add_argument_group("initial parameters").add_argument
    add("--from", type=str, metavar="RUN",
        help="Run folder whose parameters to start with, where they fit.")  # fmt: skip
    add("--start", type=Count, metavar="N",
        help="Fit clusters, codebooks, pseudo-inputs to so many data first.")  # fmt: skip
    add("--only", type=str, nargs="+", metavar="PART",
        help="Train these parts of the pair alone, such as its prior.")  # fmt: skip


def _add_speed(parser: Parser) -> None:
    add = parser.add_argument_group("speed and memory").add_argument
    add("--compile", nargs="?", const="yes", default="auto", choices=["no", "yes", "auto"],
        help="Compile the training step; auto: in runs of 5,000 steps or more.")  # fmt: skip
    add("--steps-per-call", type=CountOrAuto, default="auto", metavar="N",
        help="Steps in one graph; auto: one, called for many batches in a row.")  # fmt: skip
    add("--precision", choices=["full", "tf32", "bf16"], default="full",
        help="bf16: networks in bfloat16; tf32: CUDA's matrix products with TF32.")  # fmt: skip
    add("--memory", type=Count, metavar="BYTES",
        help="Bytes for one step; particles are drawn in chunks to keep to it.")  # fmt: skip


def training_options(config: Namespace) -> dict[str, Any]:
    """The arguments that `fit` and `compare_training` share, from a configuration.

    Raises:
        ConfigError: A rate, an optimiser or a schedule is none, or they do not fit together.
    """
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
            rate = -1.0
        if not part or not 0 <= rate < float("inf") or part in found:
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
