"""Families of spectrograms: what they add to `VAE` and `ConditionalVAE`, and speech of tones."""

from functools import partial

import numpy as np
import pyro
import pytest
import torch

from pyrovae import data, fit
from pyrovae.apply import denoise, features, transfer
from pyrovae.data import Spectrogram
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.models import ConditionalVAE, SpectrogramVAE, SpeechVAE
from pyrovae.models.capabilities import GeneratesClasses, ReadsAsSound
from pyrovae.models.sounding import SMALL
from pyrovae.nn import TimeConvDecoder, TimeConvEncoder
from pyrovae.objectives import ELBO, IWAE, DReG


@pytest.fixture(scope="module")
def sets():
    return data.tones(takes=12)


@pytest.fixture(scope="module")
def speech(sets):
    """A pair trained on tones for seconds, by DReG."""
    pyro.set_rng_seed(0)
    nets = {
        "encoder": partial(TimeConvEncoder, channels=(32, 32)),
        "decoder": partial(TimeConvDecoder, channels=(32, 32)),
    }
    pair = SpeechVAE(sets.shape, 4, **sets.supplies, **nets)
    fit(
        pair, sets.labelled().train, objective=DReG(2), epochs=32, batch_size=40, lr=5e-3,
        seed=0, device="cpu", compile=False, progress=False,
    )  # fmt: skip
    return pair


@pytest.fixture(scope="module")
def recognisers(sets):
    """Of words, of speakers: linear, on real spectrograms."""
    from sklearn.linear_model import LogisticRegression

    x = sets.train.x.flatten(1).numpy()
    return [
        LogisticRegression(C=0.01, max_iter=500).fit(x, sets.train.y[:, column])
        for column in (0, 1)
    ]


def share(recogniser, x, y):
    return float(np.mean(recogniser.predict(x.flatten(1).numpy()) == y.numpy()))


def test_what_is_generated_is_recognised_as_a_spectrogram_and_as_sound(sets, speech, recognisers):
    y = torch.cartesian_prod(torch.arange(4), torch.arange(3)).repeat(4, 1)
    pyro.set_rng_seed(1)
    x = speech.generate(y)
    heard = speech.spectrogram.of(speech.to_sound(x).numpy())
    assert speech.to_sound(x).shape == (48, speech.spectrogram.num_samples)
    # Chance is 1/4 and 1/3: of 48 that is at most .46 and .54 but for once in a thousand times.
    assert share(recognisers[0], x, y[:, 0]) > 0.8
    assert share(recognisers[1], x, y[:, 1]) > 0.54
    assert share(recognisers[0], heard, y[:, 0]) > 0.8


def test_a_recording_is_given_another_voice(sets, speech, recognisers):
    labels = torch.cartesian_prod(torch.arange(4), torch.arange(3))
    found = transfer(speech, sets.test.x, sets.test.y, labels=labels, train=sets.train, seed=0)
    assert found.made.shape == (12, 12, 1, 24, 24)
    assert found.recognised.share["new"].value > 0.8
    names = [text.get_text() for text in found.plot().findobj(lambda a: hasattr(a, "get_text"))]
    assert {"0, 0", "3, 2"} <= set(names)
    for column, recogniser in enumerate(recognisers):
        wanted = labels[:, column].expand(12, -1).flatten()
        assert share(recogniser, found.made.flatten(0, 1), wanted) > 0.9


def test_the_evidence_is_that_of_a_conditional_vae(sets, speech):
    """The class adds a sound and nothing else: a plain pair with its parts has the same bounds."""
    plain = ConditionalVAE(
        sets.shape, 4, num_classes=[4, 3], encoder=speech.encoder, decoder=speech.decoder,
        join=type(speech.join), likelihood=speech.likelihood,
    )  # fmt: skip
    bounds = []
    for pair in (speech, plain):
        pyro.set_rng_seed(3)
        bounds.append(IWAE(4).per_datum(pair.model, pair.guide, sets.test.x, sets.test.y))
    assert torch.equal(*bounds)
    with torch.no_grad():
        wrong = sets.test.y.roll(1, 0)
        pyro.set_rng_seed(3)
        other = ELBO(num_particles=4).per_datum(plain.model, plain.guide, sets.test.x, wrong)
    assert other.mean() < bounds[0].mean() - 100  # the labels matter


