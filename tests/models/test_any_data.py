"""What families make of data: of every kind, in blocks, from draws or means, and none at all."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from pyrovae.data import arrays
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.models import (
    VAE,
    VQVAE,
    Autoencoder,
    ConditionalVAE,
    FactorAnalysis,
    FlowPosterior,
    FullNormal,
    GivenSizes,
    GumbelSoftmaxVAE,
    HierarchicalVAE,
    LadderVAE,
    MixturePosterior,
    MixtureVAE,
    NormalPrior,
    PartialVAE,
    ProbabilisticPCA,
    SemiSupervisedVAE,
    TopDownVAE,
)
from pyrovae.nn import MLP, Binomial, Poisson

N, SHAPE, D = 2345, (1, 4, 4), 16  # three blocks
LEVELS = torch.randint(0, 17, (N, *SHAPE), generator=torch.Generator().manual_seed(0))
X, Y = LEVELS.float(), torch.arange(N) % 3
MASK = torch.rand(X.shape, generator=torch.Generator().manual_seed(1)) < 0.8
MASK[..., 0] = True
net = partial(MLP, hidden=8)
NETS = {"encoder": net, "decoder": net, "likelihood": Binomial(16)}
UPPER = {"upper_encoder": net, "upper_decoder": net}

# Families, and what stands beside x.
FAMILIES = {
    "VAE": (lambda: VAE(SHAPE, 2, **NETS), None),
    "VAE, full": (lambda: VAE(SHAPE, 2, posterior=FullNormal, **NETS), None),
    "VAE, flow": (lambda: VAE(SHAPE, 2, posterior=FlowPosterior, **NETS), None),
    "VAE, mixture": (lambda: VAE(SHAPE, 2, posterior=MixturePosterior, **NETS), None),
    "Autoencoder": (lambda: Autoencoder(SHAPE, 2, prior=NormalPrior, **NETS), None),
    "MixtureVAE": (lambda: MixtureVAE(SHAPE, 2, 3, **NETS), None),
    "HierarchicalVAE": (lambda: HierarchicalVAE(SHAPE, (3, 2), **NETS, **UPPER), None),
    "LadderVAE": (lambda: LadderVAE(SHAPE, (3, 2), feature_dims=8, **NETS, **UPPER), None),
    "TopDownVAE": (
        lambda: TopDownVAE(SHAPE, channels=(4, 4), groups=(1, 1), likelihood=Binomial(16)), None,
    ),
    "VQVAE": (lambda: VQVAE(SHAPE, (2, 2), **NETS), None),
    "GumbelSoftmaxVAE": (lambda: GumbelSoftmaxVAE(SHAPE, 4, num_codes=5, **NETS), None),
    "FactorAnalysis": (lambda: FactorAnalysis(SHAPE, 2), None),
    "ProbabilisticPCA": (lambda: ProbabilisticPCA(SHAPE, 2), None),
    "ConditionalVAE": (lambda: ConditionalVAE(SHAPE, 2, num_classes=3, **NETS), Y),
    "SemiSupervisedVAE": (lambda: SemiSupervisedVAE(SHAPE, 2, 3, **NETS), Y),
    "PartialVAE": (lambda: PartialVAE(SHAPE, 2, **NETS), MASK),
}  # fmt: skip
every_family = pytest.mark.parametrize("name", FAMILIES)


def family(name):
    torch.manual_seed(0)
    make, beside = FAMILIES[name]
    return make(), () if beside is None else (beside,)


class Items(TorchDataset):
    """A user's own data set, read one by one."""

    def __init__(self, *tensors):
        self.tensors = tensors

    def __len__(self):
        return len(self.tensors[0])

    def __getitem__(self, i):
        found = tuple(t[i] for t in self.tensors)
        return found if len(found) > 1 else found[0]


def of_numpy(x):
    return np.asarray(x.numpy(), np.float64 if x.is_floating_point() else x.numpy().dtype)


