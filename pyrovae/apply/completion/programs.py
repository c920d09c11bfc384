"""Model and guide of a block of data, each datum several times, at chosen latents."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro.distributions import MaskedDistribution, TorchDistribution
from torch import Tensor

from ...errors import InverseError
from ...evaluate.block import Block
from ...evaluate.validity import check_weights
from ...models.capabilities import CountsObserved
from ...particles.conditionals import Choose, Conditional, conditionals
from ...particles.layout import Layout
from ...particles.tracing import Program
from ..observed import elements_at, site_of_data

Latents = dict[str, Tensor]
"""Values of latents by site, as a program has them."""


def infers_from_masks(model: Program) -> bool:
    """Whether a pair is called as (x, mask), as one that counts what was observed is."""
    return isinstance(getattr(model, "__self__", None), CountsObserved)


@dataclass(frozen=True)
class ModelRun:
    """The model at chosen latents of R data.

    Attributes:
        log_prior: log p(z), with the log-density of all that is observed besides the data [R].
        elements: p(x|z) of the elements [R, ...].
        latents: Its latents.
        sites: Of the latents, by name.
    """

    log_prior: Tensor
    elements: TorchDistribution
    latents: Latents
    sites: Mapping[str, Conditional]


class Programs:
    """The pair of a block of b data.

    All methods take x [K * b, D], K copies of the b data one after the other, with elements that
    may differ between them, and give what they find for as many rows.

    Args:
        block: Of a sweep, with one particle at least.
        per_row: Which of the pair's arguments have a row for each datum.
        mask_at: Place of the mask of observed elements among them, for a pair that infers from
            incomplete data; None for others. The model sees complete data and the guide the mask.
        what: Names the use, for messages.

    Raises:
        ConfigError: The prior is improper, or the guide a point mass.
        SiteError: The elements of a datum depend on each other given the latents.
    """

    def __init__(self, block: Block, per_row: list[bool], mask_at: int | None, what: str) -> None:
        self._model, self._guide, self._args = block.model, block.guide, block.args
        self.advance = block.advance
        self._per_row, self._mask_at, self._what = per_row, mask_at, what
        p = block.draw(1)
        check_weights(p, what)
        self.layout: Layout = next(iter(p.model_sites.values())).layout
        self.data_shape = self._args[0].shape[1:]
        self.num_rows = len(self._args[0])
        self.like = next((v for v in p.latents.values() if v.is_floating_point()), self._args[0])
        if not self.like.is_floating_point():
            self.like = torch.zeros((), device=self.like.device)
        self.names = [n for n, s in p.model_sites.items() if not s.is_observed]
        latents = [p.model_sites[name].distributions[0] for name in self.names]
        self.has_discrete = any(fn.support is None or fn.support.is_discrete for fn in latents)
        self._event_dims: dict[str, int] = {}

    def model(self, x: Tensor, latents: Mapping[str, Tensor] | Choose) -> ModelRun:
        """The model at these latents; differentiable in them."""
        args = self._arguments(x, sees_mask=False)
        with pyro.validation_enabled(False):
            sites = conditionals(self._model, *args, values=latents)
        name, site = site_of_data(sites, args[0])
        log_prior = x.new_zeros(len(x)).to(self.like)
        for other, found in sites.items():
            if other != name:
                log_prior = log_prior + self._by_row(found.fn.log_prob(found.value), len(x))
        held = {n: s for n, s in sites.items() if not s.is_observed}
        self._note(held)
        values = {n: s.value for n, s in held.items()}
        return ModelRun(log_prior, self._elements(name, site.fn), values, held)

    def from_prior(self, x: Tensor) -> Tensor:
        """x ~ p(x) [R, D]."""
        args = self._arguments(x, sees_mask=False)
        with pyro.validation_enabled(False):
            sites = conditionals(self._model, *args, observe=False)
        name, site = site_of_data(sites, args[0])
        made = self._elements(name, site.fn).sample()
        return made.reshape(x.shape).to(x)

    def from_guide(self, x: Tensor) -> ModelRun:
        """The model at latents drawn from the guide at x."""
        return self.model(x, self.guide(x)[0])

    def with_mask(self, mask: Tensor) -> "Programs":
        """The same, whose guide sees another mask of observed elements [b, D], if it sees one."""
        if self._mask_at is None:
            return self
        other = copy(self)
        held = list(self._args)
        held[self._mask_at] = mask.reshape(held[self._mask_at].shape)
        other._args = tuple(held)
        return other

    def guide(self, x: Tensor, latents: Latents | None = None) -> tuple[Latents, Tensor]:
        """Latents drawn from the guide at x, or given ones, and their log q [R].

        Raises:
            InverseError: The guide cannot score latents that it has not drawn.
        """
        with pyro.validation_enabled(False):
            sites = conditionals(self._guide, *self._arguments(x, sees_mask=True), values=latents)
        held = {n: s for n, s in sites.items() if not s.is_observed}
        self._note(held)
        log_q = torch.zeros((), device=x.device)
        for site in held.values():
            try:
                log_q = log_q + self._by_row(site.fn.log_prob(site.value), len(x))
            except (KeyError, NotImplementedError) as error:
                raise InverseError(
                    f"{self._what}: the guide cannot score latents that it did not draw itself (a "
                    "flow without an inverse), which this method needs; take method='gibbs', or "
                    "'hmc' where the latents are continuous"
                ) from error
        return {n: s.value for n, s in held.items()}, log_q

    def where(self, taken: Tensor, new: Latents, old: Latents) -> Latents:
        """Latents of the new for the rows that are taken [R], else of the old."""
        found = {}
        for name, value in old.items():
            kept = self.layout.spread(taken.unsqueeze(0), value, self._event_dims[name])
            found[name] = torch.where(kept, new[name], value)
        return found

    def rows(self, latents: Latents, chosen: Tensor | None = None) -> Latents:
        """Latents with their data in front [R, ...]; of these rows alone where some are chosen."""
        found = {}
        for name, value in latents.items():
            lined = self.layout.arrange(value, self._event_dims[name])[0]
            found[name] = lined if chosen is None else lined[chosen]
        return found

    def back(self, rows: Latents) -> Latents:
        """Undo `rows`."""
        return {
            n: self.layout.restore(v.unsqueeze(0), self._event_dims[n]) for n, v in rows.items()
        }

    def _arguments(self, x: Tensor, *, sees_mask: bool) -> tuple[Any, ...]:
        copies = len(x) // self.num_rows
        data = self._args[0]
        made: list[Any] = [x.reshape(len(x), *self.data_shape).to(data)]
        for place, arg in enumerate(self._args):
            if place == 0:
                continue
            if self._per_row[place]:
                arg = arg.repeat(copies, *[1] * (arg.dim() - 1))
            if place == self._mask_at and not sees_mask:
                arg = torch.ones_like(arg)
            made.append(arg)
        return tuple(made)

    def _elements(self, name: str, fn: TorchDistribution) -> TorchDistribution:
        elements = elements_at(name, fn, self._what)
        while isinstance(elements, MaskedDistribution):
            elements = elements.base_dist
        return elements

    def _note(self, sites: Mapping[str, Conditional]) -> None:
        self._event_dims.update({name: site.fn.event_dim for name, site in sites.items()})

    def _by_row(self, log_prob: Tensor, size: int) -> Tensor:
        return self.layout.reduce(log_prob)[0].expand(size)
