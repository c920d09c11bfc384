"""An interrupted command prints what was done, writes it beside the whole, and ends with 130."""

import json
import re

import pytest

from pyrovae import Interrupted, cli
from pyrovae.cli.explain import INTERRUPTED
from pyrovae.cli.partial import kept_if_interrupted
from pyrovae.train import History

DONE = History([{"epoch": 1, "train": -2.5, "val": None, "lr": 0.1, "seconds": 1.0}])


def test_the_partial_result_never_takes_the_place_of_a_whole_one(tmp_path):
    out = tmp_path / "compare.csv"
    out.write_text("whole")
    with pytest.raises(Interrupted), kept_if_interrupted(out):
        raise Interrupted("1 of 3 epochs", DONE)
    assert out.read_text() == "whole"
    assert (tmp_path / "compare-interrupted.csv").read_text().startswith("epoch,train")
    written = json.loads((tmp_path / "compare-interrupted.json").read_text())
    assert written["interrupted"] == "interrupted: 1 of 3 epochs"
    with kept_if_interrupted(tmp_path / "other.csv"):
        pass
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("way_on", ["", "`resume=True` continues from the last checkpoint"])
def test_the_command_prints_it_and_says_how_to_go_on(way_on, monkeypatch, capsys):
    def stop(words):
        raise Interrupted("1 of 3 epochs", DONE, way_on)

    monkeypatch.setattr(cli, "_command", lambda name: stop)
    assert cli.main(["fit"]) == INTERRUPTED == 130
    out, err = capsys.readouterr()
    assert re.search(r"^ +1  -2\.500", out, re.MULTILINE)
    expected = "; `fit --resume` continues from the last checkpoint" if way_on else ""
    assert err == f"pyrovae fit: interrupted after 1 of 3 epochs{expected}\n"
