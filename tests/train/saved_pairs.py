"""Pairs of every style that are saved and loaded: each is made anew by a seed."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.distributions import transforms as T
from pyro.infer import config_enumerate
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule, PyroParam
from torch import nn
from torch.distributions import transform_to

from pyrovae.models import VAE
from pyrovae.nn import Normal
from pyrovae.particles.inventory import take_inventory
from tests.train.pairs import batch, networks, pair

X = batch()


class Both:
    """Whatever has a model and a guide."""

    def __init__(self, model, guide):
        self.model, self.guide = model, guide


def module_functions(seed):
    return Both(*pair(*networks(seed)))


def with_batch_norm(seed):
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    encoder[1].running_mean.uniform_()
    encoder[1].num_batches_tracked += seed
    return Both(*pair(encoder.eval(), nn.Linear(2, 6)))


LIMITS = {
    "scale": constraints.positive, "loc": constraints.real,
    "weights": constraints.simplex, "half": constraints.unit_interval,
    "tril": constraints.lower_cholesky, "a.b/c$$$ü'": constraints.greater_than(torch.zeros(2) - 1),
    "soft": constraints.softplus_positive, "order": constraints.ordered_vector,
    "below": constraints.less_than(3.0), "corr": constraints.corr_cholesky,
    "vector": constraints.independent(constraints.positive, 1),
}  # fmt: skip
SIZES = {"tril": (2, 2), "corr": (3,), "loc": (), "scale": (), "half": ()}


def constrained_functions(seed, dtype=torch.float32):
    """Functions with `pyro.param`; the values differ by seed."""
    generator = torch.Generator().manual_seed(seed)
    starts = {
        name: transform_to(limit)(
            torch.randn(SIZES.get(name, (2,)), generator=generator, dtype=dtype)
        )
        for name, limit in LIMITS.items()
    }

    def model(x):
        scale = pyro.param("scale", starts["scale"], constraint=constraints.positive)
        pyro.param("half", starts["half"], constraint=LIMITS["half"])
        pyro.param("tril", starts["tril"], constraint=LIMITS["tril"], event_dim=2)
        pyro.param("a.b/c$$$ü'", starts["a.b/c$$$ü'"], constraint=LIMITS["a.b/c$$$ü'"])
        pyro.param("soft", starts["soft"], constraint=LIMITS["soft"])
        pyro.param("order", starts["order"], constraint=LIMITS["order"])
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, scale), obs=x[:, 0])

    def guide(x):
        loc = pyro.param("loc", starts["loc"])
        pyro.param("weights", starts["weights"], constraint=LIMITS["weights"])
        pyro.param("below", starts["below"], constraint=LIMITS["below"])
        pyro.param("vector", starts["vector"], constraint=LIMITS["vector"])
        pyro.param("corr", starts["corr"], constraint=LIMITS["corr"])
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0))

    return Both(model, guide)


def doubles(seed):
    return constrained_functions(seed, torch.float64)


class Model(PyroModule):
    def __init__(self):
        super().__init__()
        self.decoder = PyroModule[nn.Linear](2, 6)
        self.scale = PyroParam(torch.rand(6) + 0.5, constraints.positive)

    def forward(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(self.decoder(z), self.scale).to_event(1), obs=x)


class Guide(PyroModule):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(6, 4)
        self.bias = nn.Parameter(torch.rand(2))

    def forward(self, x):
        loc, log_scale = self.encoder(x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc + self.bias, log_scale.exp()).to_event(1))


def pyro_modules(seed):
    torch.manual_seed(seed)
    return Both(Model(), Guide())


def one_pyro_module(seed):
    torch.manual_seed(seed)

    class Whole(PyroModule):
        def __init__(self):
            super().__init__()
            self.p, self.q = Model(), Guide()

        def model(self, x):
            return self.p(x)

        def guide(self, x):
            return self.q(x)

    return Whole()


def automatic(seed):
    torch.manual_seed(seed)
    model = Model()
    guide = AutoNormal(model)
    guide(X)
    for parameter in guide.parameters():
        parameter.data.normal_()
    return Both(model, guide)


def flows(seed):
    torch.manual_seed(seed)
    steps = nn.ModuleList([T.affine_autoregressive(2), T.planar(2), T.radial(2)])
    model, _ = pair(*networks(seed))
    encoder = nn.Linear(6, 4)

    def guide(x):
        pyro.module("encoder", encoder)
        pyro.module("steps", steps)
        loc, log_scale = encoder(x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            base = dist.Normal(loc, log_scale.exp()).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(base, list(steps)))

    return Both(model, guide)


def tied(seed):
    torch.manual_seed(seed)

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(2, 2), nn.Linear(2, 2)
            self.two.weight = self.one.weight

        def forward(self, z):
            return self.two(self.one(z)).repeat(1, 3)

    return Both(*pair(networks(seed)[0], Tied()))


class InDtype(nn.Module):
    def __init__(self, net, dtype):
        super().__init__()
        self.net, self.dtype = net.to(dtype), dtype

    def forward(self, x):
        return self.net(x.to(self.dtype)).float()


def half_precision(seed):
    encoder, decoder = networks(seed)
    return Both(*pair(InDtype(encoder, torch.bfloat16), InDtype(decoder, torch.float64)))


class Odd(nn.Module):
    """A network whose names are as odd as torch allows."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 6)
        self.table = nn.ParameterDict(
            {"a/b $$$": nn.Parameter(torch.rand(2)), "ü'\"": torch.rand(3)}
        )
        self.register_buffer("kept", torch.rand(2))
        self.register_buffer("left out", torch.rand(2), persistent=False)
        self.register_buffer("nothing", None)

    def forward(self, z):
        return self.layer(z)


def odd_names(seed):
    torch.manual_seed(seed)
    return Both(*pair(networks(seed)[0], Odd()))


def wrapped_family(seed):
    torch.manual_seed(seed)
    vae = VAE((6,), 2, likelihood=Normal())
    return Both(vae.model, config_enumerate(vae.guide))


class Plain:
    """An object of the user's own, with networks in lists and dicts."""

    def __init__(self):
        self.nets = {"encoder": [nn.Linear(6, 4)], "decoder": (nn.Linear(2, 6),)}

    def model(self, x):
        return pair(self.nets["encoder"][0], self.nets["decoder"][0])[0](x)

    def guide(self, x):
        return pair(self.nets["encoder"][0], self.nets["decoder"][0])[1](x)


def plain_object(seed):
    torch.manual_seed(seed)
    return Plain()


def own_parameter(seed):
    start = nn.Parameter(torch.full((2,), float(seed)))

    def model(x):
        loc = pyro.param("w", start)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(loc, 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z[..., 0], 1.0), obs=x[:, 0])

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))

    return Both(model, guide)


STYLES = {
    f.__name__: f
    for f in (
        module_functions, with_batch_norm, constrained_functions, doubles, pyro_modules,
        one_pyro_module, automatic, flows, tied, half_precision, odd_names, wrapped_family,
        plain_object, own_parameter,
    )
}  # fmt: skip


def values(made):
    """Copies of all that a pair computes with, found by a run of it."""
    inventory, _ = take_inventory(made.model, made.guide, (X,))
    leaves = {n: t.detach().clone() for n, t in inventory.leaves.items()}
    return leaves | {f"buffer {n}": t.detach().clone() for n, t in inventory.buffers.items()}
