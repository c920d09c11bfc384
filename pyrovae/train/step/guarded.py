"""The next steps of a run, or why one was not taken."""

from collections.abc import Sequence

from ...objectives.objective import Objective
from ...particles.isolation import isolated
from ...runtime.distributed import Team
from ...runtime.random_state import RandomState, restore_random_state, save_torch_random_state
from ..ranks.shard import Shard
from .diagnosis import cause_of, is_refusal, non_finite_parameter, non_finite_site
from .result import StepResult
from .svi import SVI

LOOK = 100  # steps between two looks at a device, where the steps are compiled


class NonFiniteStep(Exception):
    """A step that was not taken, and what was not finite.

    Attributes:
        before: How many steps of the same call were taken before it.
    """

    before = 0


def attempt(
    svi: SVI, objective: Objective, pieces: Sequence[Shard], team: Team, *, look: bool
) -> list[StepResult]:
    """Take a step on each of this rank's pieces of some batches, if possible in one graph.

    Args:
        svi: Takes them.
        objective: Of the run.
        pieces: Rows of each batch, and where their noise comes from.
        team: Ranks that take the steps together.
        look: Wait for the device and see whether the steps were taken, even if that could wait.

    Raises:
        NonFiniteStep: The loss or the gradient of a step, or on a device of one of the `LOOK`
            steps up to it, is not finite; the parameters are those of the last good step.
    """
    if len(pieces) > 1:
        streams = save_torch_random_state()
        steps = svi.steps_if_finite([piece.rows for piece in pieces])
        if steps is not None:
            for i, step in enumerate(steps):
                if not ((step.may_wait and not look) or step.taken):
                    refused = _refused(svi, objective, pieces[i], team, streams, step)
                    refused.before = i
                    raise refused
            return steps
    steps = []
    for piece in pieces:
        try:
            steps.append(_attempt(svi, objective, piece, team, look=look))
        except NonFiniteStep as refused:
            refused.before = len(steps)
            raise
    return steps


def _attempt(
    svi: SVI, objective: Objective, piece: Shard, team: Team, *, look: bool
) -> StepResult:
    streams = save_torch_random_state()
    with piece.noise:
        try:
            step = svi.step_if_finite(*piece.rows)
        except ValueError as error:  # perhaps a distribution refused a NaN
            site = None
            if is_refusal(error):
                site = non_finite_site(svi.model, svi.guide, objective, piece.rows, streams)
            if site is None:
                raise
            raise NonFiniteStep(team.first_known(f"{site} ({cause_of(error)})")) from error
        if (step.may_wait and not look) or step.taken:
            return step
        raise _refused(svi, objective, piece, team, streams, step)


def _refused(
    svi: SVI,
    objective: Objective,
    piece: Shard,
    team: Team,
    streams: RandomState,
    step: StepResult,
) -> NonFiniteStep:
    """What was not finite in a step that was not taken, as far as its noise can be had again."""
    site = non_finite_site(svi.model, svi.guide, objective, piece.rows, streams)
    cause = team.first_known(site)
    if cause is None:
        with isolated():
            restore_random_state(streams)
            svi.summed_gradients(*piece.rows)
        cause = non_finite_parameter(svi.optimizer.leaves)
    late = f", there or up to {LOOK} steps before," if step.taken.is_cuda else ""
    return NonFiniteStep(f"{cause}{late}")
