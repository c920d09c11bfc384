"""Any recordings as a data set of spectrograms."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigError
from ..base import Dataset, Split, supplying
from .fields import HeldOut, check_labels, labels_of, rows_of_splits
from .recordings import Recordings, read_arrays, read_folder
from .spectrogram import Spectrogram


@supplying("sound", "num_classes")
def audio(
    source: str | Path,
    *,
    rate: int | None = None,
    frames: int | None = None,
    mels: int | None = 40,
    n_fft: int | None = None,
    hop: int | None = None,
    low: float = 0.0,
    high: float | None = None,
    floor: float = -60.0,
    pattern: str | None = None,
    labels: str | Sequence[str] | None = None,
    val: HeldOut = 0.1,
    test: HeldOut = 0.1,
    resample: bool = False,
    mix: bool = False,
    seed: int = 0,
) -> Dataset:
    """Recordings as spectrograms [N, 1, F, T] in dB, standardised by the training data.

    Each recording has its peak brought to one, is cut at the end or filled with silence there, and
    becomes a spectrogram; see `Spectrogram` for how, and for the way back. All of them are held in
    memory. `info` says by "cut" how many were too long, and by "classes" what the classes are.
    `supplies` gives families such as `SpeechVAE` the `sound` and the `num_classes`.

    Args:
        source: A folder of sound files (WAV, FLAC, ...; also in folders within it), or a .npz file
            with `samples` (all recordings end to end), their `lengths` [N], and any fields [N].
        rate: Samples per second in Hz; None is that of the files.
        frames: T, windows of a spectrogram; None takes what the longest recording needs.
        mels: F, bands of the mel scale; None keeps the bands of the Fourier transform.
        n_fft: Samples of one window; None is the power of two at 32 ms.
        hop: Samples from one window to the next; None is half a window.
        low: Lowest frequency of the mel bands, in Hz.
        high: Highest; None is half the rate.
        floor: What is quieter is raised to it, in dB below a sine of amplitude one.
        pattern: Of the names of the files, such as `{digit}_{speaker}_{take}.wav`, or of the paths
            within the folder where it has a "/"; None takes the folder of a file as its "label".
        labels: Fields that become y: a name for classes [N], several for classes [N, C]; by
            default the "label" of a folder without a pattern, and none otherwise.
        val: Share of the recordings for `val`, or the values of fields that they have:
            `{"take": [5, 6]}`.
        test: Likewise for `test`, which goes first: `{"speaker": ["theo"]}`.
        resample: Bring files of other rates to `rate`, or to the lowest.
        mix: Take the mean of several channels.
        seed: Of the splits.

    Raises:
        DataError: A recording is missing, empty, unreadable, of several channels or another rate
            (the message names it), or nothing is left to train on.
        ConfigError: A field or an option is not known, a class of y is held out altogether, or
            the extra `speech` is missing.

    Example:
        >>> digits = audio("recordings", pattern="{digit}_{speaker}_{take}.wav",
        ...                labels=("digit", "speaker"), test={"take": [0]})  # doctest: +SKIP
    """
    source = Path(source).expanduser()
    if source.suffix == ".npz":
        if pattern is not None:
            raise ConfigError(
                f"audio got pattern={pattern!r} for {source.name}, whose recordings have no "
                "names; give labels= by the names of its arrays"
            )
        held = read_arrays(source, rate)
    else:
        held = read_folder(source, pattern=pattern, rate=rate, resample=resample, mix=mix)
    if labels is None and pattern is None and "label" in held.fields:
        labels = "label"
    analysis = {
        "mels": mels, "n_fft": n_fft, "hop": hop, "low": low, "high": high, "floor": floor,
    }  # fmt: skip
    return as_dataset(source.stem, held, frames, analysis, labels, val, test, seed)


def as_dataset(
    name: str,
    held: Recordings,
    frames: int | None,
    analysis: Mapping[str, Any],
    labels: str | Sequence[str] | None,
    val: HeldOut,
    test: HeldOut,
    seed: int,
) -> Dataset:
    """A data set of recordings; see `audio`."""
    y, classes = labels_of(held.fields, labels)
    rows = rows_of_splits(held.fields, len(held.samples), val, test, seed)
    check_labels(held.fields, list(classes), {"test": test, "val": val}, rows[0])
    spectrogram = Spectrogram(rate=held.rate, frames=2 if frames is None else frames, **analysis)
    longest = max(map(len, held.samples))
    if frames is None:
        needed = -(-longest // (spectrogram.num_samples)) + 1  # of two frames it is one hop
        spectrogram = Spectrogram(rate=held.rate, frames=needed, **analysis)
    samples = held.fixed(spectrogram.num_samples)
    spectrogram = spectrogram.fitted(samples[rows[0].numpy()])
    x = spectrogram.of(samples)
    splits = [Split(x[index], None if y is None else y[index]) for index in rows]
    lengths = np.array([len(one) for one in held.samples])
    info = {
        "binarize": "none", "unit": False, "seed": seed, "classes": classes, "rate": held.rate,
        "cut": int((lengths > spectrogram.num_samples).sum()),
    }  # fmt: skip
    supplies: dict[str, Any] = {"sound": spectrogram.to_json()}
    if classes:
        sizes = [len(each) for each in classes.values()]
        supplies["num_classes"] = sizes[0] if isinstance(labels, str) else sizes
    return Dataset(name, splits[0], splits[1], splits[2], info, supplies)
