"""Steps that are taken only where loss and gradient are finite, or an error that says why not."""

from collections.abc import Callable, Sequence

from torch import Tensor

from ...objectives.objective import Objective
from ...particles.isolation import isolated
from ...runtime.random_state import (
    RandomState,
    kept_random_state,
    restore_random_state,
    save_torch_random_state,
)
from .compiled import Between, StepResult
from .diagnosis import (
    cause_of,
    is_of_a_distribution,
    non_finite_parameter,
    non_finite_site,
)
from .svi import SVI

Agree = Callable[[str | None], str | None]

STEPS_BETWEEN_WAITS = 100  # for a device, where the steps are compiled


class NonFiniteStep(Exception):
    """A step that was not taken, and what was not finite.

    Attributes:
        before: How many steps of the same call were taken before it.
    """

    before = 0


def _same(cause: str | None) -> str | None:
    return cause


def guarded_step(
    svi: SVI,
    objective: Objective,
    batches: Sequence[tuple[Tensor, ...]],
    *,
    wait: bool,
    agree: Agree = _same,
) -> list[StepResult]:
    """Take a step on each of some batches, if possible all in one graph.

    Args:
        svi: Takes the steps.
        objective: Of the run.
        batches: Of several ranks, the rows of this one.
        wait: Wait for the device and check that the steps were taken, also where that could be
            deferred.
        agree: Called with the cause that this rank has found, if any; gives that of the first rank
            with one.

    Raises:
        NonFiniteStep: The loss or the gradient of a step is not finite; on a device, perhaps that
            of one of the `STEPS_BETWEEN_WAITS` steps before it. The parameters are those of the
            last good step.
    """
    if len(batches) > 1:
        random_state = save_torch_random_state()
        steps = svi.steps_if_finite(batches)
        if steps is not None:
            for i, step in enumerate(steps):
                if not ((step.deferred and not wait) or step.taken):
                    error = _non_finite_step(svi, objective, batches[i], agree, random_state, step)
                    error.before = i
                    raise error
            return steps
    steps = []
    for batch in batches:
        try:
            steps.append(_one_step(svi, objective, batch, wait, agree))
        except NonFiniteStep as error:
            error.before = len(steps)
            raise
    return steps


def guarded_series(
    svi: SVI,
    objective: Objective,
    batches: Sequence[tuple[Tensor, ...]],
    between: Between,
    *,
    wait: bool,
) -> list[StepResult] | None:
    """Take a step on each of some batches that are alike: see `CompiledStep.series`.

    Args:
        svi: Takes the steps.
        objective: Of the run.
        batches: Alike in all but values.
        between: What is done before and after each step.
        wait: As for `guarded_step`.

    Returns:
        What the steps that were taken gave; None where no graph of such a step is in use yet.

    Raises:
        NonFiniteStep: As for `guarded_step`.
    """
    random_state = save_torch_random_state()
    steps = svi.series_if_finite(batches, between)
    if not steps or not wait or steps[-1].taken:
        return steps
    bad = next(i for i, step in enumerate(steps) if not step.taken)
    with kept_random_state():
        restore_random_state(random_state)
        if bad:
            svi.series_if_finite(batches[:bad])  # draw what the steps before it have drawn
        random_state = save_torch_random_state()
    error = _non_finite_step(svi, objective, batches[bad], _same, random_state, steps[bad])
    error.before = bad
    raise error


def _one_step(
    svi: SVI, objective: Objective, batch: tuple[Tensor, ...], wait: bool, agree: Agree
) -> StepResult:
    random_state = save_torch_random_state()
    try:
        step = svi.step_if_finite(*batch)
    except ValueError as error:  # perhaps a distribution refused a NaN
        site = None
        if is_of_a_distribution(error):
            site = non_finite_site(svi.model, svi.guide, objective, batch, random_state)
        if site is None:
            raise
        raise NonFiniteStep(agree(f"{site} ({cause_of(error)})")) from error
    if (step.deferred and not wait) or step.taken:
        return step
    raise _non_finite_step(svi, objective, batch, agree, random_state, step)


def _non_finite_step(
    svi: SVI,
    objective: Objective,
    batch: tuple[Tensor, ...],
    agree: Agree,
    random_state: RandomState,
    step: StepResult,
) -> NonFiniteStep:
    """The error of a step that was not taken: its particles are drawn again to find the cause."""
    site = non_finite_site(svi.model, svi.guide, objective, batch, random_state)
    cause = agree(site)
    if cause is None:
        with isolated():
            restore_random_state(random_state)
            svi.summed_gradients(*batch)
        cause = non_finite_parameter(svi.optimizer.leaves)
    late = f", there or up to {STEPS_BETWEEN_WAITS} steps before," if step.taken.is_cuda else ""
    return NonFiniteStep(f"{cause}{late}")
