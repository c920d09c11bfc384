"""The verdicts on trained pairs of three families: healthy, collapsed on purpose, in part."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import VAE, HierarchicalVAE, diagnose, fit
from pyrovae.errors import DataError, PlateError, SiteError
from pyrovae.evaluate.diagnosis import Remedy
from pyrovae.nn import MLP, Bernoulli, LearnedNormal, Normal
from pyrovae.objectives import Beta
from pyrovae.runtime.result import Result

NET = partial(MLP, hidden=(16,))


def factors(n, seed=0):
    """Two factors [N, 2] and what follows from them [N, 12]."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn(n, 2, generator=generator)
    weight = torch.randn(2, 12, generator=generator)
    return u @ weight, generator


def gaussian_data(n=400, seed=0):
    mean, generator = factors(n, seed)
    return mean + 0.3 * torch.randn(n, 12, generator=generator)


def binary_data(n=400, seed=0):
    mean, generator = factors(n, seed)
    return (torch.rand(n, 12, generator=generator) < torch.sigmoid(3 * mean)).float()


def trained(pair, x, beta, epochs=20):
    fit(pair, x, objective=Beta(beta), epochs=epochs, batch_size=100, lr=0.02, device="cpu")
    return pair


def gaussian(beta, scale=None):
    head = LearnedNormal() if scale is None else Normal(scale)
    pyro.set_rng_seed(0)
    vae = VAE(12, 3, encoder=NET, decoder=NET, likelihood=head)
    return trained(vae, gaussian_data(), beta), gaussian_data(seed=0)


def binary(beta):
    pyro.set_rng_seed(0)
    vae = VAE(12, 3, encoder=NET, decoder=NET, likelihood=Bernoulli())
    return trained(vae, binary_data(), beta), binary_data()


def hierarchy(beta):
    pyro.set_rng_seed(0)
    pair = HierarchicalVAE(
        12, (4, 2), encoder=NET, upper_encoder=NET, decoder=NET, upper_decoder=NET,
        likelihood=LearnedNormal(),
    )  # fmt: skip
    return trained(pair, gaussian_data(), beta), gaussian_data()


@pytest.mark.parametrize("make", [gaussian, binary])
def test_a_healthy_pair_is_not_flagged(make):
    found = diagnose(*make(1.0), seed=0, num_particles=3)
    assert found.severity == "fine" and found.codes == ("used",), str(found)
    assert found["z"].num_used >= 2, "there are two factors"
    assert found["z"].gain > 3 * found["z"].gain_error


@pytest.mark.parametrize("make", [gaussian, binary])
def test_a_pair_that_was_made_to_collapse_is_flagged(make):
    found = diagnose(*make(300.0), seed=0, num_particles=3)
    assert found.severity == "fault" and found.collapsed == ("z",), str(found)
    assert found["z"].kl < 0.05 and found["z"].num_used == 0
    assert "collapsed" in found.verdicts[0].sentence and len(found.verdicts[0].remedies) > 3


def test_a_wide_noise_is_named_as_the_cause():
    found = diagnose(*gaussian(1.0, scale=6.0), seed=0, num_particles=3)
    assert found.collapsed == ("z",) and "noise-too-wide" in found.codes
    assert "LearnedNormal" in found.verdicts[0].remedies[0].command


def test_a_healthy_hierarchy_is_not_flagged():
    found = diagnose(*hierarchy({"z1": 1.0, "z2": 1.0}), seed=0, num_particles=3)
    assert found.collapsed == () and "ignored" not in found.codes, str(found)


def test_a_hierarchy_that_collapsed_in_part_names_its_layer():
    found = diagnose(*hierarchy({"z2": 300.0}), seed=0, num_particles=3)
    assert found.collapsed == ("z2",), str(found)
    (used,) = (v for v in found.verdicts if v.site == "z1" and v.code == "used")
    assert used.severity == "fine" and found["z1"].num_used >= 2
    assert any("LadderVAE" in remedy.python for remedy in found.verdicts[0].remedies)


