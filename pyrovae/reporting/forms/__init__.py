"""How data are shown and written: as images, text, sounds, rows of a table, or lines over time."""

from typing import Any

from torch import Tensor

from ...models.capabilities import ReadsAsSeries, ReadsAsSound, ReadsAsTable, ReadsAsText
from .arrays import Arrays
from .base import Form, Made
from .images import Images, are_images
from .series import Series, are_series
from .sound import SAVED, Sound
from .table import Table
from .text import Text

__all__ = ["ENDINGS", "SAVED", "Arrays", "Form", "Images", "Made", "form_of", "owner_of"]

ENDINGS = tuple(
    dict.fromkeys(
        ending for kind in (Images, Arrays, Text, Sound, Table) for ending in kind.endings
    )
)
"""How the files of all forms end."""


def form_of(pair: Any, x: Tensor) -> Form:  # noqa: ANN401
    """The form of data x [N, ...] of a pair: what it says by its methods, else by their shape."""
    if isinstance(pair, ReadsAsText):
        return Text(pair)
    if isinstance(pair, ReadsAsSound):
        return Sound(pair)
    if isinstance(pair, ReadsAsTable):
        return Table(pair)
    if isinstance(pair, ReadsAsSeries):
        return Series(pair.to_series)
    if are_series(x):
        return Series(lambda made: made)
    return Images() if are_images(x) else Arrays()


def owner_of(model: Any) -> Any:  # noqa: ANN401
    """The object whose method a model is; the model itself, where it is none."""
    return getattr(model, "__self__", model)
