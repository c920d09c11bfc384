"""Data that `--data` names by a path alone."""

import pytest

from pyrovae.cli import main
from pyrovae.cli.data_files import reader_of
from tests.cli.commands import SMALL


@pytest.mark.parametrize("file", ["a.wav", "b/c.WAV", "d.flac"])
def test_a_folder_with_a_sound(here, file):
    (here / "sounds" / "b").mkdir(parents=True)
    assert reader_of("sounds", "SpeechVAE") is None
    (here / "sounds" / file).write_bytes(b"RIFF")
    assert reader_of("sounds", "SpeechVAE") == ("audio", "source")


def test_commands_beside_sounds_read_no_sound(here):
    (here / "a.wav").write_bytes(b"RIFF")
    words = ["--data", "digits", *SMALL, "--epochs", "1", "--test-particles", "0", "--run", "out"]
    assert main(["fit", *words]) == 0
    assert main(["evaluate", "out", "--num-particles", "2"]) == 0
