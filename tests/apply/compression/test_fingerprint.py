"""Pairs are told apart by what they compute, and by nothing else."""

import torch

from pyrovae.apply.compression.fingerprint import Fingerprint, fingerprint
from tests.apply.compression.small import Small


def of(pair, dtype=torch.uint8):
    return fingerprint(pair.model, pair.guide, (2, 3), dtype)


def test_it_is_the_same_whenever_it_is_taken():
    pair = Small()
    first = of(pair)
    torch.manual_seed(3)
    pair.train()
    assert of(pair) == first
    assert of(Small()) == first
    for parameter in pair.parameters():
        parameter.requires_grad_(False)
    assert of(pair) == first


def test_parameters_and_networks_tell_pairs_apart():
    first = of(Small())
    assert of(Small(seed=1)).parameters != first.parameters
    other = of(Small(activation=torch.relu))
    assert other.parameters == first.parameters and not first.agrees_in_outputs(other.outputs)
    changed = Small()
    with torch.no_grad():
        changed.encoder.bias[0] = torch.nextafter(changed.encoder.bias[0], torch.tensor(9.0))
    assert of(changed).parameters != first.parameters
    assert first.agrees_in_outputs(of(changed).outputs)
    assert of(Small().double()).parameters != first.parameters


def test_a_renamed_network_is_the_same():
    class Renamed(Small):
        def __init__(self):
            super().__init__()
            self.other = self.decoder

    assert of(Renamed()).parameters == of(Small()).parameters


def test_swapped_layers_of_one_shape_are_found_out_by_outputs():
    first, swapped = Small(), Small()
    with torch.no_grad():  # two rows of weights, so that all bytes are there
        swapped.decoder.weight.copy_(first.decoder.weight.flip(0))
    assert not of(first).agrees_in_outputs(of(swapped).outputs)


def test_outputs_agree_but_for_rounding():
    first = Fingerprint("", (1.0, float("nan"), float("-inf"), 100.0))
    assert first.agrees_in_outputs((1.00001, float("nan"), float("-inf"), 100.001))
    for other in ((1.0,), (1.1, float("nan"), float("-inf"), 100.0), (1.0, 0.0, 0.0, 100.0)):
        assert not first.agrees_in_outputs(other)
