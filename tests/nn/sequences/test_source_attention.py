"""Reading a source and looking back at it: padding changes nothing, steps agree with the whole."""

import pytest
import torch

from pyrovae.nn.sequences.source_attention import AttentiveGRU, SourceReader

SOURCE = torch.tensor([[5, 6, 7, 1], [8, 1, 0, 0], [1, 0, 0, 0]])
CODES = torch.tensor([[2, 5, 6], [2, 7, 1], [2, 1, 0]])


@pytest.fixture
def nets():
    torch.manual_seed(0)
    return SourceReader(9, 3, 6).double(), AttentiveGRU(9, 3, 6, given_dim=2).double()


def test_padding_of_the_source_changes_nothing(nets):
    reader, decoder = nets
    z = torch.randn(3, 2).double()
    found = []
    for source in (SOURCE, torch.nn.functional.pad(SOURCE, (0, 5))):
        memory = reader(source)
        found.append(decoder(CODES, decoder.begin(memory, z), memory, z)[0])
    torch.testing.assert_close(*found)
    alone = reader(SOURCE[1:2, :2])
    torch.testing.assert_close(alone.features[0], reader(SOURCE).features[1, :2])
    torch.testing.assert_close(alone.mean()[0], reader(SOURCE).mean()[1])


def test_both_directions_are_read(nets):
    reader, _ = nets
    features = reader(SOURCE).features
    changed = SOURCE.clone()
    changed[0, 2] = 8
    differs = (reader(changed).features - features)[0].abs() > 1e-9
    assert not differs[:2, :3].any() and differs[:2, 3:].all()  # the past, then what comes
    assert differs[2].all() and differs[3, :3].all()


def test_steps_agree_with_the_whole(nets):
    reader, decoder = nets
    z, memory = torch.randn(3, 2).double(), reader(SOURCE)
    whole, last = decoder(CODES, decoder.begin(memory, z), memory, z)
    hidden = decoder.begin(memory, z)
    for place in range(CODES.shape[1]):
        step, hidden = decoder(CODES[:, place : place + 1], hidden, memory, z)
        torch.testing.assert_close(step[:, 0], whole[:, place])
    torch.testing.assert_close(hidden, last)


def test_sources_are_looked_at_where_they_are_read(nets):
    """The attention is a softmax over the codes of the source alone, by its definition."""
    reader, decoder = nets
    memory = reader(SOURCE)
    z = torch.zeros(3, 2).double()
    found, _ = decoder(CODES, decoder.begin(memory, z), memory, z)
    embedded = torch.cat([decoder.codes(CODES), torch.zeros(3, 3, 2).double()], -1)
    states, _ = decoder.cell(embedded, decoder.begin(memory, z)[None])
    for row, length in enumerate((4, 2, 1)):
        read = memory.features[row, :length]
        scores = decoder.query(states[row]) @ read.T / 6**0.5
        context = scores.softmax(-1) @ read
        exact = torch.tanh(decoder.join(torch.cat([states[row], context], -1)))
        torch.testing.assert_close(found[row], exact)


def test_repeated_sources_follow_each_other(nets):
    memory = nets[0](SOURCE)
    twice = memory.for_rows(6)
    assert torch.equal(twice.features, torch.cat([memory.features] * 2))
    assert torch.equal(twice.is_read, torch.cat([memory.is_read] * 2))


def test_recurrent_layers_give_gradients_in_evaluation_mode(nets):
    for net in nets:
        layers = [m for m in net.eval().modules() if isinstance(m, torch.nn.RNNBase)]
        assert layers and all(layer.training for layer in layers)  # which cuDNN needs for them
