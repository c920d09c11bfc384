"""A mixture of normals whose components particles can be dealt out to, stratum by stratum."""

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from .errors import ShapeError
from .strata import Dealing, current_dealing


class NormalMixture(dist.MixtureOfDiagNormals):
    """Mixture of C diagonal normals over vectors [L], with a pathwise gradient of every draw.

    Pyro's `MixtureOfDiagNormals`, whose gradient holds for all parameters, weights included, with
    moments and with strata: inside `strata.stratified(K)` draws along the leftmost axis go to the
    components in turn, whatever their weights, and `log_shares` says what each must count for.

    Args:
        locs: Means [..., C, L], no two of a datum equal; L >= 2.
        coord_scale: Standard deviations [..., C, L].
        component_logits: Of the weights [..., C].

    Raises:
        ShapeError: L is below 2, which the gradient does not cover, or the particles do not fill
            the strata evenly.

    Source:
        Pathwise Derivatives for Multivariate Distributions (Jankowiak & Karaletsos, 2019),
        https://arxiv.org/abs/1806.01856

    Example:
        >>> q = NormalMixture(torch.randn(5, 3, 2), torch.ones(5, 3, 2), torch.zeros(5, 3))
        >>> q.batch_shape, q.event_shape, q.mean.shape
        (torch.Size([5]), torch.Size([2]), torch.Size([5, 2]))
    """

    def __init__(
        self,
        locs: Tensor,
        coord_scale: Tensor,
        component_logits: Tensor,
        *,
        validate_args: bool | None = None,  # as all of Pyro's take it; shapes are checked always
    ) -> None:
        if locs.shape[-1] < 2:
            raise ShapeError(
                f"NormalMixture got locs of shape {list(locs.shape)}, needs at least 2 dimensions "
                "last; use a latent of two dimensions or more"
            )
        weights = (*component_logits.shape, 1)
        shape = torch.broadcast_shapes(locs.shape, coord_scale.shape, weights)
        super().__init__(
            locs.expand(shape), coord_scale.expand(shape), component_logits.expand(shape[:-1])
        )

    @property
    def num_components(self) -> int:
        return self.component_logits.shape[-1]

    @property
    def mean(self) -> Tensor:
        return (self.probs.unsqueeze(-1) * self.locs).sum(-2)

    @property
    def variance(self) -> Tensor:
        second = self.coord_scale.square() + self.locs.square()
        return (self.probs.unsqueeze(-1) * second).sum(-2) - self.mean.square()

    def expand(self, batch_shape: Any, _instance: Any = None) -> "NormalMixture":  # noqa: ANN401
        shape = (*batch_shape, *self.locs.shape[-2:])
        return type(self)(
            self.locs.expand(shape),
            self.coord_scale.expand(shape),
            self.component_logits.expand(shape[:-1]),
        )

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: ANN401, B008
        if len(sample_shape) > 0:  # Pyro's fails on it
            return self.expand((*sample_shape, *self.batch_shape)).rsample()
        dealing = current_dealing()
        if dealing is None:
            return super().rsample()
        component = self._component_of_each(dealing)
        noise = torch.randn_like(self.locs[..., 0, :])
        locs, scales = (self._of_component(t, component) for t in (self.locs, self.coord_scale))
        return locs + scales * noise

    def log_shares(self, dealing: Dealing) -> Tensor:
        """Log of a particle's weight C pi_c, c its stratum: the batch shape, [K, B]."""
        component = self._component_of_each(dealing)
        log_probs = torch.log_softmax(self.component_logits, -1).unsqueeze(-1)
        own = self._of_component(log_probs, component).squeeze(-1)
        return own + torch.log(torch.full_like(own, self.num_components))

    def _component_of_each(self, dealing: Dealing) -> Tensor:
        order = dealing.deal(self.num_components, self.locs.device)
        if dealing.num_particles == 1:
            return order.expand(self.batch_shape)
        return order.reshape(-1, *[1] * (len(self.batch_shape) - 1)).expand(self.batch_shape)

    @staticmethod
    def _of_component(values: Tensor, component: Tensor) -> Tensor:  # [..., C, D] -> [..., D]
        index = component[..., None, None].expand(*values.shape[:-2], 1, values.shape[-1])
        return values.gather(-2, index).squeeze(-2)
