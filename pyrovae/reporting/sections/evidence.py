"""The estimates of log p(x), and whether to trust them."""

from collections.abc import Sequence

from ...evaluate import Evidence
from ..section import Cell, Chart, Grid, Part, Section, section
from ..subject import Subject


def evidence(subjects: Sequence[Subject]) -> Section | None:
    """Per run: how log p(x) was estimated, and the picture of its trust."""
    return section("evidence", "Log p(x), and its trust", [_part(s, subjects) for s in subjects])


def _part(subject: Subject, subjects: Sequence[Subject]) -> Part | None:
    found, number = subject.evidence, subjects.index(subject) + 1
    if found is None:
        return None
    picture = found.plot()
    picture.suptitle("")  # the verdict, which stands above
    chart = Chart(
        f"evidence-{number}",
        picture,
        "The mean estimate rises with the number of particles K to where it probably goes. Below, "
        "over the data: by how much each estimate is probably too low, the effective sample size "
        f"of its {found.num_particles} weights, and their Pareto k-hat. ESS and k-hat tell of the "
        "weights, and not how far off log p(x) is.",
        _told(found),
        found.records(),
        is_wide=True,
    )
    title = subject.name if len(subjects) > 1 else ""
    return Part(title, [_as_sentences(found)], charts=[chart], grids=[_by_size(found, number)])


def _as_sentences(found: Evidence) -> str:
    verdict = f"{found.verdict[:1].upper()}{found.verdict[1:]}"
    return (
        f"Log p(x) is {found.mean():.3f} ± {found.mean_standard_error():.3f} nats, the mean of "
        f"{found.log_px.numel()} data by importance sampling with {found.num_particles} particles "
        f"each; {found.monte_carlo_error():.3f} of the error is from the draws. {verdict}."
    )


def _told(found: Evidence) -> str:
    s, first = found.summary(), found.log_px_at[0].mean()
    return (
        f"Line chart: the mean estimate rises from {first:.2f} at K = {found.sizes[0]} to "
        f"{found.mean():.2f} at K = {found.num_particles}, and is probably "
        f"{found.shortfall:.3f} nats too low. Histograms over {s['num_data']} data: effective "
        f"sample size, median {s['ess_median']:.1f}, worst {s['ess_min']:.1f}; Pareto k-hat, "
        f"median {s['k_hat_median']:.2f}, worst {s['k_hat_max']:.2f}."
    )


def _by_size(found: Evidence, number: int) -> Grid:
    means = found.log_px_at.mean(1).tolist()
    pairs = list(zip(found.sizes, means, strict=True))
    return Grid(
        f"evidence-by-particles-{number}",
        "The estimate with fewer particles",
        ("particles", "mean log p(x), nats"),
        [[Cell(str(k), k), Cell(f"{value:.3f}", value)] for k, value in pairs],
        [{"num_particles": k, "log_px": value} for k, value in pairs],
        is_folded=True,
    )
