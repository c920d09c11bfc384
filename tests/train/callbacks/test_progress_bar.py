"""The bar is on stderr, shows figures, and is silent where there is no terminal."""

from pyrovae.objectives import ELBO
from pyrovae.train import fit
from tests.train.pairs import networks, pair, x_of


def train(**options):
    fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=3, batch_size=20, val=x_of(5),
        device="cpu", **options,
    )  # fmt: skip


def test_shows_epochs_and_figures_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    train()
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 3/3" in err and "train=" in err and "val=" in err and "6/6" in err


def test_is_silent_without_a_terminal_or_when_not_wanted(capsys, monkeypatch):
    train()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    train(progress=False)
    assert capsys.readouterr() == ("", "")


def test_says_that_it_compiles_and_what_that_took(capsys, monkeypatch, interpreted):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    train(compile=True)
    err = capsys.readouterr().err
    begun, done = err.index("compiling the step"), err.index("compiled in ")
    assert begun < done < err.index("epoch 3/3")
    assert "compiling" not in err[done:]


def test_says_nothing_of_compiling_where_there_is_none(capsys):
    train(progress=True)
    assert "compil" not in capsys.readouterr().err
