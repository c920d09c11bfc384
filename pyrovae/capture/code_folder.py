"""The folder in which compiled graphs wait for the next process."""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path


def code_folder() -> Path | None:
    """The user's own folder beside torch's compiled code; None where there is no safe one.

    What lies there is run. So the folder must belong to the user, and nobody else may write into
    it: on a shared machine another could have made it first.
    """
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    return _own_folder(cache_dir)


def header_folder() -> Path | None:
    """The same in torch's default place, whatever `TORCHINDUCTOR_CACHE_DIR` says.

    What is there does not depend on what has been compiled, and takes seconds and 150 MB.
    """
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    return _own_folder(default_cache_dir)


def _own_folder(place: Callable[[], str]) -> Path | None:
    if not hasattr(os, "geteuid"):
        return None
    try:
        folder = Path(place()) / "pyrovae"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder if all(map(_is_own, (folder, folder.parent))) else None
    except (OSError, LookupError):  # no such user, for one
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
