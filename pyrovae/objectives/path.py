"""Estimators whose gradient to the guide follows the paths of the latents, without the score."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import GradientWarning, ReparamError, warn
from ..particles import Particles
from ..particles.pathwise import PathwiseParticles, draw_pathwise
from ..particles.tracing import Program
from .base import ParticleELBO


class PathELBO(ParticleELBO, ABC):
    r"""Base of the estimators that replace the guide's score by a weight on the latents' paths.

    Of a bound with weights :math:`w_k = \partial\,\mathrm{bound} / \partial \log w_k`, the term
    :math:`-w_k\,\partial_\varphi \log q(z_k)` of its gradient is mostly noise. In expectation it
    equals :math:`-\partial w_k / \partial \log w_k` times the gradient along the path
    :math:`\varphi \to z_k`. So the path gets the weight
    :math:`h_k = w_k - \partial w_k / \partial \log w_k`, and the score is left out. The model's
    parameters keep their gradient.

    The guide runs a second time, at the latents that it drew. Some guides cannot score these (a
    flow without an inverse knows only what it drew last), or score them differently (dropout).
    Then the plain gradient of the same bound is followed, after one `GradientWarning`.

    Raises:
        ReparamError: A site of the guide has no reparameterised sampler.

    Source:
        Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives (Tucker et al.,
        2019), eqs. 6-8, https://arxiv.org/abs/1810.04152
    """

    latents = "reparameterised"

    _known_pair: tuple[Program, Program] | None = None
    _can_rescore = True  # whether the guide of the known pair scores what it drew
    _has_warned = False

    @abstractmethod
    def weights(self, p: Particles) -> tuple[Tensor, Tensor]:
        """(w, h) [K, B]: weights of each particle, for the model's parameters and on its path."""

    def plain_loss(self, paths: PathwiseParticles) -> Tensor:
        """Scalar loss with the gradient to follow where the guide cannot be scored again."""
        p = paths.particles
        return -(p.scale * self.bound(p)).sum() - p.log_global

    def followed_loss(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        paths = paths_of(self, model, guide, args, kwargs)
        self._refuse_unreparameterised(paths.particles)
        p = self._rescored(paths, (model, guide))
        penalty = paths.particles.total_penalty
        if p is None:
            return self.plain_loss(paths) + penalty
        _ = p.log_w  # kept by `p`, with its graph
        with torch.no_grad():
            value, (w, h) = self.bound(p), self.weights(p)
        return weighted_loss(paths, p, value, w, h) + penalty

    def _rescored(
        self, paths: PathwiseParticles, pair: tuple[Program, Program]
    ) -> Particles | None:
        is_new = self._known_pair != pair
        if is_new:
            self._known_pair, self._can_rescore = pair, True
            _ = paths.particles.log_q  # a flow may forget what it drew when rescoring fails
        if not self._can_rescore:
            return None
        try:
            p = paths.rescored()
        except (KeyError, NotImplementedError) as error:
            self._follow_plain_gradient(
                f"the guide cannot score a latent again ({type(error).__name__}: {error}); use "
                "flows with an inverse, such as AffineCoupling or AffineAutoregressive"
            )
            return None
        if is_new and is_validation_enabled():
            first, again = paths.particles.log_q, p.log_q
            if not torch.allclose(again, first, rtol=1e-2, atol=1e-2, equal_nan=True):
                self._follow_plain_gradient(
                    "the guide scores a latent differently the second time; take dropout and "
                    "other noise out of its networks"
                )
                return None
        return p

    def _follow_plain_gradient(self, why: str) -> None:
        self._can_rescore = False
        if not self._has_warned:
            self._has_warned = True
            text = f"{self} follows the plain gradient of its bound, because {why}"
            warn(text, GradientWarning)

    def _refuse_unreparameterised(self, p: Particles) -> None:
        for site in p.guide_sites.values():
            if not site.needs_score:
                continue
            if site.kind == "pyro.factor":
                raise ReparamError(
                    f"`pyro.factor('{site.name}', ..., has_rsample=False)` of the guide says that "
                    f"no gradient runs through what it was computed from, which {self} needs; "
                    "pass has_rsample=True where that is data, parameters and reparameterised "
                    "latents, or use objectives.ELBO, objectives.IWAE or objectives.VIMCO"
                )
            raise ReparamError(
                f"site '{site.name}' ({site.kind}) has no reparameterised sampler, which {self} "
                "needs; use objectives.VIMCO, objectives.REINFORCE or objectives.RWS "
                "(objectives.ELBO and objectives.IWAE follow its score too), relax it "
                "(RelaxedOneHotCategorical and the like), or enumerate it with "
                "pyro.infer.TraceEnum_ELBO"
            )


def paths_of(
    objective: ParticleELBO,
    model: Program,
    guide: Program,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> PathwiseParticles:
    """Particles as the objective draws them, at views of the latents."""
    how = objective._how(objective._nesting(model, guide, args, kwargs), objective.scale_use)
    paths = draw_pathwise(model, guide, *args, **how, **kwargs)
    objective._remember(paths.particles)
    objective.admit(paths.particles)
    return paths


def weighted_loss(
    paths: PathwiseParticles, p: Particles, value: Tensor, w: Tensor, h: Tensor
) -> Tensor:
    """Scalar loss with the gradient of sum_k w_k log w_k, but with h_k along the latents' paths.

    Args:
        paths: Where `p` comes from.
        p: Rescored particles, and the guide's score is left out; or `paths.particles`, and the
            score has the weight h.
        value: The bound [B].
        w: Weight of each particle for the model's parameters [K, B].
        h: Its weight along its path [K, B].
    """
    share = w
    if h is not w:
        # w may be zero where h is not. What is added here is below the rounding of w, since all
        # weights sum to one, and keeps h / w finite.
        share = torch.maximum(w, torch.finfo(w.dtype).eps * h.abs())
    terms = _weigh(share, p.log_lik + p.log_prior)
    if p is paths.particles:
        terms = terms - _weigh(h, p.log_q)
        path_only = -p.log_global + torch.zeros_like(value).sum()
    else:
        of_all_data = _global_loss(paths, p) if p.has_global_sites else 0.0
        path_only = of_all_data + paths.along_latents((p.scale * _weigh(share, p.log_q)).sum())
    if h is not w:  # last: multiplies every gradient that reaches the latents after this
        paths.scale_gradient(h / share.clamp_min(torch.finfo(w.dtype).tiny))
    return path_only - (p.scale * (value + terms - terms.detach())).sum()


def _global_loss(paths: PathwiseParticles, p: Particles) -> Tensor:
    """Minus log p - log q of the global latents, without the score of the guide.

    A global u is a parameter of q(z|x, u) of each datum, whose score is left out as well. The mean
    of that score over the particles has expectation zero. It is kept, so that u has a gradient
    without noise at the exact posterior, where all weights are equal.
    """
    log_q = torch.as_tensor(p.log_global_q)
    of_data = (p.scale * p.log_q.mean(0)).sum()
    return (
        paths.along_latents(log_q + of_data, of_all_data=True)
        + log_q.detach()
        - p.log_global_prior
    )


def _weigh(share: Tensor, log_prob: Tensor) -> Tensor:  # [K, B] -> [B]
    # A particle of weight zero may have an infinite log-density.
    return (share * torch.where(share == 0, 0.0, log_prob)).sum(0)
