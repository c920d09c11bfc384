"""A mixture of the distributions along a batch axis."""

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor
from torch.distributions import Categorical

from ..errors import ConfigError, ShapeError

Sizes = torch.Size | list[int] | tuple[int, ...]


class Mixture(TorchDistribution):
    r"""The density :math:`\sum_k \pi_k p_k(z)` of K distributions of vectors [L].

    Scored exactly, by logsumexp, in nats. Unlike `MixtureSameFamily` it takes components that are
    flows with a context each, and a plate repeats neither weights nor components. A draw samples
    every component and keeps one, so that its memory grows with K, as that of a score does.

    Args:
        log_weights: Logarithms of the weights, up to a constant [K].
        components: Batch shape [K], event shape [L].
        batch_shape: Of independent draws.

    Raises:
        ShapeError: There is not one weight for each component.
        ConfigError: In `log_prob`: the components can score only what they drew themselves.

    Example:
        >>> import pyro.distributions as dist
        >>> normals = dist.Normal(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), 0.5).to_event(1)
        >>> mixture = Mixture(torch.zeros(2), normals)
        >>> mixture.mean, mixture.expand([5]).sample().shape
        (tensor([0., 0.]), torch.Size([5, 2]))
    """

    arg_constraints = {"log_weights": constraints.real_vector}
    support = constraints.real_vector

    def __init__(
        self, log_weights: Tensor, components: TorchDistribution, batch_shape: Sizes = ()
    ) -> None:
        if components.batch_shape != log_weights.shape or log_weights.dim() != 1:
            raise ShapeError(
                f"Mixture got weights of shape {list(log_weights.shape)} and components of batch "
                f"shape {list(components.batch_shape)}; it needs [K] of both"
            )
        self.log_weights = log_weights.log_softmax(-1)
        self.components = components
        super().__init__(torch.Size(batch_shape), components.event_shape, validate_args=False)

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "Mixture":
        return Mixture(self.log_weights, self.components, batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        lead = torch.broadcast_shapes(value.shape[:-1], self.batch_shape)
        # Components whose networks see a context and z side by side need the axis of K in both.
        each = value.unsqueeze(-2).expand(*lead, *self.components.batch_shape, *self.event_shape)
        try:
            log_probs = self.components.log_prob(each)
        except (KeyError, NotImplementedError) as error:
            raise ConfigError(
                f"a mixture of {type(self.components).__name__}s cannot be scored, for they know "
                f"the density of what they drew themselves alone ({type(error).__name__}: "
                f"{error}); take flows with an inverse, such as AffineCoupling, or another prior"
            ) from error
        return (log_probs + self.log_weights).logsumexp(-1)

    def sample(self, sample_shape: Sizes = ()) -> Tensor:
        with torch.no_grad():
            lead = torch.Size(sample_shape) + self.batch_shape
            each = self.components.sample(lead)  # [..., K, L]
            which = Categorical(logits=self.log_weights, validate_args=False).sample(lead)
            index = which[..., None, None].expand(*lead, 1, *self.event_shape)
            return each.gather(-2, index).squeeze(-2)

    @property
    def mean(self) -> Tensor:
        return self._expected(self.components.mean)

    @property
    def variance(self) -> Tensor:
        loc = self.components.mean
        return self._expected(self.components.variance + loc**2) - self._expected(loc) ** 2

    def _expected(self, of_components: Tensor) -> Tensor:
        found = (self.log_weights.exp()[:, None] * of_components).sum(-2)
        return found.expand(self.batch_shape + self.event_shape)
