"""A Pyro pair run on one batch, and recorded: guide first, then the model at the guide's draws."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyro
from pyro import poutine

from ..distributions.strata import current_assignment
from .handlers import (
    FixedLatents,
    ParticlePlate,
    Program,
    PyroDistributions,
    StratifiedSites,
    Trace,
)
from .match import missing_latent
from .own_parameters import OwnParameters
from .plates import is_in_plate
from .traces import Recording, recording, sample_sites, subsamples_of, with_subsamples

# Whatever a program may raise at an axis that it does not expect.
FAILURES = (RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError)

Substitute = Callable[[Trace], Trace]
"""Takes the guide's trace, and gives the one that the model is replayed against."""


@dataclass(frozen=True)
class Pair:
    """A model and a guide with the arguments of one batch.

    Attributes:
        fixed_latents: Detach every draw.
        plate: Name of the plate over data, outside of which sites are drawn once for all
            particles; None where all are drawn for each.
    """

    model: Program
    guide: Program
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    fixed_latents: bool = False
    plate: str | None = None

    def trace(
        self,
        num_particles: int = 1,
        depth: int = 0,
        replay: Trace | None = None,
        substitute: Substitute | None = None,
    ) -> tuple[Trace, Trace]:
        """Trace the guide, then the model replayed against it.

        Args:
            num_particles: Drawn in this one run, along a plate left of all others.
            depth: Batch dims that the pair's own plates occupy.
            replay: Values for sites of the guide, and subsamples for both.
            substitute: What the model is replayed against in place of the guide's trace.

        Raises:
            SiteError: The model fails, and has drawn a latent that the guide does not.
        """
        own = self.own_parameters()
        guide_trace = self.run(self.guide, num_particles, depth, replay, own)
        seen = guide_trace if substitute is None else substitute(guide_trace)
        if replay is not None:
            seen = with_subsamples(seen, replay)
        model_trace = Trace()
        try:
            return guide_trace, self.run(
                self.model, num_particles, depth, seen, own, into=model_trace
            )
        except FAILURES as error:
            for name, site in sample_sites(model_trace).items():
                if not site["is_observed"] and name not in guide_trace:
                    raise missing_latent(name) from error  # perhaps the cause
            raise

    def run(
        self,
        program: Program,
        num_particles: int,
        depth: int,
        replay: Trace | None,
        own: OwnParameters,
        into: Trace | None = None,
    ) -> Trace:
        """The trace of one program; `into` has its nodes even where the run fails."""
        with ExitStack() as stack:
            stack.enter_context(own)
            if self.fixed_latents:
                stack.enter_context(FixedLatents())  # outside the recorder, to come before it
            if (assignment := current_assignment()) is not None:
                # Outside all plates, to come after them.
                stack.enter_context(StratifiedSites(assignment))
            if num_particles > 1:
                stack.enter_context(ParticlePlate(num_particles, -depth - 1, self.plate))
            recorder = stack.enter_context(poutine.trace())
            if replay is not None:
                stack.enter_context(poutine.replay(trace=replay))
            if into is not None:
                recorder.trace = into
            stack.enter_context(PyroDistributions())
            program(*self.args, **self.kwargs)
            return recorder.trace

    @staticmethod
    def own_parameters() -> OwnParameters:
        """What answers the param statements of one run of guide and model."""
        return OwnParameters(strict=not pyro.settings.get("module_local_params"))

    def drawn_once(self, traces: tuple[Trace, Trace]) -> Trace:
        """What all particles share: subsamples, and latents outside the plate over data."""
        shared = subsamples_of(traces)
        for name, node in sample_sites(traces[0]).items():
            if not node["is_observed"] and self.is_drawn_once(node):
                shared.add_node(name, **node.copy())
        return shared

    def is_drawn_once(self, node: Any) -> bool:  # noqa: ANN401
        """Whether a site is drawn once for all particles."""
        return self.plate is not None and not is_in_plate(self.plate, node)

    def record_guide(
        self, num_particles: int, particle_dim: int | None, replays: Iterable[Trace]
    ) -> list[Recording]:
        """Record the guide again, at the values of the given traces of it."""
        count, depth = (1, 0) if particle_dim is None else (num_particles, -particle_dim - 1)
        own = self.own_parameters()
        return [recording(self.run(self.guide, count, depth, r, own)) for r in replays]


def record(
    program: Program, args: tuple[Any, ...], kwargs: dict[str, Any], replay: Trace | None = None
) -> Trace:
    """One run of a program by itself, at the values of another trace where it has them."""
    with ExitStack() as stack:
        stack.enter_context(OwnParameters())
        recorder = stack.enter_context(poutine.trace())
        if replay is not None:
            stack.enter_context(poutine.replay(trace=replay))
        stack.enter_context(PyroDistributions())
        program(*args, **kwargs)
        return recorder.trace


def counted(model: Program) -> tuple[Program, list[int]]:
    """The model, and a list to which each of its runs appends how many data it decoded.

    A datum counts once for each particle, and for each value that is enumerated.
    """
    counts: list[int] = []

    def program(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        with poutine.trace() as recorder:
            result = model(*args, **kwargs)
        sites = sample_sites(recorder.trace).values()
        seen = [s for s in sites if s["is_observed"] or (s["infer"] or {}).get("was_observed")]
        counts.append(sum(site["fn"].batch_shape.numel() for site in seen))
        return result

    return program, counts
