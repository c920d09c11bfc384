"""Compiled graphs on disk, for the next process that runs the same."""

import ast
import base64
import json
import operator
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

from ..runtime.files import write_whole
from .code_folder import digest
from .code_products import addmm, mm, new_addmm, new_mm
from .kept_buffers import add_kept_buffers, call_of
from .kernels import Place, load_kernels
from .new_results import take_new_results
from .onednn import linear
from .processor import processor

_FORMAT = "1"
_NAMESPACES = ("aten", "prims")  # of operations that change with torch's version alone
_OWN = {linear}  # likewise
# In the place of torch's own table of these, whose import takes a second.
_EXTERN: dict[str, Any] = {
    "mm": mm,
    "addmm": addmm,
    "new_mm": new_mm,
    "new_addmm": new_addmm,
    **{name: getattr(torch, name) for name in ("bmm", "baddbmm", "convolution")},
}


def code_key(graph: GraphModule, tensors: Sequence[Tensor]) -> str | None:
    """A name for the code of a graph for such tensors, on this machine and these versions.

    None where the graph holds something that a name cannot stand for, such as an operation of the
    user's own.
    """
    for node in graph.graph.nodes:
        if node.op == "call_function":
            operation = isinstance(node.target, torch._ops.OpOverload)
            if operation and node.target.namespace not in _NAMESPACES and node.target not in _OWN:
                return None
            if not operation and node.target is not operator.getitem:
                return None
        elif node.op not in ("placeholder", "output"):
            return None
    return digest(graph.code, *map(_layout, tensors), *_versions())


def _layout(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {tensor.stride()} {tensor.dtype} {tensor.device}"


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def _versions() -> list[str]:
    """All else that code depends on."""
    import os
    import platform

    import torch._inductor.config as inductor_config

    return [
        _FORMAT,
        torch.__version__,
        str(torch.version.git_version),
        platform.python_version(),
        processor(),
        repr(inductor_config.get_hash()),
        str(torch.get_num_threads()),
        str(torch.backends.mkldnn.enabled),
        torch.get_float32_matmul_precision(),
        str(torch.are_deterministic_algorithms_enabled()),
        os.environ.get("ATEN_CPU_CAPABILITY", ""),
    ]


class StoredCode:
    """The code that torch wrote for a graph, and the libraries of its kernels.

    Args:
        source: A module of Python with a function `call`, which takes a list of tensors.
        libraries: Of its kernels.
        places: Of the kernels in them, in the order in which the module asks for them.
        constants: Tensors that the module reads.
    """

    def __init__(
        self,
        source: str,
        libraries: Sequence[Path],
        places: Sequence[Place],
        constants: dict[str, Tensor],
    ) -> None:
        self._source, self._libraries = source, list(libraries)
        self._places, self._constants = list(places), constants

    def save(self, folder: Path, key: str) -> None:
        """Write it for the next process; where that fails, there is none.

        The libraries are there already. Each is named with a sum of its content, as the whole is.
        """
        content = json.dumps(
            {
                "source": self._source,
                "libraries": [[path.name, _sum(path)] for path in self._libraries],
                "places": self._places,
                "constants": {name: _to_json(value) for name, value in self._constants.items()},
            }
        ).encode()
        with suppress(OSError):
            write_whole(folder / f"{key}.json", sha256(content).hexdigest().encode() + content)

    @classmethod
    def read(cls, folder: Path, key: str) -> "StoredCode | None":
        """What was saved under a key; None where it is not there, or not whole."""
        try:
            whole = (folder / f"{key}.json").read_bytes()
            total, content = whole[:64], whole[64:]
            if sha256(content).hexdigest().encode() != total:
                return None
            found = json.loads(content)
            libraries = [folder / Path(name).name for name, _ in found["libraries"]]
            if [_sum(path) for path in libraries] != [total for _, total in found["libraries"]]:
                return None
        except OSError:
            return None
        constants = {name: _from_json(value) for name, value in found["constants"].items()}
        places = [Place(*place) for place in found["places"]]
        return cls(found["source"], libraries, places, constants)

    def loaded(self) -> Any:  # noqa: ANN401
        """The module's `call`.

        Raises:
            ImportError: A library cannot be loaded. So may other errors come, where torch has
                changed what its code relies on.
        """
        kernels = iter(load_kernels(self._libraries, self._places))

        class Compiled:
            """In the place of torch's compiler."""

            def cpp_pybinding(self, types: list[str], source: str) -> Any:  # noqa: ANN401
                return next(kernels)

            def wait(self, scope: dict[str, Any]) -> None:
                pass

        tree = ast.parse(self._source)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        extern = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and _is_name(node.value, "extern_kernels")
        }
        given: dict[str, Any] = {"AsyncCompile": Compiled}
        if extern <= _EXTERN.keys():
            given["extern_kernels"] = SimpleNamespace(**_EXTERN)
        # Most of what torch's code imports it does not use, and imports take a second.
        tree.body = [
            line
            for line in tree.body
            if not isinstance(line, ast.ImportFrom)
            or not {alias.asname or alias.name for alias in line.names} <= given.keys()
            and {alias.asname or alias.name for alias in line.names} & used
        ]
        add_kept_buffers(tree, take_new_results if "extern_kernels" in given else None)
        scope = {"__name__": "pyrovae_compiled_graph", **given, **self._constants}
        exec(compile(tree, "<compiled graph>", "exec"), scope)  # noqa: S102
        return call_of(scope)


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _sum(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _to_json(tensor: Tensor) -> list[Any]:
    content = base64.b64encode(_bytes(tensor)).decode()
    return [content, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]


def _from_json(found: Sequence[Any]) -> Tensor:
    content, dtype, shape = found
    raw = bytearray(base64.b64decode(content))
    flat = torch.frombuffer(raw, dtype=getattr(torch, dtype)) if raw else torch.empty(0)
    return flat.to(getattr(torch, dtype)).reshape(shape)
