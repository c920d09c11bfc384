"""Folders and files of recordings as data sets."""

from collections import Counter

import numpy as np
import pytest
import soundfile
import torch

from pyrovae.data import audio, spoken_digits, tones
from pyrovae.errors import ConfigError, DataError

RATE = 8000


def sound(seed, seconds=0.1):
    rng = np.random.default_rng(seed)
    time = np.arange(int(RATE * seconds)) / RATE
    return (0.5 * np.sin(2 * np.pi * rng.uniform(200, 2000) * time)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """Two words by two people, five takes of each, of unequal lengths."""
    for i, (word, who) in enumerate(
        [("yes", "ann"), ("yes", "bob"), ("no", "ann"), ("no", "bob")]
    ):
        for take in range(5):
            wave = sound(10 * i + take, 0.1 + 0.02 * take)
            soundfile.write(tmp_path / f"{word}_{who}_{take}.wav", wave, RATE, subtype="FLOAT")
    return tmp_path


PATTERN = "{word}_{who}_{take}.wav"


def test_fields_of_names_become_classes_and_splits(folder):
    found = audio(
        folder, pattern=PATTERN, labels=("word", "who"), mels=8, test={"take": [0]},
        val={"take": [1], "who": "bob"},
    )  # fmt: skip
    assert [len(s) for s in (found.train, found.val, found.test)] == [14, 2, 4]
    assert found.info["classes"] == {"word": ["no", "yes"], "who": ["ann", "bob"]}
    assert found.supplies["num_classes"] == [2, 2] and found.supplies["sound"]["rate"] == RATE
    assert sorted(map(tuple, found.test.y.tolist())) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert found.val.y[:, 1].tolist() == [1, 1]
    # Of the longest, .18 s: 1440 samples are 12 windows of 128 and a part.
    assert found.shape == (1, 8, 13) and found.info["cut"] == 0
    one = audio(folder, pattern=PATTERN, labels="word", mels=8, test={"who": ["bob"]}, val=0.2)
    assert [len(s) for s in (one.train, one.val, one.test)] == [6, 4, 10]
    assert one.supplies["num_classes"] == 2 and one.test.y.sum() == 5
    assert abs(float(found.train.x.mean())) < 1e-4  # of the training data alone


def test_rows_are_the_recordings_that_they_say(folder):
    """A recording by itself gives the same spectrogram, with its peak at one and its end cut."""
    from pyrovae.data import Spectrogram

    found = audio(folder, pattern=PATTERN, labels=("word", "take"), mels=8, frames=8, test=0.0)
    spectrogram = Spectrogram.from_json(found.supplies["sound"])
    assert found.info["cut"] == 16  # all but those of .1 s
    wave, _ = soundfile.read(folder / "no_ann_4.wav")
    alone = spectrogram.of((wave / np.abs(wave).max())[None, : spectrogram.num_samples])
    rows = (found.train.y == torch.tensor([0, 4])).all(1)
    assert any(torch.allclose(alone[0], x, atol=1e-3) for x in found.train.x[rows])


def test_folders_are_labels_and_arrays_are_the_same_recordings(folder, tmp_path_factory):
    sorted_ = tmp_path_factory.mktemp("sorted")
    waves, words = [], []
    for file in sorted(folder.iterdir()):
        word = file.name.partition("_")[0]
        (sorted_ / word).mkdir(exist_ok=True)
        wave, _ = soundfile.read(file, dtype="float32")
        soundfile.write(sorted_ / word / f"{file.stem}.flac", wave, RATE)
        waves.append(np.round(wave * 32767).astype(np.int16))
        words.append(word)
    one = audio(sorted_, mels=8)
    assert one.info["classes"] == {"label": ["no", "yes"]}
    assert Counter(one.train.y.tolist()) + Counter(one.val.y.tolist()) + Counter(
        one.test.y.tolist()
    ) == {0: 10, 1: 10}
    path = sorted_ / "waves.npz"
    lengths = [len(w) for w in waves]
    np.savez(path, samples=np.concatenate(waves), lengths=lengths, label=words)
    other = audio(path, rate=RATE, mels=8, labels="label")
    assert torch.equal(one.train.y, other.train.y)
    loud = one.train.x > 0  # 16 bits are 96 dB below the peak
    assert loud.any() and (one.train.x - other.train.x)[loud].abs().max() < 0.05
    with pytest.raises(DataError, match="does not say its rate"):
        audio(path)
    np.savez(path, samples=np.concatenate(waves), lengths=lengths, rate=RATE)
    assert audio(path, mels=8).train.y is None
    with pytest.raises(DataError, match="says 8000 Hz, and rate=16000"):
        audio(path, rate=16000)
    np.savez(path, samples=np.concatenate(waves), lengths=lengths[1:], rate=RATE)
    with pytest.raises(DataError, match="lengths must say"):
        audio(path)
    np.savez(path, x=np.zeros(3))
    with pytest.raises(DataError, match="needs `samples`"):
        audio(path)
    path.write_bytes(b"PK damaged")
    with pytest.raises(DataError, match="cannot be read"):
        audio(path)


def test_other_rates_are_refused_or_resampled(folder):
    high = np.repeat(sound(0), 2)
    soundfile.write(folder / "yes_ann_9.wav", high, 2 * RATE)
    with pytest.raises(DataError, match="8000 Hz and yes_ann_9.wav of 16000 Hz; pass resample"):
        audio(folder, pattern=PATTERN)
    with pytest.raises(DataError, match="rate=4000; pass resample=True, which brings all to 4000"):
        audio(folder, pattern=PATTERN, rate=4000)
    found = audio(folder, pattern=PATTERN, mels=8, resample=True)
    assert found.info["rate"] == RATE and found.shape == (1, 8, 13)


def test_wrong_recordings_are_named(folder):
    soundfile.write(folder / "yes_ann_7.wav", np.stack([sound(0), sound(1)], 1), RATE)
    with pytest.raises(DataError, match=r"yes_ann_7.wav has 2 channels; pass mix=True"):
        audio(folder, pattern=PATTERN)
    assert len(audio(folder, pattern=PATTERN, mels=8, mix=True, test=0.0, val=0.0).train) == 21
    soundfile.write(folder / "yes_ann_7.wav", np.zeros(0, np.float32), RATE)
    with pytest.raises(DataError, match="yes_ann_7.wav is empty; leave"):
        audio(folder, pattern=PATTERN)
    soundfile.write(folder / "yes_ann_7.wav", np.full(900, np.nan, np.float32), RATE, "FLOAT")
    with pytest.raises(DataError, match="yes_ann_7.wav holds NaN"):
        audio(folder, pattern=PATTERN)
    (folder / "yes_ann_7.wav").write_text("no sound")
    with pytest.raises(DataError, match=r"yes_ann_7.wav cannot be read"):
        audio(folder, pattern=PATTERN)
    (folder / "yes_ann_7.wav").rename(folder / "else.wav")
    with pytest.raises(DataError, match="else.wav is not named as"):
        audio(folder, pattern=PATTERN)


def test_wrong_words(folder, tmp_path_factory):
    def made(**options):
        return lambda: audio(folder, **{"pattern": PATTERN, **options})

    empty = tmp_path_factory.mktemp("empty")
    for call, kind, message in [
        (made(labels="digit"), ConfigError, "labels of 'digit'.*word, who, take"),
        (made(test={"who": ["carl"]}), ConfigError, "carl.*there are ann, bob"),
        (made(test={"who": ["ann", "bob"]}), DataError, "nothing of 20 recordings is left"),
        (made(test=1.5), ConfigError, "test=1.5"),
        (
            made(labels=["word", "who"], test={"who": ["ann"]}),
            ConfigError,
            r"no recording of ann to train on.*labels=\['word'\]",
        ),
        (made(frames=0), ConfigError, "frames=0"),
        (made(pattern="name.wav"), ConfigError, "name what the files are called by"),
        (lambda: audio(empty), DataError, "holds no sound file"),
        (lambda: audio(empty / "none"), DataError, "no folder"),
        (lambda: audio(empty / "none.npz"), DataError, "no file"),
        (lambda: spoken_digits(empty), DataError, "holds no spoken_digits.npz"),
    ]:
        with pytest.raises(kind, match=message):
            call()


def test_arrays_that_are_no_recordings_are_refused(tmp_path):
    path = tmp_path / "waves.npz"
    wave, ends = (sound(0, 0.5) * 100).astype(np.int16), [1000, 1000, 2000]
    for changed, message in [
        ({"lengths": np.array(ends) + 0.25}, "in whole numbers"),
        ({"lengths": [3000, -1000, 2000]}, "where each recording ends"),
        ({"lengths": ["a", "b", "c"]}, "lengths of <U1"),
        ({"samples": wave * 1j}, "samples of complex"),
        ({"samples": wave[:0], "lengths": []}, "where each recording ends"),
        ({"rate": [8000] * 3}, "a rate of shape"),
    ]:
        np.savez(path, **{"samples": wave, "lengths": ends, "rate": RATE, **changed})
        with pytest.raises(DataError, match=message):
            audio(path)
    np.savez(path, samples=wave, lengths=ends, rate=[RATE])
    with pytest.raises(ConfigError, match="have no names"):
        audio(path, pattern=PATTERN)


def test_whole_numbers_without_sign_have_silence_in_their_middle(tmp_path):
    path, wave = tmp_path / "waves.npz", np.round(100 * sound(0, 0.5)).astype(np.int16)
    found = []
    for samples in (wave, (wave + 128).astype(np.uint8)):
        np.savez(path, samples=samples, lengths=[1000, 1000, 2000], rate=RATE)
        found.append(audio(path, mels=8, val=0, test=0))
    assert torch.allclose(found[0].train.x, found[1].train.x, atol=1e-5)


def test_spoken_digits_of_a_small_file(tmp_path):
    """The takes 0 to 4 are the test data; digits are their own classes."""
    rows = [(d, s, t) for d in (7, 10, 2) for s in ("b", "a") for t in range(12)]
    digit, speaker, take = zip(*rows, strict=True)
    waves = [(sound(i, 0.05) * 32767).astype(np.int16) for i in range(len(rows))]
    np.savez(
        tmp_path / "spoken_digits.npz", samples=np.concatenate(waves),
        lengths=[len(w) for w in waves], digit=np.array(digit, np.uint8), speaker=speaker,
        take=take,
    )  # fmt: skip
    found = spoken_digits(tmp_path)
    assert [len(s) for s in (found.train, found.val, found.test)] == [12, 30, 30]
    assert found.shape == (1, 40, 48)
    assert found.info["classes"] == {"digit": ["2", "7", "10"], "speaker": ["a", "b"]}
    other = spoken_digits(tmp_path, labels="digit", held_out_speaker="b")
    assert [len(s) for s in (other.train, other.val, other.test)] == [21, 15, 36]


def test_tones_are_the_same_for_a_seed_and_told_apart_by_their_power():
    data = tones(takes=10)
    assert torch.equal(data.test.x, tones(takes=10).test.x)
    assert not torch.equal(data.test.x, tones(takes=10, seed=1).test.x)
    assert data.supplies["num_classes"] == [4, 3] and data.shape == (1, 24, 24)
    from sklearn.neighbors import KNeighborsClassifier

    rows = torch.cat([data.val.x, data.test.x]), torch.cat([data.val.y, data.test.y])
    for column in (0, 1):
        fitted = KNeighborsClassifier(1).fit(data.train.x.flatten(1), data.train.y[:, column])
        assert fitted.score(rows[0].flatten(1), rows[1][:, column]) > 0.75
    with pytest.raises(ConfigError, match="takes=2"):
        tones(takes=2)
