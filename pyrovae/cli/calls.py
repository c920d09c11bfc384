"""How a pair is called: with x alone, or with (x, y)."""

import inspect
from typing import Any

from jsonargparse import Namespace

from ..data import Dataset
from ..errors import ConfigError
from ..models.capabilities import TakesLabels
from .library import Family, families


def takes_y(pair: Any, name: str, config: Namespace) -> bool:  # noqa: ANN401
    """Whether a pair of a name is to be called with (x, y).

    Raises:
        ConfigError: An option gives y to a pair that takes x alone.
    """
    with_y = isinstance(pair, TakesLabels) and bool(pair.takes_labels)
    some = ", ".join(n for n, family in families().items() if family.takes_labels)
    if config.labels and not with_y and isinstance(pair, Family):
        raise ConfigError(
            f"--labels calls the model with (x, y), and {name} takes x alone; leave it out, or "
            f"choose one of {some}"
        )
    for option, given in (
        ("--missing", config.missing),
        ("--quadrants", config.quadrants),
        ("--num-labelled", config.num_labelled),
    ):
        if given and not (with_y or config.labels):
            raise ConfigError(
                f"{option} gives the model y besides x, and {name} takes x alone; choose one of "
                f"{some}, or add --labels where your own model takes (x, y)"
            )
    return with_y or bool(config.labels)


def check_calls(pair: Any, name: str, data: Dataset) -> None:  # noqa: ANN401
    """Refuse a pair whose programs cannot be called with the batches of the data.

    Raises:
        ConfigError: One has other arguments.
    """
    batch = ("x", "y") if data.train.with_labels else ("x",)
    for program in ("model", "guide"):
        try:
            signature = inspect.signature(getattr(pair, program))
        except (TypeError, ValueError):  # some that are written in C have no signature
            continue
        try:
            signature.bind(*batch)
        except TypeError as error:
            other = "leave --labels out" if len(batch) > 1 else "pass --labels for (x, y)"
            raise ConfigError(
                f"--model {name}: {program}{signature} cannot be called with "
                f"({', '.join(batch)}), which the batches hold; let model and guide take these, "
                f"or {other}"
            ) from error
