"""What the pair makes: reconstructions, samples, latents, traversals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..drawing import pixels_of
from ..finite_history import is_finite
from ..section import Chart, Part, Section, section
from ..subject import Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WORDS = {
    "reconstructions": (
        "Data that were not trained on, each over its reconstruction: the mean of p(x|z) at a "
        "draw of z from the guide.",
        "Rows of images: originals, each with its reconstruction below",
    ),
    "samples": (
        "Means of p(x|z) at latents that were drawn from the prior.",
        "A grid of images that the model made of draws from its prior",
    ),
    "latents": (
        "Posterior means of the latents of data that were not trained on, coloured by class "
        "where classes are known.",
        "Scatter plot of the posterior means of the latents in the plane",
    ),
    "traversals": (
        "One latent unit at a time is moved over its range and decoded; the others stay.",
        "A row of images for each latent unit, which changes from left to right",
    ),
}
"""Of each picture its caption, and what it tells."""


def images(subjects: Sequence[Subject]) -> Section | None:
    """The pictures of each run."""
    return section("pictures", "What it makes", [_part(each, subjects) for each in subjects])


def _part(subject: Subject, subjects: Sequence[Subject]) -> Part | None:
    number = subjects.index(subject) + 1
    charts = [
        _chart(subject, name, f"{name}-{number}") for name in _WORDS if name in subject.pictures
    ]
    if not charts:
        return None
    return Part(subject.name if len(subjects) > 1 else "", charts=charts)


def _chart(subject: Subject, name: str, unique: str) -> Chart:
    picture = subject.pictures[name]
    caption, told = _WORDS[name]
    if isinstance(picture, bytes):
        return Chart(unique, picture, caption, f"{told}. {_quality(subject, name)}")
    axes = picture.axes[0]
    if axes.images:
        numbers = pixels_of(picture)
        size = f" {len(numbers)} by {len(numbers[0])} pixels." if numbers else ""
        return Chart(unique, picture, caption, f"{told}.{size} {_quality(subject, name)}", numbers)
    points = _points(axes)
    words = " ".join(axes.get_xlabel().split("\n")) or "unit 0"
    axis = f"{words}; {len(points)} points."
    return Chart(unique, picture, caption, f"{told}. {axis}", points)


def _points(axes: "Axes") -> list[dict[str, Any]]:
    """What a scatter plot shows, with the name of the class where there is one for each colour."""
    names: list[str] = [text.get_text() for text in axes.texts]
    named = len(names) == len(axes.collections)
    return [
        {**({"class": names[place]} if named else {}), "x": x, "y": y}
        for place, dots in enumerate(axes.collections)
        for x, y in np.asarray(dots.get_offsets()).tolist()
    ]


def _quality(subject: Subject, name: str) -> str:
    """The number that says how good a picture is."""
    if name == "reconstructions" and is_finite(subject.facts.get("reconstruction")):
        return f"E log p(x|z) is {subject.facts['reconstruction']:.2f} nats per datum."
    if name == "samples" and is_finite(subject.facts.get("nll")):
        return f"The negative log-likelihood is {subject.facts['nll']:.2f} nats per datum."
    return ""
