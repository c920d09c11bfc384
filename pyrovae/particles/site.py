"""One sample statement of a pair, over all its particles."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import torch
from pyro.distributions import Unit
from pyro.distributions.torch_distribution import ExpandedDistribution, MaskedDistribution
from pyro.distributions.util import scale_and_mask
from pyro.infer.util import is_validation_enabled
from pyro.util import check_site_shape
from torch import Tensor
from torch.distributions import Independent

from ..errors import ShapeError
from .layout import Layout


@dataclass(frozen=True)
class Site:
    """One sample statement of a pair, over all its particles.

    Attributes:
        name: Pyro's name of the site.
        distributions: One that covers all particles, or one per particle drawn sequentially.
        is_observed: Whether the value was data (or a `pyro.factor`).
        is_auxiliary: Whether a guide site is declared to have no partner in the model.
        is_enumerable: Whether the program marks it for Pyro's enumeration.
        layout: Where particles and data lie in its tensors.
        masks: What `poutine.mask` put around it, one per distribution.
        scales: What Pyro multiplies its log-density by, one per distribution.
        plates: Dims of its vectorised plates by name, without that of particles.
        is_scaled: Whether `log_prob` and `collect` multiply by these scales.
    """

    name: str
    distributions: tuple[Any, ...]
    is_observed: bool
    is_auxiliary: bool
    is_enumerable: bool
    layout: Layout
    masks: tuple[Tensor | bool | None, ...] = field(repr=False)
    scales: tuple[Tensor | float, ...] = field(repr=False)
    plates: Mapping[str, int]
    _values: tuple[Tensor, ...] = field(repr=False)
    _messages: tuple[dict[str, Any], ...] = field(repr=False)
    is_scaled: bool = False
    _kept: "_Scores | None" = field(default=None, repr=False)

    @property
    def has_rsample(self) -> bool:
        """Whether the site has a reparameterised sampler."""
        return all(fn.has_rsample for fn in self.distributions)

    @property
    def kind(self) -> str:
        """Name of the distribution's class, without wrappers that only reshape or mask it.

        "pyro.factor" for a factor.
        """
        fn = self.distributions[0]
        if isinstance(fn, _Outline):
            return fn.kind
        while isinstance(fn, _WRAPPERS):
            fn = fn.base_dist
        return "pyro.factor" if isinstance(fn, Unit) else type(fn).__name__

    @property
    def are_codes(self) -> bool:
        """The attribute of this name of the distribution, by default false.

        It is true of text: its numbers name things, and their means and distances say nothing.
        """
        return bool(getattr(self.distributions[0], "are_codes", False))

    @property
    def element_mask(self) -> Tensor | None:
        """Which elements `fn.mask(...)` counts [K or 1, B or 1, ..., *event]; None without a mask.

        Padding and missing values are so masked. `masks` is what lies around the whole site.
        """
        parts = [(fn, _mask_within(fn, self._values[0].device)) for fn in self.distributions]
        found = [self.layout.arrange(m, fn.event_dim) for fn, m in parts if m is not None]
        return torch.cat(found) if found else None

    @property
    def has_density(self) -> bool:
        """The attribute of this name of the distribution, by default true.

        It is false of noise whose density is not known, such as `nn.Corrupted`.
        """
        return getattr(self.distributions[0], "has_density", True)

    @cached_property
    def value(self) -> Tensor:
        """What was drawn or observed [K, B, ..., *event]."""
        event_dims = (fn.event_dim for fn in self.distributions)
        pairs = zip(self._values, event_dims, strict=True)
        return torch.cat([self.layout.arrange(value, dim) for value, dim in pairs])

    @property
    def is_latent(self) -> bool:
        """Whether model and guide both draw it."""
        return not (self.is_observed or self.is_auxiliary)

    @property
    def needs_score(self) -> bool:
        """Whether the gradient of its draw needs the score function.

        A `pyro.factor` of the guide is auxiliary, and its `has_rsample` says how it was drawn.
        """
        return not self.has_rsample and (self.is_auxiliary or not self.is_observed)

    @cached_property
    def log_prob(self) -> Tensor:
        """Log-density in nats, masked, summed over nested plates [K, B].

        Without Pyro's scale, unless `is_scaled`.
        """
        return self.collect(self._log_probs) if self._kept is None else self._kept.log_prob

    @cached_property
    def log_prob_by_plates(self) -> Tensor:
        """The same, with all plates kept [K, ..., B, ...]."""
        kept = None if self._kept is None else self._kept.by_plates
        return self.by_plates(self._log_probs) if kept is None else kept

    @cached_property
    def _log_probs(self) -> list[Tensor]:
        return [
            message["unscaled_log_prob"]  # of a flow that could score only its latest draw
            if "unscaled_log_prob" in message
            else fn.log_prob(message["value"], *message["args"], **message["kwargs"])
            for fn, message in zip(self.distributions, self._messages, strict=True)
        ]

    @property
    def own_scale(self) -> Tensor | float:
        """The factor in `log_prob`, along the plates of one particle."""
        return self.scales[0] if self.is_scaled else 1.0

    def scaled(self, is_scaled: bool = True) -> "Site":
        """The same site, its log-density multiplied by Pyro's scale, or not."""
        if is_scaled == self.is_scaled:
            return self
        return replace(self, is_scaled=is_scaled, _kept=None)

    @property
    def subsampled(self) -> dict[str, int]:
        """Size of the subsample of each subsampled plate around the site."""
        stack = self._messages[0]["cond_indep_stack"] if self._messages else ()
        return {f.name: f.size for f in stack if f.full_size not in (None, f.size)}

    @property
    def num_data(self) -> int | None:
        """Full size of a subsampled plate over data; None where it is not subsampled."""
        for frame in self._messages[0]["cond_indep_stack"] if self._messages else ():
            if frame.dim == self.layout.batch_dim and frame.full_size not in (None, frame.size):
                return int(frame.full_size)
        return None

    def scored(self, *, by_plates: bool) -> "Site":
        """The same site with its log-density computed; of an observed one nothing else is kept.

        The distribution of the data is by far the largest thing that particles hold.

        Args:
            by_plates: Compute `log_prob_by_plates` as well.
        """
        scores = _Scores(self.log_prob, self.log_prob_by_plates if by_plates else None)
        if not self.is_observed or self.needs_score:
            return self
        kind = self.kind
        fns = (_Outline(fn.has_rsample, fn.event_dim, kind) for fn in self.distributions)
        return replace(self, distributions=tuple(fns), _messages=(), _kept=scores)

    def collect(self, per_trace: Iterable[Tensor]) -> Tensor:
        """Mask and sum one tensor per distribution, as `log_prob` does. -> [K, B]."""
        whole = torch.cat([self.layout.reduce(t) for t in self._on_plates(per_trace)])
        return whole.expand(whole.shape[0], self.layout.batch_size)

    def by_plates(self, per_trace: Iterable[Tensor]) -> Tensor:
        """The same, with all plates kept. -> [K, ..., B, ...]."""
        return torch.cat([self.layout.by_plates(t) for t in self._on_plates(per_trace)])

    def _on_plates(self, per_trace: Iterable[Tensor]) -> Iterator[Tensor]:
        each = zip(per_trace, self.masks, self.scales, self._messages, strict=True)
        for tensor, mask, scale, message in each:
            masked = scale_and_mask(tensor, scale if self.is_scaled else 1.0, mask)
            yield self._on_its_plates(masked, message)

    def _on_its_plates(self, log_prob: Tensor, message: dict[str, Any]) -> Tensor:
        rank = self.layout.rank
        if log_prob.dim() > rank and any(size > 1 for size in log_prob.shape[: -rank or None]):
            raise ShapeError(
                f"site '{self.name}' has a log-density of shape {list(log_prob.shape)} with batch "
                f"dims left of its {rank} plates and particles; declare them with `.to_event(n)` "
                "or enclose the site in a `pyro.plate`"
            )
        if is_validation_enabled():
            check_site_shape(cast(Any, {**message, "log_prob": log_prob}), rank)
        sizes = [1] * rank
        for frame in message["cond_indep_stack"]:
            if frame.dim is not None:  # below zero: the plate states no size
                sizes[frame.dim] = frame.size
        log_prob = log_prob.reshape(log_prob.shape[max(0, log_prob.dim() - rank) :])
        for dim in range(-log_prob.dim(), 0):
            # Pyro does not look between two plates, as particles and data are.
            if sizes[dim] == 1 < log_prob.shape[dim]:
                raise ShapeError(
                    f"site '{self.name}' has a log-density of shape {list(log_prob.shape)} and is "
                    f"in no plate at dim {dim}; declare it with `.to_event(n)` or enclose it in a "
                    "`pyro.plate`"
                )
        whole = torch.Size(max(1, size) for size in sizes)
        return log_prob.expand(torch.broadcast_shapes(log_prob.shape, whole))


