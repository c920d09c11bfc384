"""Pictures and diagnosis of a pair, added to what a page shows of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..data import Dataset, Rows, Split
from ..errors import PyrovaeError
from ..evaluate import diagnose
from ..particles.modes import Mode
from ..particles.tracing import Program
from .forms import Arrays, Images, form_of, owner_of
from .making import made_of
from .pictures import pictures
from .subject import Subject

_DIAGNOSED = 1000  # data


def completed(
    subject: Subject,
    *,
    model: Program,
    guide: Program,
    test: Any,  # noqa: ANN401 (data of any kind)
    held: Rows,
    seed: int,
    mode: Mode,
) -> Subject:
    """The same with pictures and a diagnosis; a remark says why where there are none.

    Args:
        subject: Its history draws the curves.
        model: Pyro model.
        guide: Pyro guide.
        test: The data as they were given.
        held: The same data as rows.
        seed: Of all draws.
        mode: Of the pair's networks.
    """
    found, remarks = subject, list[str]()
    if not subject.pictures:
        split = _split(test, held)
        try:
            if split is not None:
                found = _with_data(found, model, guide, split, seed, mode)
        except PyrovaeError as error:
            remarks.append(f"No pictures: {error}")
    if subject.diagnosis is None:
        try:
            said = diagnose(
                model, guide, held[:_DIAGNOSED], history=_history(subject), seed=seed, mode=mode
            )
            found = replace(found, diagnosis=said)
        except PyrovaeError as error:
            remarks.append(f"No diagnosis: {error}")
    return replace(found, remarks=[*found.remarks, *remarks])


def _with_data(
    subject: Subject, model: Program, guide: Program, split: Split, seed: int, mode: Mode
) -> Subject:
    pair, made = owner_of(model), None
    form = form_of(pair, split[:1].x)
    if not isinstance(form, Images | Arrays):
        made = made_of(pair, model, guide, split, form, seed=seed, mode=mode)
    drawn = pictures(model, guide, split, seed=seed, mode=mode, made=made)
    if made is None:
        return replace(subject, pictures=drawn)
    remarks = [*subject.remarks, *made.remarks]
    return replace(subject, pictures=drawn, readings=form.parts(made), remarks=remarks)


def _history(subject: Subject) -> Sequence[Any] | None:
    return subject.history or None


def _split(test: Any, held: Rows) -> Split | None:  # noqa: ANN401
    """The data for pictures; None where the pair takes several tensors."""
    if isinstance(test, Dataset):
        return test.test
    if isinstance(test, Split):
        return test
    few = held[:2000]
    return Split(few[0]) if len(few) == 1 else None
