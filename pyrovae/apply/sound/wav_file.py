"""Sound as a file that can be played."""

from io import BytesIO
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from ...errors import DataError, ShapeError
from ...runtime.files import save


def write_wav(path: str | PathLike[str], sound: Tensor, rate: int) -> None:
    """Write one sound as a WAV file of one channel and 16 bits.

    A sample is rounded to a whole number of 32768ths: read back it differs by half of that at
    most.

    Args:
        path: Of the file; its folder is made where it is missing.
        sound: Samples [S], in -1..1.
        rate: In Hz: the `sample_rate` of the pair.

    Raises:
        ShapeError: It is not one sound.
        DataError: It is empty, not finite, or louder than the format can hold, or the rate is
            below 1.
        SaveError: The file cannot be written.
    """
    if sound.dim() != 1:
        raise ShapeError(f"write_wav got shape {list(sound.shape)}; it writes one sound [S]")
    samples = sound.detach().cpu().double()
    if not len(samples) or not bool(samples.isfinite().all()) or float(samples.abs().max()) > 1:
        what = f"samples up to {float(samples.abs().max()):g}" if len(samples) else "no samples"
        raise DataError(
            f"write_wav got {what}; it needs finite ones from -1 to 1, such as to_sound gives: "
            "divide by the largest"
        )
    if not int(rate) > 0:
        raise DataError(f"write_wav got rate={rate}; it needs the samples per second, in Hz")
    from scipy.io import wavfile  # takes a moment

    content = BytesIO()
    whole = (samples * 32768).round().clamp(-32768, 32767).to(torch.int16)
    wavfile.write(content, int(rate), whole.numpy())
    save(Path(path), content.getvalue())
