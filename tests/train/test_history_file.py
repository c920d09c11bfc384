"""history.jsonl: one line per epoch, whole or as it was."""

import json

import pytest

from pyrovae.errors import CheckpointError
from pyrovae.train.history_file import append_history, write_history


def test_entries_come_back(tmp_path):
    path = tmp_path / "history.jsonl"
    write_history(path, [{"epoch": 1, "val": None}])
    append_history(path, {"epoch": 2, "val": -0.1})
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert found == [{"epoch": 1, "val": None}, {"epoch": 2, "val": -0.1}]
    write_history(path, [])
    assert path.read_text() == ""


@pytest.mark.parametrize(
    "write", [lambda p: write_history(p, []), lambda p: append_history(p, {})]
)
def test_what_cannot_be_written_is_an_error(write, tmp_path):
    with pytest.raises(CheckpointError, match="history cannot be written .* make room"):
        write(tmp_path / "none" / "history.jsonl")