def test_latents_of_a_pair_without_labels_are_features(sets):
    pyro.set_rng_seed(0)
    pair = SpectrogramVAE(sets.shape, 4, sound=sets.supplies["sound"])
    assert isinstance(pair, ReadsAsSound) and pair.sample_rate == 8000
    assert pair.to_sound(pair.generate(2)).shape == (2, pair.spectrogram.num_samples)
    word = data.Split(sets.test.x, sets.test.y[:, 0]), data.Split(sets.train.x, sets.train.y[:, 0])
    found = features(pair, word[0], train=word[1], num_labelled=[20], num_repeats=1, seed=0)
    assert found.scores["latents"].shape == (1, 1)
    clean = denoise(pair, sets.test.x[:4], level=1.0, filters=False, num_particles=2, num_steps=5,
                    num_moves=0, seed=0)  # fmt: skip
    assert clean.made["posterior mean"].shape == (4, 1, 24, 24)


def test_sound_is_part_of_the_state():
    pair, other = SpeechVAE.example(), SpeechVAE.example()
    other.load_state_dict(pair.state_dict())
    again = SpeechVAE(pair.data_shape, 2, sound={**SMALL, "mean": -3.0}, num_classes=(3, 2),
                      encoder=pair.encoder, decoder=pair.decoder)  # fmt: skip
    with pytest.raises(RuntimeError, match="sound of the file is another.*mean"):
        again.load_state_dict(pair.state_dict())
    assert pair.spectrogram == Spectrogram(**SMALL) == Spectrogram.from_json(pair.sound.value)


def test_classes_given_alone_get_the_others_by_chance():
    pair = SpeechVAE.example()
    assert isinstance(pair, GeneratesClasses)
    seen = []
    pair.generate = lambda y, mean: seen.append(y)
    pair.generate_classes(torch.arange(3).repeat(40))
    pair.generate_classes(torch.tensor([[2, 1]]))
    assert seen[0][:, 0].tolist() == [0, 1, 2] * 40 and set(seen[0][:, 1].tolist()) == {0, 1}
    assert seen[1].tolist() == [[2, 1]]


def test_errors_say_what_is_needed():
    shape = Spectrogram(**SMALL).shape
    with pytest.raises(ShapeError, match=r"spectrograms are \(1, 5, 6\)"):
        SpeechVAE((1, 5, 8), 2, sound=SMALL, num_classes=3)
    with pytest.raises(ConfigError, match="no frames"):
        SpectrogramVAE(shape, 2, sound={"rate": 8000})
    pair = SpeechVAE(shape, 2, sound=SMALL, num_classes=[3, 2])
    x = pair.example_x(4)
    with pytest.raises(ShapeError, match=r"SpeechVAE got y of shape \[4\]; it needs 2 classes"):
        pair.encode(x, torch.zeros(4))
    with pytest.raises(DataError, match="class 2 in column 1 of y, and num_classes=.* 0..1"):
        pair.encode(x, torch.tensor([[0, 0], [0, 0], [0, 2], [0, 0]]))
    fit(pair, (x, torch.tensor([[0, 1], [2, 1], [0, 1], [2, 1]])), epochs=1, device="cpu",
        compile=False, progress=False)  # fmt: skip
    with pytest.raises(DataError, match=r"\[0, 2\] of column 0, \[1\] of column 1 and is asked "
                       r"for \[0\] of column 1"):  # fmt: skip
        pair.generate(torch.tensor([[2, 0]]))
    assert pair.generate(torch.tensor([[2, 1]])).shape == (1, *shape)
