"""No fault and no warning on sound pairs: every family, every style, the structures of Pyro."""

import pyro
import pytest
import torch

from pyrovae import check
from tests import pairs
from tests.foreign.pairs import STRUCTURES
from tests.models.matrix import FAMILIES, PAIRS, batch_for

from . import sound

STYLES = [
    pairs.param_functions, pairs.module_functions, pairs.subsampled_plate, pairs.scaled_pair,
    pairs.pyro_module, pairs.pyro_module_local, pairs.convolutions, pairs.own_convolutions,
    pairs.nested_plate, pairs.hierarchy,
]  # fmt: skip
LEFT_OUT = {
    "hmm, one sequence after the other",  # a Python loop over data, which is warned of
    "dmm, flows", "dmm, annealed", "dmm, TraceEnum", "scanvi, unlabelled",  # like others, slow
    "scanvi, labelled, Trace_ELBO", "ss_vae, enumerated one by one", "lda, minibatches",
}  # fmt: skip
GUIDES = ["guide AffineCoupling", "guide Planar", "guide MixturePosterior", "prior VampPrior",
          "VQVAE, learned prior", "denoising Autoencoder, MixturePrior"]  # fmt: skip
AUTO = ["regression, AutoNormal", "regression, AutoDelta, minibatches", "sparse gamma",
        "gmm, assignments in the guide"]  # fmt: skip


def _silent(model, guide, args):
    found = check(model, guide, *args, objectives=False, capture=False)
    assert found.is_sound, str(found)
    assert "PV900" not in found.codes, str(found)


@pytest.mark.parametrize("name", [*FAMILIES, *GUIDES])
def test_families(name):
    pair = PAIRS[name]().double()
    _silent(pair.model, pair.guide, batch_for(name, pair))


@pytest.mark.parametrize("style", STYLES)
def test_styles(style):
    pair = style(torch.float64)
    with pyro.settings.context(module_local_params=pair.local_params):
        _silent(pair.model, pair.guide, pair.args)


@pytest.mark.parametrize(
    "name", [n for n in STRUCTURES if n not in LEFT_OUT and ("Auto" not in n or n in AUTO)]
)
def test_structures_of_pyro(name):
    structure = STRUCTURES[name]
    pair = structure.make()
    _silent(pair.model, pair.guide, pair.args)


@pytest.mark.parametrize("make", sound.PAIRS, ids=lambda make: make.__name__)
def test_odd_ones(make):
    model, guide, *args = make()
    _silent(model, guide, args)
