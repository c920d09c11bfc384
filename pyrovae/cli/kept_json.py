"""JSON from a stranger: of a bounded size."""

import json
from pathlib import Path
from typing import Any

from ..errors import ConfigError

MAX_BYTES = 2**22


def read_json(path: Path) -> Any:  # noqa: ANN401
    """The values in a file.

    Raises:
        ConfigError: It cannot be read, is too large or too deep, or is no JSON.
    """
    if not path.is_file():  # a pipe would be waited for
        raise ConfigError(f"{path} is no file; remove it")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{path} is longer than {MAX_BYTES} bytes; remove it")
        return json.loads(content)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; remove it") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, ConfigError):  # which is a ValueError
            raise
        raise ConfigError(f"{path} is not JSON ({error}); remove it") from error
