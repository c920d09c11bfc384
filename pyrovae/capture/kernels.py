"""C++ kernels of one graph as few shared libraries, which are compiled side by side.

torch makes a library of each kernel. Half of the time of each goes into the same headers, and the
last of them are waited for with one processor idle.
"""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch

from .code_folder import digest
from .compiler import command, finish, flags, start
from .header import INCLUDE, Header

_INCLUDE = re.compile(r"^\s*#include\b.*\n", re.MULTILINE)
_LARGEST = 400_000  # characters of source in a library; a compiler takes 2 GB for more
_MODULE = "kernels"


class Kernel(NamedTuple):
    """A function in C++ called `kernel`, with the types of its arguments."""

    types: tuple[str, ...]
    source: str

    @property
    def is_plain(self) -> bool:
        """Whether it takes addresses of tensors alone."""
        return all(kind.rstrip().endswith("*") for kind in self.types)


class Place(NamedTuple):
    """Where a kernel is found: the number of its library, and its own in it."""

    library: int
    function: int


def compile_kernels(
    kernels: Sequence[Kernel], folder: Path, header: Header | None = None
) -> tuple[list[Path], list[Place]]:
    """Compile kernels into libraries in a folder; the libraries, and the place of each kernel.

    Raises:
        RuntimeError: The compiler refuses them, or there is none.
    """
    groups = _balanced([len(kernel.source) for kernel in kernels])
    sources = [_source([kernels[i] for i in group]) for group in groups]
    included = header.words() if header is not None else ()
    places = {i: Place(n, m) for n, group in enumerate(groups) for m, i in enumerate(group)}
    with TemporaryDirectory(dir=folder) as made:
        commands, targets = [], []
        for number, source in enumerate(sources):
            file, target = Path(made) / f"{number}.cpp", Path(made) / f"{number}.so"
            file.write_text(source)
            words = command(file, target)
            commands.append([words[0], *included, *words[1:]])
            targets.append(folder / f"{digest(source, *flags(words, made))}.so")
        _run(commands)
        for number, target in enumerate(targets):
            os.replace(Path(made) / f"{number}.so", target)
    return targets, [places[i] for i in range(len(kernels))]


def load_kernels(libraries: Sequence[Path], places: Sequence[Place]) -> list[Callable[..., None]]:
    """The functions at these places, which take tensors.

    Raises:
        ImportError: A library cannot be loaded.
    """
    guards: Any = torch._C._dynamo.guards
    modules = []
    for library in libraries:
        spec = spec_from_file_location(f"pyrovae_{library.stem}.{_MODULE}", library)
        if spec is None or spec.loader is None:
            raise ImportError(f"{library.name} is no library")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        module.set_address(guards._torchinductor_pyobject_tensor_data_ptr)
        modules.append(module)
    return [getattr(modules[place.library], f"kernel_{place.function}") for place in places]


def processors() -> int:
    """How many libraries are compiled side by side."""
    available = getattr(os, "sched_getaffinity", None)
    return min(8, len(available(0)) if available else os.cpu_count() or 1)


def _balanced(sizes: Sequence[int]) -> list[list[int]]:
    """Numbers of kernels, in groups of about the same size."""
    count = max(min(processors(), len(sizes)), -(-sum(sizes) // _LARGEST))
    groups: list[list[int]] = [[] for _ in range(count)]
    totals = [0] * count
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        smallest = totals.index(min(totals))
        groups[smallest].append(i)
        totals[smallest] += sizes[i]
    return [sorted(group) for group in groups if group]


def _run(commands: Sequence[Sequence[str]]) -> None:
    """Run commands side by side, as many at once as there are processors."""
    waiting, running = list(commands), list[subprocess.Popen[bytes]]()
    try:
        while waiting or running:
            while waiting and len(running) < processors():
                running.append(start(waiting.pop(0)))
            job = running[0]
            errors = finish(job)
            running.remove(job)
            if job.returncode:
                raise RuntimeError(f"C++ compile error: {errors.strip()[:2000]}")
    finally:
        for job in running:
            job.kill()
            job.wait()


def _source(kernels: Sequence[Kernel]) -> str:
    """One source with all kernels, as a module of Python."""
    includes: dict[str, None] = {INCLUDE: None}
    bodies, calls, methods = [], [], []
    for i, kernel in enumerate(kernels):
        includes.update(dict.fromkeys(line.lstrip() for line in _INCLUDE.findall(kernel.source)))
        body = _INCLUDE.sub("", kernel.source)
        # Kernels may have helpers of equal names.
        bodies.append(
            f"#define kernel kernel_{i}\nnamespace of_{i} {{\n{body}\n}}\n#undef kernel\n"
        )
        given = ", ".join(
            f"static_cast<{kind}>(address(args[{n}]))" for n, kind in enumerate(kernel.types)
        )
        calls.append(_CALL.format(i=i, count=len(kernel.types), given=given))
        methods.append(
            f'{{"kernel_{i}", (PyCFunction)(void(*)(void))call_{i}, METH_FASTCALL, ""}},'
        )
    return "".join(
        [*includes, _START, *bodies, *calls, _END.replace("METHODS", "\n".join(methods))]
    )


_START = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <exception>
// torch's own function from a tensor to its address; Python sets it, so that torch's headers,
// which take long, are not needed.
static void* (*address)(PyObject*) = nullptr;
"""

_CALL = """
static PyObject* call_{i}(PyObject*, PyObject* const* args, Py_ssize_t count) {{
    if (count != {count}) {{
        PyErr_SetString(PyExc_TypeError, "this kernel takes {count} tensors");
        return nullptr;
    }}
    try {{
        of_{i}::kernel_{i}({given});
    }} catch (std::exception const& error) {{
        PyErr_SetString(PyExc_RuntimeError, error.what());
        return nullptr;
    }}
    Py_RETURN_NONE;
}}
"""

_END = """
static PyObject* set_address(PyObject*, PyObject* number) {
    address = reinterpret_cast<decltype(address)>(PyLong_AsVoidPtr(number));
    if (PyErr_Occurred()) return nullptr;
    Py_RETURN_NONE;
}
static PyMethodDef methods[] = {
METHODS
{"set_address", set_address, METH_O, ""},
{nullptr, nullptr, 0, nullptr}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "kernels", nullptr, -1, methods};
PyMODINIT_FUNC PyInit_kernels(void) { return PyModule_Create(&definition); }
"""
