"""Steps that are taken only where loss and gradient are finite, or an error that says why not."""

from collections.abc import Sequence

from ...objectives.objective import Objective
from ...particles.isolation import isolated
from ...runtime.distributed import Team
from ...runtime.random_state import RandomState, restore_random_state, save_torch_random_state
from ..ranks.shard import Shard
from .compiled import StepResult
from .diagnosis import (
    cause_of,
    is_of_a_distribution,
    non_finite_parameter,
    non_finite_site,
)
from .svi import SVI

LOOK = 100  # steps between two looks at a device, where the steps are compiled


class NonFiniteStep(Exception):
    """A step that was not taken, and what was not finite.

    Attributes:
        before: How many steps of the same call were taken before it.
    """

    before = 0


def guarded_step(
    svi: SVI, objective: Objective, shards: Sequence[Shard], team: Team, *, look: bool
) -> list[StepResult]:
    """Take a step on this rank's shard of each of some batches, if possible all in one graph.

    Args:
        svi: Takes the steps.
        objective: Of the run.
        shards: This rank's rows of each batch, and the context of their noise.
        team: Ranks that take the steps together.
        look: Wait for the device and check that the steps were taken, even if that could wait.

    Raises:
        NonFiniteStep: The loss or the gradient of a step, or on a device of one of the `LOOK`
            steps up to it, is not finite; the parameters are those of the last good step.
    """
    if len(shards) > 1:
        streams = save_torch_random_state()
        steps = svi.steps_if_finite([shard.rows for shard in shards])
        if steps is not None:
            for i, step in enumerate(steps):
                if not ((step.may_wait and not look) or step.taken):
                    error = _non_finite_step(svi, objective, shards[i], team, streams, step)
                    error.before = i
                    raise error
            return steps
    steps = []
    for shard in shards:
        try:
            steps.append(_one_step(svi, objective, shard, team, look=look))
        except NonFiniteStep as error:
            error.before = len(steps)
            raise
    return steps


def _one_step(
    svi: SVI, objective: Objective, shard: Shard, team: Team, *, look: bool
) -> StepResult:
    streams = save_torch_random_state()
    with shard.noise:
        try:
            step = svi.step_if_finite(*shard.rows)
        except ValueError as error:  # perhaps a distribution refused a NaN
            site = None
            if is_of_a_distribution(error):
                site = non_finite_site(svi.model, svi.guide, objective, shard.rows, streams)
            if site is None:
                raise
            raise NonFiniteStep(team.first_known(f"{site} ({cause_of(error)})")) from error
        if (step.may_wait and not look) or step.taken:
            return step
        raise _non_finite_step(svi, objective, shard, team, streams, step)


def _non_finite_step(
    svi: SVI,
    objective: Objective,
    shard: Shard,
    team: Team,
    streams: RandomState,
    step: StepResult,
) -> NonFiniteStep:
    """The error of a step that was not taken: its particles are drawn again to find the cause."""
    site = non_finite_site(svi.model, svi.guide, objective, shard.rows, streams)
    cause = team.first_known(site)
    if cause is None:
        with isolated():
            restore_random_state(streams)
            svi.summed_gradients(*shard.rows)
        cause = non_finite_parameter(svi.optimizer.leaves)
    late = f", there or up to {LOOK} steps before," if step.taken.is_cuda else ""
    return NonFiniteStep(f"{cause}{late}")
