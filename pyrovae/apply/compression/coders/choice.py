"""Which coder codes a distribution."""

from typing import Any

from pyro.distributions import ImproperUniform, MaskedDistribution
from torch.distributions import Independent

from ....errors import ConfigError
from ..lattice import Lattice
from .base import Coder


def coder_for(
    name: str,
    fn: Any,  # noqa: ANN401
    rows: int,
    lattice: Lattice,
    *,
    is_open: bool,
) -> Coder:
    """The coder of a site's distribution; see `Coder`.

    Raises:
        ConfigError: There is none.
    """
    fn = _unmasked(fn)
    return kind_for(name, fn)(name, fn, rows, lattice, is_open=is_open)


def kind_for(name: str, fn: Any) -> type[Coder]:  # noqa: ANN401
    """The class of it.

    Raises:
        ConfigError: There is none.
    """
    fn = _unmasked(fn)
    kind = _named(fn)
    if isinstance(_inner(fn), ImproperUniform):
        raise ConfigError(
            f"the prior of '{name}' is improper, so that there is no p(x) and nothing to code by; "
            "fit one with `apply.fit_density`"
        )
    if isinstance(_inner(fn), MaskedDistribution):
        raise ConfigError(
            f"site '{name}' is masked, so that a part of it has no density; only what has a "
            "probability can be coded: give the pair data without missing values, and no mask"
        )
    for coder in Coder.known:
        if coder.takes(fn):
            return coder
    raise ConfigError(
        f"site '{name}' is a {kind} of batch shape {list(fn.batch_shape)} and event shape "
        f"{list(fn.event_shape)}, for which there is no coder; there are some for independent "
        "elements of any kind, multivariate normals, one-hot vectors, mixtures and flows of "
        "vectors in one plate"
    )


def _unmasked(fn: Any) -> Any:  # noqa: ANN401
    while isinstance(fn, MaskedDistribution) and fn._mask is True:
        fn = fn.base_dist
    return fn


def _inner(fn: Any) -> Any:  # noqa: ANN401
    while isinstance(fn, Independent):
        fn = fn.base_dist
    return fn


def _named(fn: Any) -> str:  # noqa: ANN401
    return type(_inner(fn)).__name__
