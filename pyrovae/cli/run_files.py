"""The files of a run folder that the command writes besides the checkpoints."""

import os
from pathlib import Path

from ..errors import ConfigError

CONFIG = "config.yaml"
SUPPLIES = "supplies.json"


def check_links(run: Path) -> None:
    """Refuse a run folder with links, through which files elsewhere would be read or written.

    Raises:
        ConfigError: It holds a link to a place outside of it.
    """
    folder = Path(os.path.realpath(run))
    for path in sorted(run.iterdir()):
        target = Path(os.path.realpath(path))  # `resolve` raises where links go in a circle
        if path.is_symlink() and folder not in target.parents:
            raise ConfigError(
                f"{path} is a link to {target}, outside of the run folder, and what is "
                "written under that name would land there; put the file itself in its place"
            )
