"""Objects of optional libraries, told without importing these."""

import sys


def is_a(value: object, module: str, *names: str) -> bool:
    """Whether something is of one of these classes of a library.

    An object exists only after its library is imported, so that no import is needed.
    """
    held = sys.modules.get(module)
    return held is not None and isinstance(value, tuple(getattr(held, name) for name in names))
