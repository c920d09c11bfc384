"""The C++ compiler, called as torch calls it."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path


def command(source: Path, target: Path) -> list[str]:
    """The words that compile a source into a library, as torch would."""
    from torch._inductor.cpp_builder import CppBuilder, CppTorchDeviceOptions
    from torch._inductor.cpu_vec_isa import pick_vec_isa

    options = CppTorchDeviceOptions(vec_isa=pick_vec_isa(), device_type="cpu", shared=True)
    line = CppBuilder("target", "source.cpp", options).get_command_line()
    # Put in afterwards, since torch does not quote what has spaces.
    given = {"source.cpp": str(source), "target.so": str(target)}
    # torch's headers cause thousands of warnings. Notes for a debugger take a tenth of the time;
    # of several -g the last holds.
    return [*(given.get(word, word) for word in shlex.split(line)), "-w", "-g0"]


def flags(command: Sequence[str], folder: str) -> list[str]:
    """The compiler and its flags, without files and libraries."""
    words = iter(command)
    found = []
    for word in words:
        if word == "-o":
            next(words)
        elif not word.startswith(("-l", "-L")) and not word.endswith((".cpp", ".so")):
            found.append(word)
    return found


def version(compiler: str) -> str:
    from torch._inductor.cpp_builder import get_compiler_version_info

    return str(get_compiler_version_info(compiler))


def start(words: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Run it, without waiting."""
    return subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def finish(job: "subprocess.Popen[bytes]") -> str:
    """Wait for it; what it complains about."""
    return job.communicate()[1].decode(errors="replace")
