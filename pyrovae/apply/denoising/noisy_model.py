"""A model of noisy data: p(z) p(noisy|z), with the noise folded into the likelihood."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import biject_to, constraints

from ...errors import PlateError, SiteError
from ...nn.corruption import NoiseModel
from ...particles.conditionals import Conditional, conditionals
from ...particles.tracing import Program
from ..observed import elements_at, site_of_data
from ..values import any_value, repeated, support_of, tiled
from .elements import CleanElements, clean_elements
from .nodes import bounds_of


@dataclass(frozen=True)
class Scored:
    """Latents and what is known given them, for R rows.

    Attributes:
        log_joint: log p(z) + log p(noisy|z) [R]; of unconstrained coordinates, where it was
            scored at those.
        elements: The clean elements, in the shape that the model observes them in.
        clean_mean: E[x|z], without regard to the noisy data.
    """

    log_joint: Tensor
    elements: CleanElements
    clean_mean: Tensor


@dataclass(frozen=True)
class NoisyModel:
    """The model run for R rows, at chosen latents.

    Args:
        model: p(z)p(x|z).
        args: What it takes, the data first: here the noisy ones.
        noise: p(noisy|x).
        noisy: The noisy data [R, *data_shape].
    """

    model: Program
    args: tuple[Any, ...]
    noise: NoiseModel
    noisy: Tensor

    def repeated(self, copies: int) -> "NoisyModel":
        """The rows, `copies` times one after the other [copies * R, ...]."""
        args = tuple(repeated(self.args, copies))
        return NoisyModel(self.model, args, self.noise, tiled(self.noisy, copies))

    def at(self, latents: Mapping[str, Tensor]) -> Scored:
        """Score latents, by site."""
        sites = conditionals(self.model, *self.args, values=latents)
        return self._scored(sites, self.noisy.new_zeros(len(self.noisy)))

    def at_coordinates(self, u: Tensor) -> Scored:
        """Score latents by their unconstrained coordinates u [R, L], differentiably."""
        log_det = u.new_zeros(len(u))
        parts = dict(zip(self.widths, u.split(list(self.widths.values()), -1), strict=True))

        def choose(name: str, fn: Any) -> Tensor:  # noqa: ANN401
            nonlocal log_det
            transform = biject_to(support_of(fn))
            shape = transform.inverse_shape(fn.batch_shape + fn.event_shape)
            part = parts[name].reshape(shape)
            value = transform(part)
            log_det = log_det + summed(transform.log_abs_det_jacobian(part, value))
            return value

        sites = conditionals(self.model, *self.args, values=choose)
        return self._scored(sites, log_det)

    def coordinates(self, latents: Mapping[str, Tensor]) -> Tensor:
        """The unconstrained coordinates of latents [R, L]."""
        sites = conditionals(self.model, *self.args, values=latents)
        return torch.cat([
            self._coordinates(site)
            for site in sites.values()
            if not site.is_observed
        ], -1)  # fmt: skip

    @cached_property
    def latents(self) -> dict[str, Conditional]:
        """The latent sites of a run, in the order of the model.

        Raises:
            PlateError: One of them is not drawn for each row.
        """
        found = {}
        for name, site in conditionals(self.model, *self.args).items():
            if not site.is_observed:
                if site.fn.batch_shape[:1] != self.noisy.shape[:1]:
                    raise PlateError(
                        f"the latent '{name}' has batch shape {list(site.fn.batch_shape)} for "
                        f"{len(self.noisy)} data; denoising needs latents of each datum, along "
                        "the first axis"
                    )
                found[name] = site
        return found

    @cached_property
    def widths(self) -> dict[str, int]:
        """Number of unconstrained coordinates of each latent."""
        return {name: self._coordinates(site).shape[1] for name, site in self.latents.items()}

    @property
    def is_continuous(self) -> bool:
        """Whether all latents are."""
        return not any(support_of(site.fn).is_discrete for site in self.latents.values())

    def _coordinates(self, site: Conditional) -> Tensor:
        """Those of one latent [R, L]: a number for each row has one."""
        return biject_to(support_of(site.fn)).inv(site.value).reshape(len(self.noisy), -1)

    def _scored(self, sites: Mapping[str, Conditional], log_joint: Tensor) -> Scored:
        name, site = site_of_data(sites, self.noisy)
        fn = elements_at(name, site.fn, "denoising")
        elements = clean_elements(fn, self.noise, self.noisy.reshape(fn.batch_shape))
        log_joint = log_joint + summed(elements.log_evidence)
        for other, latent in sites.items():
            if not latent.is_observed:
                log_joint = log_joint + summed(latent.fn.log_prob(latent.value))
            elif other != name:
                raise SiteError(
                    f"the model observes '{other}' besides the data at '{name}', and denoising "
                    "cannot say whether that is noisy too; take a model of the data alone"
                )
        return Scored(log_joint, elements, fn.mean)


def seen_by_guide(model: NoisyModel, clip: bool) -> Tensor:
    """The noisy data as a guide takes them that knows clean ones: within the bounds of the
    likelihood, and whole numbers where the data are levels. As they are without `clip`.
    """
    if not clip:
        return model.noisy
    sites = conditionals(model.model, *model.args, values=any_value)
    name, site = site_of_data(sites, model.noisy)
    fn = elements_at(name, site.fn, "denoising")
    seen = model.noisy.clamp(*bounds_of(fn))
    is_binary = support_of(fn) is constraints.boolean
    return seen.round() if support_of(fn).is_discrete and not is_binary else seen


def summed(log_prob: Tensor) -> Tensor:
    """[R, ...] -> [R]."""
    return log_prob.flatten(1).sum(-1) if log_prob.dim() > 1 else log_prob
