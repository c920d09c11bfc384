"""Sound of spectrograms: written to files, measured, and freed of noise."""

from .denoising import DenoisedSound, denoise_sound
from .noise import StationaryNoise
from .round_trip import RoundTrip, round_trip
from .wav_file import write_wav

__all__ = [
    "DenoisedSound",
    "RoundTrip",
    "StationaryNoise",
    "denoise_sound",
    "round_trip",
    "write_wav",
]
