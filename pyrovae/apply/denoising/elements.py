"""The clean elements of a datum given the noisy ones and the latents: p(x_d | y_d, z)."""

from abc import ABC, abstractmethod
from functools import cached_property

import torch
from pyro.distributions import MaskedDistribution, TorchDistribution
from torch import Tensor
from torch.distributions import Normal

from ...distributions.side_by_side import SideBySide
from ...errors import SiteError
from ...nn.corruption import GaussianNoise, NoiseModel, ReplacingNoise, SpreadingNoise
from ..values import support_of
from .nodes import levels_of, nodes_of


class CleanElements(ABC):
    """What is known of each clean element; all tensors [..., *data_shape].

    Attributes:
        log_evidence: log p(y_d | z), the clean element summed or integrated out.
        num_nodes: How many values of an element are looked at.
    """

    log_evidence: Tensor
    num_nodes: int = 1

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """E[x_d | y_d, z]."""

    @abstractmethod
    def sample(self) -> Tensor:
        """A draw from p(x_d | y_d, z)."""


def clean_elements(fn: TorchDistribution, noise: NoiseModel, noisy: Tensor) -> CleanElements:
    """Fold noise into the likelihood of each element.

    Exact for normal noise on a normal likelihood, for noise that replaces elements, and for
    discrete likelihoods, whose levels are summed. Else by quadrature.

    Args:
        fn: p(x_d|z), without event axes [..., *data_shape].
        noise: p(y_d|x_d).
        noisy: y, of a shape that broadcasts with `fn`.

    Raises:
        SiteError: The likelihood has too many levels to sum, it is of columns of several kinds,
            or the noise has no density.

    Example:
        >>> fn = torch.distributions.Normal(torch.zeros(3), 1.0)
        >>> clean_elements(fn, GaussianNoise(1.0), torch.full((3,), 2.0)).mean
        tensor([1., 1., 1.])
    """
    _check_kinds(fn)
    if isinstance(noise, ReplacingNoise):
        return _Replaced(fn, noise, noisy)
    if not isinstance(noise, SpreadingNoise):
        raise SiteError(
            f"p(noisy|clean) of {type(noise).__name__} is not known; it needs to be a subclass of "
            "nn.SpreadingNoise or nn.ReplacingNoise"
        )
    if type(fn).__name__ == "Normal" and isinstance(noise, GaussianNoise):
        return _Conjugate(fn, noise, noisy)
    if support_of(fn).is_discrete:
        levels = levels_of(fn, noise, noisy)
        return _Weighted(fn, noise, noisy, levels, torch.zeros_like(levels))
    return _Weighted(fn, noise, noisy, *nodes_of(fn, noise, noisy))


def _check_kinds(fn: TorchDistribution) -> None:
    """Refuse columns of a table: noise of one size is none of counts, levels and categories."""
    while isinstance(fn, MaskedDistribution):
        fn = fn.base_dist
    if isinstance(fn, SideBySide) and not all(_is_continuous(part) for part in fn.parts):
        raise SiteError(
            "p(clean|noisy) is not known of rows whose columns are of several kinds: one noise "
            "does not fit numbers, levels and categories; take cells that are in doubt as "
            "missing, and fill them in by impute (apply.imputed), or give columns of real numbers"
        )


def _is_continuous(part: TorchDistribution) -> bool:
    return not support_of(part).is_discrete


def log_prob_within(fn: TorchDistribution, value: Tensor) -> Tensor:
    """The log-density, -inf outside of the support."""
    within = support_of(fn).check(value)
    if bool(within.all()):
        return fn.log_prob(value)
    safe = torch.where(within, value, fn.sample())
    return torch.where(within, fn.log_prob(safe), -torch.inf)


class _Replaced(CleanElements):
    """Noise that replaces elements by atoms: either y is the clean element, or it says nothing.

    A continuous likelihood gives no mass to the atoms, so that all elements there were replaced.
    """

    def __init__(self, fn: TorchDistribution, noise: ReplacingNoise, noisy: Tensor) -> None:
        share = torch.as_tensor(noise.share).to(noisy)
        log_replaced = share.log() + noise.log_replaced(noisy)
        log_kept = (1 - share).log() + log_prob_within(fn, noisy)
        if not support_of(fn).is_discrete:
            log_kept = torch.where(log_replaced > -torch.inf, -torch.inf, log_kept)
        self._fn, self._noisy = fn, noisy
        self.log_evidence = torch.logaddexp(log_replaced, log_kept)
        self._replaced = (log_replaced - self.log_evidence).exp()

    @property
    def mean(self) -> Tensor:
        return self._replaced * self._fn.mean + (1 - self._replaced) * self._noisy

    def sample(self) -> Tensor:
        hit = torch.rand_like(self._replaced) < self._replaced
        return torch.where(hit, self._fn.sample(), self._noisy)


class _Conjugate(CleanElements):
    """Normal noise on a normal element."""

    def __init__(self, fn: TorchDistribution, noise: GaussianNoise, noisy: Tensor) -> None:
        variance, added = fn.variance, noise.scale**2
        self.log_evidence = Normal(fn.mean, (variance + added).sqrt()).log_prob(noisy)
        gain = variance / (variance + added)
        self._mean, self._scale = fn.mean + gain * (noisy - fn.mean), (gain * added).sqrt()

    @property
    def mean(self) -> Tensor:
        return self._mean

    def sample(self) -> Tensor:
        return self._mean + self._scale * torch.randn_like(self._mean)


class _Weighted(CleanElements):
    """Levels, or nodes of a quadrature [S, ...], each with a weight."""

    def __init__(
        self, fn: TorchDistribution, noise: SpreadingNoise, noisy: Tensor, nodes: Tensor,
        log_widths: Tensor,
    ) -> None:  # fmt: skip
        self._nodes, self.num_nodes = nodes, len(nodes)
        self._log_joint = log_prob_within(fn, nodes) + noise.log_prob(noisy, nodes) + log_widths
        self.log_evidence = self._log_joint.logsumexp(0)

    @cached_property
    def _weights(self) -> Tensor:
        return self._log_joint.softmax(0)

    @property
    def mean(self) -> Tensor:
        return (self._weights * self._nodes).sum(0)

    def sample(self) -> Tensor:
        u = torch.rand_like(self.log_evidence)
        which = (self._weights.cumsum(0) < u).sum(0).clamp_max(len(self._nodes) - 1)
        nodes = self._nodes.expand_as(self._log_joint)
        return nodes.gather(0, which.unsqueeze(0)).squeeze(0)
