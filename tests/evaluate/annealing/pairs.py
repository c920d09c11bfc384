"""Pairs to anneal: constrained latents, and guides without a path to the posterior."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.transforms import Planar

from pyrovae.data.synthetic import LinearGaussian


def poor(oracle, shift=2.0, scale=0.5):
    """The same model with a guide that is far away and too narrow."""
    weight, bias, variance = (t.detach().clone() for t in oracle._likelihood())
    loc = torch.full((oracle.latent_dim,), shift, dtype=torch.float64)
    return LinearGaussian(weight, bias, variance.sqrt(), q_loc=loc, q_scale=0 * loc + scale)


def worst_z(found, exact):
    bias = found.standard_error**2 / 2
    return ((found.log_px + bias - exact.detach()) / found.standard_error).abs().max()


def gamma_poisson(x):
    with pyro.plate("data", len(x)):
        rate = pyro.sample("rate", dist.Gamma(x.new_tensor(2.0), 1.5))
        pyro.sample("x", dist.Poisson(rate), obs=x)


def log_normal_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("rate", dist.LogNormal(x.new_zeros(()), 0.6))


def beta_binomial(x):
    with pyro.plate("data", len(x)):
        p = pyro.sample("p", dist.Beta(x.new_tensor(1.5), 2.5))
        pyro.sample("x", dist.Binomial(10, p), obs=x)


def uniform_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("p", dist.Uniform(x.new_zeros(()), 1.0))


def dirichlet_multinomial(x):
    with pyro.plate("data", len(x)):
        p = pyro.sample("p", dist.Dirichlet(x.new_tensor([1.0, 2.0, 0.7])))
        pyro.sample("x", dist.Multinomial(10, p), obs=x)


def dirichlet_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("p", dist.Dirichlet(x.new_ones(3)))


def dependent_support(x):
    with pyro.plate("data", len(x)):
        top = pyro.sample("top", dist.LogNormal(x.new_zeros(()), 1.0))
        z = pyro.sample("z", dist.Uniform(0.0 * top, top))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def fixed_support(x):
    with pyro.plate("data", len(x)):
        high = torch.linspace(1, 2, len(x)).to(x)  # another bound for each datum
        z = pyro.sample("z", dist.Uniform(0 * high, high))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def fixed_support_guide(x):
    with pyro.plate("data", len(x)):
        high = torch.linspace(1, 2, len(x)).to(x)
        pyro.sample("z", dist.Uniform(0 * high, high))


def normal_model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z.sum(-1), 1.0), obs=x)


def point_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Delta(x.new_zeros(2)).to_event(1))


def planar_guide(x):
    flow = Planar(2)
    with pyro.plate("data", len(x)):
        base = dist.Normal(x.new_zeros(2), 1.0).to_event(1)
        pyro.sample("z", dist.TransformedDistribution(base, [flow]))


def auxiliary_guide(x):
    with pyro.plate("data", len(x)):
        a = pyro.sample("a", dist.Normal(0.0, 1.0), infer={"is_auxiliary": True})
        pyro.sample("z", dist.Normal(a.unsqueeze(-1).expand(*a.shape, 2), 1.0).to_event(1))


def bounded_by_data(x):
    with pyro.plate("data", len(x)):
        high = 1 + x.abs()
        z = pyro.sample("z", dist.Uniform(0 * high, high))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def bounded_by_data_guide(x):
    with pyro.plate("data", len(x)):
        high = 1 + x.abs()
        pyro.sample("z", dist.Uniform(0 * high, high))
