"""Code that torch wrote for a graph, changed so that its small buffers are made once."""

import ast
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any

import torch

_MOST = 2**20  # bytes that a graph keeps: what fits into the cache of one core
_BYTES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "bfloat16": 2, "float16": 2}
_MAKES, _VIEWS, _CHECKS = "empty_strided_cpu", "reinterpret_tensor", "assert_size_stride"
_MADE = "call_with_kept_buffers"

Call = Callable[[list[Any]], Any]
Change = Callable[[Sequence[ast.stmt], set[str]], list[ast.stmt]]


def add_kept_buffers(tree: ast.Module, change: Change | None = None) -> None:
    """Add to the code a function that makes its buffers, and gives a `call` that uses them.

    In the code of a small step every second line makes a tensor or a view of one, which takes as
    long as the arithmetic. Buffers that `call` gives away are made anew each time, and so are
    those beyond a megabyte. The shapes of all inputs are checked in one line in place of many.
    Code of another form stays as it is.

    Args:
        tree: The code, with a function or method `call` that takes a list of tensors.
        change: Changes the lines of that function, given also the names of what is kept.
    """
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "call"]
    if len(found) != 1 or not isinstance(found[0].body[-1], ast.Return):
        return
    body = found[0].body
    names = [name for line in body for name in _assigned(line)]
    used = {node.id for line in body for node in ast.walk(line) if isinstance(node, ast.Name)}
    if len(set(names)) != len(names) or "self" in used or found[0].args.args[-1].arg != "args":
        return
    kept = _kept(body)
    outer = [line for line in body if kept.issuperset(_assigned(line)) and _assigned(line)]
    inner = [line for line in body if line not in outer and not _deletes(line, kept)]
    inner = _checked_at_once(inner)
    if change is not None:
        inner = change(inner, kept)
    call = ast.FunctionDef("call", _arguments("args"), inner, [], None)
    give = ast.Return(ast.Name("call", ast.Load()))
    tree.body.append(ast.FunctionDef(_MADE, _arguments(), [*outer, call, give], [], None))
    ast.fix_missing_locations(tree)


def call_of(scope: dict[str, Any]) -> Call:
    """The `call` of code that has run: with kept buffers where it has some.

    A second thread that calls it meanwhile gets buffers of its own.
    """
    call: Call = scope["call"]
    if _MADE not in scope:
        return call
    with torch.inference_mode(False), torch.no_grad():
        quick: Call = scope[_MADE]()
    lock = Lock()

    def one_at_a_time(tensors: list[Any]) -> Any:  # noqa: ANN401
        if not lock.acquire(blocking=False):
            return call(tensors)
        try:
            return quick(tensors)
        finally:
            lock.release()

    return one_at_a_time


def _kept(body: Sequence[ast.stmt]) -> set[str]:
    """The names of buffers that are made once, and of their views."""
    memory: dict[str, set[str]] = {}  # of each name the buffers that it may lie in
    places: dict[str, str] = {}  # of a buffer and its views the buffer
    sizes: dict[str, int] = {}
    for line in body:
        for name in _assigned(line):
            value = line.value if isinstance(line, ast.Assign) else line
            size, base = _size(value), _base(value)
            memory[name] = set().union(*(memory.get(n, set()) for n in _names(value)))
            if size is not None:
                sizes[name], places[name], memory[name] = size, name, {name}
            elif base in places:
                places[name] = places[base]
    given = set().union(*(memory.get(name, set()) for name in _names(body[-1])))
    kept, total = set[str](), 0
    for name in sorted(sizes.keys() - given, key=sizes.__getitem__):
        total += sizes[name]
        if total <= _MOST:
            kept.add(name)
    return {name for name, place in places.items() if place in kept}


def _base(value: ast.AST) -> str:
    """What a view, or another name, is of."""
    if _is_call(value, _VIEWS):
        value = value.args[0]  # type: ignore[attr-defined]
    return value.id if isinstance(value, ast.Name) else ""


def _checked_at_once(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The lines, the first of which checks the shapes of all inputs; the inputs come first."""
    checks = [line for line in body if _is_input_check(line)]
    parts: list[list[ast.expr]] = [[], [], []]  # tensors, sizes, strides
    for line in checks:
        call = line.value  # type: ignore[attr-defined]
        for place, part in zip(parts, call.args[:3], strict=True):
            place.extend(part.elts if call.func.id != _CHECKS else [part])
    rest = [line for line in body if line not in checks]
    start = next((i for i, line in enumerate(rest) if not _takes_inputs(line)), len(rest))
    if not checks:
        return rest
    given = [ast.Tuple(part, ast.Load()) for part in parts]
    function = ast.Name(f"{_CHECKS}_grouped", ast.Load())
    check = ast.Expr(ast.Call(function, [*given, ast.Constant("input")], []))
    return [*rest[:start], check, *rest[start:]]


def _takes_inputs(line: ast.stmt) -> bool:
    """Whether a line is one of the first two: `arg0, arg1 = args` and `args.clear()`."""
    return "args" in _names(line)


def _is_input_check(line: ast.stmt) -> bool:
    if not isinstance(line, ast.Expr) or not isinstance(line.value, ast.Call):
        return False
    call = line.value
    named = _is_call(call, _CHECKS) or _is_call(call, f"{_CHECKS}_grouped")
    last = call.args[-1] if call.args else None
    return named and isinstance(last, ast.Constant) and last.value == "input"


def _deletes(line: ast.stmt, names: set[str]) -> bool:
    return isinstance(line, ast.Delete) and names.issuperset(_names(line))


def _assigned(line: ast.stmt) -> list[str]:
    stored = (n for n in ast.walk(line) if isinstance(n, ast.Name) and type(n.ctx) is ast.Store)
    return [node.id for node in stored]


def _names(node: ast.AST) -> Iterator[str]:
    return (n.id for n in ast.walk(node) if isinstance(n, ast.Name))


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _size(node: ast.AST) -> int | None:
    """Bytes of a buffer that is made here; None where none is."""
    if not _is_call(node, _MAKES):
        return None
    shape, stride, dtype = node.args  # type: ignore[attr-defined]
    lengths, steps = ast.literal_eval(shape), ast.literal_eval(stride)
    last = sum((n - 1) * step for n, step in zip(lengths, steps, strict=True))
    return (last + 1) * _BYTES.get(dtype.attr, 1 if dtype.attr in ("bool", "uint8") else 16)


def _arguments(*names: str) -> ast.arguments:
    return ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
