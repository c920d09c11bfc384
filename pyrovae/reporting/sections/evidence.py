"""The estimates of log p(x), and whether to trust them."""

from collections.abc import Sequence

from ... import plots
from ...evaluate import Evidence
from ..section import Chart, Part, Section, section
from ..subject import Subject


def evidence(subjects: Sequence[Subject]) -> Section | None:
    """Per run: how log p(x) was estimated, and the picture of its trust."""
    return section("evidence", "Log p(x), and its trust", [_part(s, subjects) for s in subjects])


def _part(subject: Subject, subjects: Sequence[Subject]) -> Part | None:
    found = subject.evidence
    if found is None:
        return None
    chart = Chart(
        f"evidence-{subjects.index(subject) + 1}",
        plots.weights(found),
        f"Effective sample size (of {found.num_particles} particles) and Pareto k-hat of the "
        "importance weights of each datum. To the right of the dashed line, k-hat says that the "
        "weights have a heavy tail.",
        _told(found),
        _numbers(found),
        is_wide=True,
    )
    return Part(subject.name if len(subjects) > 1 else "", [f"{found}."], charts=[chart])


def _told(found: Evidence) -> str:
    s = found.summary()
    return (
        f"Two histograms over {s['num_data']} data. Effective sample size: median "
        f"{s['ess_median']:.1f}, worst {s['ess_min']:.1f} of {found.num_particles}. Pareto k-hat: "
        f"median {s['k_hat_median']:.2f}, worst {s['k_hat_max']:.2f}; "
        f"{s['k_hat_above_0.7']:.1%} are above 0.7."
    )


def _numbers(found: Evidence) -> list[dict[str, float]]:
    columns = {
        "log_px": found.log_px,
        "standard_error": found.standard_error,
        "ess": found.ess,
        "k_hat": found.k_hat,
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]
