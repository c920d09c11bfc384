"""The KL of each latent layer in the course of a run."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyro
import torch
from torch import Tensor, nn

from ..data import BatchSource
from ..errors import PyrovaeError
from ..particles import Particles, draw
from ..particles.isolation import isolated
from ..particles.kl import site_kl
from ..particles.modes import evaluating
from ..particles.own_parameters import own_parameters
from ..particles.tracing import Program

_ROWS = 1000


@dataclass(frozen=True)
class SiteKLMonitor:
    """KL by latent site, in nats per datum, of a guide that has several; else nothing.

    A mean over some batches (of 1,000 data at most) with one particle and the same noise every
    time. Networks are in evaluation mode meanwhile; random streams stay as they are. Several
    ranks each do all of it.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        batches: Always the same ones.
        networks: Those that the pair runs.
        batch_plate: See `draw`.
        seed: Of the noise.
        device: Where the batches go.
    """

    model: Program
    guide: Program
    batches: Sequence[tuple[Tensor, ...]]
    networks: Sequence[nn.Module]
    batch_plate: str | None
    seed: int
    device: torch.device
    _names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        names: list[str] = []
        try:
            with self._conditions():
                names = _layers(self._draw(next(self._moved())))
        except PyrovaeError:  # what needs no particles may train a pair that cannot be drawn
            pass
        object.__setattr__(self, "_names", names if len(names) > 1 else [])

    def __call__(self) -> dict[str, float | None]:
        """By "kl[site]"; None where it is not finite."""
        if not self._names:
            return {}
        totals = {name: torch.zeros((), dtype=torch.float64) for name in self._names}
        rows = 0
        with self._conditions():
            for batch in self._moved():
                p = self._draw(batch)
                for name in self._names:
                    totals[name] += site_kl(p, name).value.sum().cpu()
                rows += len(batch[0]) if self.batch_plate is None else p.batch_size
        means = {f"kl[{name}]": float(total) / rows for name, total in totals.items()}
        return {name: kl if math.isfinite(kl) else None for name, kl in means.items()}

    @contextmanager
    def _conditions(self) -> Iterator[None]:
        with (
            isolated(),
            evaluating(self.networks),
            torch.no_grad(),
            own_parameters(),
            pyro.validation_enabled(False),
        ):
            pyro.set_rng_seed(self.seed)
            yield

    def _moved(self) -> Iterator[tuple[Tensor, ...]]:
        for batch in self.batches:
            yield tuple(tensor.to(self.device) for tensor in batch)

    def _draw(self, batch: Sequence[Tensor]) -> Particles:
        plate = self.batch_plate
        return draw(self.model, self.guide, *batch, batch_plate=plate, scales="ignored")


def first_rows(source: BatchSource) -> list[tuple[Tensor, ...]]:
    """The first batches of an epoch, up to some 1,000 data."""
    kept: list[tuple[Tensor, ...]] = []
    for batch in source.epoch(0):
        kept.append(batch)
        if sum(len(rows[0]) for rows in kept) >= _ROWS:
            break
    return kept


def _layers(p: Particles) -> list[str]:
    return [n for n, s in p.guide_sites.items() if s.is_latent]
