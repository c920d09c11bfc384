"""Data made of the rows of one class, a block at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...errors import SiteError
from ...evaluate.block import Block
from ...particles.conditionals import Choose, Conditional, conditionals
from ..observed import site_of_data


@dataclass(frozen=True)
class FromPrior:
    """z ~ p(z|y), x' ~ p(x|z, y).

    Attributes:
        values: Of latents that are the label.
        mean: The mean of p(x|z, y) in place of a draw.
    """

    values: Mapping[str, Tensor]
    mean: bool

    def __call__(self, block: Block) -> Tensor:
        """As many data as there are rows."""
        count = len(block.args[0])
        values = {n: v.to(block.args[0].device).expand(count) for n, v in self.values.items()}
        sites = conditionals(block.model, *block.args, values=values)
        unknown = [name for name in values if name not in sites or sites[name].is_observed]
        if unknown:
            raise SiteError(f"augment got site={unknown[0]!r}, which is no latent of the model")
        return _at_data(sites, block.args[0], self.mean)


@dataclass(frozen=True)
class FromPosterior:
    """z ~ q(z|x), x' ~ p(x|z).

    Attributes:
        choose: Of the guide's latents.
        extrapolate: Of z away from the code of the next row; the rows then come in pairs, and one
            datum is made of each.
        mean: The mean of p(x|z) in place of a draw.
    """

    choose: Choose | None
    extrapolate: float
    mean: bool

    def __call__(self, block: Block) -> Tensor:
        """A datum for each row, or for each pair of rows."""
        latents = conditionals(block.guide, *block.args, values=self.choose)
        values = {n: s.value for n, s in latents.items() if not s.is_observed}
        args = block.args
        if self.extrapolate:
            count = len(args[0])
            args = tuple(_firsts(arg, count) for arg in args)
            values = {n: self._beyond(n, value, count) for n, value in values.items()}
        return _at_data(conditionals(block.model, *args, values=values), args[0], self.mean)

    def _beyond(self, name: str, z: Tensor, count: int) -> Tensor:
        if len(z) != count:
            raise SiteError(
                f"augment extrapolates latents that have a row for each datum, and '{name}' is "
                f"{list(z.shape)} for {count} data; take extrapolate=0"
            )
        one, other = z[0::2], z[1::2]
        return one + self.extrapolate * (one - other) if z.is_floating_point() else one


def _firsts(arg: Any, count: int) -> Any:  # noqa: ANN401
    return arg[0::2] if isinstance(arg, Tensor) and arg.shape[:1] == (count,) else arg


def _at_data(sites: Mapping[str, Conditional], x: Tensor, mean: bool) -> Tensor:
    fn = site_of_data(sites, x)[1].fn
    made: Tensor = fn.mean if mean else fn.sample()
    return made.reshape(x.shape).cpu()
