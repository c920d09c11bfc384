"""When a bar shows, where, and what it leaves."""

import logging

from pyrovae.runtime import progress
from pyrovae.runtime.progress import progress_bar


def run(wanted, **options):
    with progress_bar(4, "data", wanted, **options) as bar:
        for _ in range(8):
            bar.update(0.5)


def test_on_a_terminal_it_comes_late_counts_whole_data_and_goes(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    run(None)
    assert capsys.readouterr().err == ""  # over before two seconds are
    with progress_bar(4, "data", None, label="part", delay=0.0) as bar:
        bar.update(1.5)
        bar.refresh()
    lines = capsys.readouterr().err.split("\r")
    assert any("part:  38%" in line and "2/4 data [" in line for line in lines), lines
    assert lines[-1].strip() == "" and lines[-2].strip() == ""


def test_false_is_silent_and_true_shows_it_anywhere_at_once(capsys, monkeypatch):
    run(True)
    assert "0/4 data" in capsys.readouterr().err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    run(False, delay=0.0)
    assert capsys.readouterr().err == ""


def test_without_a_terminal_lines_of_the_log_take_its_place(capsys, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "pyrovae")
    monkeypatch.setattr(progress, "_SILENCE", 0.0)
    monkeypatch.setattr(progress, "_DELAY", 0.0)
    with progress_bar(4, "data", None, label="part") as bar:
        bar.update(2)
        bar.set_description("next", refresh=False)
    said = [record.getMessage() for record in caplog.records]
    assert said[1].startswith("part: 2/4 data, 00:00 gone") and said[2] == "next: 3 of 4 data"
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_and_a_log_nothing_is_said(capsys, caplog, monkeypatch):
    caplog.set_level(logging.WARNING, "pyrovae")
    monkeypatch.setattr(progress, "_SILENCE", 0.0)
    run(None)
    assert capsys.readouterr() == ("", "") and not caplog.records


def test_an_unknown_total(capsys):
    with progress_bar(None, "batches", True) as bar:
        bar.update(3)
        bar.refresh()
    assert "3 batches" in capsys.readouterr().err


def test_what_is_known_by_now_is_said_where_the_bar_is(capsys, caplog, monkeypatch):
    with progress_bar(3, "parts", True) as bar:
        progress.tell(bar, "bounds", "bound -3")
        progress.say(bar, "a row")
    shown = capsys.readouterr().err
    assert "bounds" in shown and "bound -3" in shown and "a row\n" in shown
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    for delay, said in ((60.0, []), (0.0, ["a row"])):
        monkeypatch.setattr(progress, "_DELAY", delay)
        caplog.clear()
        with caplog.at_level(logging.INFO, "pyrovae"), progress_bar(3, "parts") as bar:
            progress.say(bar, "a row")
        assert caplog.messages == said
    with progress_bar(3, "parts", False) as bar:
        progress.tell(bar, "bounds")
        progress.say(bar, "a row")
    assert not capsys.readouterr().err
