"""A pair that takes more or fewer tensors than a batch holds is told, by the signatures."""

from functools import partial

import pytest
import torch
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import nn

from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.particles.arguments import calls_explained, check_count, names_of, takes_of


def one(x):
    return x


def two(x, y):
    return x, y


def optional(x, y=None):
    return x, y


def anything(*args, **kwargs):
    return args


def nothing():
    return None


def by_keyword(x, *, y):
    return x, y


class Network(PyroModule):
    def forward(self, x, mask=None):
        return x

    def guide(self, x):
        return x


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (one, "(x)"),
        (two, "(x, y)"),
        (optional, "(x, y=...)"),
        (anything, "(*args)"),
        (partial(two, y=3), "(x)"),
        (partial(two, 3), "(y)"),
        (Network(), "(x, mask=...)"),
        (Network().guide, "(x)"),
        (nn.Linear(2, 2), "(input)"),
        (lambda x, /, y: x, "(x, y)"),
        (torch.compile(Network()), "(x, mask=...)"),
    ],
)
def test_what_a_program_takes(program, words):
    assert str(takes_of(program)) == words


def test_what_is_not_known():
    assert takes_of(AutoNormal(one)) is None
    assert names_of(two, 3) == ("x", "y", "tensor 2")
    assert names_of(AutoNormal(one), 1) == ("tensor 0",)


@pytest.mark.parametrize(
    ("model", "guide", "count"),
    [
        (one, one, 1), (two, two, 2), (optional, one, 1), (optional, two, 2), (anything, two, 2),
        (two, anything, 2), (two, AutoNormal(two), 2), (anything, anything, 7),
        (partial(two, y=1), one, 1),
    ],
)  # fmt: skip
def test_what_fits_passes(model, guide, count):
    check_count(model, guide, count, "batches hold")


@pytest.mark.parametrize(
    ("model", "guide", "count", "kind", "words"),
    [
        (one, one, 2, DataError, "batches hold 2 tensors, the pair takes 1 (x): pass `columns=0`"),
        (one, anything, 2, DataError, "the pair takes 1 (x): pass `columns=0`"),
        (anything, one, 2, DataError, "the pair takes 1 (x): pass `columns=0`"),
        (optional, one, 2, DataError, "the pair takes 1 (x): pass `columns=0`"),
        (one, AutoNormal(one), 2, DataError, "the pair takes 1 (x): pass `columns=0`"),
        (two, two, 3, DataError, "the pair takes 2 (x, y): pass `columns=(0, 1)`"),
        (two, two, 1, DataError, "hold 1 tensor, the pair takes (x, y): give a tuple (x, y)"),
        (optional, two, 1, DataError, "the pair takes (x, y): give a tuple (x, y)"),
        (nothing, nothing, 1, DataError, "the pair takes 0 (): let it take the data"),
        (one, two, 2, ConfigError, "the model takes (x) and the guide (x, y), and both"),
        (two, one, 2, ConfigError, "the model takes (x, y) and the guide (x), and both"),
        (by_keyword, by_keyword, 1, ConfigError, "model needs 'y' by keyword"),
        (one, by_keyword, 1, ConfigError, "functools.partial(guide, y=...)"),
    ],
)
def test_what_does_not_fit_is_told(model, guide, count, kind, words):
    with pytest.raises(kind) as caught:
        check_count(model, guide, count, "batches hold")
    assert words in str(caught.value) and len(str(caught.value)) < 300


def test_programs_of_any_arguments_are_explained_as_they_fail():
    def passing_on(*args):
        return one(*args)

    batch = (torch.zeros(3), torch.zeros(3))
    with (
        pytest.raises(DataError, match=r"2 tensor\(s\).*takes 1 positional argument but 2"),
        calls_explained(passing_on, one, batch),
    ):
        passing_on(*batch)
    with pytest.raises(TypeError), calls_explained(one, one, batch):
        one(*batch)  # a pair with signatures was checked before: another mistake
    with pytest.raises(TypeError, match="len"), calls_explained(passing_on, one, batch):
        len(3)


def test_images_with_channels_last_are_recognised():
    x, conv = torch.zeros(5, 8, 8, 3), nn.Conv2d(3, 4, 3)
    with pytest.raises(ShapeError, match=r"channels last.*x\.permute\(0, 3, 1, 2\)"):
        with calls_explained(conv, conv, (x,)):
            conv(x)
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 2"):
        with calls_explained(conv, conv, (x,)):
            conv(torch.zeros(5, 2, 8, 8))
    with pytest.raises(RuntimeError, match="mat1"), calls_explained(conv, conv, (x,)):
        nn.Linear(2, 2)(torch.zeros(3, 3))
