"""The ELBO in its parts, by site and by dimension."""

from collections.abc import Sequence
from typing import Any

from ... import plots
from ...evaluate import ActiveUnits, ELBOParts
from ..section import Cell, Chart, Grid, Part, Section, section
from ..subject import Subject


def elbo_parts(subjects: Sequence[Subject]) -> Section | None:
    """Per run: reconstruction and KL of each site, and the KL of each latent dimension."""
    return section("elbo", "The ELBO in its parts", [_part(s, subjects) for s in subjects])


def _part(subject: Subject, subjects: Sequence[Subject]) -> Part | None:
    parts, number = subject.parts, subjects.index(subject) + 1
    if parts is None or not parts.kl_by_site:
        return None
    charts = []
    if any(kl is not None for kl in parts.kl_per_dim.values()):
        charts.append(_by_dimension(parts, subject.units, number))
    if len(parts.kl_by_site) > 1:
        charts.append(_by_site(parts, number))
    return Part(
        subject.name if len(subjects) > 1 else "",
        [_in_words(parts)],
        charts=charts,
        grids=[_table(parts, number)] if len(parts.kl_by_site) > 1 else [],
    )


def _in_words(parts: ELBOParts) -> str:
    means = parts.means()
    return (
        f"ELBO {means['elbo']:.2f} = reconstruction {means['reconstruction']:.2f} - KL "
        f"{means['kl']:.2f}, in nats per datum."
    )


def _by_dimension(parts: ELBOParts, units: ActiveUnits | None, number: int) -> Chart:
    held = {name: kl for name, kl in parts.kl_per_dim.items() if kl is not None}
    every = sorted((float(v) for kl in held.values() for v in kl), reverse=True)
    used = sum(value > 0.01 for value in every)
    caption = (
        f"KL of each latent dimension, mean over the data, the largest first: {used} of "
        f"{len(every)} are above 0.01 nats."
    )
    told = (
        f"Bar chart of {len(every)} dimensions. Largest {every[0]:.2f} nats, smallest "
        f"{every[-1]:.3f}, sum {sum(every):.2f}."
    )
    return Chart(
        f"kl-by-dimension-{number}", plots.kl_bars(held), caption, told, _numbers(held, units)
    )


def _numbers(held: dict[str, Any], units: ActiveUnits | None) -> list[dict[str, Any]]:
    rows = []
    for name, kl in held.items():
        variance = None if units is None else units.variance.get(name)
        for place, value in enumerate(kl.tolist()):
            row = {"site": name, "dimension": place, "kl": value}
            if variance is not None and len(variance) == len(kl):
                row["variance_of_mean"] = float(variance[place])
            rows.append(row)
    return rows


def _by_site(parts: ELBOParts, number: int) -> Chart:
    means = {name: float(kl.mean()) for name, kl in parts.kl_by_site.items()}
    told = ", ".join(f"{name} {value:.2f}" for name, value in means.items())
    return Chart(
        f"kl-by-site-{number}",
        plots.kl_by_site(means, {n: parts.standard_errors[f"kl[{n}]"] for n in means}),
        "KL of each latent site, mean over the data with its standard error.",
        f"Bar chart, nats per datum: {told}.",
        [{"site": name, "kl": value} for name, value in means.items()],
    )


def _table(parts: ELBOParts, number: int) -> Grid:
    means, errors = parts.means(), parts.standard_errors
    labels = {
        "elbo": ("ELBO", "reconstruction - KL"),
        "reconstruction": ("reconstruction", "E log p(x|z)"),
        "kl": ("KL", "of all sites"),
        **{f"kl[{name}]": (f"KL {name}", route) for name, route in parts.routes.items()},
    }
    if len(parts.routes) == 1:  # the sum is the same
        del labels["kl"]
    rows = [
        [
            Cell(label), Cell(f"{means[name]:.2f}", means[name]),
            Cell(f"± {errors[name]:.2f}", errors[name]), Cell(remark),
        ]
        for name, (label, remark) in labels.items()
    ]  # fmt: skip
    records = [
        {"name": name, "mean": means[name], "standard_error": errors[name]} for name in labels
    ]
    return Grid(
        f"elbo-parts-{number}", "Means over the data, in nats per datum.",
        ("", "nats", "error", "how"), rows, records,
    )  # fmt: skip
