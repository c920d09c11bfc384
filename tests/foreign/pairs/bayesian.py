"""Global latents: regression under every autoguide, a gamma family of three layers, a mixture."""

from functools import partial

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.contrib.easyguide import EasyGuide
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, TraceMeanField_ELBO, autoguide, config_enumerate
from pyro.nn import PyroModule, PyroSample
from torch import nn
from torch.nn import functional

from pyrovae.errors import ConfigError, PlateError, ReparamError, ScaleError, SiteError

from .base import Pair, Structure, rows

N, P = 6, 2
X = rows(N, P, seed=7)
Y = X @ torch.tensor([1.0, -2.0]) + 0.5


class Regression(PyroModule):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.linear = PyroModule[nn.Linear](P, 1)
        self.linear.weight = PyroSample(dist.Normal(0.0, 1.0).expand([1, P]).to_event(2))
        self.linear.bias = PyroSample(dist.Normal(0.0, 10.0).expand([1]).to_event(1))

    def forward(self, x, y):
        sigma = pyro.sample("sigma", dist.Uniform(0.0, 10.0))
        mean = self.linear(x).squeeze(-1)
        with pyro.plate("data", x.shape[0], subsample_size=self.size) as rows_:
            pyro.sample("obs", dist.Normal(mean[..., rows_], sigma), obs=y[rows_])
        return mean


def _regression(guide, size):
    model = Regression(size)
    return Pair(model, guide(model), (X, Y))


def _written_out(guide, size):
    """The same without modules, as functions are written."""

    def model(x, y):
        weight = pyro.sample("weight", dist.Normal(torch.zeros(P), 1.0).to_event(1))
        bias = pyro.sample("bias", dist.Normal(0.0, 10.0))
        sigma = pyro.sample("sigma", dist.LogNormal(0.0, 1.0))
        with pyro.plate("data", x.shape[0], subsample_size=size) as rows_:
            mean = (x[rows_] * weight).sum(-1) + bias
            pyro.sample("obs", dist.Normal(mean, sigma), obs=y[rows_])

    return Pair(model, guide(model), (X, Y))


class Easy(EasyGuide):
    def guide(self, x):
        weights = self.group(match="w_.*")
        loc = pyro.param("w_loc", lambda: 0.5 + 0.1 * rows(*weights.event_shape, seed=1))
        scale = pyro.param("w_scale", lambda: 0.1 * rows(*weights.event_shape, seed=2))
        weights.sample("ws", dist.Normal(loc, functional.softplus(scale)).to_event(1))
        local = self.group(match="z_.*")
        shape = x.shape[:1] + local.event_shape
        with self.plate("data", x.size(0)):
            loc = pyro.param("z_loc", lambda: 0.5 + 0.1 * rows(*shape, seed=3))
            scale = pyro.param("z_scale", lambda: 0.1 * rows(*shape, seed=4))
            local.sample("zs", dist.Normal(loc, functional.softplus(scale)).to_event(1))


class Gammas:
    """Weights in plates of their own beside the plate over data; no network at all."""

    widths = (3, 2)
    pixels = 4

    def __init__(self):
        self.x = (5 * rows(N, self.pixels, seed=9)).floor()

    def model(self, x):
        top, bottom = self.widths
        with pyro.plate("w_top_plate", top * bottom):
            w_top = pyro.sample("w_top", dist.Gamma(0.5, 0.5))
        with pyro.plate("w_bottom_plate", bottom * self.pixels):
            w_bottom = pyro.sample("w_bottom", dist.Gamma(0.5, 0.5))
        with pyro.plate("data", x.size(0)):
            z = pyro.sample("z_top", dist.Gamma(0.5, 0.5).expand([top]).to_event(1))
            mean = z @ w_top.reshape(*w_top.shape[:-1], top, bottom)
            z = pyro.sample("z_bottom", dist.Gamma(0.5, 0.5 / mean).to_event(1))
            mean = z @ w_bottom.reshape(*w_bottom.shape[:-1], bottom, self.pixels)
            pyro.sample("obs", dist.Poisson(mean).to_event(1), obs=x)

    def gammas(self, name, shape):
        alpha = pyro.param(f"alpha_{name}", lambda: 1.5 + 0.1 * rows(*shape, seed=1))
        mean = pyro.param(f"mean_{name}", lambda: 0.5 + 0.1 * rows(*shape, seed=2))
        alpha, mean = functional.softplus(alpha), functional.softplus(mean)
        return dist.Gamma(alpha, alpha / mean)

    def guide(self, x):
        top, bottom = self.widths
        for name, size in (("top", top * bottom), ("bottom", bottom * self.pixels)):
            with pyro.plate(f"w_{name}_plate", size):
                pyro.sample(f"w_{name}", self.gammas(f"w_{name}", (size,)))
        with pyro.plate("data", x.size(0)):
            for name, size in (("top", top), ("bottom", bottom)):
                fn = self.gammas(f"z_{name}", (x.size(0), size))
                pyro.sample(f"z_{name}", fn.to_event(1))


