"""A discrete latent drawn from its exact posterior, of which no weight depends on the draw."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import SiteError
from .categorical import CapturableCategorical


class CollapsedCategorical(CapturableCategorical):
    """Categorical of a guide that is the model's own posterior of a latent given all others.

    The weight p(c, z, x) / q(c, z|x) = p(z, x) / q(z|x) does not depend on c. Its score has the
    expectation zero and all of the gradient is pathwise: hence `has_rsample`. A closed form of its
    KL is refused, because the rest of the bound would still depend on the draw.

    Args:
        logits: log p(c|z) [..., C], in nats up to a constant.
    """

    has_rsample = True

    def __init__(self, logits: Tensor, *, validate_args: bool | None = None) -> None:
        super().__init__(logits=logits, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "CollapsedCategorical":  # noqa: ANN401
        return CollapsedCategorical(self.logits.expand(*batch_shape, self.logits.shape[-1]))

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: ANN401, B008
        drawn: Tensor = self.sample(sample_shape)
        return drawn


def refuse_collapsed(distributions: Mapping[str, Any], where: str) -> None:
    """Refuse collapsed sites where the KL terms of sites have unequal weights.

    The draw of such a site cancels only where all weights are equal.

    Args:
        distributions: Of the guide's sites, by name.
        where: Who sets the weights, for the message.

    Raises:
        SiteError: There is such a site.
    """
    for name, fn in distributions.items():
        if isinstance(fn, CollapsedCategorical):
            raise SiteError(
                f"{where} weighs parts of the KL unequally, and the guide draws '{name}' from the "
                "model's own posterior, which cancels only where all weigh the same; use "
                "one weight for all sites, without free bits, or a VAE with a MixturePrior"
            )
