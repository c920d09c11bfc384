"""One unit moves, the others stay, and the most informative comes first."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import traverse
from pyrovae.data import Split
from pyrovae.data.synthetic import DiscreteLatent
from pyrovae.errors import ConfigError, DataError, SiteError
from pyrovae.evaluate import posterior_means
from pyrovae.models import VAE, VQVAE
from pyrovae.nn import MLP, Normal
from tests.oracles import t15

WEIGHT = torch.randn(3, 2, generator=torch.Generator().manual_seed(0)).double()


def pair_of(posterior, latent_dim=2):
    """x = W z + noise, under any q(z|x) of independent units."""
    weight = torch.eye(latent_dim).double()[:, :2] if latent_dim > 2 else WEIGHT.T

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(latent_dim), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ weight, 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", posterior(x).to_event(1))

    return model, guide


def data(n=40):
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(1)).double()


SCALE = torch.tensor([0.9, 0.2]).double()


def narrow(x):
    return dist.Normal(x[:, :2] * torch.tensor([0.1, 1.0]).double() + 0.3, SCALE)


def test_rows_columns_and_order():
    x, (model, guide) = data(), pair_of(narrow)
    values = [-1.0, 0.5, 4.0]
    found = traverse(model, guide, x, datum=7, values=values)
    loc = narrow(x).mean
    kl = 0.5 * (SCALE**2 + loc**2 - 1) - SCALE.log()
    assert found.units.tolist() == [1, 0] and found.ordered_by == "KL" and found.site == "z"
    torch.testing.assert_close(found.information, kl.mean(0)[[1, 0]])
    assert found.images.shape == (2, 3, 3)
    for row, unit in enumerate((1, 0)):
        for column, value in enumerate(values):
            z = loc[7].clone()
            z[unit] = value
            torch.testing.assert_close(found.images[row, column], z @ WEIGHT.T)
    one = traverse(model, guide, x, datum=7, values=values, num_units=1)
    assert torch.equal(one.images, found.images[:1])


@pytest.mark.parametrize("kind", ["flow", "full"])
def test_units_without_a_kl_are_ordered_by_their_means(kind):
    x = data()

    def guide(x):
        fn = narrow(x).to_event(1)
        if kind == "flow":
            shift = dist.transforms.AffineTransform(0.5, 2.0)
            fn = dist.TransformedDistribution(narrow(x), [shift]).to_event(1)
        else:
            fn = dist.MultivariateNormal(fn.mean, scale_tril=SCALE.diag())
        with pyro.plate("data", len(x)):
            pyro.sample("z", fn)

    model, _ = pair_of(narrow)
    found = traverse(model, guide, x, seed=0)
    assert found.ordered_by == "variance of E_q[z]" and found.units.tolist() == [1, 0]
    means = posterior_means(model, guide, x, seed=0)
    z = means[:1].repeat(9, 1)
    z[:, 1] = found.values
    torch.testing.assert_close(found.images[0], z @ WEIGHT.T)


def test_of_a_family_and_nothing_is_left_behind():
    pyro.set_rng_seed(0)
    vae = VAE((1, 4, 4), 3, encoder=MLP, decoder=MLP, likelihood=Normal())
    x = torch.rand(10, 1, 4, 4)
    before = torch.get_rng_state()
    found = traverse(vae.model, vae.guide, Split(x), num_units=2, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert found.images.shape == (2, 9, 1, 4, 4) and not found.images.requires_grad
    z = vae.encode(x).mean[:1].repeat(9, 1).detach()
    z[:, found.units[0]] = found.values.float()
    torch.testing.assert_close(found.images[0], vae.decode(z).mean.detach())


def test_several_latents():
    def model(x):
        with pyro.plate("data", len(x)):
            c = pyro.sample("c", dist.Bernoulli(x.new_tensor(0.5)))
            a = pyro.sample("a", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            b = pyro.sample("b", dist.Normal(a, 1.0).to_event(1))
            pyro.sample("x", dist.Normal((b + c[..., None]) @ WEIGHT.T, 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("c", dist.Bernoulli(x.new_ones(())))
            b = pyro.sample("b", narrow(x).to_event(1))
            pyro.sample("a", dist.Normal(b, 1.0).to_event(1))

    with pytest.raises(SiteError, match=r"\['a', 'b'\]; name one with site="):
        traverse(model, guide, data())
    found = traverse(model, guide, data(), site="b", values=[0.0], num_units=1, seed=3)
    z = narrow(data()).mean[0].clone()
    z[found.units[0]] = 0
    torch.testing.assert_close(found.images[0, 0], (z + 1) @ WEIGHT.T)
    with pytest.raises(SiteError, match="no vector latent 'c'"):
        traverse(model, guide, data(), site="c")


def test_what_has_no_units():
    pair, x = t15()
    assert isinstance(pair, DiscreteLatent)
    with pytest.raises(SiteError, match="discrete or no vector has no units"):
        traverse(pair.model, pair.guide, x)
    codes = VQVAE((3,), (2,))
    with pytest.raises(SiteError, match="discrete or no vector has no units"):
        traverse(codes.model, codes.guide, torch.zeros(4, 3))
    model, guide = pair_of(narrow)
    with pytest.raises(DataError, match="datum=40, and there are 40"):
        traverse(model, guide, data(), datum=40)
    with pytest.raises(ConfigError, match="one value or unit at least"):
        traverse(model, guide, data(), values=[])
