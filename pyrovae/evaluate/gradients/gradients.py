"""Gradients of an objective at fixed parameters: bias, variance, signal-to-noise."""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from statistics import median
from typing import Any

import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor, nan

from ...data.base import mix_seed
from ...errors import ConfigError, ParameterError, ShapeError
from ...objectives import ParticleELBO
from ...particles.modes import Mode, in_mode
from ...particles.tracing import Pair, Program, isolated, leaves_of, own_parameters
from ..compared_objectives import drawing, name_of
from ..inputs import Data, Inputs
from .draws import Leaves, Welford
from .statistics import GradientStatistics

Reference = Mapping[str, Tensor] | PyroELBO
"""An exact gradient by name, or an objective whose mean gradient is the one to compare with."""

_ROUNDING = 1e-7  # of a gradient in single precision
_DRAWS, _REFERENCE = 0, 1  # two streams of one seed, so that the reference is independent


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
    seed: int = 0,
    mode: Mode = "evaluation",
    keep_draws: bool = False,
    vectorize_particles: bool = True,
    progress: bool = False,
) -> GradientStatistics:
    """Draw an objective's gradient many times at fixed parameters and a fixed batch.

    Gradients are those of the loss as `backward()` leaves them: of minus the bound, times the
    scale of the pair, summed over the batch. Draw i has the same random numbers for every
    objective. Parameters, their `.grad`, random streams and networks' buffers stay as they were.

    The signal of a signal-to-noise ratio is a reference, never the mean of the draws themselves:
    where the noise is larger, that mean measures the noise.

    Args:
        model: Pyro model, called as `model(x, *args)`.
        guide: Pyro guide, called likewise.
        x: One batch [B, ...]: a tensor, several with equal B, or a split.
        objective: Any `pyro.infer.ELBO`, Pyro's own included.
        args: What the pair takes after the data.
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
        seed: Of the draws.
        mode: "evaluation" puts the pair's networks into evaluation mode and back, as all
            measurements do: noise is that of the estimator alone. "as is" keeps what is, for the
            gradient of a training step, dropout and batch statistics included, and for pairs
            that are relaxed in training mode alone (`GumbelSoftmaxVAE`).
        keep_draws: Also return every draw: memory grows with `num_draws`.
        vectorize_particles: False draws the particles of all objectives one by one; True draws
            them as the objectives say.
        progress: Show a bar, where stderr is a terminal.

    Raises:
        ConfigError: There are fewer than two draws, or there is no such mode.
        ParameterError: The reference names a leaf that the pair does not have.
        ShapeError: The reference has another shape than its leaf.

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
    if isinstance(reference, PyroELBO):
        reference = drawing(reference, vectorize_particles)
    # A copy, since what it remembers of these draws is not the user's.
    objective = copy(drawing(objective, vectorize_particles))
    with (
        isolated(),
        in_mode(mode, model, guide),
        own_parameters(),
        torch.enable_grad(),
    ):
        inputs = Inputs.of(x, args).to_device_of(model, guide)
        call = (model, guide, *inputs.all)
        groups = _declared(model, guide, call[2:])
        flat = Leaves([leaf for leaves in groups.values() for leaf in leaves.values()])
        names = [name for leaves in groups.values() for name in leaves]
        count = reference_draws or 4 * num_draws
        if isinstance(reference, Mapping):
            target, target_error = _given(reference, names, flat.leaves), torch.zeros(flat.size)
            target_name = "exact, as given"
        else:
            sampler, what = _reference(reference, objective, call)
            steps = flat.draws(sampler, count, mix_seed(seed, _REFERENCE), progress)
            far = Welford(flat.size, flat.device)
            for gradient, _ in steps:
                far.add(gradient)
            target, target_error = far.mean.cpu(), (far.variance / count).sqrt().cpu()
            target_name = f"mean of {count} draws of {what}"

        near, times, kept = Welford(flat.size, flat.device), [], []
        parts = list(_parts(groups))
        signal = [_unit(target[part]).to(flat.device) for part in parts]
        ratios = torch.zeros(len(parts), dtype=torch.float64, device=flat.device)
        steps = flat.draws(
            lambda: _loss_and_grads(objective, call), num_draws, mix_seed(seed, _DRAWS), progress
        )
        for gradient, milliseconds in steps:
            near.add(gradient)
            times.append(milliseconds)
            for i, (part, unit) in enumerate(zip(parts, signal, strict=True)):
                along, square = gradient[part] @ unit, gradient[part].square().sum()
                across = (square - along.square()).clamp_min(_ROUNDING**2 * square)
                ratios[i] += torch.where(square == 0, 0.0, along.abs() / across.sqrt())
            if keep_draws:
                kept.append(gradient.cpu())

    # NaN counts as a move: `!= 0` is true of it.
    moving = [
        bool((near.mean[part] != 0).any()) or bool(near.variance[part].any()) for part in parts
    ]

    def by_name(values: Tensor) -> dict[str, Tensor]:
        return dict(zip(names, flat.split(values.cpu()), strict=True))

    return GradientStatistics(
        mean=by_name(near.mean),
        variance=by_name(near.variance),
        reference=by_name(target),
        reference_error=by_name(target_error.double()),
        reference_name=target_name,
        directional_snr={
            group: float(ratio) / num_draws if part.stop - part.start > 1 and moves else nan
            for group, part, ratio, moves in zip(groups, parts, ratios, moving, strict=True)
        },
        groups={group: tuple(leaves) for group, leaves in groups.items()},
        num_draws=num_draws,
        milliseconds=median(times),
        draws=by_name(torch.stack(kept)) if keep_draws else None,
    )


def _declared(
    model: Program, guide: Program, batch: tuple[Any, ...]
) -> dict[str, dict[str, Tensor]]:
    """Leaves by the program that declares them; "shared" are those that both do."""
    by_guide, by_model = map(leaves_of, Pair(model, guide, batch, {}).trace())
    ids = [{id(leaf) for leaf in leaves.values()} for leaves in (by_guide, by_model)]
    groups: dict[str, dict[str, Tensor]] = {"guide": {}, "model": {}, "shared": {}}
    seen: set[int] = set()
    for name, leaf in {**by_guide, **by_model}.items():
        if id(leaf) not in seen:
            seen.add(id(leaf))
            inside = [id(leaf) in known for known in ids]
            groups["shared" if all(inside) else "guide" if inside[0] else "model"][name] = leaf
    found = {group: leaves for group, leaves in groups.items() if leaves}
    if not found:
        raise ParameterError(
            "the pair declares no parameters, so it has no gradients; use `pyro.param`, call "
            "`pyro.module('name', network)` in the pair, or use a PyroModule"
        )
    return found


def _loss_and_grads(objective: Any, call: tuple[Any, ...]) -> object:  # noqa: ANN401
    return objective.loss_and_grads(*call)


def _reference(
    given: PyroELBO | None, objective: PyroELBO, call: tuple[Any, ...]
) -> tuple[Callable[[], object], str]:
    """What draws a gradient whose mean is the target, and its name."""
    if given is not None:
        other = copy(given)
        return lambda: _loss_and_grads(other, call), name_of(given)
    if not (isinstance(objective, ParticleELBO) and objective.follows_bound):
        return lambda: _loss_and_grads(objective, call), "the objective itself"

    def plain() -> None:
        p = objective.draw_scaled(*call)
        loss = -(p.scale * ParticleELBO.surrogate(objective, p)).sum()
        if loss.requires_grad:
            loss.backward()

    return plain, f"the plain gradient of the bound of {name_of(objective)}"


def _given(reference: Mapping[str, Tensor], names: list[str], leaves: list[Tensor]) -> Tensor:
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


def _parts(groups: Mapping[str, Mapping[str, Tensor]]) -> Iterator[slice]:
    """Where each group lies in the vector of all leaves."""
    start = 0
    for leaves in groups.values():
        stop = start + sum(leaf.numel() for leaf in leaves.values())
        yield slice(start, stop)
        start = stop


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm()
