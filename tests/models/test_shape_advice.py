"""Advice for data of another shape, followed to the word."""

import re

import pytest
import torch

from pyrovae.errors import ShapeError
from pyrovae.models import VAE, ConditionalVAE, HierarchicalVAE, ProbabilisticPCA
from pyrovae.models.shape_advice import check_data

CASES = {
    "channels last": ((9, 28, 28, 1), (1, 28, 28), "x.permute(0, 3, 1, 2)"),
    "channels last, colours": ((9, 8, 6, 3), (3, 8, 6), "x.permute(0, 3, 1, 2)"),
    "channels first": ((9, 3, 8, 6), (8, 6, 3), "x.permute(0, 2, 3, 1)"),
    "no channels": ((9, 28, 28), (1, 28, 28), "x.unsqueeze(1)"),
    "one channel too many": ((9, 1, 28, 28), (28, 28), "x.reshape(-1, 28, 28)"),
    "one channel too many, last": ((9, 28, 28, 1), (28, 28), "x.reshape(-1, 28, 28)"),
    "flat": ((9, 784), (1, 28, 28), "x.reshape(-1, 1, 28, 28)"),
    "images for vectors": ((9, 1, 28, 28), (784,), "x.flatten(1)"),
    "tables for vectors": ((9, 10, 1), (10,), "x.flatten(1)"),
    "swapped": ((9, 2, 3), (3, 2), "x.transpose(1, 2)"),
    "numbers": ((9,), (1,), "x.unsqueeze(1)"),
    "features first": ((6, 20), (6,), "x.T"),
    "one datum": ((1, 28, 28), (1, 28, 28), "x.unsqueeze(0)"),
    "one vector": ((784,), (784,), "x.unsqueeze(0)"),
    "one image without channels": ((28, 28), (1, 28, 28), "x.reshape(1, 1, 28, 28)"),
    "one image, channels last": ((8, 6, 3), (3, 8, 6), "x.permute(2, 0, 1).unsqueeze(0)"),
    "one flat image": ((784,), (1, 28, 28), "x.reshape(1, 1, 28, 28)"),
}


def message(shape, data_shape):
    with pytest.raises(ShapeError) as caught:
        check_data(torch.zeros(shape), data_shape, "VAE.model")
    return str(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_what_the_advice_names_makes_it_right(name):
    shape, data_shape, expected = CASES[name]
    said = message(shape, data_shape)
    assert f"pass {expected}" in said
    assert said.count(";") == 1
    x = torch.arange(float(torch.Size(shape).numel())).reshape(shape)
    made = eval(expected, {"x": x})
    check_data(made, data_shape, "VAE.model")  # of the right shape now
    if "permute" not in expected and "transpose" not in expected and expected != "x.T":
        assert torch.equal(made.flatten(), x.flatten())


@pytest.mark.parametrize("name", CASES)
def test_another_data_shape_is_named_where_it_is_one(name):
    shape, data_shape, _ = CASES[name]
    found = re.search(r"build it with data_shape=(\(.*?\))", message(shape, data_shape))
    if found:
        assert eval(found[1]) == shape[1:]


def test_channels_last_names_no_other_data_shape():
    assert "data_shape=(" not in message((9, 28, 28, 3), (3, 28, 28))


def test_flat_colours_are_in_one_of_two_orders():
    said = message((9, 3072), (3, 32, 32))
    assert "x.reshape(-1, 3, 32, 32) if its values come channel by channel" in said
    assert "x.reshape(-1, 32, 32, 3).permute(0, 3, 1, 2) if they come pixel by pixel" in said


@pytest.mark.parametrize(
    ("shape", "data_shape"), [((30, 7), (5,)), ((9, 3, 28, 28), (3, 32, 32)), ((), (5,))]
)
def test_other_shapes_are_said_as_they_are(shape, data_shape):
    said = message(shape, data_shape)
    assert f"pass [B, {', '.join(map(str, data_shape))}]" in said


CALLS = {
    "VAE.model": lambda x: VAE((1, 4, 4), 2).model(x),
    "VAE.guide": lambda x: VAE((1, 4, 4), 2).guide(x),
    "VAE.encode": lambda x: VAE((1, 4, 4), 2).encode(x),
    "VAE.reconstruct": lambda x: VAE((1, 4, 4), 2).reconstruct(x),
    "VAE.start": lambda x: VAE((1, 4, 4), 2).start(x),
    "HierarchicalVAE.encode": lambda x: HierarchicalVAE((1, 4, 4), 2).encode(x),
    "ProbabilisticPCA.encode": lambda x: ProbabilisticPCA((1, 4, 4), 2).encode(x),
    "ConditionalVAE.encode": lambda x: ConditionalVAE((1, 4, 4), 2, num_classes=3).encode(
        x, torch.zeros(5).long()
    ),
}


@pytest.mark.parametrize("where", CALLS)
def test_every_call_gives_it(where):
    with pytest.raises(ShapeError, match=rf"{where} was built .* pass x\.permute\(0, 3, 1, 2\)"):
        CALLS[where](torch.zeros(5, 4, 4, 1))
