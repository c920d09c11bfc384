"""JSON from a stranger: of a bounded size."""

import json
from pathlib import Path
from typing import Any

from ..errors import ConfigError

MAX_BYTES = 2**22


def read_json(path: Path, way_out: str = "remove it") -> Any:  # noqa: ANN401
    """The values in a file.

    Args:
        path: Of the file.
        way_out: Ends the messages.

    Raises:
        ConfigError: It cannot be read, is too large or too deep, or is no JSON.
    """
    if not path.is_file():  # a pipe would be waited for
        raise ConfigError(f"{path} is no file; {way_out}")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{path} is longer than {MAX_BYTES} bytes; {way_out}")
        return json.loads(content)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; {way_out}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, ConfigError):  # which is a ValueError
            raise
        raise ConfigError(f"{path} is not JSON ({error}); {way_out}") from error
