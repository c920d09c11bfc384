"""torch's kernels, gathered while it writes a graph's code, and compiled together at its end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from .code_folder import header_folder
from .header import Header
from .kernels import Kernel, Place, compile_kernels, load_kernels, processors


class KernelLibrary:
    """The kernels of one graph.

    Attributes:
        libraries: Where they are, once compiled.
        places: Of each kernel in them, in the order in which the code asks for kernels.
        is_whole: Whether every kernel is there. torch compiles by itself what this class cannot.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kernels: dict[Kernel, int] = {}
        self._asked: list[int] = []
        self.libraries: list[Path] = []
        self.places: list[Place] = []
        self.is_whole = True

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """In this context torch gives its kernels to this library."""
        from torch._inductor.async_compile import AsyncCompile

        single, wait = AsyncCompile.cpp_pybinding, AsyncCompile.wait
        header = Header(header_folder() or self._folder, processors() > 1)

        def gather(compiler: Any, types: list[str], source: str) -> Any:  # noqa: ANN401
            kernel = Kernel(tuple(types), source)
            if not kernel.is_plain:
                self.is_whole = False
                return single(compiler, types, source)
            number = self._kernels.setdefault(kernel, len(self._kernels))
            self._asked.append(number)
            return _Asked(number)

        def replace(compiler: Any, scope: dict[str, Any]) -> None:  # noqa: ANN401
            asked = {name: it.number for name, it in scope.items() if isinstance(it, _Asked)}
            if asked:
                functions = self._compiled(header)
                for name, number in asked.items():
                    scope[name] = (
                        functions[number]
                        if functions
                        else _result(single(compiler, *_list(list(self._kernels)[number])))
                    )
            wait(compiler, scope)

        with (
            patch.object(AsyncCompile, "cpp_pybinding", gather),
            patch.object(AsyncCompile, "wait", replace),
        ):
            yield

    def _compiled(self, header: Header) -> list[Callable[..., None]]:
        """The functions of all kernels; none where they must be compiled one by one."""
        try:
            self.libraries, places = compile_kernels(list(self._kernels), self._folder, header)
            self.places = [places[number] for number in self._asked]
            return load_kernels(self.libraries, places)
        except (RuntimeError, OSError, ImportError):
            # Two kernels may not agree in one source. torch says what is wrong with one of them.
            self.is_whole = False
            return []


class _Asked:
    """Stands for a kernel until all are compiled."""

    def __init__(self, number: int) -> None:
        self.number = number


def _list(kernel: Kernel) -> tuple[list[str], str]:
    return list(kernel.types), kernel.source


def _result(kernel: Any) -> Any:  # noqa: ANN401
    """torch gives a function, or one that is being compiled elsewhere."""
    return kernel.result() if hasattr(kernel, "result") else kernel