_WRAPPERS = (Independent, MaskedDistribution, ExpandedDistribution)


def _mask_within(fn: Any, device: torch.device) -> Tensor | None:  # noqa: ANN401
    """The masks that a distribution wraps, in its own shape; None where there is none."""
    inner, masks = fn, []
    while isinstance(inner, _WRAPPERS):
        if isinstance(inner, MaskedDistribution):
            mask = torch.as_tensor(inner._mask, device=device)
            rest = [1] * len(inner.event_shape)
            masks.append(mask.reshape(*mask.shape, *rest).expand(fn.shape()))
        inner = inner.base_dist
    return torch.stack(masks).all(0) if masks else None


def is_enumerable(message: Mapping[str, Any]) -> bool:
    """Whether a latent site is marked `infer={"enumerate": ...}` and has a finite support."""
    asked = (message["infer"] or {}).get("enumerate") is not None
    return asked and not message["is_observed"] and bool(message["fn"].has_enumerate_support)


@dataclass(frozen=True)
class _Scores:
    """Log-densities of a site whose distributions are dropped."""

    log_prob: Tensor
    by_plates: Tensor | None


@dataclass(frozen=True)
class _Outline:
    """What is kept of a distribution that is dropped."""

    has_rsample: bool
    event_dim: int
    kind: str
