"""Curves of the training."""

from collections.abc import Mapping, Sequence
from typing import Any

from ... import plots
from ..section import Chart, Part, Section, section
from ..subject import Subject


def curves(subjects: Sequence[Subject]) -> Section | None:
    """The bound by epoch: of one run with all of its panels, of several in one figure."""
    trained = [each for each in subjects if each.history]
    if not trained:
        return None
    chart = _of_one(trained[0]) if len(subjects) == 1 else _of_several(trained)
    return section("curves", "Training", [Part(charts=[chart])])


def _of_one(subject: Subject) -> Chart:
    history = subject.history
    first, last, best = history[0], history[-1], _best(history)
    seen = f"The bound on the training data goes from {first['train']:.2f} at epoch " \
        f"{first['epoch']} to {last['train']:.2f} at epoch {last['epoch']}"  # fmt: skip
    caption = seen
    if best is not None:
        caption += f"; on the validation data it is best at epoch {best[0]}, {best[1]:.2f}"
    return Chart(
        "training-curves",
        plots.training_curves(history),
        f"{caption}. In nats per datum; higher is better.{_still_rising(history)}",
        f"Line chart over {len(history)} epochs. {caption}.",
        history,
    )


def _of_several(subjects: Sequence[Subject]) -> Chart:
    named = {each.name: each.history for each in subjects}
    ends = ", ".join(f"{each.name} {_value(each.history[-1]):.2f}" for each in subjects)
    return Chart(
        "training-curves",
        plots.run_curves(named),
        "The bound by epoch, in nats per datum: on the validation data where a run has some, "
        "else on the training data (dashed). Runs with other objectives have other bounds.",
        f"Line chart of {len(subjects)} runs. At the last epoch: {ends} nats per datum.",
        [{"run": each.name, **entry} for each in subjects for entry in each.history],
    )


def _best(history: Sequence[Mapping[str, Any]]) -> tuple[int, float] | None:
    measured = [(row["epoch"], row["val"]) for row in history if row.get("val") is not None]
    return max(measured, key=lambda pair: pair[1]) if measured else None


def _value(entry: Mapping[str, Any]) -> float:
    return entry["train"] if entry.get("val") is None else entry["val"]


def _still_rising(history: Sequence[Mapping[str, Any]]) -> str:
    """How much the last tenth of the epochs gained, where there are enough to say so."""
    tenth = len(history) // 10
    if tenth < 1:
        return ""
    gain = _value(history[-1]) - _value(history[-1 - tenth])
    epochs = "epoch" if tenth == 1 else f"{tenth} epochs"
    return f" The last {epochs} changed it by {gain:+.2f}."
