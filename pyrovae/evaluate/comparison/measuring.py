"""The order in which a comparison measures: what is quick and of all rows first."""

import math
from collections.abc import Callable, Mapping
from time import perf_counter

from ...objectives.objective import Objective
from .bounds import BoundDraws, Subject
from .effort import FEWEST, Effort, bound_tolerance, next_look
from .gradient_rows import GradientRows
from .rows import Rows
from .talk import Talk
from .truth import MeanEvidence
from .weights import weights_of


def measure(
    rows: Rows,
    objectives: Mapping[str, Objective],
    subject: Subject,
    effort: Effort,
    known: Callable[..., MeanEvidence],
    costs: Callable[..., dict[str, dict[str, float]]],
    gradients: GradientRows,
    talk: Talk,
) -> None:
    """Fill the rows: first what is quick and of all, then the gradients of one after another."""
    started = perf_counter()
    bounds = BoundDraws(objectives, subject)
    talk.begin("bounds")
    try:
        bounds.draw_to(effort.draws or FEWEST, talk.at)
    finally:
        rows.bounds = bounds.found()
    talk.begin("log p(x)", _first(rows))
    rows.known = known(bounds=[row["bound"] for row in rows.bounds.values()])
    talk.begin("bounds and weights", _first(rows))
    try:
        rows.short_bounds = _bounds_to_precision(bounds, rows.known.value, effort, talk)
    finally:
        rows.bounds = bounds.found()
    rows.weights = weights_of(objectives, subject, effort.draws)
    talk.begin("times", _first(rows))
    rows.costs = costs(told=talk.at)
    for index, name in enumerate(objectives):
        talk.begin(f"gradients of {name}", rows.words(name))
        left = effort.seconds - (perf_counter() - started)
        share = max(0.0, left / (len(objectives) - index))
        found = gradients.measure(name, rows.costs[name]["milliseconds"], share, talk.at)
        rows.gradients[name] = found
        if not found.is_whole:
            raise KeyboardInterrupt
        talk.say(rows.line(name))


def _bounds_to_precision(
    bounds: BoundDraws, log_px: float, effort: Effort, talk: Talk
) -> dict[str, str]:
    """Draw bounds until all are known well enough; by name, those that are not."""
    if effort.draws is not None:
        return {}
    needs: dict[str, float] = {}
    while True:
        for name, row in bounds.found().items():
            tolerance = bound_tolerance(log_px - row["bound"])
            needs[name] = bounds.done * (row["bound_monte_carlo_error"] / tolerance) ** 2
        largest = max((need for need in needs.values() if math.isfinite(need)), default=0.0)
        total = None if largest <= bounds.done else next_look(
            bounds.done, bounds.seconds, effort.seconds / 6, None, largest
        )  # fmt: skip
        if total is None:
            short = [name for name, need in needs.items() if need > bounds.done]
            return {name: f"bound: {bounds.done:,} draws" for name in short}
        bounds.draw_to(total, talk.at)


def _first(rows: Rows) -> str:
    return rows.words(next(iter(rows.bounds)))
