"""Autoencoders of images: plain, semi-supervised in three ways, conditional."""

from functools import partial

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, config_enumerate
from torch import nn

from pyrovae.errors import ReparamError

from .base import Pair, Structure, halves, mlp, rows

B, D, L, C = 5, 6, 2, 3
X = (rows(B, D) > 0.5).float()
Y = nn.functional.one_hot(torch.tensor([0, 2, 1, 1, 0]), C).float()


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = mlp(D, 4, 2 * L), mlp(L, 4, D, out=nn.Sigmoid())

    def model(self, x):
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", x.shape[0]):
            prior = dist.Normal(torch.zeros(x.shape[0], L), torch.ones(x.shape[0], L))
            z = pyro.sample("latent", prior.to_event(1))
            loc = self.decoder.forward(z)
            fn = dist.Bernoulli(loc, validate_args=False).to_event(1)
            pyro.sample("obs", fn, obs=x.reshape(-1, D))
            return loc

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        with pyro.plate("data", x.shape[0]):
            loc, scale = halves(self.encoder.forward(x))
            pyro.sample("latent", dist.Normal(loc, scale).to_event(1))


def joined(parts):
    """Next to each other, with the batch dims of all, as enumeration needs it."""
    shape = torch.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return torch.cat([part.expand(*shape, part.shape[-1]) for part in parts], -1)


class SemiSupervised(nn.Module):
    """The plates have no size, and the networks are one module."""

    def __init__(self, aux_weight=1.0):
        super().__init__()
        self.encoder_y = mlp(D, 4, C, out=nn.Softmax(-1))
        self.encoder_z = mlp(D + C, 4, 2 * L)
        self.decoder = mlp(L + C, 4, D, out=nn.Sigmoid())
        self.aux_weight = aux_weight

    def model(self, xs, ys=None):
        pyro.module("ss_vae", self)
        size = xs.size(0)
        with pyro.plate("data"):
            prior = dist.Normal(xs.new_zeros(size, L), xs.new_ones(size, L)).to_event(1)
            zs = pyro.sample("z", prior)
            ys = pyro.sample("y", dist.OneHotCategorical(xs.new_ones(size, C) / C), obs=ys)
            loc = self.decoder(joined([zs, ys]))
            pyro.sample("x", dist.Bernoulli(loc, validate_args=False).to_event(1), obs=xs)

    def guide(self, xs, ys=None):
        with pyro.plate("data"):
            if ys is None:
                ys = pyro.sample("y", dist.OneHotCategorical(self.encoder_y(xs)))
            loc, scale = halves(self.encoder_z(joined([xs, ys])))
            pyro.sample("z", dist.Normal(loc, scale).to_event(1))

    def model_classify(self, xs, ys=None):
        pyro.module("ss_vae", self)
        with pyro.plate("data"):
            if ys is not None:
                probs = self.encoder_y(xs)
                with pyro.poutine.scale(scale=self.aux_weight):
                    pyro.sample("y_aux", dist.OneHotCategorical(probs), obs=ys)

    def guide_classify(self, xs, ys=None):
        """Nothing is hidden where classes are known."""


class Conditional(nn.Module):
    """A baseline that is trained already, and an output of which only what is masked counts."""

    def __init__(self):
        super().__init__()
        self.baseline = mlp(D, 4, D, out=nn.Sigmoid())
        self.prior_net, self.recognition_net = mlp(2 * D, 4, 2 * L), mlp(2 * D, 4, 2 * L)
        self.generation_net = mlp(L, 4, D, out=nn.Sigmoid())

    def model(self, xs, ys=None):
        pyro.module("generation_net", self)
        with pyro.plate("data"):
            with torch.no_grad():
                guess = self.baseline(xs).view(xs.shape)
            loc, scale = halves(self.prior_net(torch.cat([xs, guess], -1)))
            zs = pyro.sample("z", dist.Normal(loc, scale).to_event(1))
            loc = self.generation_net(zs)
            hidden = xs == -1
            asked = loc[hidden.view(-1, D)].view(len(xs), -1)
            fn = dist.Bernoulli(asked, validate_args=False).to_event(1)
            pyro.sample("y", fn, obs=ys[hidden].view(len(xs), -1))

    def guide(self, xs, ys=None):
        with pyro.plate("data"):
            loc, scale = halves(self.recognition_net(torch.cat([xs, ys], -1)))
            pyro.sample("z", dist.Normal(loc, scale).to_event(1))


def _pair(cls, *args):
    net = cls()
    return Pair(net.model, net.guide, args)


def _enumerated(how, *args):
    net = SemiSupervised()
    return Pair(net.model, config_enumerate(net.guide, how, expand=True), args)


def _classified():
    net = SemiSupervised(aux_weight=3.0)
    return Pair(net.model_classify, net.guide_classify, (X, Y))


def _quadrant():
    net, hidden = Conditional(), X.clone()
    hidden[:, : D // 2] = -1
    return Pair(net.model, net.guide, (hidden, X))


def _all(pair):
    return pair.args


DISCRETE = (ReparamError, "site 'y' .OneHotCategorical. has no reparameterised sampler")

IMAGES = {
    "vae": Structure(partial(_pair, Vae, X), Trace_ELBO, "data", fits=_all),
    "ss_vae, labels known": Structure(
        partial(_pair, SemiSupervised, X, Y), Trace_ELBO, "data", fits=_all
    ),
    "ss_vae, labels drawn": Structure(
        partial(_pair, SemiSupervised, X), Trace_ELBO, "data", dreg=DISCRETE, compiles=False,
        fits=_all,
    ),
    "ss_vae, enumerated": Structure(
        partial(_enumerated, "parallel", X), lambda: TraceEnum_ELBO(max_plate_nesting=1), "data",
        dreg=DISCRETE, fits=_all,
    ),
    "ss_vae, enumerated one by one": Structure(
        partial(_enumerated, "sequential", X), lambda: TraceEnum_ELBO(max_plate_nesting=1),
        "data", dreg=DISCRETE, fits=_all,
    ),
    "ss_vae, auxiliary loss": Structure(_classified, Trace_ELBO, "data", fits=_all),
    "cvae": Structure(
        _quadrant, Trace_ELBO, "data", fits=_all, compiles=False, one_by_one=True
    ),
}  # fmt: skip
