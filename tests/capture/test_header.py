"""The precompiled header is used once it is whole, and nobody waits for it."""

import shutil

import pytest

from pyrovae.capture import header
from pyrovae.capture.compiler import start
from pyrovae.capture.header import Header

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


def finished(made):
    made._jobs[made._made].wait()
    return made


def test_is_used_once_it_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(header, "INCLUDE", "int number();\n")
    made = Header(tmp_path)
    assert made._made in Header._jobs and not made._made.exists()
    word, file = finished(made).words()
    assert word == "-include" and f"{file}.gch" == str(made._made) and made._made.exists()
    assert not Header._jobs
    again = Header(tmp_path)
    assert not Header._jobs and again.words() == (word, file)  # nothing is made anew


def test_text_is_read_while_it_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(header, "start", lambda words: start(["sleep", "60"]))
    made = Header(tmp_path)
    assert made.words() == ()
    second = Header(tmp_path)  # another graph of this process
    assert len(Header._jobs) == 1 and second.words() == ()
    made.forget()
    assert not Header._jobs and [path.suffix for path in tmp_path.iterdir()] == [".h"]


def test_an_error_leaves_the_text(tmp_path, monkeypatch):
    monkeypatch.setattr(header, "INCLUDE", "#error no\n")
    made = finished(Header(tmp_path))
    assert made.words() == () and not Header._jobs


def test_one_processor_makes_none(tmp_path):
    assert Header(tmp_path, many=False).words() == () and not Header._jobs
