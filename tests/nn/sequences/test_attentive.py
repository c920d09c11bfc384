"""The attentive networks as families see them: steps, codes that are never drawn, padding."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.nn import AttentiveDecoder, AttentiveEncoder
from pyrovae.nn.sequences.attentive_decoder import GivenSource
from pyrovae.nn.sequences.word_dropout import WordDropout

SOURCE = torch.tensor([[5, 6, 4, 1], [3, 1, 0, 0]])
INPUTS = torch.tensor([[2, 5, 6], [2, 4, 1]])


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return AttentiveDecoder.example().double()


def test_steps_agree_with_the_whole_row(decoder):
    z, given = torch.randn(2, 2).double(), GivenSource(decoder, decoder.read(SOURCE))
    whole, state = given(INPUTS, z), given.begin(z)
    for place in range(3):
        logits, state = given.step(state, INPUTS[:, place])
        torch.testing.assert_close(logits, whole[:, place])
    assert all(len(part) == 2 for part in state)
    assert bool(whole[..., [0, 2]].isneginf().all()) and bool(whole[..., 1].isfinite().all())


def test_a_step_depends_on_the_codes_before_alone(decoder):
    z, given = torch.randn(2, 2).double(), GivenSource(decoder, decoder.read(SOURCE))
    changed = INPUTS.clone()
    changed[:, 2] = 3
    one, other = given(INPUTS, z), given(changed, z)
    assert torch.equal(one[:, :2], other[:, :2]) and not torch.equal(one[:, 2], other[:, 2])


def test_the_source_and_z_count(decoder):
    z = torch.randn(2, 2).double()
    first = GivenSource(decoder, decoder.read(SOURCE))(INPUTS, z)
    turned = GivenSource(decoder, decoder.read(SOURCE.flip(0)))(INPUTS, z)
    moved = GivenSource(decoder, decoder.read(SOURCE))(INPUTS, z + 1)
    for other in (turned, moved):
        assert bool(((first - other).nan_to_num() != 0).any(-1).all())


def test_padding_changes_no_code_of_the_encoder():
    torch.manual_seed(0)
    encoder = AttentiveEncoder.example().double()
    target = torch.tensor([[4, 5, 1], [6, 1, 0]])
    found = encoder(target, SOURCE)
    padded = encoder(*(torch.nn.functional.pad(codes, (0, 3)) for codes in (target, SOURCE)))
    torch.testing.assert_close(found, padded)
    torch.testing.assert_close(encoder(target[1:, :2], SOURCE[1:, :2]), found[1:])
    assert not torch.allclose(encoder(target, SOURCE.flip(0)), found)


def test_hidden_codes_have_their_share_and_the_first_is_shown():
    torch.manual_seed(0)
    hide, inputs = WordDropout(0.3), torch.full((400, 101), 5)
    hidden = hide(inputs)
    assert bool((hidden[:, 0] == 5).all()) and set(hidden.unique().tolist()) == {3, 5}
    share = (hidden[:, 1:] == 3).double().mean()
    assert abs(share - 0.3) / (0.3 * 0.7 / 40_000) ** 0.5 < 4
    assert torch.equal(hide.eval()(inputs), inputs)
    assert torch.equal(WordDropout(0.0)(inputs), inputs)


@pytest.mark.parametrize("kind", [AttentiveDecoder, AttentiveEncoder])
def test_sizes(kind):
    with pytest.raises(ConfigError, match="width=7; two directions share it"):
        kind(2, 7, width=7)
    with pytest.raises(ConfigError, match="embedding=0"):
        kind(2, 7, width=8, embedding=0)