def linear(guide_weight, decoder_weight, scale=0.5):
    """A pair of functions: one latent of two units, data of three dimensions."""

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            mean = z @ torch.full((2, 3), decoder_weight)
            pyro.sample("x", dist.Normal(mean, scale).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            mean = guide_weight * x[..., :2]
            pyro.sample("z", dist.Normal(mean, 0.3).to_event(1))

    return model, guide


def test_nats_that_the_decoder_does_not_use():
    """As free bits can hold up: the guide tells the data apart, and the decoder is blind."""
    torch.manual_seed(0)
    found = diagnose(*linear(0.8, 0.0), 0.5 * torch.randn(300, 3), seed=0)
    assert found.codes[0] == "ignored" and found["z"].kl > 1 and found["z"].redrawn == 0
    assert found["z"].num_used == 2 and found["z"].moved == 0


def test_nats_that_tell_nothing_apart():
    """The guide is far from the prior, and the same for all data."""
    torch.manual_seed(0)
    found = diagnose(*linear(0.0, 0.5), 0.5 * torch.randn(300, 3), seed=0)
    assert found.collapsed == ("z",) and found["z"].kl > 1
    assert "q(z|x) is the same for all of them" in found.verdicts[0].sentence


def test_a_latent_that_costs_more_than_it_brings():
    torch.manual_seed(0)
    found = diagnose(*linear(1.5, 0.1), torch.randn(300, 3), seed=0)
    assert "costs-more-than-it-brings" in found.codes and found["z"].gain < 0


@pytest.mark.parametrize(("scale", "code"), [(3.0, "noise-too-wide"), (0.1, "noise-too-narrow")])
def test_a_noise_that_does_not_fit(scale, code):
    torch.manual_seed(0)
    x = torch.randn(300, 1) * torch.ones(3) * 0.3 + 0.5 * torch.randn(300, 3)
    (verdict,) = (v for v in diagnose(*linear(0.5, 0.1, scale), x, seed=0).verdicts
                  if v.code.startswith("noise"))  # fmt: skip
    assert verdict.code == code and verdict.site == "x" and verdict.severity == "warning"


def test_a_noise_that_vanishes():
    torch.manual_seed(0)
    found = diagnose(*linear(0.5, 0.1, 1e-4), torch.randn(50, 3), seed=0)
    assert "noise-vanishes" in found.codes


def test_a_kl_that_is_not_finite():
    model, _ = linear(0.5, 0.1)

    def guide(x):
        with pyro.plate("data", len(x)):
            scale = torch.tensor([0.3, float("inf")])
            normal = dist.Normal(torch.zeros(len(x), 2), scale, validate_args=False)
            pyro.sample("z", normal.to_event(1))

    with pyro.validation_enabled(False):
        found = diagnose(model, guide, torch.randn(20, 3), seed=0)
    assert found.codes[0] == "not-finite" and found.severity == "fault"


def test_what_cannot_be_diagnosed_is_refused_in_a_sentence():
    model, guide = linear(0.5, 0.5)
    with pytest.raises(DataError, match="one datum"):
        diagnose(model, guide, torch.randn(1, 3))
    with pytest.raises(PlateError, match="batch_plate is None"):
        diagnose(model, guide, torch.randn(5, 3), batch_plate=None)

    def bare(x):
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(torch.zeros(3), 1.0).to_event(1), obs=x)

    with pytest.raises(SiteError, match="no latents"):
        diagnose(bare, lambda x: None, torch.randn(5, 3))


def test_it_is_a_result():
    found = diagnose(*linear(0.8, 0.5), torch.randn(50, 3), seed=0, num_particles=2)
    assert isinstance(found, Result) and isinstance(found.verdicts[0].remedies, tuple)
    assert found.numbers()["sites"][0]["name"] == "z" and found.records()[0]["latent"] == "z"
    assert "I(x; z)" in str(found) and "<table" in found._repr_html_()
    assert len(found.plot().axes) == 2
    history = [{"epoch": i, "train": -1.0, "kl[z]": 1.0} for i in range(3)]
    again = diagnose(*linear(0.8, 0.5), torch.randn(50, 3), history=history, num_particles=2)
    assert len(again.plot().axes) == 3
    assert all(isinstance(r, Remedy) for v in found.verdicts for r in v.remedies)
    with pytest.raises(KeyError, match="no latent 'y'"):
        found["y"]


def test_a_latent_that_moves_all_data_alike_is_not_called_used():
    """Data at one place far from the prior's mean: z is needed, and tells little of the datum."""
    noise = 0.7

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(1), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, noise).to_event(1), obs=x)

    def guide(x):  # the exact posterior
        precision = 1 + noise**-2
        with pyro.plate("data", len(x)):
            loc = x / noise**2 / precision
            pyro.sample("z", dist.Normal(loc, precision**-0.5).to_event(1))

    near = torch.randn(400, 1, generator=torch.Generator().manual_seed(0)).double()
    found = diagnose(model, guide, 3 + 0.3 * near, seed=0)
    assert [v.code for v in found.verdicts if v.site == "z"].count("same-for-all") == 1
    spread = diagnose(model, guide, (1 + noise**2) ** 0.5 * near, seed=0)
    assert "same-for-all" not in spread.codes and "used" in spread.codes
