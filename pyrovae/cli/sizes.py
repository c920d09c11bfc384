"""Refuses numbers of a configuration that are too large to be computed with."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonargparse import Namespace

from ..errors import ConfigError

# How often something is repeated. Each is a loop, in which a number from a stranger's file would
# keep the command busy for ever.
_REPEATED = {"num_steps", "num_layers", "blocks", "groups", "num_heads", "num_reflections"}
MOST_REPEATED = 1000
_LARGEST = 2**63 - 1  # of torch's whole numbers


def check_sizes(section: str, config: Namespace) -> None:
    """Check the numbers of the data, the model or the objective.

    Args:
        section: Which of the three.
        config: Its options.

    Raises:
        ConfigError: A whole number is larger than torch's are, or something is to be repeated very
            often.
    """
    for place, value in _numbers(section, config):
        option = place.rpartition(".")[2]
        if not -_LARGEST <= value <= _LARGEST:
            raise ConfigError(f"--{place}: it needs a whole number below 2^63, not {value:.0e}")
        if option in _REPEATED and value > MOST_REPEATED:
            raise ConfigError(
                f"--{place} {value}: it is how often something is repeated, at most "
                f"{MOST_REPEATED} times; choose fewer"
            )


def _numbers(place: str, value: Any) -> Iterator[tuple[str, int]]:  # noqa: ANN401
    """The whole numbers of a configuration by place."""
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        yield place, value
    elif isinstance(value, Mapping | Namespace):
        for name, part in (vars(value) if isinstance(value, Namespace) else value).items():
            below = place if name == "init_args" else f"{place}.{name}".strip(".")
            yield from _numbers(below, part)
    elif isinstance(value, list | tuple):
        if len(value) > MOST_REPEATED and not place.startswith("data."):
            raise ConfigError(
                f"--{place}: it holds {len(value)} values, at most {MOST_REPEATED} are read"
            )
        for part in value:
            yield from _numbers(place, part)
