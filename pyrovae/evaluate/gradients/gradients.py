"""Gradients of an objective at fixed parameters: bias, variance, signal-to-noise."""

from collections.abc import Mapping
from copy import copy
from statistics import median
from typing import Any, NamedTuple

import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor

from ...data.base import mix_seed
from ...data.columns import Columns, Transform
from ...errors import ConfigError, ParameterError, ShapeError
from ...objectives.objective import Objective
from ...objectives.pyro_loss import as_objective
from ...particles.isolation import isolated
from ...particles.modes import Mode, in_mode
from ...particles.own_parameters import own_parameters
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.interrupts import Interrupted
from ..collect import Compile
from ..compared_objectives import drawing
from ..inputs import Data, Inputs
from ..options import seed_or_fresh
from .draws import Estimator, Leaves, Steps, moments_of
from .groups import declared, slices
from .moments import Moments
from .statistics import GradientStatistics

Reference = Mapping[str, Tensor] | PyroELBO
"""An exact gradient by name, or an objective whose mean gradient is the one to compare with."""

_DRAWS, _REFERENCE = 0, 1  # two streams of one seed, so that the reference is independent


@takes_pair
def gradients(
    model: Program,
    guide: Program,
    x: Data,
    objective: PyroELBO,
    *,
    args: tuple[Any, ...] = (),
    num_draws: int = 1000,
    reference: Reference | None = None,
    reference_draws: int | None = None,
    seed: int | None = 0,
    mode: Mode = "evaluation",
    keep_draws: bool = False,
    vectorize_particles: bool = True,
    compile: Compile = "auto",
    progress: bool | None = None,
    columns: Columns | None = None,
    transform: Transform | None = None,
) -> GradientStatistics:
    """Draw an objective's gradient many times at fixed parameters and a fixed batch.

    Gradients are those of the loss as `backward()` leaves them: of minus the bound, times the
    scale of the pair, summed over the batch. Draw i has the same random numbers for every
    objective. Parameters, their `.grad`, random streams and networks' buffers stay as they were.

    The signal of a signal-to-noise ratio is a reference, not the mean of the draws themselves,
    which measures the noise where that is larger.

    Args:
        model: Pyro model, called as `model(x, *args)`.
        guide: Pyro guide, called likewise.
        x: One batch [B, ...], of any kind of data: see `SweepOptions`.
        objective: Any `pyro.infer.ELBO`, Pyro's own included.
        args: What the pair takes after the data; other measurements take it after `x`.
        num_draws: Gradients to draw, two or more; a relative error of a standard deviation
            is about one over the root of twice as many.
        reference: The exact gradient of the loss, by the names of `pyrovae.trainable` (leaves
            that it leaves out get NaN), or an objective whose mean gradient estimates it (for
            `DReG(K)` and `STL(K)`: `IWAE(K)`). By default the plain gradient of the objective's
            own bound, which is unbiased; for a class of Pyro, whose bound is out of reach, and
            for one that follows another gradient on purpose (wake-sleep, upper bounds, PIWAE),
            further draws of its own, which cannot show a bias.
        reference_draws: Gradients whose mean is the reference, where it is not exact; by default
            four times `num_draws`. They set the floor below which no ratio can be seen.
        seed: Of the draws; None takes a fresh one from torch's global stream.
        mode: "evaluation" puts the pair's networks into evaluation mode and back, as all
            measurements do: noise is that of the estimator alone. "as is" keeps what is, for the
            gradient of a training step, dropout and batch statistics included, and for pairs
            that are relaxed in training mode alone (`GumbelSoftmaxVAE`).
        keep_draws: Also return every draw: memory grows with `num_draws`.
        vectorize_particles: False draws the particles of all objectives one by one; True draws
            them as the objectives say.
        compile: Draw by a graph, traced once, that computes many seeds in one call: see
            `SeededDraws`. The draws are those of False but for rounding. What cannot be traced
            is drawn as it is; True warns of it.
        progress: See `SweepOptions`.
        columns: See `SweepOptions`, as for `transform`.

    Raises:
        ConfigError: There are fewer than two draws, or there is no such mode.
        ParameterError: The reference names a leaf that the pair does not have.
        ShapeError: The reference has another shape than its leaf.
        Interrupted: An interrupt came between the draws; its `partial` is of those before.

    Source:
        Tighter Variational Bounds are Not Necessarily Better (Rainforth et al., 2018), eqs. 8 and
        12, https://arxiv.org/abs/1802.04537; Doubly Reparameterized Gradient Estimators (Tucker
        et al., 2019), https://arxiv.org/abs/1810.04152

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> from pyrovae.objectives import ELBO
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> found = gradients(oracle.model, oracle.guide, x, ELBO(), num_draws=50)
        >>> sorted(found.summary()), found.summary()["guide"]["is_biased"]
        (['guide', 'model'], False)
    """
    if num_draws < 2 or (reference_draws is not None and reference_draws < 2):
        raise ConfigError(
            f"gradients got num_draws={num_draws}, reference_draws={reference_draws}; a variance "
            "needs two or more"
        )
    seed = seed_or_fresh(seed)
    if isinstance(reference, PyroELBO):
        reference = as_objective(drawing(reference, vectorize_particles))
    # A copy, since what it remembers of these draws is not the user's.
    if not isinstance(objective, PyroELBO):
        raise ConfigError(
            f"gradients: objective is a {type(objective).__name__}, needs one pyro.infer.ELBO: "
            "pyrovae.objectives.ELBO(), say; `compare` takes several"
        )
    objective = copy(as_objective(drawing(objective, vectorize_particles)))
    with isolated(), in_mode(mode, model, guide), own_parameters(), torch.enable_grad():
        given = Inputs.of(x, args, columns=columns, transform=transform)
        inputs = given.for_pair(model, guide)
        call = (model, guide, *inputs.all)
        groups = declared(model, guide, inputs.all)
        flat = Leaves([leaf for leaves in groups.values() for leaf in leaves.values()])
        names = [name for leaves in groups.values() for name in leaves]
        if isinstance(reference, Mapping):
            exact = given_gradient(reference, names, flat.leaves)
            target = _Target(exact, torch.zeros(flat.size), "exact, as given")
        else:
            count = reference_draws or 4 * num_draws
            estimator, what = estimator_of_reference(reference, objective, call)
            steps = flat.draws(
                estimator, count, mix_seed(seed, _REFERENCE), progress, "reference", compile
            )
            target = _mean_of(steps, count, flat, what)
        own = estimator_of(objective, call)
        steps = flat.draws(own, num_draws, mix_seed(seed, _DRAWS), progress, compile=compile)
        parts = list(slices(groups))
        drawn = moments_of(steps, flat, parts, target.gradient, keep_draws)

    def by_name(values: Tensor) -> dict[str, Tensor]:
        return dict(zip(names, flat.split(values.cpu()), strict=True))

    found = GradientStatistics(
        mean=by_name(drawn.moments.mean),
        variance=by_name(drawn.moments.variance),
        reference=by_name(target.gradient),
        reference_error=by_name(target.error.double()),
        reference_name=target.name,
        directional_snr=dict(zip(groups, drawn.directional_snr(parts), strict=True)),
        groups={group: tuple(leaves) for group, leaves in groups.items()},
        num_draws=drawn.moments.num_draws,
        milliseconds=median(drawn.times),
        draws=by_name(torch.cat(drawn.kept)) if keep_draws else None,
    )
    if drawn.is_interrupted:
        raise Interrupted(f"{found.num_draws:,} of {num_draws:,} draws", found)
    return found


