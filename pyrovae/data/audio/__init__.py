"""Recordings as spectrograms, and spectrograms as sound."""

from .audio import audio
from .spectrogram import Spectrogram
from .spoken_digits import spoken_digits
from .tones import tones

__all__ = ["Spectrogram", "audio", "spoken_digits", "tones"]
