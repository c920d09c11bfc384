"""What data supply to a pair besides their shape, and the file of a run folder that keeps it."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from ..data import Dataset
from ..errors import ConfigError
from ..runtime.plain_json import difference, plain, to_json
from .arguments import OFFERED, SUPPLIED, offered, supplied
from .kept_json import MAX_BYTES, read_json
from .library import known_data
from .names import find_model
from .run_files import SUPPLIES


def from_data(
    maker: Any,  # noqa: ANN401
    config: Namespace,
    data_shape: tuple[int, ...],
    supplies: Mapping[str, Any],
    *,
    is_kept: bool,
) -> dict[str, Any]:
    """The arguments of a pair that come from the data.

    Args:
        maker: Of the pair.
        config: Which names it.
        data_shape: Of one datum.
        supplies: What the data supply, or what a run keeps of that.
        is_kept: Whether a run keeps it.

    Raises:
        ConfigError: The pair needs one that is not there.
    """
    found: dict[str, Any] = {}
    for name in sorted(supplied(maker)):
        if name == "data_shape":
            found[name] = data_shape
        elif name in supplies:
            found[name] = supplies[name]
        elif inspect.signature(maker).parameters[name].default is inspect.Parameter.empty:
            raise ConfigError(_not_kept(name) if is_kept else _not_supplied(name, config))
    for name, parameter in offered(maker).items():
        if config.model[name] is not None:
            continue
        if name in supplies:
            found[name] = supplies[name]
        elif parameter.default is parameter.empty:
            raise ConfigError(_not_kept(name) if is_kept else _not_given(name, config))
    return found


def supplied_to_pair(config: Namespace, data: Dataset) -> dict[str, Any]:
    """What the pair of a configuration takes of what the data supply.

    Raises:
        ConfigError: It is longer than a run folder may hold.
    """
    found = {name: data.supplies[name] for name in _taken(config) if name in data.supplies}
    size = len(to_json(found))
    if size >= MAX_BYTES:
        raise ConfigError(
            f"--data {config.data.name} supplies {' and '.join(found)} of {size} bytes, and a run "
            f"folder keeps {MAX_BYTES} at most; take fewer entries, such as a smaller vocabulary"
        )
    return found


def read_supplies(run: Path) -> dict[str, Any]:
    """What the data of a run supplied to its pair: plain values, and nothing where none are kept.

    Raises:
        ConfigError: The file cannot be read, or holds something else.
    """
    path = run / SUPPLIES
    if not path.exists():
        return {}
    found = read_json(path, "put back the file of the run")
    names = (*SUPPLIED, *OFFERED)
    if not isinstance(found, dict) or not found.keys() <= set(names):
        raise ConfigError(
            f"{path} holds something else than {', '.join(names)}; put back the file of the run"
        )
    try:
        return dict(plain(found))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}; put back the file of the run") from error


def check_supplies(config: Namespace, data: Dataset, kept: Mapping[str, Any]) -> None:
    """Refuse data that supply to the pair of a run something else than its data did.

    Raises:
        ConfigError: They do; the message says what has changed.
    """
    for name, old in kept.items():
        if name not in data.supplies:
            what = "the data supply none any more"
        elif (what := difference(old, data.supplies[name])) == "nothing":
            continue
        raise ConfigError(
            f"--data {config.data.name}: the {name} of the data is not the one that the run was "
            f"trained with: {what}; bring back the data of the run, or train a new run on these"
        )


def _not_kept(name: str) -> str:
    return (
        f"the run folder keeps no {name} in {SUPPLIES}, which its pair takes; put back the "
        "file of the run"
    )


def _taken(config: Namespace) -> list[str]:
    maker = find_model(config.model.name)
    if inspect.ismodule(maker):
        return []
    free = [name for name in offered(maker) if config.model[name] is None]
    return [name for name in SUPPLIED if name in supplied(maker)] + free


def _not_given(name: str, config: Namespace) -> str:
    return (
        f"--model {config.model.name} needs {name}, and --data {config.data.name} supplies none; "
        f"give --model.{name}"
    )


def _not_supplied(name: str, config: Namespace) -> str:
    fitting = [n for n, f in sorted(known_data().items()) if name in getattr(f, "supplies", ())]
    if config.data.name in fitting:
        return _only_of_some(name, config)
    named = f"take --data {' or '.join(fitting)}" if fitting else "take data that do"
    return (
        f"--model {config.model.name} takes its {name} from the data, and --data "
        f"{config.data.name} supplies none; {named}, or a function of your own that gives a "
        f"pyrovae.data.Dataset(..., supplies={{'{name}': ...}})"
    )


def _only_of_some(name: str, config: Namespace) -> str:
    """For data that supply it under other options alone."""
    is_without_y = "y" in config.data and config.data.y is None
    way_out = "--data.y, what is known of each row" if is_without_y else "its other options"
    return (
        f"--model {config.model.name} takes its {name} from the data, and --data "
        f"{config.data.name} does not supply it as it is called; give {way_out} (see --help)"
    )
