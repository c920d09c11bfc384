"""Runs paired by seed: the same start, the same batches, one evaluator."""

import json

import pyro
import pytest
import torch
from torch import nn

from pyrovae import data
from pyrovae.errors import ConfigError
from pyrovae.evaluate import compare_training, log_evidence
from pyrovae.models import VAE
from pyrovae.nn import MLP, Normal
from pyrovae.objectives import ELBO, IWAE
from tests.pairs import STYLES

X = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
QUICK = {"epochs": 2, "seeds": (0, 1), "num_particles": 20, "device": "cpu", "progress": False}


def make_pair():
    return VAE(
        (6,),
        2,
        encoder=lambda i, o: MLP(i, o, hidden=(4,)),
        decoder=lambda i, o: MLP(i, o, hidden=(4,)),
        likelihood=Normal(0.5),
    )


def test_equal_objectives_give_equal_runs():
    table = compare_training(
        make_pair, X, {"a": ELBO(), "b": ELBO(), "c": IWAE(5)}, test=X[:20], **QUICK
    )
    a, b, c = table.rows
    assert a["nll_by_seed"] == b["nll_by_seed"] != c["nll_by_seed"]
    assert a["nll_by_seed"][0] != a["nll_by_seed"][1]
    assert b["difference"] == b["difference_sd"] == 0
    pairs = zip(c["nll_by_seed"], a["nll_by_seed"], strict=True)
    paired = torch.tensor([x - y for x, y in pairs], dtype=torch.float64)
    assert c["difference"] == pytest.approx(paired.mean().item())
    assert c["difference_sd"] == pytest.approx(paired.std().item())
    assert a["steps"] == 2 and a["milliseconds"] > 0
    assert "minus a" in str(table) and "K = 20" in str(table)


def test_the_nll_is_that_of_the_evaluator():
    made = []

    def remember():
        made.append(make_pair())
        return made[-1]

    table = compare_training(remember, X, [ELBO()], test=X[:20], **QUICK)
    trained = log_evidence(made[-1].model, made[-1].guide, X[:20], num_particles=20, seed=0)
    assert table.rows[0]["nll_by_seed"][1] == -trained.mean()


def test_pairs_of_functions_start_afresh_and_the_store_is_left():
    pyro.param("w", torch.tensor(3.0))

    def functions():
        return STYLES["param_functions"](torch.float32)

    table = compare_training(functions, X, {"a": ELBO(), "b": ELBO()}, test=X[:20], **QUICK)
    assert table.rows[1]["difference"] == 0
    assert list(pyro.get_param_store().keys()) == ["w"]


def test_continues_where_it_was_stopped(tmp_path):
    ended = []

    class Stop(Exception):
        pass

    def stop(name, seed, nll):
        ended.append((name, seed, nll))
        if len(ended) == 2:
            raise Stop

    objectives = {"a": ELBO(), "b": IWAE(2)}
    kwargs = {"test": X[:20], "run_dir": tmp_path, **QUICK}
    with pytest.raises(Stop):
        compare_training(make_pair, X, objectives, on_run=stop, **kwargs)
    table = compare_training(make_pair, X, objectives, **kwargs)
    whole = compare_training(make_pair, X, objectives, **(kwargs | {"run_dir": tmp_path / "2"}))
    assert [r["nll_by_seed"] for r in table.rows] == [r["nll_by_seed"] for r in whole.rows]
    table.to_json(tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_text())["seeds"] == [0, 1]


def test_datasets_bring_their_test_data():
    digits = data.digits(binarize="dynamic")
    table = compare_training(
        lambda: VAE((1, 8, 8), 2, encoder=MLP, decoder=MLP),
        digits,
        [ELBO()],
        **(QUICK | {"epochs": 1, "seeds": (0,)}),
    )
    assert table.facts["num_test"] == len(digits.test)
    assert table.rows[0]["nll_sd"] != table.rows[0]["nll_sd"]


def test_refusals():
    with pytest.raises(ConfigError, match="0 objectives"):
        compare_training(make_pair, X, [], test=X, **QUICK)
    with pytest.raises(ConfigError, match="no test data"):
        compare_training(make_pair, X, [ELBO()], **QUICK)
    with pytest.raises(ConfigError, match="make_pair is of type VAE, needs a function"):
        compare_training(make_pair(), X, [ELBO()], test=X, **QUICK)
    with pytest.raises(ConfigError, match="what make_pair makes: .* of type int, and no model"):
        compare_training(lambda: 3, X, [ELBO()], test=X, **QUICK)
    calls = []

    def other():
        calls.append(make_pair())
        if len(calls) > 1:
            nn.init.ones_(next(calls[-1].parameters()))
        return calls[-1]

    with pytest.raises(ConfigError, match="other parameters"):
        compare_training(other, X, {"a": ELBO(), "b": ELBO()}, test=X, **QUICK)
