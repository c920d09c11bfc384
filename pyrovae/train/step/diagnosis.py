"""Find the site or parameter that made a loss infinite or not a number."""

from collections.abc import Mapping, Sequence

import pyro
import torch
from torch import Tensor

from ...errors import PyrovaeError, first_line
from ...objectives.objective import Objective
from ...particles.own_parameters import own_parameters
from ...particles.tracing import Program
from ...runtime.random_state import RandomState, kept_random_state, restore_random_state


def non_finite_site(
    model: Program,
    guide: Program,
    objective: Objective,
    batch: Sequence[Tensor],
    random_state: RandomState,
) -> str | None:
    """The first site, guide before model, with a log-density that is not finite.

    Args:
        random_state: Of torch before the step, so that the same particles are drawn again.
    """
    with kept_random_state(), torch.no_grad(), own_parameters(), pyro.validation_enabled(False):
        restore_random_state(random_state)
        try:
            p = objective.redraw(model, guide, *batch)
            sites = [("guide", s) for s in p.guide_sites.values()]
            sites += [("model", s) for s in p.model_sites.values()]
            for side, site in sites:
                finite = torch.isfinite(site.log_prob)
                if not finite.all():
                    row = int((~finite).any(0).nonzero()[0])
                    return f"the log-density of the {side}'s site '{site.name}' (row {row})"
        except (ValueError, RuntimeError):  # it cannot be drawn: another error says why
            return None
    return None


def non_finite_parameter(leaves: Mapping[str, Tensor]) -> str:
    """The first parameter with a gradient that is not finite, or the one of largest gradient."""
    sizes = {n: leaf.grad.abs().max() for n, leaf in leaves.items() if leaf.grad is not None}
    for name, size in sizes.items():
        if not torch.isfinite(size):
            return f"the gradient of parameter '{name}'"
    largest = max(sizes, key=lambda name: float(sizes[name]))
    return f"the squared norm of the gradient, largest at parameter '{largest}',"


def is_of_a_distribution(error: ValueError) -> bool:
    """Whether a distribution raised it because of its values, and not this library."""
    return not isinstance(error, PyrovaeError) or isinstance(error.__cause__, ValueError)


def cause_of(error: ValueError) -> str:
    """What a distribution complained of, without the values that it prints after it."""
    cause = error.__cause__ if isinstance(error, PyrovaeError) else None
    return first_line(cause or error).rstrip(":")
