"""Files are written whole or not at all."""

import pytest

from pyrovae.errors import SaveError
from pyrovae.runtime import files
from pyrovae.runtime.files import append_line, save, saved, write_whole


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "a.json"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_where_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_whole(path, b"old")

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(SaveError, match="a.json cannot be written .No space left"):
        save(path, "new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_its_target_stays(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"target")
    link.symlink_to(target)
    write_whole(link, b"new")
    assert target.read_bytes() == b"target" and link.read_bytes() == b"new"
    assert not link.is_symlink()


def test_what_is_written_in_pieces_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder" / "a.bin"
    with saved(path) as file:
        file.write(b"one")
        assert not path.exists()
        file.write(b"two")
    assert path.read_bytes() == b"onetwo"
    with pytest.raises(KeyError), saved(path) as file:
        file.write(b"three")
        raise KeyError
    assert path.read_bytes() == b"onetwo" and list(path.parent.iterdir()) == [path]
    with pytest.raises(SaveError, match="cannot be written"), saved(path / "below"):
        pass


def test_folders_are_made(tmp_path):
    save(tmp_path / "a" / "b.txt", "text")
    assert (tmp_path / "a" / "b.txt").read_text() == "text"


def test_lines_are_added(tmp_path):
    path = tmp_path / "history.jsonl"
    append_line(path, "one")
    append_line(path, "two")
    assert path.read_text() == "one\ntwo\n"
