"""The options that all estimators share, and how a constructor takes them on."""

import inspect
from typing import TypedDict, Unpack, get_args, get_origin

from ..runtime.signatures import name_keywords


class Drawing(TypedDict, total=False):
    """How particles are drawn. `ParticleELBO` says what each option means, and its default."""

    vectorize_particles: bool
    batch_plate: str | None
    max_plate_nesting: int | None


def spell_out(cls: type) -> None:
    """Name the options of `**options: Unpack[...]` in the signature of a constructor.

    See `name_keywords`. Writing them out by hand would repeat them in every estimator.

    Args:
        cls: A class. Its `__init__` passes the options on to that of the next class, which names
            them.
    """
    init = vars(cls).get("__init__")
    if init is None:
        return
    parameters = list(inspect.signature(init).parameters.values())
    if not parameters or get_origin(parameters[-1].annotation) is not Unpack:
        return
    (options,) = get_args(parameters[-1].annotation)
    inherited = next(vars(c)["__init__"] for c in cls.__mro__[1:] if "__init__" in vars(c))
    named = inspect.signature(inherited).parameters
    name_keywords(init, [p for name, p in named.items() if name in options.__annotations__])
