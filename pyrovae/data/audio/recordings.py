"""Recordings with what is said of them, in a folder of sound files or in a .npz file."""

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import ConfigError, DataError, first_line
from .library import speech_library

SUFFIXES = (".wav", ".flac", ".ogg", ".aiff", ".aif", ".mp3")
"""How sound files end, in small letters."""


@dataclass(frozen=True)
class Recordings:
    """N recordings of one channel at one rate.

    Attributes:
        samples: Of each, in -1..1, of unequal lengths.
        names: Of each, for messages.
        rate: In Hz.
        fields: What is said of each, by name [N].

    Raises:
        DataError: One is empty, or not of finite numbers.
    """

    samples: Sequence[np.ndarray]
    names: Sequence[str]
    rate: int
    fields: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        for what, is_wrong in (
            ("is empty", lambda one: len(one) == 0),
            ("holds NaN or infinity", lambda one: not np.isfinite(one).all()),
        ):
            wrong = [n for n, one in zip(self.names, self.samples, strict=True) if is_wrong(one)]
            if wrong:
                more = f", as do {len(wrong) - 1} others" if len(wrong) > 1 else ""
                raise DataError(f"{wrong[0]} {what}{more}; leave such recordings out")

    def fixed(self, num_samples: int) -> np.ndarray:
        """[N, num_samples]: cut at the end or filled with silence, each with its peak at one."""
        made = np.zeros((len(self.samples), num_samples), np.float32)
        for row, samples in zip(made, self.samples, strict=True):
            kept = samples[:num_samples]
            row[: len(kept)] = kept / max(float(np.abs(samples).max()), 1e-12)
        return made


def read_folder(
    folder: Path, *, pattern: str | None, rate: int | None, resample: bool, mix: bool
) -> Recordings:
    """The sound files of a folder and of the folders in it, in the order of their names.

    Args:
        folder: With the files.
        pattern: Of their names, such as `{digit}_{speaker}_{take}.wav`; None takes the name of
            the folder that a file lies in as its "label".
        rate: In Hz; None is that of the files.
        resample: Bring files of other rates to `rate`, or to the lowest of the files.
        mix: Take the mean of several channels.

    Raises:
        DataError: There is no such folder or no sound file in it; a file cannot be read, has
            several channels, another rate or another name.
        ConfigError: The pattern has no field, or the extra `speech` is missing.
    """
    if not folder.is_dir():
        raise DataError(
            f"audio: there is no folder {folder}; give one with sound files, or a .npz"
        )
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        raise DataError(f"audio: {folder} holds no sound file ({', '.join(SUFFIXES)})")
    fields = _fields(folder, files, pattern)
    read = [_read(file, mix) for file in files]
    rates = {found: file for file, (_, found) in zip(reversed(files), reversed(read), strict=True)}
    wanted = rate or min(rates)
    if set(rates) != {wanted} and not resample:
        found = " and ".join(f"{rates[r].name} of {r} Hz" for r in sorted(rates)[:2])
        asked = f", and rate={rate}" if rate else ""
        raise DataError(
            f"audio: {folder} has {found}{asked}; pass resample=True, which brings all to "
            f"{wanted} Hz"
        )
    samples = [
        one
        if found == wanted
        else speech_library("librosa", "another rate").resample(
            one, orig_sr=found, target_sr=wanted
        )
        for one, found in read
    ]
    return Recordings(samples, [str(f.relative_to(folder)) for f in files], wanted, fields)


