"""Arguments come apart into tensors and all else, and together again."""

from typing import NamedTuple

import pytest
import torch

from pyrovae.capture import arguments_of

X, Y = torch.zeros(2, 3), torch.ones(4)


class Named(NamedTuple):
    x: torch.Tensor
    word: str


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((X, 1, "a", None), {}), ((X,), {"y": Y}), (({"x": X}, [Y, 2]), {}), ((Named(X, "a"),), {})],
)
def test_they_come_together_again(args, kwargs):
    found = arguments_of(args, kwargs)
    assert all(one is other for one, other in zip(found.tensors, (X, Y), strict=False))
    again = found.restored(found.tensors)
    assert repr(again) == repr((args, kwargs))
    assert arguments_of(*again).key == found.key


def test_tensors_in_their_places_are_others():
    found = arguments_of((X, 2, Y), {})
    args, _ = found.restored(iter([Y, X]))
    assert args[0] is Y and args[1] == 2 and args[2] is X


@pytest.mark.parametrize("other", [
    (torch.zeros(3, 2), 1), (torch.zeros(3, 2).T, 1), (X.double(), 1), (X.to("meta"), 1), (X, 2),
    (X, 1.5), ({"x": X}, 1), (X,),
])  # fmt: skip
def test_another_kind_has_another_key(other):
    key = arguments_of((X, 1), {}).key
    assert arguments_of((X + 1, 1), {}).key == key
    assert arguments_of(other, {}).key != key
