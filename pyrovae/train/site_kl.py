"""Reconstruction and KL of each latent site in the course of a run."""

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
from ..particles.site import Site
from ..particles.tracing import Program
from ..runtime.random_state import kept_random_state, seed_generators

_ROWS = 1000


class SiteKLMonitor:
    """Reconstruction and KL by latent site, in nats per datum; nothing of a pair without latents.

    A point mass over a continuum has no KL, and is left out. Means over some batches (of about
    1,000 data) with one particle and the same noise in every call. Networks are in evaluation
    mode meanwhile; the random state stays as it is. Of several ranks each computes all of it.

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
        """By "reconstruction" and "kl[site]"; None where it is not finite."""
        if self._names is None:
            return {}
        keys = ["reconstruction", *(f"kl[{name}]" for name in self._names)]
        totals = {key: torch.zeros((), dtype=torch.float64) for key in keys}
        rows = 0
        with self._conditions():
            for batch in self._moved():
                p = self._draw(batch)
                totals["reconstruction"] += p.log_lik.sum().cpu()
                for name in self._names:
                    totals[f"kl[{name}]"] += site_kl(p, name).value.sum().cpu()
                rows += len(batch[0]) if self._batch_plate is None else p.batch_size
        means = {key: float(total) / rows for key, total in totals.items()}
        return {key: mean if math.isfinite(mean) else None for key, mean in means.items()}

    @cached_property
    def _names(self) -> list[str] | None:
        """Latent sites that have a KL, found by one draw; None where there is no latent."""
        try:
            with self._conditions():
                p = self._draw(next(self._moved()))
                p.log_lik, [site_kl(p, name).value for name in p.guide_sites]  # noqa: B018
        except PyrovaeError:  # an estimator without particles trains pairs that cannot be drawn
            return None
        latents = {n: s for n, s in p.guide_sites.items() if s.is_latent}
        return [n for n, s in latents.items() if not _is_point(s)] if latents else None

    @contextmanager
    def _conditions(self) -> Iterator[None]:
        with (
            isolated(),
            evaluating(self._networks),
            torch.no_grad(),
            own_parameters(),
            pyro.validation_enabled(False),
        ):
            seed_generators(self._seed)
            yield

    def _moved(self) -> Iterator[tuple[Tensor, ...]]:
        for batch in self._batches:
            yield tuple(tensor.to(self._device) for tensor in batch)

    def _draw(self, batch: Sequence[Tensor]) -> Particles:
        plate = self._batch_plate
        return draw(self._model, self._guide, *batch, batch_plate=plate, scales="ignored")


def _is_point(site: Site) -> bool:
    return site.kind == "Delta" and site.value.is_floating_point()


def first_rows(source: BatchSource) -> list[tuple[Tensor, ...]]:
    """The first batches of an epoch, up to about 1,000 data; the random state stays as it is."""
    found: list[tuple[Tensor, ...]] = []
    with kept_random_state():
        for batch in source.epoch(0):
            found.append(batch)
            if sum(len(rows[0]) for rows in found) >= _ROWS:
                break
    return found