# The same data, of other kinds.
KINDS = {
    "numpy": lambda *t: tuple(map(of_numpy, t)) if len(t) > 1 else of_numpy(*t),
    "a torch data set": lambda *t: TensorDataset(*t),
    "one's own data set": lambda *t: Items(*t),
    "a loader": lambda *t: DataLoader(TensorDataset(*t), batch_size=100),
    "a mapping": lambda *t: dict(zip(("x", "y"), t, strict=False)),
    "a tuple": lambda *t: t,
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def tensors_of(found):
    """Numbers by which results are compared."""
    if isinstance(found, torch.Tensor):
        return [found]
    if isinstance(found, dict):
        return [t for one in found.values() for t in tensors_of(one)]
    try:
        return [found.mean, found.variance]
    except NotImplementedError:
        with torch.no_grad():
            return [found.log_prob(torch.zeros(found.batch_shape + found.event_shape))]


@every_family
@every_kind
def test_codes_of_every_kind_of_data_are_those_of_tensors(name, kind):
    pair, beside = family(name)
    layers = {"HierarchicalVAE", "LadderVAE", "TopDownVAE"}  # draw in between
    with torch.no_grad():
        torch.manual_seed(1)
        exact = pair.encode(X[:50], *(b[:50] for b in beside))
    torch.manual_seed(1)
    found = pair.encode(KINDS[kind](X[:50], *(b[:50] for b in beside)))
    for one, other in zip(tensors_of(found), tensors_of(exact), strict=True):
        assert not one.requires_grad
        assert one.dtype == other.dtype
        if name not in layers or one.shape[0] != other.shape[0]:
            torch.testing.assert_close(one, other)
        assert one.shape == other.shape


@every_family
def test_blocks_together_are_the_whole(name):
    pair, beside = family(name)
    whole = pair.encode(X, *beside)  # in one block, with gradients
    found = pair.encode(DataLoader(TensorDataset(X, *beside), batch_size=500))
    for one, other in zip(tensors_of(found), tensors_of(whole), strict=True):
        assert one.shape == other.shape
        if name not in {"HierarchicalVAE", "LadderVAE", "TopDownVAE"}:
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@every_family
def test_without_gradients_a_network_sees_no_more_than_a_block(name):
    pair, beside = family(name)
    seen = []

    def watch(module, args, output):
        seen.append(len(args[0]))

    parts = ("encoder", "encoders", "pyramid")
    network = next(getattr(pair, part) for part in parts if hasattr(pair, part))
    first = network[0] if isinstance(network, nn.ModuleList) else network
    first.register_forward_hook(watch)
    with torch.no_grad():
        pair.encode(X, *beside)
    assert max(seen) <= 1000
    assert sum(seen) % N == 0


@every_family
@pytest.mark.parametrize("latent", ["sample", "mean"])
def test_reconstructions_of_data_of_every_kind(name, latent):
    pair, beside = family(name)
    if name == "VAE, flow" and latent == "mean":
        with pytest.raises(ConfigError, match="mean of q.* closed form; take latent='sample'"):
            pair.reconstruct(X[:9], latent=latent)
        return
    made = pair.reconstruct(X[:9], *(b[:9] for b in beside), latent=latent)
    assert made.shape == (9, *SHAPE)
    loader = DataLoader(TensorDataset(X, *beside), batch_size=500)
    assert pair.reconstruct(loader, latent=latent).shape == X.shape


@every_family
def test_means_are_the_same_twice_and_draws_differ(name):
    pair, beside = family(name)
    given = X[:9], *(b[:9] for b in beside)
    certain = {"VQVAE", "GumbelSoftmaxVAE", "Autoencoder"}
    if name != "VAE, flow":
        one, other = (pair.reconstruct(*given, latent="mean") for _ in range(2))
        assert torch.equal(one, other)
    one, other = (pair.reconstruct(*given) for _ in range(2))
    assert torch.equal(one, other) == (name in certain)


def test_the_mean_is_that_of_the_posterior():
    vae = VAE(SHAPE, 2, **NETS)
    exact = vae.decode(vae.encode(X[:9]).mean).mean
    torch.testing.assert_close(vae.reconstruct(X[:9], latent="mean"), exact)


def test_the_means_of_layers_follow_one_another():
    vae = HierarchicalVAE(SHAPE, (3, 2), **NETS, **UPPER)
    z1 = vae.encoders[0](vae.likelihood.rescale(X[:9])).mean
    torch.testing.assert_close(vae.reconstruct(X[:9], latent="mean"), vae.decode(z1).mean)


@every_family
def test_another_word_for_the_latents_is_refused(name):
    pair, beside = family(name)
    with pytest.raises(ConfigError, match="latent is 'median', and must be 'sample'"):
        pair.reconstruct(X[:9], *(b[:9] for b in beside), latent="median")


@every_family
@pytest.mark.parametrize("mean", [True, False])
def test_nothing_can_be_generated(name, mean):
    pair, _ = family(name)
    none = torch.zeros(0).long() if name == "ConditionalVAE" else 0
    assert pair.generate(none, mean=mean).shape == (0, *SHAPE)


@every_family
@pytest.mark.parametrize("n", [np.int64(3), 3.0, torch.tensor(3)], ids=repr)
def test_every_whole_number_can_be_generated(name, n):
    pair, _ = family(name)
    if name == "ConditionalVAE" or (
        name in ("MixtureVAE", "SemiSupervisedVAE") and isinstance(n, torch.Tensor)
    ):
        with pytest.raises(ShapeError):
            pair.generate(n)
    else:
        assert pair.generate(n).shape == (3, *SHAPE)


@every_family
@pytest.mark.parametrize("n", ["3", 2.5, -1, None, True], ids=repr)
def test_another_number_is_refused(name, n):
    pair, _ = family(name)
    with pytest.raises((ConfigError, ShapeError), match=r"generate got"):
        pair.generate(n)


def test_networks_that_take_no_data_still_generate_none():
    class Picky(nn.Module):
        def forward(self, z):
            assert len(z)
            return z.new_zeros(len(z), D)

    assert VAE(SHAPE, 2, decoder=Picky()).generate(0).shape == (0, *SHAPE)


@pytest.mark.parametrize("name", ["ConditionalVAE", "MixtureVAE", "SemiSupervisedVAE"])
@pytest.mark.parametrize("classes", [[0, 2, 1], (0, 2, 1), np.array([0, 2, 1])], ids=repr)
def test_classes_may_be_a_list_or_an_array(name, classes):
    assert family(name)[0].generate(classes).shape == (3, *SHAPE)


DTYPES = [torch.uint8, torch.int64, torch.float64, torch.float16, torch.int16, torch.bool]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("own", [torch.float32, torch.float64], ids=str)
def test_data_become_the_dtype_of_the_family(dtype, own):
    vae = VAE(SHAPE, 2, **NETS).to(own)
    x = LEVELS[:9].to(dtype)
    exact = vae.encode(x.to(own)).mean
    for given in (x, x.numpy()):
        assert torch.equal(vae.encode(given).mean, exact)
        assert vae.reconstruct(given).dtype == own


@pytest.mark.parametrize("x", [torch.full((3, *SHAPE), 2**24 + 1), np.full((3, *SHAPE), 1e300)])
def test_numbers_that_the_dtype_cannot_hold_are_refused(x):
    with pytest.raises(DataError, match=r"VAE\.encode: x holds"):
        VAE(SHAPE, 2, **NETS).encode(x)


def test_gradients_reach_the_data_and_the_encoder():
    vae, x = VAE(SHAPE, 2, **NETS), X[:9].clone().requires_grad_()
    vae.encode(x).mean.sum().backward()
    assert x.grad is not None
    assert all(p.grad is not None for p in vae.encoder.parameters())


def test_labels_beside_data_that_need_none_are_left_out():
    vae = VAE(SHAPE, 2, **NETS)
    exact = vae.encode(X[:9]).mean
    for given in ((X[:9], Y[:9]), DataLoader(TensorDataset(X[:9], Y[:9]), batch_size=4)):
        torch.testing.assert_close(vae.encode(given).mean, exact)


@pytest.mark.parametrize("name", ["ConditionalVAE", "PartialVAE"])
def test_what_is_missing_beside_x_is_named(name):
    pair, _ = family(name)
    said = rf"{name}.encode takes x and (y|mask), and got x alone"
    for given in (X[:9], X[:9].numpy(), DataLoader(TensorDataset(X[:9]), batch_size=4)):
        with pytest.raises(DataError, match=said):
            pair.encode(given)


def test_labels_may_come_by_keyword_and_in_another_kind():
    pair, (y,) = family("ConditionalVAE")
    exact = pair.encode(X[:9], y[:9]).mean
    torch.testing.assert_close(pair.encode(X[:9], y=y[:9]).mean, exact)
    torch.testing.assert_close(pair.encode(X[:9].numpy(), y[:9].numpy()).mean, exact)
    with pytest.raises(DataError, match="have 9, 8 rows"):
        pair.encode(X[:9].numpy(), y[:8])


def test_a_data_set_and_its_split():
    made = arrays(X[:90], Y[:90])
    vae = VAE(SHAPE, 2, **NETS)
    exact = vae.encode(made.test.x.float()).mean
    torch.testing.assert_close(vae.encode(made.test).mean, exact)
    torch.testing.assert_close(vae.encode(made).mean, exact)


def test_a_file(tmp_path):
    np.save(tmp_path / "x.npy", X[:9].numpy())
    vae = VAE(SHAPE, 2, **NETS)
    torch.testing.assert_close(vae.encode(tmp_path / "x.npy").mean, vae.encode(X[:9]).mean)


@pytest.mark.parametrize("name", ["Autoencoder", "FactorAnalysis"])
def test_a_start_takes_data_of_every_kind_together(name):
    pair, _ = family(name)
    same, _ = family(name)
    pair.start(X[:1100])
    same.start(DataLoader(TensorDataset(X[:1100], Y[:1100]), batch_size=500))
    for one, other in zip(pair.state_dict().values(), same.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other)


def test_predictions_and_clusters_of_loaders():
    loader = DataLoader(TensorDataset(X, Y), batch_size=500)
    predicted = family("SemiSupervisedVAE")[0].predict(loader)
    torch.testing.assert_close(predicted.probs, family("SemiSupervisedVAE")[0].predict(X).probs)
    assert family("MixtureVAE")[0].clusters(loader).shape == (N, 3)


def test_an_imputation_of_a_loader():
    pair, (mask,) = family("PartialVAE")
    x, mask = X[:50], mask[:50]
    made = pair.impute(DataLoader(TensorDataset(x, mask), batch_size=20), num_particles=3)
    assert torch.equal(made[mask], x[mask])


def test_sizes_are_cut_into_the_same_blocks():
    vae = VAE(SHAPE, 2, encoder=net, decoder=net, likelihood=Poisson(size_factor="total"))
    pair, sizes = GivenSizes(vae), 10.0 + torch.arange(N)
    with torch.no_grad():
        made = pair.reconstruct(X, sizes, latent="mean")
        torch.testing.assert_close(made.flatten(1).sum(1), sizes, rtol=1e-4, atol=1e-3)
        assert pair.encode(X, sizes).batch_shape == (N,)