def _gammas(guide):
    family = Gammas()
    made = {"own": lambda: family.guide, "easy": lambda: Easy(family.model),
            "auto": lambda: autoguide.AutoNormal(family.model)}[guide]()  # fmt: skip
    return Pair(family.model, made, (family.x,))


DATA = torch.tensor([0.0, 1.0, 10.0, 11.0, 12.0])
K = 2


@config_enumerate
def mixture(data):
    weights = pyro.sample("weights", dist.Dirichlet(0.5 * torch.ones(K)))
    scale = pyro.sample("scale", dist.LogNormal(0.0, 2.0))
    with pyro.plate("components", K):
        locs = pyro.sample("locs", dist.Normal(0.0, 10.0))
    with pyro.plate("data", len(data)):
        which = pyro.sample("assignment", dist.Categorical(weights))
        pyro.sample("obs", dist.Normal(locs[which], scale), obs=data)


def _start(site):
    return {
        "weights": torch.ones(K) / K,
        "scale": torch.tensor(2.0),
        "locs": torch.tensor([0.0, 9.0]),
    }[site["name"]]


def _mixture(cls, full):
    exposed = poutine.block(mixture, expose=["weights", "locs", "scale"])
    of_globals = cls(exposed, init_loc_fn=_start)

    @config_enumerate
    def with_assignments(data):
        of_globals(data)
        with pyro.plate("data", len(data)):
            start, simplex = torch.ones(len(data), K) / K, dist.constraints.simplex
            probs = pyro.param("assignment_probs", start, simplex)
            pyro.sample("assignment", dist.Categorical(probs))

    return Pair(mixture, with_assignments if full else of_globals, (DATA,))


def _all(pair):
    return pair.args


ENUM = partial(TraceEnum_ELBO, max_plate_nesting=1)
SCALED = (ScaleError, "scale")
SUMMED_OUT = (SiteError, "the model samples 'assignment', and the guide does not")
DRAWN = (ReparamError, "'assignment'")
SUBSAMPLED = (PlateError, "draws its own subsample")
POINT = (ConfigError, "point mass")

AUTOGUIDES = {
    "AutoNormal": autoguide.AutoNormal,
    "AutoDiagonalNormal": autoguide.AutoDiagonalNormal,
    "AutoMultivariateNormal": autoguide.AutoMultivariateNormal,
    "AutoLowRankMultivariateNormal": partial(autoguide.AutoLowRankMultivariateNormal, rank=1),
    "AutoIAFNormal": partial(autoguide.AutoIAFNormal, hidden_dim=[4], num_transforms=1),
    "AutoDelta": autoguide.AutoDelta,
    "AutoLaplaceApproximation": autoguide.AutoLaplaceApproximation,
    "AutoStructured": partial(
        autoguide.AutoStructured, conditionals="normal", dependencies="linear"
    ),
}


def _regressions():
    for name, guide in AUTOGUIDES.items():
        for size in (None, 4):
            words = f"regression, {name}" + (", minibatches" if size else "")
            refused = SCALED if size else None
            points = "AutoDelta" in name or "Laplace" in name
            measured = SUBSAMPLED if size else POINT if points else None
            yield words, Structure(
                partial(_regression, guide, size), Trace_ELBO, joint=True, compiles=False,
                iwae=refused, dreg=refused, measured=measured, one_by_one=True,
            )  # fmt: skip
            if name in ("AutoNormal", "AutoDiagonalNormal", "AutoMultivariateNormal"):
                yield f"functions, {words}", Structure(
                    partial(_written_out, guide, size), Trace_ELBO, joint=True,
                    iwae=refused, dreg=refused, measured=measured,
                )  # fmt: skip


BAYESIAN = dict(_regressions()) | {
    "sparse gamma": Structure(
        partial(_gammas, "own"), TraceMeanField_ELBO, joint=True
    ),
    "sparse gamma, EasyGuide": Structure(partial(_gammas, "easy"), Trace_ELBO, joint=True),
    "sparse gamma, AutoNormal": Structure(partial(_gammas, "auto"), Trace_ELBO, joint=True),
    "gmm, AutoDelta": Structure(
        partial(_mixture, autoguide.AutoDelta, False), ENUM,
        elbo=SUMMED_OUT, iwae=SUMMED_OUT, dreg=SUMMED_OUT, measured=SUMMED_OUT,
    ),
    "gmm, AutoNormal": Structure(
        partial(_mixture, autoguide.AutoNormal, False), ENUM,
        elbo=SUMMED_OUT, iwae=SUMMED_OUT, dreg=SUMMED_OUT, measured=SUMMED_OUT,
    ),
    "gmm, assignments in the guide": Structure(
        partial(_mixture, autoguide.AutoNormal, True), ENUM, joint=True, dreg=DRAWN,
        one_by_one=True,
    ),
}  # fmt: skip
