"""Files of a run folder that lead elsewhere, lie in the way, or are not what they are called."""

import os
import shutil
from pathlib import Path

import pytest

from pyrovae.cli import main
from tests.cli.tampered import OTHERS, refused


@pytest.mark.parametrize(
    "name", ["sample.png", "config.yaml", "report-test-2.json", "tensorboard"]
)
@pytest.mark.parametrize("command", ["evaluate", "sample", "resume"])
def test_links_out_of_a_run_are_not_followed(command, name, trap, capsys):
    target = Path("thesis.txt")
    target.write_text(Path("run/config.yaml").read_text())
    kept = target.read_bytes()
    (Path("run") / name).unlink(missing_ok=True)
    (Path("run") / name).symlink_to(target.resolve())
    words = OTHERS.get(command, ["evaluate", "run", "--num-particles", "2"])
    assert "thesis.txt, outside of the run folder" in refused(capsys, *words)
    assert target.read_bytes() == kept


def test_what_was_not_tampered_with_opens(trap, capsys):
    assert main(["evaluate", "run", "--num-particles", "2", "--limit", "5"]) == 0
    assert main(["sample", "run", "--n", "2"]) == 0
    assert main(["fit", "--run", "run", "--resume", "--epochs", "2"]) == 0
    Path("run/config.yaml").rename("config.yaml")
    Path("run/config.yaml").symlink_to(Path("run/best.safetensors").resolve())
    refused(capsys, "evaluate", "run")


@pytest.mark.parametrize("how", ["hard link", "pipe"])
def test_what_lies_in_the_way_of_a_file_is_not_written_into(trap, how):
    thesis = Path("thesis.txt")
    thesis.write_text("years of work")
    place = Path("run/report-test-2.json.unfinished")
    os.link(thesis, place) if how == "hard link" else os.mkfifo(place)
    assert main(["evaluate", "run", "--num-particles", "2", "--limit", "2"]) == 0
    assert thesis.read_text() == "years of work"
    assert Path("run/report-test-2.json").is_file()


def test_the_last_checkpoint_is_not_measured_as_the_best(trap, capsys):
    shutil.copy("run/last.safetensors", "run/best.safetensors")
    refused(capsys, "evaluate", "run", "--num-particles", "2")
