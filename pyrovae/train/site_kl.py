"""The KL of each latent site in the course of a run."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

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


class SiteKLMonitor:
    """KL by latent site, in nats per datum, of a guide that has several; else nothing.

    A mean over some batches (of about 1,000 data) with one particle and the same noise in every
    call. Networks are in evaluation mode meanwhile; the random state stays as it is. Of several
    ranks each computes all of it.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        batches: The same in every call.
        networks: Those that the pair runs.
        batch_plate: See `draw`.
        seed: Of the noise.
        device: Where the batches go.
    """

    def __init__(
        self,
        model: Program,
        guide: Program,
        batches: Sequence[tuple[Tensor, ...]],
        networks: Sequence[nn.Module],
        batch_plate: str | None,
        seed: int,
        device: torch.device,
    ) -> None:
        self._model, self._guide = model, guide
        self._batches, self._networks = batches, networks
        self._batch_plate, self._seed, self._device = batch_plate, seed, device

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
                rows += len(batch[0]) if self._batch_plate is None else p.batch_size
        means = {f"kl[{name}]": float(total) / rows for name, total in totals.items()}
        return {name: kl if math.isfinite(kl) else None for name, kl in means.items()}

    @cached_property
    def _names(self) -> list[str]:
        """Latent sites, where there are several, found by one draw."""
        try:
            with self._conditions():
                p = self._draw(next(self._moved()))
        except PyrovaeError:  # an estimator without particles trains pairs that cannot be drawn
            return []
        names = [n for n, s in p.guide_sites.items() if not (s.is_auxiliary or s.is_observed)]
        return names if len(names) > 1 else []

    @contextmanager
    def _conditions(self) -> Iterator[None]:
        with (
            isolated(),
            evaluating(self._networks),
            torch.no_grad(),
            own_parameters(),
            pyro.validation_enabled(False),
        ):
            pyro.set_rng_seed(self._seed)
            yield

    def _moved(self) -> Iterator[tuple[Tensor, ...]]:
        for batch in self._batches:
            yield tuple(tensor.to(self._device) for tensor in batch)

    def _draw(self, batch: Sequence[Tensor]) -> Particles:
        plate = self._batch_plate
        return draw(self._model, self._guide, *batch, batch_plate=plate, scales="ignored")


def first_rows(source: BatchSource) -> list[tuple[Tensor, ...]]:
    """The first batches of an epoch, up to some 1,000 data."""
    kept: list[tuple[Tensor, ...]] = []
    for batch in source.epoch(0):
        kept.append(batch)
        if sum(len(rows[0]) for rows in kept) >= _ROWS:
            break
    return kept
