"""Decoders of sequences: whole rows and single steps agree, and no step sees what comes later."""

import copy
import inspect

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.nn import sequences
from pyrovae.nn.sequences import GRUDecoder, LSTMDecoder, TransformerDecoder

DECODERS = {
    "GRU": lambda: GRUDecoder(3, 9, width=6, embedding=4),
    "GRU, two layers": lambda: GRUDecoder(3, 9, width=6, embedding=4, num_layers=2),
    "LSTM": lambda: LSTMDecoder(3, 9, width=6, embedding=4),
    "LSTM, two layers": lambda: LSTMDecoder(3, 9, width=6, embedding=4, num_layers=2),
    "transformer": lambda: TransformerDecoder(3, 9, width=8, num_heads=2),
}
CODES = torch.tensor([[2, 4, 5, 6, 7], [2, 8, 8, 1, 0], [2, 5, 3, 4, 4]])


@pytest.fixture(params=DECODERS)
def decoder(request):
    torch.manual_seed(0)
    return DECODERS[request.param]().double()


@pytest.fixture
def z():
    return torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_steps_are_the_whole_row(decoder, z):
    state = decoder.begin(z)
    found = []
    for codes in CODES.T:
        logits, state = decoder.step(state, codes)
        found.append(logits)
    torch.testing.assert_close(torch.stack(found, 1), decoder(CODES, z), rtol=1e-12, atol=1e-12)


def test_rows_of_the_state_can_be_reordered(decoder, z):
    state = decoder.begin(z)
    for codes in CODES.T[:3]:
        _, state = decoder.step(state, codes)
    rows = torch.tensor([2, 0, 0])
    assert all(len(tensor) == 3 for tensor in state)
    moved = tuple(tensor.index_select(0, rows) for tensor in state)
    logits, _ = decoder.step(moved, torch.tensor([4, 5, 6]))
    inputs = torch.cat([CODES[rows, :3], torch.tensor([[4], [5], [6]])], 1)
    expected = decoder(inputs, z[rows])[:, -1]
    torch.testing.assert_close(logits, expected, rtol=1e-12, atol=1e-12)


def test_no_step_sees_what_comes_later(decoder, z):
    for place in range(1, CODES.shape[1]):
        other = CODES.clone()
        other[:, place] = (other[:, place] + 1) % 9
        before, after = decoder(CODES, z), decoder(other, z)
        assert torch.equal(before[:, :place], after[:, :place])
        assert not torch.isclose(before[:, place], after[:, place]).all(-1).any()


def test_every_step_sees_z(decoder, z):
    z.requires_grad_()
    for step in decoder(CODES, z).nan_to_num(neginf=0.0).unbind(1):
        (grad,) = torch.autograd.grad(step.sum(), z, retain_graph=True)
        assert (grad.abs().sum(1) > 0).all()


def test_padding_and_begin_are_never_drawn(decoder, z):
    probs = decoder(CODES, z).softmax(-1)
    assert (probs[..., [0, 2]] == 0).all()
    others = probs[..., [1, 3, 4, 5, 6, 7, 8]]
    assert (others > 0).all()
    torch.testing.assert_close(others.sum(-1), torch.ones(3, 5, dtype=torch.float64))


def test_recurrent_layers_give_gradients_in_evaluation_mode(decoder, z):
    decoder.eval()
    layers = [m for m in decoder.modules() if isinstance(m, torch.nn.RNNBase)]
    assert all(layer.training for layer in layers)  # which cuDNN needs for gradients
    decoder.train()
    before = decoder(CODES, z)
    assert torch.equal(decoder.eval()(CODES, z), before)


def test_copied_and_in_single_precision(decoder, z):
    twin = copy.deepcopy(decoder).float()
    torch.testing.assert_close(
        twin(CODES, z.float()).double(), decoder(CODES, z), rtol=1e-4, atol=1e-5
    )


def test_examples_are_small():
    for name in sequences.__all__:
        kind = getattr(sequences, name)
        if hasattr(kind, "example") and not inspect.isabstract(kind):
            assert sum(p.numel() for p in kind.example().parameters()) < 500_000


def test_heads_divide_the_width():
    with pytest.raises(ConfigError, match="TransformerDecoder got width=6 and num_heads=4"):
        TransformerDecoder(3, 9, width=6)
