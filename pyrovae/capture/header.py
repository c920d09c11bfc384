"""The header that all kernels include, in the compiler's own form, made in the background."""

import atexit
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import torch

from .code_folder import digest
from .compiler import command, flags, start, version

INCLUDE = "#include <torch/csrc/inductor/cpp_prefix.h>\n"
_LATER = 10  # how much the kernels of a graph go before it


class Header:
    """The precompiled header in a folder.

    A library that reads the header as text takes a second more than with this form, which takes
    five to make. So nobody waits for it: what is compiled before it is there reads the text.

    Args:
        folder: Where it lies, for this process and those that follow.
        many: Whether there is a second processor, to make it while Python writes the kernels.
    """

    _jobs: "dict[Path, subprocess.Popen[bytes]]" = {}  # noqa: RUF012

    def __init__(self, folder: Path, many: bool = True) -> None:
        line = command(Path("x.cpp"), Path("x.so"))
        # The same flags for both, or the compiler reads the text.
        own = flags(line, "")
        name = digest(torch.__version__, *own, version(line[0]))
        self._header = folder / f"{name}.h"
        self._made = self._header.with_suffix(".h.gch")
        self._unfinished = folder / f"{name}.{os.getpid()}.gch"
        if many and not self._made.exists() and self._made not in self._jobs:
            self._header.write_text(INCLUDE)
            words = ["-x", "c++-header", str(self._header), "-o", str(self._unfinished)]
            job = self._jobs[self._made] = start([*own, *words])
            with suppress(OSError, AttributeError):
                os.setpriority(os.PRIO_PROCESS, job.pid, _LATER)
            atexit.register(self.forget)

    def words(self) -> tuple[str, ...]:
        """The words by which a compiler includes it; none while it is not there."""
        job = self._jobs.get(self._made)
        if job is not None and job.poll() is not None:
            if job.returncode == 0:
                with suppress(OSError):
                    os.replace(self._unfinished, self._made)
            self.forget()
        return ("-include", str(self._header)) if self._made.exists() else ()

    def forget(self) -> None:
        """Stop making it."""
        job = self._jobs.pop(self._made, None)
        if job is not None:
            job.kill()
            job.communicate()
            with suppress(OSError):
                self._unfinished.unlink(missing_ok=True)
            atexit.unregister(self.forget)
