"""The vector instructions that compiled code uses, and the processor that it is compiled for."""

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any
from unittest.mock import patch


@contextmanager
def quick_instruction_tests() -> Iterator[None]:
    """In this context torch asks the compiler whether it knows an instruction, and builds nothing.

    The processor says which vector instructions it has. Whether the compiler knows them too, torch
    finds out by building a library for each and loading it in another process: 3.5 seconds for
    six of them. A compiler knows an instruction as soon as it takes its flag.
    """
    from torch._inductor.cpu_vec_isa import VecISA

    if not all(hasattr(VecISA, name) for name in ("check_build", "build_arch_flags")):
        yield  # another torch, which tests in its own way
        return

    def takes_flags(isa: Any, code: str) -> bool:  # noqa: ANN401
        return _takes(isa.build_arch_flags())

    with patch.object(VecISA, "check_build", takes_flags):
        yield


@cache
def _takes(flags: str) -> bool:
    from torch._inductor.cpp_builder import get_cpp_compiler

    words = [get_cpp_compiler(), *flags.split(), "-x", "c++", "-fsyntax-only", os.devnull]
    try:
        return subprocess.run(words, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@cache
def processor() -> str:
    """What tells one processor from another, as far as compiled code depends on it."""
    lines = [platform.machine(), platform.processor()]
    with suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith(("model name", "flags", "Features", "CPU part")):
                lines.append(line)
            if not line.strip():
                break
    return "\n".join(lines)
