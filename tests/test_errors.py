"""The kinds of error: one base, each also what plain Python would have raised."""

import inspect
import re

import pytest

from pyrovae import errors

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__
    and kind is not errors.PyrovaeError
    and not issubclass(kind, Warning)
]
BUILTIN = {
    errors.NonFiniteError: ArithmeticError,
    errors.CaptureError: RuntimeError,
    errors.SaveError: OSError,
    errors.RanksError: RuntimeError,
    errors.InverseError: NotImplementedError,
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_can_be_caught_in_both_ways(kind):
    assert issubclass(kind, errors.PyrovaeError)
    builtin = BUILTIN.get(kind, ValueError)
    assert issubclass(kind, builtin)
    assert kind.__name__.endswith("Error")
    assert kind.__doc__.endswith(".")
    with pytest.raises(errors.PyrovaeError, match="what came"):
        raise kind("what came")
    with pytest.raises(builtin):
        raise kind("what came")


def test_every_kind_is_raised_somewhere():
    """A kind that nothing raises is a promise that nothing keeps."""
    from pathlib import Path

    package = Path(errors.__file__).parent
    source = "".join(p.read_text() for p in package.rglob("*.py") if p.name != "errors.py")
    unused = [kind.__name__ for kind in KINDS if f"raise {kind.__name__}(" not in source]
    assert unused in ([], ["ReparamError"]), unused


def test_the_first_line_of_a_message():
    assert errors.first_line(ValueError("\n one\ntwo")) == "one"
    assert errors.first_line(KeyError()) == "KeyError"


def test_only_errors_py_warns():
    """Every warning names the user's line, which `errors.warn` finds."""
    from pathlib import Path

    package = Path(errors.__file__).parent
    guilty = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"warnings\.warn\(|stacklevel=", path.read_text())
    ]
    assert guilty == []
