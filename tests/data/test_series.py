"""`data.series`: shapes, lengths, windows that do not leak, and errors."""

import numpy as np
import pytest
import torch

from pyrovae import data, fit
from pyrovae.cli import main
from pyrovae.errors import ConfigError, DataError, DataWarning
from pyrovae.models import DeepMarkovModel, VariationalRNN


def test_arrays_of_one_length():
    made = data.series(np.random.default_rng(0).normal(3.0, 2.0, (20, 5, 2)), val=4, test=0.2)
    assert [len(s) for s in (made.train, made.val, made.test)] == [12, 4, 4]
    assert made.shape == (5, 2) and made.train.y is None and made.supplies == {}
    flat = made.train.x.flatten(0, 1)
    torch.testing.assert_close(flat.mean(0), torch.zeros(2).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(flat.std(0, correction=0), torch.ones(2).double())


def test_units_come_back():
    x = np.arange(60.0).reshape(20, 3)
    made = data.series(x, val=0, test=5)
    scale, mean = (torch.tensor(made.info[k], dtype=torch.float64) for k in ("scale", "mean"))
    back = torch.cat([made.train.x, made.test.x]) * scale + mean
    assert sorted(back.flatten().round().tolist()) == x.flatten().tolist()


def test_unequal_lengths_are_padded_by_zeros_after_scaling():
    rows = [np.full((n, 2), float(n)) for n in (3, 1, 4, 2)]
    made = data.series(rows, val=0, test=1, seed=1)
    assert made.supplies == {"lengths": True}
    for split in (made.train, made.test):
        for x, length in zip(split.x, split.y.tolist(), strict=True):
            assert (x[length:] == 0).all()
            back = x[:length] * torch.tensor(made.info["scale"]) + torch.tensor(made.info["mean"])
            torch.testing.assert_close(back, torch.full_like(back, length))
    again = data.series(np.ones((4, 3)), lengths=[3, 1, 2, 3], val=0, test=0, standardise=False)
    assert again.train.x.sum() == 9


def test_windows_of_a_long_series_share_no_step_between_splits():
    made = data.series(np.arange(100.0), window=8, val=16, test=0.2, standardise=False)
    seen = [set(s.x.flatten().tolist()) for s in (made.train, made.val, made.test)]
    assert max(seen[0]) < min(seen[1]) and max(seen[1]) < min(seen[2])
    assert made.train.x[1, 0] - made.train.x[0, 0] == 2
    assert made.shape == (8, 1) and len(made.test) == 2


def test_a_file(tmp_path):
    path = tmp_path / "series.csv"
    path.write_text("power,heat\n" + "\n".join(f"{t},{t * t}" for t in range(40)))
    made = data.series(path, window=5, val=5, test=10)
    assert made.shape == (5, 2) and len(made.test) == 2


@pytest.mark.parametrize(
    "x, options, words",
    [
        ([[1.0], [], [2.0, 3.0]], {}, "1 of 3 series are empty, the first is number 1"),
        (np.ones((4, 3)), {"lengths": [1, 2, 4, 3]}, "series 2"),
        (np.ones((4, 3)), {"lengths": [1, 2, 3]}, "for 4 series"),
        (np.ones((4, 3)), {"lengths": [1, 2, 2.5, 3]}, "that of series 2 is 2.5"),
        ([[1.0], [1.0, 2.0]], {"lengths": [1, 1]}, "lengths= is known"),
        ([[1.0, float("nan")], [1.0, 2.0]], {}, "NaN"),
        (np.array([[[1.0], [np.inf]]]), {}, "number 0 at step 1"),
        (np.ones(9), {}, "window="),
        ([np.ones((2, 2)), np.ones((3, 1))], {}, "one D for all"),
        (np.ones(9), {"window": 5}, "shorter window"),
        (np.ones(9), {"window": 2, "lengths": [1]}, "a single one"),
        (np.ones((4, 3)), {"val": 1.5}, "no share"),
    ],
)
def test_what_is_refused(x, options, words):
    with pytest.raises(DataError, match=words):
        data.series(x, **options)


def test_what_windows_refuses():
    with pytest.raises(ConfigError, match="at least 1"):
        data.windows([1.0, 2.0], 0)
    with pytest.raises(DataError, match="2 steps, and a window has 3"):
        data.windows([1.0, 2.0], 3)
    with pytest.raises(DataError, match="one by one"):
        data.windows(np.ones((2, 3, 4)), 2)


def test_a_table_of_many_short_rows_is_said_to_be_series(tmp_path):
    """A long series whose window was forgotten would be learned as series of one step."""
    path = tmp_path / "power.csv"
    path.write_text("day,power,heat\n" + "\n".join(f"d{t},{t},{t * t}" for t in range(40)))
    with pytest.warns(DataWarning, match="40 series of 2 steps.*window="):
        assert data.series(path, columns=["power", "heat"]).shape == (2, 1)
    with pytest.raises(DataError, match="'day'.*columns="):
        data.series(path, window=5)
    made = data.series(path, window=5, val=5, test=10, columns=["heat", "power"])
    assert made.shape == (5, 2) and made.info["scale"][0] > made.info["scale"][1]


def test_padding_is_no_data_of_a_family_without_lengths(tmp_path, monkeypatch, capsys):
    sets = data.series([np.ones((n, 2)) * n for n in (3, 1, 4, 2) * 3], val=0, test=2)
    for pair in (DeepMarkovModel(sets.shape, latent_dim=2), VariationalRNN(sets.shape, 2)):
        with pytest.raises(ConfigError, match=r"lengths=True.*labelled"):
            fit(pair, sets, epochs=1)
        with pytest.raises(ConfigError, match="lengths=True"):
            fit(pair.model, pair.guide, sets, epochs=1)
    np.save(tmp_path / "x.npy", np.ones((20, 3)))
    np.save(tmp_path / "n.npy", np.arange(20) % 3 + 1)
    monkeypatch.chdir(tmp_path)
    words = ["fit", "--data", "series", "--data.x", "x.npy", "--data.lengths", "n.npy", "--run",
             "run", "--model", "DeepMarkovModel", "--model.latent_dim", "2", "--epochs", "1",
             "--test-particles", "0"]  # fmt: skip
    assert main([*words, "--model.lengths", "false"]) == 2
    assert "--model.lengths true" in capsys.readouterr().err
    assert main(words) == 0 and main(["diagnose", "run", "--limit", "5"]) == 0
