"""Encoders of sequences: padding changes nothing, and every code counts, from both sides."""

import pytest
import torch

from pyrovae.nn.sequences import GRUEncoder, LSTMEncoder, TransformerEncoder

ENCODERS = {
    "GRU": lambda: GRUEncoder(9, 3, width=6, embedding=4),
    "GRU, two layers": lambda: GRUEncoder(9, (3, 2), width=6, embedding=4, num_layers=2),
    "LSTM": lambda: LSTMEncoder(9, 3, width=6, embedding=4),
    "transformer": lambda: TransformerEncoder(9, 3, width=8, num_heads=2),
}
ROWS = [[4, 5, 6, 7, 1], [8, 1], [1], [5, 3, 4, 1]]


@pytest.fixture(params=ENCODERS)
def encoder(request):
    torch.manual_seed(0)
    return ENCODERS[request.param]().double()


def padded(rows, length):
    return torch.tensor([row + [0] * (length - len(row)) for row in rows])


def test_padding_changes_nothing(encoder):
    alone = torch.cat([encoder(torch.tensor([row])) for row in ROWS])
    for length in (5, 12):
        found = encoder(padded(ROWS, length))
        torch.testing.assert_close(found, alone, rtol=1e-12, atol=1e-12)
    assert found.shape[1:] == encoder.out_shape


def test_each_code_counts_and_so_does_its_place(encoder):
    row = padded(ROWS[:1], 7)
    first = encoder(row)
    for place in range(4):
        other = row.clone()
        other[0, place] = 3
        assert not torch.isclose(encoder(other), first).any()
    swapped = row[:, [1, 0, 2, 3, 4, 5, 6]]
    assert not torch.isclose(encoder(swapped), first).any()


def test_a_recurrent_encoder_reads_backwards_as_it_reads_forwards():
    torch.manual_seed(0)
    encoder = GRUEncoder(9, 3, width=6, embedding=4).double()
    encoder.backwards.load_state_dict(encoder.forwards.state_dict())
    row = torch.tensor([[4, 5, 6, 7]])
    mask = torch.tensor([[True] * 4 + [False]])
    embedded = encoder.embedding(torch.cat([row, torch.tensor([[0]])], 1))
    turned = encoder.embedding(torch.cat([row.flip(1), torch.tensor([[0]])], 1))
    one, other = encoder.features(embedded, mask), encoder.features(turned, mask)
    torch.testing.assert_close(one.roll(6, 1), other)
