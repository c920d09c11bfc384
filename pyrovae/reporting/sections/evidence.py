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
    found, number = subject.evidence, subjects.index(subject) + 1
    if found is None:
        return None
    weights = Chart(
        f"weights-{number}",
        plots.weights(found),
        f"The importance weights of each datum: effective sample size, of {found.num_particles} "
        f"particles, and Pareto k-hat. k-hat above {found.threshold:.2f}, the dashed line, means "
        "a heavy tail. It tells of the weights, and not how far off log p(x) is.",
        _told(found),
        found.records(),
    )
    title = subject.name if len(subjects) > 1 else ""
    return Part(title, [_as_sentences(found)], charts=[_against_k(found, number), weights])


def _against_k(found: Evidence, number: int) -> Chart:
    means = found.log_px_at.mean(1).tolist()
    by_size = [
        {"num_particles": k, "log_px": value} for k, value in zip(found.sizes, means, strict=True)
    ]
    told = ", ".join(f"{row['log_px']:.2f} at K = {row['num_particles']}" for row in by_size[-4:])
    return Chart(
        f"evidence-{number}",
        found.plot(),
        "Left: the mean estimate of log p(x) rises with the number of particles K to what it "
        "estimates, and the band is where that probably is. Right: log p(x) of each datum.",
        f"Line chart of the mean estimate in nats per datum: {told}; {found.verdict}. Beside it "
        f"a histogram of log p(x) over {found.log_px.numel()} data, mean {found.mean():.2f}.",
        by_size,
    )


def _as_sentences(found: Evidence) -> str:
    verdict = f"{found.verdict[:1].upper()}{found.verdict[1:]}"
    return (
        f"Log p(x) is {found.mean():.3f} ± {found.mean_standard_error():.3f} nats, the mean of "
        f"{found.log_px.numel()} data by importance sampling with {found.num_particles} particles "
        f"each; {found.monte_carlo_error():.3f} of the error is from the draws. {verdict}."
    )


def _told(found: Evidence) -> str:
    s = found.summary()
    return (
        f"Two histograms over {s['num_data']} data. Effective sample size: median "
        f"{s['ess_median']:.1f}, worst {s['ess_min']:.1f} of {found.num_particles}. Pareto k-hat: "
        f"median {s['k_hat_median']:.2f}, worst {s['k_hat_max']:.2f}; "
        f"{s['k_hat_above_0.7']:.1%} are above 0.7."
    )
