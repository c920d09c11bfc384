"""Unconstrained coordinates of the latents of a model, all sites side by side."""

import math

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import biject_to

from ...errors import ReparamError, SiteError
from .programs import ModelRun, Programs


class Coordinates:
    """Maps latents to u of R^U and back.

    The support of a latent may depend on the latents before it.

    Args:
        pair: Of a block.
        run: Its model, run once.

    Raises:
        ReparamError: A latent is discrete.
        SiteError: There is no continuous latent.
    """

    def __init__(self, pair: Programs, run: ModelRun) -> None:
        self._pair = pair
        self._shapes: dict[str, tuple[torch.Size, int]] = {}
        for name, site in run.sites.items():
            if site.fn.support is None or site.fn.support.is_discrete:
                raise ReparamError(
                    f"site '{name}' ({type(site.fn).__name__}) is discrete, and method='hmc' "
                    "moves continuous latents; method='metropolis-gibbs', 'gibbs' and "
                    "'importance' take discrete ones too"
                )
            u, own = self._lined_up(site.fn, site.value)
            self._shapes[name] = u.shape[1:], own
        if not self._shapes:
            raise SiteError("method='hmc' moves latents, and the model has none")

    def of(self, run: ModelRun) -> Tensor:
        """The coordinates of the latents of a run [R, U]."""
        parts = [self._lined_up(s.fn, s.value)[0] for s in run.sites.values()]
        return torch.cat([part.reshape(len(part), -1) for part in parts], -1)

    def __call__(self, x: Tensor, u: Tensor) -> tuple[ModelRun, Tensor]:
        """The model at u [R, U], and log |dz/du| [R]; differentiable in u."""
        sizes = [math.prod(shape) for shape, _ in self._shapes.values()]
        parts = dict(zip(self._shapes, u.split(sizes, -1), strict=True))
        log_dets: list[Tensor] = []

        def choose(name: str, fn: TorchDistribution) -> Tensor:
            shape, own = self._shapes[name]
            part = parts[name].reshape(1, len(u), *shape)
            part = self._pair.layout.restore(part, own)
            transform = biject_to(fn.support)
            z: Tensor = transform(part)
            log_det = transform.log_abs_det_jacobian(part, z)
            inner = log_det.dim() - (part.dim() - own)
            log_det = log_det.sum(tuple(range(-inner, 0))) if inner else log_det
            log_dets.append(self._pair.layout.reduce(log_det)[0])
            return z

        return self._pair.model(x, choose), torch.stack(log_dets).sum(0)

    def _lined_up(self, fn: TorchDistribution, value: Tensor) -> tuple[Tensor, int]:
        """Coordinates with their data in front [R, ...], and how many axes one has."""
        transform = biject_to(fn.support)
        own = fn.event_dim - transform.codomain.event_dim + transform.domain.event_dim
        return self._pair.layout.arrange(transform.inv(value), own)[0], own
