"""Sizes as an argument: the density given them, and every family with them."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import bdmc, fit, log_evidence
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.models import VAE, ConditionalVAE, FactorAnalysis, GivenSizes, HierarchicalVAE
from pyrovae.nn import MLP, NegativeBinomial, Poisson
from pyrovae.objectives import ELBO, IWAE
from tests.models.matrix import FAMILIES

B, D = 5, 6
SIZES = torch.tensor([10.0, 20.0, 50.0, 100.0, 200.0]).double()


def counts(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.poisson(torch.full((B, D), 4.0).double(), generator=generator)


def vae(**options):
    torch.manual_seed(0)
    return VAE((D,), 2, likelihood=Poisson(size_factor="total"), **options).double()


def evidence(pair, *batch):
    pyro.set_rng_seed(1)
    return IWAE(4).per_datum(pair.model, pair.guide, *batch)


def test_the_density_is_given_the_size():
    inner, x = vae(), counts()

    def model(x, size):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", inner.prior())
            rate = inner.decoder(z).squeeze(-2).softmax(-1) * size[:, None]
            pyro.sample("x", dist.Poisson(rate, validate_args=False).to_event(1), obs=x)

    def guide(x, size):
        with pyro.plate("data", len(x)):
            pyro.sample("z", inner.encode(x))

    pair = GivenSizes(inner)
    pyro.set_rng_seed(1)
    by_hand = IWAE(4).per_datum(model, guide, x, SIZES)
    torch.testing.assert_close(evidence(pair, x, SIZES), by_hand)
    torch.testing.assert_close(evidence(pair, x, x.sum(-1)), evidence(inner, x))
    assert not torch.allclose(evidence(pair, x, SIZES), evidence(inner, x))


def test_reconstructs_and_generates_at_these_sizes():
    pair, x = GivenSizes(vae()), counts()
    torch.testing.assert_close(pair.reconstruct(x, SIZES).sum(-1), SIZES)
    torch.testing.assert_close(pair.pair.reconstruct(x).sum(-1), x.sum(-1))
    torch.testing.assert_close(pair.generate(B, size=SIZES).sum(-1), SIZES)
    made = pair.generate(B, size=1e5, mean=False)
    assert ((made.sum(-1) - 1e5).abs() < 5 * 1e5**0.5).all()


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.float32])
def test_sizes_of_every_dtype(dtype):
    pair, x, sizes = GivenSizes(vae()), counts(), SIZES.to(dtype)
    torch.testing.assert_close(evidence(pair, x, sizes), evidence(pair, x, SIZES))
    torch.testing.assert_close(pair.reconstruct(x, sizes).sum(-1), SIZES)
    fit(pair.model, pair.guide, (x, sizes), epochs=1, batch_size=5, device="cpu", progress=False)
    assert pair.likelihood.mean_size == pytest.approx(float(SIZES.mean()))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family(name):
    """Sizes of their own change the bound, the totals as sizes leave it."""
    torch.manual_seed(0)
    # Sizes that are given already, a likelihood that is that of columns, sizes that are latent.
    if name in ("GivenSizes", "TableVAE", "LatentSizeCountVAE"):
        return
    pair = FAMILIES[name].example()
    x = torch.poisson(torch.full((B, *pair.example_x(1).shape[1:]), 3.0))
    if not hasattr(pair, "likelihood"):
        with pytest.raises(ConfigError, match="has no size factor"):
            GivenSizes(pair)
        return
    pair.likelihood = Poisson(size_factor="total")
    known = (pair.example_y(x),) if pair.takes_labels else ()
    sized = GivenSizes(pair)
    is_series = name in ("DeepMarkovModel", "VariationalRNN")
    totals = x.sum(-1) if is_series else x.flatten(1).sum(1)
    if is_series:
        with pytest.raises(ShapeError, match="of a sequence give the size of each step"):
            sized.model(x, *known, totals.sum(1))
    if name != "PartialVAE":  # whose totals are over what was observed
        same = evidence(sized, x, *known, totals)
        torch.testing.assert_close(same, evidence(pair, x, *known), rtol=1e-4, atol=1e-3)
    other = evidence(sized, x, *known, 3 * totals)
    assert (other < evidence(pair, x, *known)).all()
    assert sized.reconstruct(x, *known, totals).shape == x.shape


def test_trains_and_remembers_the_mean_size():
    pair, x = GivenSizes(vae()), counts()
    run = fit(
        pair.model, pair.guide, (x, SIZES), objective=ELBO(), epochs=3, batch_size=5,
        device="cpu", progress=False,
    )  # fmt: skip
    assert run.history[-1]["train"] > run.history[0]["train"]
    assert pair.likelihood.mean_size == pytest.approx(float(SIZES.mean()))
    torch.testing.assert_close(pair.generate(2).sum(-1), SIZES.mean().expand(2), rtol=1e-5, atol=0)
    found = log_evidence(pair.model, pair.guide, (x, SIZES), num_particles=8)
    assert found.log_px.isfinite().all()


def test_bdmc_brackets_what_sizes_are_given_for():
    pair, x = GivenSizes(vae(encoder=MLP)), counts()
    found = bdmc(
        pair.model, pair.guide, (x, SIZES), num_temperatures=40, num_particles=32,
        num_leapfrog=3, seed=0,
    )  # fmt: skip
    assert torch.equal(found.data[0].round(), found.data[0])
    assert -0.2 < found.gap.mean() < 1.0


def test_refusals():
    with pytest.raises(ConfigError, match="GivenSizes got a FactorAnalysis"):
        GivenSizes(FactorAnalysis((D,), 2))
    with pytest.raises(ConfigError, match=r"NegativeBinomial\(inverse_dispersion='predicted'\)"):
        GivenSizes(VAE((D,), 2, likelihood=NegativeBinomial()))
    pair, x = GivenSizes(vae()), counts()
    with pytest.raises(ShapeError, match=r"last argument is the size of each, \[5\]"):
        pair.model(x)
    with pytest.raises(ShapeError, match=r"sizes of shape \[4\] for 5 data"):
        pair.guide(x, SIZES[:4])
    with pytest.raises(DataError, match="got a size of 0; sizes are above 0"):
        pair.reconstruct(x, 0 * SIZES)


def test_with_labels_and_layers():
    torch.manual_seed(0)
    head = NegativeBinomial("learned", shape=(D,), size_factor="total")
    x, y = counts().float(), torch.arange(B) % 2
    sized = GivenSizes(ConditionalVAE((D,), 2, num_classes=2, likelihood=head))
    assert evidence(sized, x, y, SIZES.float()).isfinite().all()
    torch.testing.assert_close(
        sized.generate(y, size=SIZES.float()).sum(-1), SIZES.float(), rtol=1e-4, atol=0
    )
    layered = GivenSizes(HierarchicalVAE((D,), (3, 2), likelihood=Poisson("total")))
    assert evidence(layered, x, SIZES.float()).isfinite().all()
