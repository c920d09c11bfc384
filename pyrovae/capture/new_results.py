"""Products in code that torch wrote, changed so that they need not be copied into their place."""

import ast
from collections.abc import Sequence

_PRODUCTS = ("mm", "addmm")


def take_new_results(lines: Sequence[ast.stmt], kept: set[str]) -> list[ast.stmt]:
    """The lines, in which `mm(a, b, out=x)` is `x = new_mm(a, b, out=x)` where that is the same.

    `new_mm` may give other memory than x. So it takes the place of x only where x was made in
    these lines, and no other name stands for a part of its memory.

    Args:
        lines: Of a function in which each name is assigned once.
        kept: Names that are assigned elsewhere.
    """
    memory: dict[str, str] = {}  # of a name the one that its tensor was made under
    made, shared = set[str](), set[str]()
    found: list[ast.stmt] = []
    for line in lines:
        place = _place(line)
        if isinstance(line, ast.Assign):
            names = [n.id for n in ast.walk(line.value) if isinstance(n, ast.Name)]
            target = line.targets[0]
            if isinstance(line.value, ast.Name):
                memory[_name(target)] = memory.get(names[0], names[0])
            elif "empty_strided_cpu" in names:
                made.add(_name(target))
            else:  # a view, or what may be one
                shared |= {memory.get(name, name) for name in (*names, _name(target))}
        elif place is not None and memory.get(place, place) in made - shared - kept:
            line = _assigning(line, place)
        found.append(line)
    return found


def _place(line: ast.stmt) -> str | None:
    """Where a line writes a product, if it is nothing but `extern_kernels.mm(..., out=x)`."""
    if not isinstance(line, ast.Expr) or not isinstance(line.value, ast.Call):
        return None
    function, words = line.value.func, {word.arg: word.value for word in line.value.keywords}
    if not isinstance(function, ast.Attribute) or _name(function.value) != "extern_kernels":
        return None
    return _name(words.get("out")) or None if function.attr in _PRODUCTS else None


def _assigning(line: ast.stmt, place: str) -> ast.stmt:
    call = line.value  # type: ignore[attr-defined]
    function = ast.Attribute(call.func.value, f"new_{call.func.attr}", ast.Load())
    made = ast.Call(function, call.args, call.keywords)
    return ast.copy_location(ast.Assign([ast.Name(place, ast.Store())], made), line)


def _name(node: ast.AST | None) -> str:
    return node.id if isinstance(node, ast.Name) else ""
