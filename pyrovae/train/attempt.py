"""One step of a run, or why it was not taken."""

from pyro.infer import ELBO as PyroELBO

from ..tracing import undisturbed
from .diagnosis import first_line, is_refusal, non_finite_parameter, non_finite_site
from .distributed import Team
from .division import Piece
from .streams import restore_torch_streams, torch_streams
from .svi import SVI
from .taken import Taken

LOOK = 100  # steps between two looks at a device, where the steps are compiled


class Refused(Exception):
    """A step that was not taken, and what was not finite."""


def attempt(svi: SVI, objective: PyroELBO, piece: Piece, team: Team, *, look: bool) -> Taken:
    """Take a step on this rank's piece of a batch.

    Args:
        svi: Takes it.
        objective: Of the run.
        piece: Rows, and where their noise comes from.
        team: Ranks that take the step together.
        look: Wait for the device and see whether the step was taken, even if that could wait.

    Raises:
        Refused: The loss or the gradient of this step, or on a device of one of the `LOOK` steps
            up to it, is not finite; the parameters are those of the last good step.
    """
    streams = torch_streams()
    with piece.noise:
        try:
            step = svi.step_if_finite(*piece.rows)
        except ValueError as error:  # perhaps a distribution refused a NaN
            site = None
            if is_refusal(error):
                site = non_finite_site(svi.model, svi.guide, objective, piece.rows, streams)
            if site is None:
                raise
            raise Refused(team.first_known(f"{site} ({first_line(error)})")) from error
        if (step.may_wait and not look) or step.taken:
            return step
        site = non_finite_site(svi.model, svi.guide, objective, piece.rows, streams)
        cause = team.first_known(site)
        if cause is None:
            with undisturbed():
                restore_torch_streams(streams)
                svi.summed_gradients(*piece.rows)
            cause = non_finite_parameter(svi.optimizer.leaves)
        late = f", there or up to {LOOK} steps before," if step.taken.is_cuda else ""
        raise Refused(f"{cause}{late}")