class _Target(NamedTuple):
    """The gradient that draws are compared with, on the CPU [P]."""

    gradient: Tensor
    error: Tensor  # standard error, zero where it is exact
    name: str


def _mean_of(steps: Steps, count: int, flat: Leaves, what: str) -> _Target:
    moments = Moments.of_none(flat.size, flat.device)
    for chunk in steps:
        moments = moments.and_of(chunk.values)
    error = (moments.variance / count).sqrt()
    return _Target(moments.mean.cpu(), error.cpu(), f"mean of {count} draws of {what}")


def estimator_of_reference(
    given: Objective | None, objective: Objective, call: tuple[Any, ...]
) -> tuple[Estimator, str]:
    """What draws a gradient whose mean is the target, and its name."""
    if given is not None:
        return estimator_of(copy(given), call), given.row_name
    if not objective.follows_bound:
        return estimator_of(objective, call), "the objective itself"

    def plain() -> None:
        loss = objective.reference_loss(*call)
        if loss.requires_grad:
            loss.backward()

    return (
        Estimator(plain, lambda: objective.reference_loss(*call)),
        f"the plain gradient of the bound of {objective.row_name}",
    )


def estimator_of(objective: Objective, call: tuple[Any, ...]) -> Estimator:
    """The gradient that the objective itself draws."""
    return Estimator(
        lambda: objective.loss_and_grads(*call), lambda: objective.captured_loss(*call)
    )


def given_gradient(
    reference: Mapping[str, Tensor], names: list[str], leaves: list[Tensor]
) -> Tensor:
    unknown = sorted(reference.keys() - set(names))
    if unknown:
        raise ParameterError(
            f"the reference names {unknown}, and the pair has the leaves {names}; take the names "
            "of pyrovae.trainable"
        )
    for name, leaf in zip(names, leaves, strict=True):
        if name in reference and reference[name].shape != leaf.shape:
            raise ShapeError(
                f"the reference for '{name}' has shape {list(reference[name].shape)}, and the "
                f"leaf {list(leaf.shape)}; give the gradient of the unconstrained leaf"
            )
    parts = [
        reference.get(name, torch.full(leaf.shape, torch.nan))
        for name, leaf in zip(names, leaves, strict=True)
    ]
    return torch.cat([part.detach().cpu().double().reshape(-1) for part in parts])
