"""Layers in a row, and what stands between them."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.nn.flows import AffineCoupling, Chain, Permutation, Planar, chain, stacked


def test_layers_act_first_to_last():
    layer = Chain(4, 2, layers=[AffineCoupling, Permutation]).double()
    context, z = torch.randn(3, 2).double(), torch.randn(5, 3, 4).double()
    first, second = (part.condition(context) for part in layer.layers)
    whole = layer.condition(context)
    torch.testing.assert_close(whole(z), second(first(z)))
    assert layer.scores_any and not chain(AffineCoupling, Planar)(4, 0).scores_any


def test_mixing_stands_between_and_not_around():
    kinds = [type(part) for part in stacked(Planar, 3, Permutation)(4, 0).layers]
    assert kinds == [Planar, Permutation, Planar, Permutation, Planar]
    assert [type(p) for p in stacked(Planar, 2, None)(4, 0).layers] == [Planar, Planar]
    assert [type(p) for p in stacked(Planar, 1, Permutation)(4, 0).layers] == [Planar]


def test_no_layer():
    with pytest.raises(ConfigError, match="num_layers=0; it needs a whole number, at least 1"):
        stacked(Planar, 0, None)
