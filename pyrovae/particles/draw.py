"""A (model, guide) pair and a batch become particles, by tracing Pyro: the one way to draw."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from ..distributions.strata import current_assignment
from ..errors import PlateError, PyrovaeError, ShapeError, first_line
from ..runtime.random_state import restore_random_state, save_torch_random_state
from .assembly import assemble
from .chunks import in_chunks
from .handlers import Program, Trace
from .one_by_one import warn_one_by_one
from .pair import takes_pair
from .particle_axis import plan_of
from .particles import Particles, ScaleUse, joined, scored, with_scales
from .traces import plate_dims, recordings, score_flow_draws
from .tracing import FAILURES, Pair, Substitute


@takes_pair
def draw(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 1,
    vectorize_particles: bool = True,
    batch_plate: str | None = "auto",
    max_plate_nesting: int | None = None,
    fixed_latents: bool = False,
    chunk: int | None = None,
    scales: ScaleUse = "common",
    **kwargs: Any,  # noqa: ANN401
) -> Particles:
    """Draw K particles per datum from the guide and score them under model and guide.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(*args, **kwargs)`.
        guide: Pyro guide q(z|x), called likewise.
        num_particles: K >= 1.
        vectorize_particles: Draw all particles in one pass, along an axis left of all plates:
            networks see `[K, B, ...]`. False traces the pair K times, on one and the same
            subsample. So does True with a pair whose networks cannot take that axis, or compute
            something else with it: a `ParticleAxisWarning` says so, and `pyrovae.nn.OneBatchAxis`
            wraps such networks.
        batch_plate: The plate over data. "auto" finds the one plate that encloses every site.
            None asks for one joint bound over all data (B = 1). Its name allows sites outside of
            it: they are drawn once for all data and particles, and kept apart
            (`Particles.log_global`).
        max_plate_nesting: Number of batch dims that plates occupy, where it is known already.
            By default a pass without side effects finds it when K > 1, and another one finds
            whether the pair can take the particle axis.
        fixed_latents: Detach every draw, so that no gradient flows through it.
        chunk: Draw at most so many particles at a time, and keep of each its latents and
            log-densities. The backward pass runs the pair again for what else it needs, so that
            memory does not grow with K and each particle is drawn twice. The model's distribution
            of the data is not kept.
        scales: Of subsampled plates and `poutine.scale`. "common" asks for one scale of all sites,
            `Particles.scale`, by which no log-density is multiplied. "own" multiplies each
            log-density by the scale of its site: right in a sum of log-densities, wrong in an
            importance weight. "ignored" leaves them out.

    Raises:
        PlateError: No plate, or more than one, encloses every site.
        ScaleError: Two sites are scaled unequally, and `scales` is "common".
        SiteError: Model and guide do not sample the same latents.
        ShapeError: A latent has another shape in the guide than in the model, or a site has batch
            dims left of the particle axis.

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> draw(oracle.model, oracle.guide, x, num_particles=4).log_w.shape
        torch.Size([4, 3])
    """
    plate = None if batch_plate == "auto" else batch_plate
    pair = Pair(model, guide, args, kwargs, fixed_latents, plate)
    drawing = Drawing(pair, vectorize_particles, batch_plate, max_plate_nesting, scales)
    if chunk is None or num_particles <= chunk:
        return drawing.particles(num_particles)[0]
    drawing = drawing.planned()

    def part(count: int, same: Trace | None) -> tuple[Particles, Trace]:
        p, drawn = drawing.particles(count, same)
        return scored(p), pair.drawn_once(drawn.runs[0])

    return joined(in_chunks(num_particles, chunk, part))


@dataclass(frozen=True)
class Drawing:
    """How particles of a pair are drawn; the attributes are arguments of `draw`."""

    pair: Pair
    vectorize_particles: bool
    batch_plate: str | None
    max_plate_nesting: int | None
    scales: ScaleUse

    def particles(
        self, num_particles: int, same: Trace | None = None, substitute: Substitute | None = None
    ) -> tuple[Particles, "DrawnTraces"]:
        """Draw particles in one pass, or one by one with a warning that says why.

        Args:
            num_particles: K.
            same: What all particles share with some that were drawn before: see `Pair.drawn_once`.
            substitute: See `Pair.trace`.
        """
        drawn = trace_particles(
            self.pair,
            num_particles,
            self.vectorize_particles,
            self.max_plate_nesting,
            same,
            substitute,
        )
        runs = [recordings(run) for run in drawn.runs]
        p = assemble(runs, num_particles, drawn.particle_dim, self.batch_plate)
        p = with_scales(p, self.scales)
        if drawn.refusal:
            warn_one_by_one(drawn.refusal)
        return p, drawn

    def planned(self) -> "Drawing":
        """The same, which need not find anew for each chunk where the particle axis goes."""
        if not self.vectorize_particles or self.max_plate_nesting is not None:
            return self
        depth, refusal = plan_of(self.pair)
        if refusal:
            warn_one_by_one(refusal)
        return replace(self, vectorize_particles=not refusal, max_plate_nesting=depth)


@dataclass(frozen=True)
class DrawnTraces:
    """Traces of guide and model: one run of all particles, or one of each.

    Attributes:
        runs: The traces.
        particle_dim: The particle plate's dim; None where each particle was traced alone.
        refusal: Why each was, although all were to be traced in one pass.
    """

    runs: list[tuple[Trace, Trace]]
    particle_dim: int | None
    refusal: str = ""


def trace_particles(
    pair: Pair,
    num_particles: int,
    vectorize_particles: bool,
    max_plate_nesting: int | None = None,
    same: Trace | None = None,
    substitute: Substitute | None = None,
) -> DrawnTraces:
    """Trace guide and model for K particles on one subsample, that of `same` where it is given.

    A pair that cannot take the particle axis is traced particle by particle, from the same state
    of torch's streams.

    Raises:
        ShapeError: `num_particles` is below one; or the pair cannot take the particle axis,
            and strata need it.
        PlateError: `max_plate_nesting` is less than the plates occupy.
    """
    if num_particles < 1:
        raise ShapeError(f"draw got num_particles={num_particles}, and needs at least 1")
    if num_particles == 1 or not vectorize_particles:
        return DrawnTraces(_one_by_one(pair, num_particles, same, substitute), None)
    depth, refusal = max_plate_nesting, ""
    if depth is None:
        depth, refusal = plan_of(pair)
    if not refusal:
        state = save_torch_random_state()
        try:
            run = pair.trace(num_particles, depth, same, substitute)
            return DrawnTraces([run], -depth - 1)
        except (PyrovaeError, torch.OutOfMemoryError):
            raise
        except FAILURES as error:
            refusal = first_line(error)
        restore_random_state(state)
    if current_assignment() is not None:
        raise ShapeError(
            f"the pair cannot take {num_particles} particles in one pass ({refusal}), along "
            "whose axis they are assigned to strata; wrap its networks in "
            "pyrovae.nn.OneBatchAxis, or use objectives.ELBO or IWAE"
        )
    runs = _one_by_one(pair, num_particles, same, substitute)
    needed = plate_dims(runs[0])
    if needed > depth:
        raise PlateError(
            f"the plates of the pair occupy {needed} batch dims, and max_plate_nesting is "
            f"{depth}; leave it out, or raise it"
        )
    return DrawnTraces(runs, None, refusal)


def _one_by_one(
    pair: Pair, num_particles: int, same: Trace | None, substitute: Substitute | None
) -> list[tuple[Trace, Trace]]:
    traces: list[tuple[Trace, Trace]] = []
    for _ in range(num_particles):
        same = pair.drawn_once(traces[0]) if traces else same
        traces.append(pair.trace(replay=same, substitute=substitute))
        if num_particles > 1 and not pair.fixed_latents:  # those are not what the flows remember
            score_flow_draws(traces[-1][0])
    return traces
