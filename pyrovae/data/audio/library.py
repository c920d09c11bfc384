"""The libraries of the extra `speech`, imported where sound is asked for and only there."""

from importlib import import_module
from typing import Any

from ...errors import ConfigError


def speech_library(name: str, what: str) -> Any:  # noqa: ANN401 (a module without types)
    """A module of the extra.

    Args:
        name: Of the module.
        what: What it is needed for, the subject of the message.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return import_module(name)
    except (ImportError, OSError) as error:  # soundfile finds its C library as it is imported
        raise ConfigError(
            f"{what} needs {name.partition('.')[0]}, which cannot be imported ({error}); run pip "
            "install 'pyrovae[speech]'"
        ) from error
