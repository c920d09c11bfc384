"""Pairs with a label and a style, whose posterior is known exactly."""

import pyro
import pyro.distributions as dist
import torch
from torch.nn.functional import one_hot

DATA, STYLE, CLASSES, NOISE = 6, 2, 3, 0.5
_RNG = torch.Generator().manual_seed(5)
W = 2 * torch.randn(CLASSES, DATA, generator=_RNG, dtype=torch.float64)
V = torch.randn(DATA, STYLE, generator=_RNG, dtype=torch.float64)
COVARIANCE = torch.linalg.inv(torch.eye(STYLE).double() + V.T @ V / NOISE**2)  # of p(z|x, y)
ENCODE = COVARIANCE @ V.T / NOISE**2  # E[z|x, y] = ENCODE (x - W_y)
MARGINAL = V @ V.T + NOISE**2 * torch.eye(DATA).double()  # covariance of p(x|y)


def style_of(x, y):
    """E[z|x, y] [N, L]."""
    return (x - W[y]) @ ENCODE.T


def data(n, seed=0):
    rng = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % CLASSES
    z = torch.randn(n, STYLE, generator=rng, dtype=torch.float64)
    noise = torch.randn(n, DATA, generator=rng, dtype=torch.float64)
    return W[y] + z @ V.T + NOISE * noise, y


def _style(loc):
    return dist.MultivariateNormal(loc, COVARIANCE.to(loc))


class Argument:
    """x = W_y + V z + noise, the label an argument; written as plain functions."""

    @staticmethod
    def model(x, y):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(STYLE), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(W[y] + z @ V.T, NOISE).to_event(1), obs=x)

    @staticmethod
    def guide(x, y):
        with pyro.plate("data", len(x)):
            pyro.sample("z", _style(style_of(x, y)))


class OneHot:
    """The same with one-hot labels that the model observes, as Pyro's tutorials have it."""

    @staticmethod
    def model(x, y):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(STYLE), 1.0).to_event(1))
            even = torch.ones(CLASSES, dtype=x.dtype) / CLASSES
            y = pyro.sample("y", dist.OneHotCategorical(even), obs=y)
            pyro.sample("x", dist.Normal(y @ W + z @ V.T, NOISE).to_event(1), obs=x)

    @staticmethod
    def guide(x, y):
        with pyro.plate("data", len(x)):
            pyro.sample("z", _style((x - y @ W) @ ENCODE.T))


class Latent:
    """The same with the class as a latent, which the guide finds exactly."""

    @staticmethod
    def model(x):
        with pyro.plate("data", len(x)):
            c = pyro.sample("c", dist.Categorical(logits=x.new_zeros(CLASSES)))
            z = pyro.sample("z", dist.Normal(x.new_zeros(STYLE), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(W[c] + z @ V.T, NOISE).to_event(1), obs=x)

    @staticmethod
    def guide(x):
        with pyro.plate("data", len(x)):
            each = dist.MultivariateNormal(W, MARGINAL)
            c = pyro.sample("c", dist.Categorical(logits=each.log_prob(x.unsqueeze(-2))))
            pyro.sample("z", _style(style_of(x, c)))


class Above:
    """A class above two latents, c -> u -> x and v -> x: only v is the style."""

    @staticmethod
    def model(x):
        with pyro.plate("data", len(x)):
            c = pyro.sample("c", dist.Categorical(logits=x.new_zeros(CLASSES)))
            u = pyro.sample("u", dist.Normal(W[c], 1e-6).to_event(1))
            v = pyro.sample("v", dist.Normal(x.new_zeros(STYLE), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(u + v @ V.T, NOISE).to_event(1), obs=x)

    @staticmethod
    def guide(x):
        with pyro.plate("data", len(x)):
            each = dist.MultivariateNormal(W, MARGINAL)
            c = pyro.sample("c", dist.Categorical(logits=each.log_prob(x.unsqueeze(-2))))
            u = pyro.sample("u", dist.Normal(W[c], 1e-6).to_event(1))
            pyro.sample("v", _style((x - u) @ ENCODE.T))


def as_one_hot(y):
    return one_hot(y, CLASSES).double()
