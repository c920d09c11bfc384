"""Which coder codes a distribution."""

from typing import Any

from torch import Tensor
from torch.distributions import Independent

from ....errors import ConfigError
from ..lattice import Lattice
from .base import Coder
from .bernoulli import BernoulliCoder
from .normal import NormalCoder
from .table import TableCoder

_CODERS: tuple[type[Coder], ...] = (NormalCoder, BernoulliCoder, TableCoder)


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
    return _kind_for(name, fn)(name, fn, rows, lattice, is_open=is_open)


def spread_of(name: str, fn: Any) -> Tensor | None:  # noqa: ANN401
    """Standard deviations of the coordinates given those before them; None if discrete."""
    return _kind_for(name, fn).spread(fn)


def _kind_for(name: str, fn: Any) -> type[Coder]:  # noqa: ANN401
    for kind in _CODERS:
        if kind.takes(fn):
            return kind
    inner = fn
    while isinstance(inner, Independent):
        inner = inner.base_dist
    raise ConfigError(f"site '{name}' is a {type(inner).__name__}, which cannot be coded")
