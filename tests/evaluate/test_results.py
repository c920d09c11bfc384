"""All that measurements give keeps one contract: texts, tables, files, pictures, copies."""

import pytest
import torch

import pyrovae
from pyrovae import Result
from pyrovae.data import ShapeGrid
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.evaluate import disentanglement as metrics
from pyrovae.evaluate.disentanglement import dci, mig
from pyrovae.evaluate.latents.kl_decomposition import kl_decomposition
from pyrovae.objectives import ELBO, IWAE
from pyrovae.train import History
from tests.result_contract import check_result

PAIR = LinearGaussian.random(data_dim=4, latent_dim=2, seed=0)
X = PAIR.sample(6, seed=1)
FACTORS = ShapeGrid(num_positions=3).factors()
CODES = FACTORS.flip(1).float()
ANNEALED = {"num_particles": 4, "num_temperatures": 3, "num_leapfrog": 2, "seed": 0}
QUIET = {"device": "cpu", "progress": False}


def disentangled():
    names = [f"factor {i}" for i in range(FACTORS.shape[1])]
    return metrics(CODES, FACTORS, names=names, num_votes=50, num_test_votes=30)


def trained():
    return pyrovae.fit(PAIR, X, epochs=8, val=X, seed=0, **QUIET)


def compared():
    return pyrovae.compare(
        PAIR, X, [ELBO(), IWAE(2)], num_particles=2, num_draws=4, reference_draws=4, repeats=1,
        evidence_particles=30,
    )  # fmt: skip


def compared_by_training():
    def make():
        return LinearGaussian.random(data_dim=4, latent_dim=2, seed=3)

    return pyrovae.compare_training(
        make, X, [ELBO(), IWAE(2)], epochs=1, seeds=(0, 1), test=X, num_particles=10, **QUIET
    )


MADE = {
    "log_evidence": lambda: pyrovae.log_evidence(PAIR, X, num_particles=60, seed=0),
    "log_evidence of one particle": lambda: pyrovae.log_evidence(PAIR, X, num_particles=1, seed=0),
    "ais": lambda: pyrovae.ais(PAIR, X, **ANNEALED),
    "bdmc": lambda: pyrovae.bdmc(PAIR, X, **ANNEALED),
    "elbo_parts": lambda: pyrovae.elbo_parts(PAIR, X, num_particles=3, seed=0),
    "elbo_surgery": lambda: pyrovae.elbo_surgery(PAIR, X, num_particles=3, seed=0),
    "kl_decomposition": lambda: kl_decomposition(PAIR, X, num_particles=3, seed=0),
    "active_units": lambda: pyrovae.active_units(PAIR, X, seed=0),
    "traverse": lambda: pyrovae.traverse(PAIR, X, seed=0),
    "gradients": lambda: pyrovae.gradients(PAIR, X, ELBO(), num_draws=4, reference_draws=4),
    "inference_gaps": lambda: pyrovae.inference_gaps(
        PAIR, X, num_steps=3, num_particles=20, seed=0
    ),
    "compare": compared,
    "compare_training": compared_by_training,
    "disentanglement": disentangled,
    "mig": lambda: mig(CODES, FACTORS),
    "dci": lambda: dci(CODES, FACTORS),
    "fit": trained,
    "history": lambda: trained().history,
}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")
def test_contract(name):
    found = MADE[name]()
    assert isinstance(found, Result)
    check_result(found)


def test_images_are_drawn_along_the_units():
    torch.manual_seed(0)
    vae = pyrovae.VAE((1, 5, 5), 2)
    found = pyrovae.traverse(vae, torch.rand(4, 1, 5, 5).round(), seed=0)
    assert found.plot().axes[0].images and found.records()[0]["change"] > 0


def test_an_empty_history_shows():
    assert History().to_csv().strip() == "" and "<table" in History()._repr_html_()