def read_arrays(path: Path, rate: int | None) -> Recordings:
    """The recordings of a .npz file.

    It holds `samples`, all recordings end to end (whole numbers of 16 bits, or floats), `lengths`
    [N], perhaps `rate`, and any fields [N].

    Args:
        path: Of the file.
        rate: In Hz, where the file does not hold it.

    Raises:
        DataError: The file is missing, damaged or has other arrays, or no rate is known.
    """
    if not path.is_file():
        raise DataError(f"audio: there is no file {path}; give a .npz file, or a folder of sounds")
    try:
        with np.load(path) as file:
            held = dict(file)
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"audio: {path} cannot be read ({first_line(error)})") from error
    if not {"samples", "lengths"} <= held.keys():
        raise DataError(
            f"audio: {path} holds {sorted(held)}; it needs `samples`, all recordings end to end, "
            "and their `lengths`"
        )
    samples, ends = held.pop("samples"), held.pop("lengths")
    if samples.dtype.kind not in "iuf" or ends.dtype.kind not in "iuf":
        raise DataError(
            f"audio: {path} has samples of {samples.dtype} and lengths of {ends.dtype}; it needs "
            "real numbers"
        )
    lengths = ends.astype(np.int64)
    is_sound = samples.ndim == lengths.ndim == 1 and len(lengths) and (lengths == ends).all()
    if not is_sound or lengths.min() < 0 or lengths.sum() != len(samples):
        raise DataError(
            f"audio: {path} has samples of shape {list(samples.shape)} and lengths "
            f"{list(lengths.shape)} whose sum is {ends.sum():g}; lengths must say, in whole "
            "numbers, where each recording ends"
        )
    known = held.pop("rate", None)
    if known is not None and (known.size != 1 or known.dtype.kind not in "iuf"):
        raise DataError(f"audio: {path} has a rate of shape {list(known.shape)}; it needs one, Hz")
    own = None if known is None else int(known.reshape(()))
    if rate is not None and own not in (None, rate) or rate is None and own is None:
        what = f"says {own} Hz, and rate={rate}" if own else "does not say its rate, in Hz"
        raise DataError(f"audio: {path} {what}; pass rate= as it was recorded")
    whole = samples.astype(np.float32)
    if samples.dtype.kind == "u":  # silence lies in the middle of what they can say
        whole = whole - np.float32(2 ** (8 * samples.dtype.itemsize - 1))
    scale = 32768.0 if samples.dtype.kind in "iu" else 1.0
    parts = np.split(whole / np.float32(scale), lengths.cumsum()[:-1])
    count = len(lengths)
    return Recordings(
        parts,
        [f"recording {i} of {path.name}" for i in range(count)],
        own or rate or 0,
        {name: [str(v) for v in a] for name, a in held.items() if a.shape == (count,)},
    )


def _read(file: Path, mix: bool) -> tuple[np.ndarray, int]:
    soundfile = speech_library("soundfile", f"reading {file.name}")
    try:
        samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise DataError(
            f"audio: {file} cannot be read ({first_line(error)}); leave it out, or convert it to "
            "WAV"
        ) from error
    if samples.shape[1] != 1 and not mix:
        raise DataError(
            f"audio: {file} has {samples.shape[1]} channels; pass mix=True to take their mean, or "
            "keep one of them in the file"
        )
    return samples.mean(1), int(rate)


def _fields(folder: Path, files: Sequence[Path], pattern: str | None) -> dict[str, list[str]]:
    if pattern is None:
        inner = [file.parent.relative_to(folder) for file in files]
        is_sorted = all(part != Path() for part in inner)
        return {"label": [part.as_posix() for part in inner]} if is_sorted else {}
    names = re.findall(r"\{(\w+)\}", pattern)
    if not names or len(set(names)) != len(names):
        raise ConfigError(
            f"audio got pattern={pattern!r}; name what the files are called by, each once: "
            "'{digit}_{speaker}_{take}.wav'"
        )
    parts = re.split(r"\{(\w+)\}", pattern)
    form = "".join(re.escape(p) if i % 2 == 0 else f"(?P<{p}>.+?)" for i, p in enumerate(parts))
    # A pattern with a folder in it is one of the path; "label/{take}.wav" is an example.
    called = [f.relative_to(folder).as_posix() if "/" in pattern else f.name for f in files]
    found = [re.fullmatch(form, name) for name in called]
    if None in found:
        raise DataError(
            f"audio: {called[found.index(None)]} is not named as {pattern!r} says; correct the "
            "pattern, or leave the file out"
        )
    return {name: [m[name] for m in found if m is not None] for name in names}
