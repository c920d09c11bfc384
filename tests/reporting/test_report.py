"""The table agrees with the exact oracle, and survives what has no number."""

import json
import math

import pytest
import torch

from pyrovae import data
from pyrovae.data import Split
from pyrovae.models import VAE
from pyrovae.nn import Binomial
from pyrovae.reporting import pictures, report, save_pictures, to_generate


def test_numbers_against_the_oracle(tmp_path):
    oracle = data.LinearGaussian.random(data_dim=4, latent_dim=2, seed=3)
    x = oracle.sample(400, seed=1)
    found = report(oracle.model, oracle.guide, data.Split(x), num_particles=400, seed=0)
    facts = found.facts
    noise = 4.5 * facts["monte_carlo_error"]
    assert facts["nll"] == pytest.approx(-oracle.log_px(x).mean().item(), abs=noise)
    assert facts["kl"] == pytest.approx(oracle.kl(x).mean().item(), rel=1e-6)
    assert facts["bits_per_dim"] == pytest.approx(facts["nll"] / (4 * math.log(2)), rel=1e-6)
    assert facts["active_units"] == facts["latent_units"] == 2
    for row in ("ELBO", "reconstruction", "KL z", "NLL", "ESS", "Pareto k-hat"):
        assert row in str(found)
    found.to_json(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["nll"] == facts["nll"]


def test_too_few_particles_for_k_hat_leave_null(tmp_path):
    oracle = data.LinearGaussian.random(data_dim=4, latent_dim=2, seed=3)
    found = report(
        oracle.model, oracle.guide, data.Split(oracle.sample(10, seed=1)), num_particles=3
    )
    found.to_json(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["k_hat_median"] is None


def test_pictures_of_images_and_of_vectors(tmp_path):
    digits = data.digits()
    vae = VAE((1, 8, 8), 3, likelihood=Binomial(16))
    history = [{"epoch": 1, "train": -3.0, "val": -4.0}, {"epoch": 2, "train": -2.0, "val": -3.0}]
    state = torch.get_rng_state()
    found = pictures(vae.model, vae.guide, digits.test, history=history)
    assert torch.equal(state, torch.get_rng_state())
    assert set(found) == {"curves", "reconstructions", "samples", "latents", "traversals"}
    paths = save_pictures(found, tmp_path / "p")
    assert all(path.stat().st_size > 3000 for path in paths)

    oracle = data.LinearGaussian.random(data_dim=4, latent_dim=2, seed=3)
    split = data.Split(oracle.sample(20, seed=1))
    assert set(pictures(oracle.model, oracle.guide, split)) == {"latents"}


class TestWhatToGenerate:
    X = torch.rand(5, 2)

    def test_without_labels(self):
        (x,) = to_generate(Split(self.X, y=torch.arange(5)), 3)
        assert x.shape == (3, 2)

    def test_every_known_class_in_turn(self):
        split = Split(self.X, y=torch.tensor([4, -1, 2, 4, -1])).labelled()
        x, y = to_generate(split, 5)
        assert x.shape == (5, 2) and y.tolist() == [2, 2, 2, 4, 4]

    def test_what_the_rows_have(self):
        split = Split(self.X, y=torch.arange(5.0)).labelled()
        assert to_generate(split, 7)[1].tolist() == [0, 1, 2, 3, 4, 0, 1]


def test_labels_of_probabilities_ask_for_data_that_a_head_takes():
    x = torch.rand(6, 1, 2, 2) * 0.5 + 0.25
    split = Split(x, torch.arange(6) % 3, dynamic=True, with_labels=True)
    made, classes = to_generate(split, 4)
    assert made.shape == (4, 1, 2, 2) and set(made.unique().tolist()) <= {0.0, 1.0}
    assert classes.tolist() == [0, 0, 1, 1]
