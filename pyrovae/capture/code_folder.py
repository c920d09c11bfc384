"""The folder in which compiled graphs wait for the next process."""

import os
from hashlib import sha256
from pathlib import Path


def code_folder() -> Path | None:
    """The user's own folder beside torch's compiled code; None where there is no safe one.

    What lies there is run. So the folder must belong to the user, and nobody else may write into
    it: on a shared machine another could have made it first.
    """
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    if not hasattr(os, "geteuid"):
        return None
    try:
        folder = Path(cache_dir()) / "pyrovae"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder if all(_is_own(place) for place in (folder, folder.parent)) else None
    except OSError:
        return None


def _is_own(folder: Path) -> bool:
    found = folder.lstat()
    links = folder.is_symlink()
    return not links and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def digest(*parts: bytes | str) -> str:
    """A short name for these parts, other for any other parts."""
    total = sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        total.update(b"%d:" % len(content))
        total.update(content)
    return total.hexdigest()[:40]
