"""Sizes and shapes as arguments, of every kind of number."""

from functools import partial

import numpy as np
import pytest
import torch

from pyrovae import models, nn
from pyrovae.errors import ConfigError, PyrovaeError, ShapeError
from pyrovae.models import VAE, VQVAE, HierarchicalVAE, LadderVAE, TopDownVAE
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder, GridDecoder, GridEncoder, flows, quantizers
from pyrovae.nn.sizes import as_shape, as_size, as_sizes

EIGHT = [8, 8.0, np.int64(8), np.uint8(8), np.float32(8), np.array(8), torch.tensor(8)]
NO_SIZE = ["8", 2.5, True, None, -1, 0, float("nan"), float("inf"), [8], np.array([8, 8]), 8j]
SHAPE_OF_SIX = [6, (6,), [6], torch.Size([6]), np.int32(6), np.array([6]), torch.tensor([6]), 6.0]
NO_SHAPE = ["6", None, (0,), (-2, 3), ("a",), {6: 1}, 6.5, (True,), [[6]]]


@pytest.mark.parametrize("given", EIGHT, ids=repr)
def test_every_whole_number_is_a_size(given):
    size = as_size(given, "latent_dim", "mine")
    assert size == 8
    assert type(size) is int


@pytest.mark.parametrize("given", NO_SIZE, ids=repr)
def test_another_value_is_refused_with_its_place(given):
    with pytest.raises(ConfigError, match="mine got latent_dim=.* whole number, at least 1"):
        as_size(given, "latent_dim", "mine")


def test_a_size_may_have_another_lower_end():
    assert as_size(0, "blocks", "mine", at_least=0) == 0
    with pytest.raises(ConfigError, match="at least 2"):
        as_size(1, "num_codes", "mine", at_least=2)


@pytest.mark.parametrize("given", SHAPE_OF_SIX, ids=repr)
def test_every_shape_becomes_a_tuple(given):
    assert as_shape(given) == (6,)
    assert as_sizes(given, "hidden", "mine") == (6,)
    assert all(type(n) is int for n in as_shape(given))


@pytest.mark.parametrize("given", NO_SHAPE, ids=repr)
def test_what_is_no_shape_is_refused_with_its_place(given):
    with pytest.raises(ShapeError, match=r"mine got data_shape="):
        as_shape(given, "data_shape", "mine")
    with pytest.raises(ConfigError, match=r"mine got hidden="):
        as_sizes(given, "hidden", "mine")


def test_sizes_may_be_none_where_that_is_said():
    assert as_sizes((), "hidden", "mine", allow_none=True) == ()
    with pytest.raises(ConfigError, match="hidden"):
        as_sizes((), "hidden", "mine")


FAMILIES = {
    "VAE": lambda shape, dim: VAE(shape, dim),
    "Autoencoder": lambda shape, dim: models.Autoencoder(shape, dim),
    "ConditionalVAE": lambda shape, dim: models.ConditionalVAE(shape, dim, num_classes=3),
    "FactorAnalysis": lambda shape, dim: models.FactorAnalysis(shape, dim),
    "MixtureVAE": lambda shape, dim: models.MixtureVAE(shape, dim, 3),
    "PartialVAE": lambda shape, dim: models.PartialVAE(shape, dim),
    "ProbabilisticPCA": lambda shape, dim: models.ProbabilisticPCA(shape, dim),
    "SemiSupervisedVAE": lambda shape, dim: models.SemiSupervisedVAE(shape, dim, 3),
    "HierarchicalVAE": lambda shape, dim: HierarchicalVAE(shape, [dim]),
    "LadderVAE": lambda shape, dim: LadderVAE(shape, [dim]),
    "VQVAE": lambda shape, dim: VQVAE(shape, [dim]),
    "GumbelSoftmaxVAE": lambda shape, dim: models.GumbelSoftmaxVAE(shape, [dim]),
}
every_family = pytest.mark.parametrize("name", FAMILIES)


@every_family
@pytest.mark.parametrize("shape", SHAPE_OF_SIX, ids=repr)
def test_a_family_takes_every_shape(name, shape):
    assert FAMILIES[name](shape, 2).data_shape == (6,)


@every_family
@pytest.mark.parametrize("shape", NO_SHAPE, ids=repr)
def test_a_family_refuses_what_is_no_shape(name, shape):
    with pytest.raises(ShapeError, match=f"{name} got data_shape="):
        FAMILIES[name](shape, 2)


@every_family
@pytest.mark.parametrize("dim", [np.int64(2), 2.0, torch.tensor(2)], ids=repr)
def test_a_family_takes_every_size_of_z(name, dim):
    family = FAMILIES[name](6, dim)
    held = getattr(family, "latent_dim", None) or getattr(family, "grid", None)
    held = held or family.latent_dims
    assert held in (2, (2,))


@every_family
@pytest.mark.parametrize("dim", ["8", 2.5, 0, -3, None, True], ids=repr)
def test_a_family_refuses_what_is_no_size_of_z(name, dim):
    with pytest.raises(ConfigError, match=rf"{name} got (latent_dims?|grid)=.*whole num"):
        FAMILIES[name](6, dim)


