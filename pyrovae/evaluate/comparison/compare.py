"""Several objectives on one pair: bounds, gradients and cost in one table."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from pyro.infer import ELBO as PyroELBO

from ...data.columns import Columns, Transform
from ...errors import ConfigError
from ...particles.modes import Mode, in_mode
from ...particles.one_by_one import warned_once
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.interrupts import Interrupted, whole_or_nothing
from ..collect import Compile
from ..compared_objectives import all_drawing
from ..gradients.gradients import Reference
from ..inputs import Data, Inputs
from ..options import seed_or_fresh
from .bounds import Subject
from .comparable import Fitted, fit_particles, rows_at
from .comparison import Comparison
from .cost import step_costs
from .effort import Effort
from .gradient_rows import GradientRows
from .measuring import measure
from .rows import Rows
from .talk import Talk
from .truth import Known, mean_evidence


@takes_pair
def compare(
    model: Program,
    guide: Program,
    x: Data,
    objectives: Sequence[PyroELBO] | Mapping[str, PyroELBO],
    *,
    args: tuple[Any, ...] = (),
    num_particles: int | None = None,
    equal: Literal["K", "decoder evaluations"] = "K",
    truth: Known = "evidence",
    truth_source: str | None = None,
    evidence_particles: int | None = None,
    num_draws: int | None = None,
    max_seconds: float | None = 20.0,
    references: Mapping[str, Reference] | None = None,
    reference_draws: int | None = None,
    repeats: int | None = None,
    compile: Compile = "auto",
    seed: int | None = 0,
    vectorize_particles: bool = True,
    mode: Mode = "evaluation",
    progress: bool | None = None,
    columns: Columns | None = None,
    transform: Transform | None = None,
) -> Comparison:
    """Put objectives side by side on one pair, at its parameters, on one batch.

    Every objective sees the same random numbers, draw by draw. Users' own objectives and Pyro's
    classes take part as they are: an objective that is no `ParticleELBO` has a bound over the
    whole batch only, and so no error over data. Nothing of the pair is changed.

    By default it draws until the figures that it prints hold:

    - a bound until its Monte-Carlo error is below 0.01 nats, or below a fiftieth of its gap to
      log p(x); all rows have as many draws of it, so that differences of bounds are of equal
      random numbers;
    - a gradient until the relative standard errors of its variance and of its directional ratio
      are below a tenth, so that two digits of them hold;
    - a reference until its median coordinate is three standard errors from zero, where the median
      signal-to-noise ratio is some 5 % too large;
    - log p(x) until its Monte-Carlo error and what it is probably too low by are as small as the
      error of a bound;
    - times until the error of each median is below a twentieth.

    Of each there are 16 draws at least and 1,024 at most; the errors are looked at after 16 draws
    and then as these double, so that stopping at a small error makes it too small by little. What
    `max_seconds` or the most draws left less precise is printed with fewer digits, and the table
    says so.

    What is the same is drawn once: the particles of objectives that draw equal ones, for all
    their bounds and weights, and the references of two objectives whose first draws of it are
    equal (the plain gradient of one bound, as `IWAE` and `DReG` have).

    Args:
        model: Pyro model, called as `model(x, *args)`.
        guide: Pyro guide, called likewise.
        x: One batch [B, ...], of any kind of data: see `SweepOptions`.
        objectives: As they should be named, or in order, under their own names.
        args: What the pair takes after the data.
        num_particles: What makes rows comparable: all objectives are copied with so many
            particles, or with so many decoder evaluations per datum. None keeps the objectives as
            they are, and marks those that differ from the first.
        equal: "K" for equal numbers of particles, "decoder evaluations" for equal cost, which
            compares an objective of M times K particles fairly with one of K. A row that cannot
            be made equal comes as close as it can, is marked, and says why.
        truth: log p(x), for the gap: [B], its mean, or what `log_evidence` or `ais` found for
            this batch. "evidence" and "ais" run these with their defaults. Estimates are low in
            expectation, and gaps too small by as much: the table says by how many nats.
        truth_source: How the table says that it was found ("AIS, 1000 temperatures").
        evidence_particles: Particles of "evidence"; None takes as many as it needs, up to 5,000.
        num_draws: Draws of bounds and gradients; None takes as many as it needs.
        max_seconds: What all draws may take, beyond the fewest of each, where their numbers are
            not given; None sets no limit. Given numbers, or None, make the table independent of
            the speed of the machine.
        references: What the signal of an objective's gradient is, by its name; by default the
            plain gradient of its bound (see `gradients`).
        reference_draws: See `gradients`; None takes as many as it needs, where `num_draws` is
            None, and else four times `num_draws`.
        repeats: Timed steps of each objective, taken in turn after a warm-up; None takes 5 to 20.
            They are steps without compiling, whatever `compile` is.
        compile: Draw many seeds at once by graphs of the draws, where the work ahead is worth it
            ("auto"), always (True), or never (False). The numbers are the same but for rounding.
        seed: Of all draws; None takes a fresh one from torch's global stream.
        vectorize_particles: False draws all particles one by one, those of the evidence included;
            True draws those of an objective as it says.
        mode: Of the pair's networks, for bounds, gradients and the truth alike: see `gradients`.
        progress: See `SweepOptions`.
        columns: See `SweepOptions`, as for `transform`.

    Raises:
        ConfigError: There are no objectives, too few draws, or a reference for none of them;
            `truth` names no estimate.
        ShapeError: `truth` is not [B].
        Interrupted: An interrupt came after the first bounds; its `partial` is the table of what
            was known, also of rows that were half measured, which it marks.

    Source:
        Mohamed et al. (2020), Monte Carlo Gradient Estimation in Machine Learning, sec. 3,
        https://arxiv.org/abs/1906.10652

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> from pyrovae.objectives import ELBO, IWAE
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(20, seed=1)
        >>> table = compare(
        ...     oracle.model, oracle.guide, x, [ELBO(), IWAE()],
        ...     num_particles=4, truth=oracle.log_px(x), num_draws=20,
        ...     reference_draws=20, repeats=3,
        ... )
        >>> [row["decoder_evaluations"] for row in table.rows]
        [4.0, 4.0]
        >>> table.rows[0]["gap"] > table.rows[1]["gap"]
        True
    """
    _check_options(equal, num_draws, reference_draws, repeats, max_seconds)
    seed = seed_or_fresh(seed)
    # What is called here runs with mode="as is".
    with in_mode(mode, model, guide), warned_once(), whole_or_nothing():
        given = Inputs.of(x, args, columns=columns, transform=transform)
        inputs = given.for_pair(model, guide)
        subject = Subject(model, guide, inputs.data, inputs.rest, seed, compile)
        objectives = all_drawing(objectives, vectorize_particles)
        fitted = fit_particles(objectives, subject.call, num_particles, equal)
        references = references or {}
        _check_references(references, fitted)
        own = {name: one.objective for name, one in fitted.items()}
        effort = Effort(
            num_draws, reference_draws, math.inf if max_seconds is None else max_seconds
        )
        gradients = GradientRows(own, references, subject, effort, vectorize_particles)
        rows = Rows(fitted, gradients.unknown(), {
            "num_data": len(subject.data[0]),
            "equal": equal,
            "rows_at": rows_at(fitted, num_particles, equal),
            "is_adaptive": num_draws is None,
            "device": _machine(subject.device),
            "seed": seed,
        })  # fmt: skip
        known = partial(
            mean_evidence, subject, truth, truth_source, evidence_particles, vectorize_particles,
            seconds=effort.seconds / 3, progress=progress,
        )  # fmt: skip
        costs = partial(
            step_costs, own, *subject.call, device=subject.device, repeats=repeats,
            seconds=effort.seconds / 10,
        )  # fmt: skip
        is_whole = True
        with Talk(4 + len(fitted), progress).shown() as talk:
            try:
                measure(rows, own, subject, effort, known, costs, gradients, talk)
            except KeyboardInterrupt:
                if not rows.bounds:
                    raise
                is_whole = False
    if not is_whole:
        raise Interrupted(f"{rows.num_whole} of {len(fitted)} objectives", rows.table())
    return rows.table()


def _check_options(
    equal: str,
    num_draws: int | None,
    reference_draws: int | None,
    repeats: int | None,
    max_seconds: float | None,
) -> None:
    if equal not in ("K", "decoder evaluations"):
        raise ConfigError(f"compare: equal={equal!r}; choose 'K' or 'decoder evaluations'")
    draws = [number for number in (num_draws, reference_draws) if number is not None]
    if min(draws, default=2) < 2 or (repeats is not None and repeats < 1):
        raise ConfigError(
            f"compare: num_draws={num_draws}, reference_draws={reference_draws}, "
            f"repeats={repeats}; errors need two draws or more, and times one repeat; None takes "
            "as many as it needs"
        )
    if max_seconds is not None and not max_seconds >= 0:
        raise ConfigError(
            f"compare: max_seconds={max_seconds}, needs 0 or more; None sets no limit"
        )


def _check_references(references: Mapping[str, Reference], fitted: Mapping[str, Fitted]) -> None:
    unknown = sorted(references.keys() - fitted.keys())
    if unknown:
        raise ConfigError(
            f"compare: references for {unknown}, and the objectives are {list(fitted)}; name them"
        )


def _machine(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    name = name or f"{torch.get_num_threads()} CPU thread(s)"
    return f"{name}, torch {torch.__version__}"
