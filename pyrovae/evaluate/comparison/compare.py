"""Several objectives on one pair: bounds, gradients and cost in one table."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from pyro.infer import ELBO as PyroELBO

from ...data.base import mix_seed
from ...data.columns import Columns, Transform
from ...errors import ConfigError
from ...particles.modes import Mode, in_mode
from ...particles.one_by_one import warned_once
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.interrupts import Interrupted, whole_or_nothing
from ...runtime.progress import progress_bar
from ..compared_objectives import all_drawing
from ..gradients.gradients import Reference, gradients
from ..gradients.statistics import GradientStatistics
from ..inputs import Data, Inputs
from ..options import seed_or_fresh
from .bounds import Subject, bound_of
from .comparable import Fitted, fit_particles, rows_at
from .comparison import Comparison
from .cost import step_costs
from .truth import Known, MeanEvidence, mean_evidence
from .weights import weights_of

_GRADIENTS = 2  # stream of the seed; the bounds have others


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
    evidence_particles: int = 5000,
    num_draws: int = 200,
    references: Mapping[str, Reference] | None = None,
    reference_draws: int | None = None,
    repeats: int = 20,
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
        evidence_particles: Particles of "evidence".
        num_draws: Draws of bounds and gradients.
        references: What the signal of an objective's gradient is, by its name; by default the
            plain gradient of its bound (see `gradients`).
        reference_draws: See `gradients`.
        repeats: Timed steps of each objective, taken in turn after a warm-up.
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
        Interrupted: An interrupt came between objectives; its `partial` is of those before.

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
    _check_options(equal, num_draws, repeats)
    seed = seed_or_fresh(seed)
    # What is called here runs with mode="as is".
    with in_mode(mode, model, guide), warned_once(), whole_or_nothing():
        given = Inputs.of(x, args, columns=columns, transform=transform)
        inputs = given.for_pair(model, guide)
        subject = Subject(model, guide, inputs.data, inputs.rest, num_draws, seed, progress)
        objectives = all_drawing(objectives, vectorize_particles)
        fitted = fit_particles(objectives, subject.call, num_particles, equal)
        references = references or {}
        _check_references(references, fitted)
        known = mean_evidence(
            subject, truth, truth_source, evidence_particles, vectorize_particles
        )
        own = {name: one.objective for name, one in fitted.items()}
        costs = step_costs(own, *subject.call, device=subject.device, repeats=repeats,
                           progress=progress)  # fmt: skip
        measure = partial(
            gradients, model, guide, inputs.data, args=inputs.rest, num_draws=num_draws,
            reference_draws=reference_draws, seed=mix_seed(seed, _GRADIENTS), mode="as is",
            vectorize_particles=vectorize_particles, progress=progress,
        )  # fmt: skip
        rows, done = [], None
        with progress_bar(len(fitted), "objectives", progress) as bar:
            try:
                for name, one in fitted.items():
                    bar.set_description(name, refresh=False)
                    rows.append(
                        _row(name, one, subject, known, costs[name], measure, references.get(name))
                    )
                    bar.update()
            except KeyboardInterrupt:
                if not rows:
                    raise
                done = f"{len(rows)} of {len(fitted)} objectives"
    facts = {
        "num_data": len(subject.data[0]),
        "equal": equal,
        "rows_at": rows_at(fitted, num_particles, equal),
        "num_draws": num_draws,
        "log_px": known.value,
        "log_px_error": known.error,
        "log_px_source": known.source,
        "log_px_shortfall": known.shortfall,
        "device": _machine(subject.device),
        "seed": seed,
    }
    found = Comparison(rows, facts)
    if done is not None:
        raise Interrupted(done, found)
    return found


def _check_options(equal: str, num_draws: int, repeats: int) -> None:
    if equal not in ("K", "decoder evaluations"):
        raise ConfigError(f"compare: equal={equal!r}; choose 'K' or 'decoder evaluations'")
    if num_draws < 2 or repeats < 1:
        raise ConfigError(
            f"compare: num_draws={num_draws}, repeats={repeats}; errors need two draws or more, "
            "and times one repeat"
        )


def _check_references(references: Mapping[str, Reference], fitted: Mapping[str, Fitted]) -> None:
    unknown = sorted(references.keys() - fitted.keys())
    if unknown:
        raise ConfigError(
            f"compare: references for {unknown}, and the objectives are {list(fitted)}; name them"
        )


def _row(
    name: str,
    one: Fitted,
    subject: Subject,
    known: MeanEvidence,
    cost: dict[str, float],
    measure: Callable[..., GradientStatistics],
    reference: Reference | None,
) -> dict[str, Any]:
    """What `Comparison` says of an objective."""
    bound = bound_of(one.objective, subject)
    found = measure(one.objective, reference=reference)
    return {
        "objective": name,
        "num_particles": one.objective.num_particles,
        "decoder_evaluations": one.evaluations,
        "comparable": one.comparable,
        "note": one.note,
        "kind": one.objective.bound_side,
        **bound,
        "gap": known.value - bound["bound"],
        "gap_error": (bound["bound_monte_carlo_error"] ** 2 + known.error**2) ** 0.5,
        **weights_of(one.objective, subject),
        **cost,
        **_by_group(found.summary(), cost["milliseconds"]),
        "reference": found.reference_name,
    }


def _by_group(summary: Mapping[str, Mapping[str, Any]], milliseconds: float) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for group, figures in summary.items():
        flat |= {f"{group}_{key}": value for key, value in figures.items()}
        flat[f"{group}_variance_x_ms"] = figures["variance"] * milliseconds
    return flat


def _machine(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    name = name or f"{torch.get_num_threads()} CPU thread(s)"
    return f"{name}, torch {torch.__version__}"