# Sizes of parts: a call with a size, and one that should make the same.
PARTS = {
    "MLP": (lambda n: MLP(n, n, hidden=n), (8,)),
    "ConvEncoder": (lambda n: ConvEncoder((1, 8, 8), n, channels=n, blocks=n), (8,)),
    "ConvDecoder": (lambda n: ConvDecoder(n, (1, 8, 8), channels=n), (8,)),
    "GridEncoder": (lambda n: GridEncoder((1, 8, 8), (4, 4, n), channels=n, blocks=1), None),
    "GridDecoder": (lambda n: GridDecoder((4, 4, n), (1, 8, 8), channels=n, blocks=1), None),
    "AffineCoupling": (lambda n: flows.AffineCoupling(n, n, hidden=n), (8,)),
    "SplineCoupling": (lambda n: flows.SplineCoupling(n, n, hidden=n, num_bins=n), (8,)),
    "InverseAutoregressive": (lambda n: flows.InverseAutoregressive(n, n, hidden=n), (8,)),
    "NeuralAutoregressive": (lambda n: flows.NeuralAutoregressive(n, num_units=n), None),
    "Householder": (lambda n: flows.Householder(n, n, num_reflections=n), None),
    "OrthogonalSylvester": (lambda n: flows.OrthogonalSylvester(n, num_columns=n), None),
    "Planar": (lambda n: flows.Planar(n, n), None),
    "Permutation": (lambda n: flows.Permutation(n, n), None),
    "FiniteScalar": (lambda n: quantizers.FiniteScalar(n), (8,)),
    "LearnedCodebook": (lambda n: quantizers.MovingAverageCodebook(n, n), None),
    "LowRankNormal": (lambda n: models.LowRankNormal(n, rank=n), None),
    "MixturePosterior": (lambda n: models.MixturePosterior(n, num_components=n), None),
    "FlowPosterior": (lambda n: models.FlowPosterior(n, num_layers=n, context_dim=n), None),
    "FlowPrior": (lambda n: models.FlowPrior(n, num_layers=n), None),
    "MixturePrior": (lambda n: models.MixturePrior(n, num_components=n), None),
    "VampPrior": (lambda n: models.VampPrior(n, num_components=n), None),
    "Refinement": (lambda n: models.Refinement(n, num_steps=n, num_draws=n), None),
    "UniformCodes": (lambda n: models.UniformCodes(n, n), (8,)),
    "AutoregressiveCodes": (
        lambda n: models.AutoregressiveCodes(n, n, width=n, num_layers=n, num_heads=n), (8,),
    ),
    "LadderVAE": (lambda n: LadderVAE(n, n, feature_dims=n), (8,)),
    "TopDownVAE": (
        lambda n: TopDownVAE((1, n, n), channels=n, groups=1, latent_channels=n), (8,),
    ),
    "Condition": (lambda n: models.ConditionalVAE(n, n, num_classes=n), None),
    "MixtureVAE": (lambda n: models.MixtureVAE(n, n, n), None),
    "SemiSupervisedVAE": (lambda n: models.SemiSupervisedVAE(n, n, n), None),
    "GumbelSoftmaxVAE": (lambda n: models.GumbelSoftmaxVAE(n, n, num_codes=n), (8,)),
}  # fmt: skip
every_part = pytest.mark.parametrize("name", PARTS)


def shapes_of(module):
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


@every_part
@pytest.mark.parametrize("size", [np.int64(8), 8.0, torch.tensor(8)], ids=repr)
def test_a_part_takes_every_size(name, size):
    make, _ = PARTS[name]
    assert shapes_of(make(size)) == shapes_of(make(8))


@every_part
@pytest.mark.parametrize("size", ["8", 2.5, 0, -1, None, True], ids=repr)
def test_a_part_refuses_what_is_no_size(name, size):
    with pytest.raises(PyrovaeError, match="whole number|below 1|between 1 and|at least"):
        PARTS[name][0](size)


@pytest.mark.parametrize("name", [name for name, (_, same) in PARTS.items() if same])
def test_a_number_stands_for_one_size(name):
    make, same = PARTS[name]
    assert shapes_of(make(8)) == shapes_of(_with_sequences(name, same))


def _with_sequences(name, eight):
    """The same part, its several sizes given as a sequence of one."""
    return {
        "MLP": partial(MLP, 8, 8, hidden=eight),
        "ConvEncoder": partial(ConvEncoder, (1, 8, 8), 8, channels=eight, blocks=8),
        "ConvDecoder": partial(ConvDecoder, 8, (1, 8, 8), channels=eight),
        "AffineCoupling": partial(flows.AffineCoupling, 8, 8, hidden=eight),
        "SplineCoupling": partial(flows.SplineCoupling, 8, 8, hidden=eight, num_bins=8),
        "InverseAutoregressive": partial(flows.InverseAutoregressive, 8, 8, hidden=eight),
        "FiniteScalar": partial(quantizers.FiniteScalar, eight),
        "UniformCodes": partial(models.UniformCodes, eight, 8),
        "AutoregressiveCodes": partial(
            models.AutoregressiveCodes, eight, 8, width=8, num_layers=8, num_heads=8
        ),
        "LadderVAE": partial(LadderVAE, eight, eight, feature_dims=eight),
        "TopDownVAE": partial(
            TopDownVAE, (1, 8, 8), channels=eight, groups=(1,), latent_channels=8
        ),
        "GumbelSoftmaxVAE": partial(models.GumbelSoftmaxVAE, eight, eight, num_codes=8),
    }[name]()


def test_a_flat_size_is_a_vector():
    vae = VAE(784, 2, encoder=partial(nn.MLP, hidden=16), decoder=partial(nn.MLP, hidden=16))
    assert vae.generate(3).shape == (3, 784)
