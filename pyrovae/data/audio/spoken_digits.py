"""Spoken digits."""

from collections.abc import Sequence

from ...errors import DataError
from ..base import Dataset, supplying
from ..root import Root, find_root
from .audio import audio
from .fields import HeldOut

_FILE = "spoken_digits.npz"
_RATE = 8000
_TEST, _VAL = tuple(range(5)), tuple(range(5, 10))  # takes; those of the test set are customary


@supplying("sound", "num_classes")
def spoken_digits(
    root: Root = None,
    *,
    labels: str | Sequence[str] | None = ("digit", "speaker"),
    held_out_speaker: str | None = None,
    frames: int = 48,
    mels: int | None = 40,
    seed: int = 0,
) -> Dataset:
    """Digits 0 to 9 spoken by six people, fifty times each, at 8 kHz: x [N, 1, 40, 48].

    Takes 0 to 4 are the test set, as is customary, takes 5 to 9 the validation set: 2,400, 300 and
    300 recordings of the same speakers. 48 frames are .75 s; the 3 % of the recordings that are
    longer lose their end.

    Args:
        root: Folder of `spoken_digits.npz` (see `audio` for its arrays: `digit`, `speaker` and
            `take` are its fields), or of the files `{digit}_{speaker}_{take}.wav` in
            `recordings`; None is that of PYROVAE_DATA.
        labels: "digit" or "speaker" for classes [N], both for classes [N, 2], None for none.
        held_out_speaker: All recordings of this speaker are the test set, and no others; then
            give labels="digit" or None, as no training data say what this class is.
        frames: T; see `audio`.
        mels: F; see `audio`.
        seed: Of the order of the training data.

    Raises:
        DataError: There is no such file, or no data folder is known.
        ConfigError: There is no such speaker, or it is a label and held out, or the extra
            `speech` is missing.

    Source:
        Free Spoken Digit Dataset (Jackson et al., 2018),
        https://github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0

    Example:
        >>> spoken_digits("data").train  # doctest: +SKIP
        Split(2400 x [1, 40, 48] float32, labels int64)
    """
    folder = find_root("spoken_digits", root)
    source, pattern = folder / _FILE, None
    if not source.is_file():
        source, pattern = folder / "recordings", "{digit}_{speaker}_{take}.wav"
    if not source.exists():
        raise DataError(
            f"spoken_digits: {folder} holds no {_FILE} and no folder 'recordings'; download the "
            "recordings (see the source of this function), and pass their folder as root="
        )
    test: HeldOut = (
        {"take": _TEST} if held_out_speaker is None else {"speaker": [held_out_speaker]}
    )
    return audio(
        source, rate=_RATE, frames=frames, mels=mels, pattern=pattern, labels=labels,
        val={"take": _VAL}, test=test, seed=seed,
    )  # fmt: skip
