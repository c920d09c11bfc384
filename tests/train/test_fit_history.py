"""The figures of a run: training and validation bounds, and that measuring changes nothing."""

import json
from dataclasses import replace

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import (
    Trace_ELBO,
)
from torch import nn

from pyrovae.data import arrays
from pyrovae.objectives import ELBO, IWAE
from pyrovae.train import fit
from pyrovae.train.optim import schedules
from tests.train.pairs import QUIET, networks, pair, same, state, x_of


def test_validates_on_the_val_of_a_dataset():
    data = arrays(x_of(50), val=10, test=10)
    assert fit(*pair(*networks()), data, objective=ELBO(), epochs=1, **QUIET).best["val"]
    without = replace(data, val=data.val[:0])
    run = fit(*pair(*networks(2)), without, objective=ELBO(), epochs=2, **QUIET)
    assert run.best == {"epoch": 2, "val": None}
    assert [entry["val"] for entry in run.history] == [None, None]


def test_history_is_in_nats_per_datum_whatever_the_scale_and_the_batch_size():
    """N/B of a subsampled plate does not show, nor does a last batch of another size."""
    x = x_of(40)
    values = {}
    for batch_size in (40, 16):
        for size in (None, 40, 7000):
            pyro.clear_param_store()
            nets = networks()

            def plate(x, size=size):
                return pyro.plate("data", size or len(x), subsample=torch.arange(len(x)))

            def model(x, plate=plate, nets=nets):
                pyro.module("decoder", nets[1])
                with plate(x):
                    z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
                    pyro.sample("x", dist.Normal(nets[1](z), 0.8).to_event(1), obs=x)

            def guide(x, plate=plate, nets=nets):
                pyro.module("encoder", nets[0])
                loc, log_scale = nets[0](x).chunk(2, -1)
                with plate(x):
                    pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

            for objective in (Trace_ELBO(), ELBO()):
                run = fit(
                    model, guide, x, objective=objective, epochs=1, batch_size=batch_size, val=x,
                    optimizer=lambda leaves: torch.optim.SGD(leaves, lr=0.0), **QUIET,
                )  # fmt: skip
                values[batch_size, size, type(objective)] = (
                    run.history[0]["train"],
                    run.history[0]["val"],
                )
    expected = values[40, None, ELBO][0]
    for train, val in values.values():
        assert train == pytest.approx(expected, abs=1.0) and val == pytest.approx(
            expected, abs=1.0
        )
    for batch_size in (40, 16):
        for kind in (ELBO, Trace_ELBO):
            for size in (40, 7000):
                assert values[batch_size, size, kind] == pytest.approx(
                    values[batch_size, None, kind], rel=1e-5
                )


def test_history_has_the_entries_that_are_promised(tmp_path):
    run = fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=3, batch_size=16, val=x_of(8),
        lr=0.5, schedule=schedules.exponential(0.1), run_dir=tmp_path, **QUIET,
    )  # fmt: skip
    keys = [
        "epoch",
        "step",
        "train",
        "val",
        "lr",
        "grad_norm",
        "seconds",
        "reconstruction",
        "kl[z]",
    ]
    assert [list(entry) for entry in run.history] == [keys] * 3
    assert [entry["step"] for entry in run.history] == [3, 6, 9]
    assert run.steps == 9 and run.seconds == sum(entry["seconds"] for entry in run.history)
    assert run.history[0]["lr"] == pytest.approx(0.5 * 0.1 ** (2 / 9))
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == run.history
    best = max(run.history, key=lambda entry: entry["val"])
    assert run.best == {"epoch": best["epoch"], "val": best["val"]}
    assert "3 epochs" in repr(run)


def test_validation_disturbs_nothing():
    """Noise, running statistics and dropout go on as if it had not been."""
    results = []
    for val in (None, x_of(33)):
        pyro.clear_param_store()
        torch.manual_seed(1)
        encoder = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(0.2))
        decoder = nn.Linear(2, 6)
        fit(
            *pair(encoder, decoder), x_of(), objective=IWAE(2), epochs=3, batch_size=16, val=val,
            **QUIET,
        )  # fmt: skip
        draws = [torch.rand(1), torch.tensor(np.random.rand())]
        results.append(state((encoder, decoder)) + draws)
        assert encoder.training and encoder[2].training
    assert same(*results)


def test_validation_is_the_bound_over_all_data_in_evaluation_mode():
    values = set()
    for batch_size in (33, 10):
        pyro.clear_param_store()
        torch.manual_seed(1)
        encoder = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(0.9))
        model, guide = pair(encoder, nn.Linear(2, 6))

        class Exact(Trace_ELBO):
            def loss(self, model, guide, x, encoder=encoder):  # no noise: batches cannot differ
                return encoder(x).sum().item()

        run = fit(
            model, guide, x_of(33), objective=ELBO(), epochs=1, batch_size=batch_size,
            val=x_of(33), val_objective=Exact(),
            optimizer=lambda leaves: torch.optim.SGD(leaves, lr=0.0), **QUIET,
        )  # fmt: skip
        encoder.eval()
        # The running statistics differ with the batch size, and the mean is over all data.
        assert run.best["val"] == pytest.approx(-encoder(x_of(33)).sum().item() / 33, rel=1e-5)
        values.add(run.best["val"])
    assert len(values) == 2


def test_validation_has_the_same_noise_every_time():
    frozen = {"optimizer": lambda leaves: torch.optim.SGD(leaves, lr=0.0)}
    run = fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=3, val=x_of(9), **frozen, **QUIET
    )
    assert len({entry["val"] for entry in run.history}) == 1
    assert len({entry["train"] for entry in run.history}) == 3


def test_the_validation_objective_is_another():
    frozen = {"optimizer": lambda leaves: torch.optim.SGD(leaves, lr=0.0)}
    vals = {}
    for name, objective in {"same": None, "other": IWAE(200)}.items():
        run = fit(
            *pair(*networks()), x_of(), objective=ELBO(), epochs=1, val=x_of(40),
            val_objective=objective, **frozen, **QUIET,
        )  # fmt: skip
        vals[name] = run.best["val"]
        pyro.clear_param_store()
    assert vals["other"] > vals["same"] + 0.1
