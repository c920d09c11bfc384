"""One sample statement of a pair, over particles that were drawn group by group."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import torch
from torch import Tensor

from .site import Site


@dataclass(frozen=True)
class JoinedSite(Site):
    """The same site of several groups of particles, one group after the other."""

    parts: tuple[Site, ...] = ()

    @property
    def subsampled(self) -> dict[str, int]:
        return self.parts[0].subsampled

    @property
    def num_data(self) -> int | None:
        return self.parts[0].num_data

    @classmethod
    def of(cls, parts: tuple[Site, ...]) -> "JoinedSite":
        """Join the sites of the groups, in order."""
        first = parts[0]
        return cls(
            name=first.name,
            distributions=tuple(fn for part in parts for fn in part.distributions),
            is_observed=first.is_observed,
            is_auxiliary=first.is_auxiliary,
            is_enumerable=first.is_enumerable,
            layout=first.layout,
            masks=tuple(mask for part in parts for mask in part.masks),
            scales=tuple(scale for part in parts for scale in part.scales),
            plates=first.plates,
            is_scaled=first.is_scaled,
            _values=(),
            _messages=(),
            parts=parts,
        )

    @cached_property
    def value(self) -> Tensor:
        return torch.cat([part.value for part in self.parts])

    @cached_property
    def log_prob(self) -> Tensor:
        return torch.cat([part.log_prob for part in self.parts])

    @cached_property
    def log_prob_by_plates(self) -> Tensor:
        return torch.cat([part.log_prob_by_plates for part in self.parts])

    def scaled(self, is_scaled: bool = True) -> Site:
        return self.of(tuple(part.scaled(is_scaled) for part in self.parts))

    def collect(self, per_trace: Iterable[Tensor]) -> Tensor:
        return torch.cat([part.collect(own) for part, own in self._split(per_trace)])

    def by_plates(self, per_trace: Iterable[Tensor]) -> Tensor:
        return torch.cat([part.by_plates(own) for part, own in self._split(per_trace)])

    def _split(self, per_trace: Iterable[Tensor]) -> Iterator[tuple[Site, list[Tensor]]]:
        tensors = iter(per_trace)
        for part in self.parts:
            yield part, list(islice(tensors, len(part.distributions)))
