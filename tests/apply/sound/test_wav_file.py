"""A sound written is the sound read back."""

import numpy as np
import pytest
import soundfile
import torch
from scipy.io import wavfile

from pyrovae.apply.sound import write_wav
from pyrovae.errors import DataError, SaveError, ShapeError


def test_written_and_read_back_by_two_libraries(tmp_path):
    sound = torch.rand(1000, generator=torch.Generator().manual_seed(0)) * 2 - 1
    sound[:3] = torch.tensor([-1.0, 1.0, 0.0])
    path = tmp_path / "made" / "sound.wav"
    write_wav(path, sound, 8000)
    read, rate = soundfile.read(path)
    assert rate == 8000 and read.shape == (1000,)
    assert np.abs(read - sound.numpy()).max() <= 1 / 32768  # 1.0 is the one that has no number
    assert np.abs(read[2:] - sound[2:].numpy()).max() <= 0.5 / 32768 + 1e-9
    rate, whole = wavfile.read(path)
    assert whole.dtype == np.int16 and whole[:3].tolist() == [-32768, 32767, 0]
    write_wav(tmp_path / "again.wav", torch.from_numpy(whole / 32768), 8000)
    assert (tmp_path / "again.wav").read_bytes() == path.read_bytes()


def test_errors_say_what_is_needed(tmp_path):
    path = tmp_path / "sound.wav"
    with pytest.raises(ShapeError, match=r"\[1, 9\]; it writes one sound"):
        write_wav(path, torch.zeros(1, 9), 8000)
    with pytest.raises(DataError, match="samples up to 3"):
        write_wav(path, torch.full((4,), 3.0), 8000)
    with pytest.raises(DataError, match="samples up to nan"):
        write_wav(path, torch.full((4,), torch.nan), 8000)
    with pytest.raises(DataError, match="no samples"):
        write_wav(path, torch.zeros(0), 8000)
    assert not path.exists()
    path.mkdir()
    with pytest.raises(SaveError, match="cannot be written"):
        write_wav(path, torch.zeros(9), 8000)
