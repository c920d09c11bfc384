"""The styles in which a user writes a pair, each a small one with its batch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.nn import PyroModule, PyroParam, pyro_method
from torch import Tensor, nn

from pyrovae.models import VAE, FullNormal
from pyrovae.nn import ConvDecoder, ConvEncoder, LearnedNormal, Normal, OneBatchAxis

BATCH, DATA, LATENT = 4, 6, 2


@dataclass(frozen=True)
class Pair:
    model: Callable[..., Any]
    guide: Callable[..., Any]
    args: tuple[Any, ...]
    scale: float = 1.0
    local_params: bool = False
    batch_size: int = BATCH


def _x(dtype: torch.dtype, rows: int = BATCH) -> Tensor:
    return torch.randn(rows, DATA, generator=torch.Generator().manual_seed(3), dtype=dtype)


def _net(seed: int, n_in: int, n_out: int, dtype: torch.dtype) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(n_in, 5), nn.Tanh(), nn.Linear(5, n_out))
    return net.to(dtype)


def param_functions(dtype: torch.dtype) -> Pair:
    rng = torch.Generator().manual_seed(7)
    start = {
        n: 0.5 * torch.randn(s, generator=rng, dtype=dtype)
        for n, s in {"w": (DATA, LATENT), "b": (DATA,), "a": (LATENT, DATA)}.items()
    }

    def model(x):
        weight, bias = pyro.param("w", start["w"]), pyro.param("b", start["b"])
        scale = pyro.param("sigma", x.new_tensor(0.8), constraint=dist.constraints.positive)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ weight.T + bias, scale).to_event(1), obs=x)

    def guide(x):
        weight = pyro.param("a", start["a"])
        scale = pyro.param("s", x.new_full((LATENT,), 0.7), constraint=dist.constraints.positive)
        with pyro.plate("data", x.shape[0]):
            pyro.sample("z", dist.Normal(x @ weight.T, scale).to_event(1))

    return Pair(model, guide, (_x(dtype),))


def _module_programs(encoder, decoder, plate):
    def model(x):
        pyro.module("decoder", decoder)
        with plate(x) as rows:
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 0.8).to_event(1), obs=x[rows])

    def guide(x):
        pyro.module("encoder", encoder)
        with plate(x) as rows:
            loc, log_scale = encoder(x[rows]).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


def module_functions(dtype: torch.dtype) -> Pair:
    nets = _net(1, DATA, 2 * LATENT, dtype), _net(2, LATENT, DATA, dtype)
    model, guide = _module_programs(*nets, lambda x: pyro.plate("data", x.shape[0]))
    return Pair(model, guide, (_x(dtype),))


def subsampled_plate(dtype: torch.dtype) -> Pair:
    nets = _net(1, DATA, 2 * LATENT, dtype), _net(2, LATENT, DATA, dtype)
    plate = partial(_half_of_the_data)
    model, guide = _module_programs(*nets, plate)
    return Pair(model, guide, (_x(dtype, 2 * BATCH),), scale=2.0)


def _half_of_the_data(x):
    return pyro.plate("data", x.shape[0], subsample_size=x.shape[0] // 2)


def scaled_pair(dtype: torch.dtype) -> Pair:
    pair = module_functions(dtype)
    model, guide = (poutine.scale(f, scale=0.01) for f in (pair.model, pair.guide))
    return Pair(model, guide, pair.args, scale=0.01)


class _Both(PyroModule):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.encoder = _net(1, DATA, 2 * LATENT, dtype)
        self.decoder = _net(2, LATENT, DATA, dtype)
        self.bias = nn.Parameter(torch.full((DATA,), 0.1, dtype=dtype))
        self.sigma = PyroParam(torch.tensor(0.8, dtype=dtype), dist.constraints.positive)

    @pyro_method
    def model(self, x):
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            loc = self.decoder(z) + self.bias
            pyro.sample("x", dist.Normal(loc, self.sigma).to_event(1), obs=x)

    @pyro_method
    def guide(self, x):
        with pyro.plate("data", x.shape[0]):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


def pyro_module(dtype: torch.dtype) -> Pair:
    both = _Both(dtype)
    return Pair(both.model, both.guide, (_x(dtype),))


def pyro_module_local(dtype: torch.dtype) -> Pair:
    with pyro.settings.context(module_local_params=True):
        both = _Both(dtype)
    return Pair(both.model, both.guide, (_x(dtype),), local_params=True)


def family(dtype: torch.dtype) -> Pair:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        vae = VAE((DATA,), LATENT, likelihood=LearnedNormal(), posterior=FullNormal).to(dtype)
    return Pair(vae.model, vae.guide, (_x(dtype),))


def convolutions(dtype: torch.dtype) -> Pair:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        vae = VAE(
            (1, 4, 4),
            LATENT,
            likelihood=Normal(0.7),
            encoder=partial(ConvEncoder, channels=(3,)),
            decoder=partial(ConvDecoder, channels=(3,)),
        ).to(dtype)
    x = torch.randn(BATCH, 1, 4, 4, generator=torch.Generator().manual_seed(3), dtype=dtype)
    return Pair(vae.model, vae.guide, (x,))


def own_convolutions(dtype: torch.dtype) -> Pair:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        conv = nn.Sequential(
            nn.Linear(LATENT, 4), nn.Unflatten(1, (1, 2, 2)), nn.ConvTranspose2d(1, 1, 2, stride=2)
        ).to(dtype)
    decoder, encoder = OneBatchAxis(conv, event_dim=1), _net(1, 16, 2 * LATENT, dtype)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 0.8).to_event(3), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", x.shape[0]):
            loc, log_scale = encoder(x.flatten(1)).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    x = torch.randn(BATCH, 1, 4, 4, generator=torch.Generator().manual_seed(3), dtype=dtype)
    return Pair(model, guide, (x,))


def nested_plate(dtype: torch.dtype) -> Pair:
    """One group latent a datum, one latent and one observation a member of the group."""
    net = _net(4, DATA, 2, dtype)

    def model(x):
        weight = pyro.param("w", x.new_tensor([0.5, -0.3]))
        with pyro.plate("data", x.shape[0], dim=-1):
            g = pyro.sample("g", dist.Normal(x.new_zeros(()), 1.0))
            with pyro.plate("members", x.shape[1], dim=-2):
                z = pyro.sample("z", dist.Normal(g, 1.0))
                pyro.sample("x", dist.Normal(weight[0] + weight[1] * z, 0.5), obs=x.T)

    def guide(x):
        pyro.module("net", net)
        scale = pyro.param("s", x.new_tensor(0.6), constraint=dist.constraints.positive)
        with pyro.plate("data", x.shape[0], dim=-1):
            loc, log_scale = net(x).unbind(-1)
            g = pyro.sample("g", dist.Normal(loc, log_scale.exp()))
            with pyro.plate("members", x.shape[1], dim=-2):
                pyro.sample("z", dist.Normal(0.5 * (g + x.T), scale))

    return Pair(model, guide, (_x(dtype),))


def hierarchy(dtype: torch.dtype) -> Pair:
    """z2 -> z1 -> x, inferred bottom-up: x -> z1 -> z2."""
    first, second = _net(1, DATA, 2 * LATENT, dtype), _net(8, LATENT, 2 * LATENT, dtype)
    upper, lower = _net(9, LATENT, LATENT, dtype), _net(2, LATENT, DATA, dtype)

    def model(x):
        pyro.module("upper", upper)
        pyro.module("lower", lower)
        with pyro.plate("data", x.shape[0]):
            z2 = pyro.sample("z2", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            z1 = pyro.sample("z1", dist.Normal(upper(z2), 0.9).to_event(1))
            pyro.deterministic("mean", lower(z1), event_dim=1)
            pyro.sample("x", dist.Normal(lower(z1), 0.8).to_event(1), obs=x)

    def guide(x):
        pyro.module("first", first)
        pyro.module("second", second)
        with pyro.plate("data", x.shape[0]):
            loc, log_scale = first(x).chunk(2, -1)
            z1 = pyro.sample("z1", dist.Normal(loc, log_scale.exp()).to_event(1))
            loc, log_scale = second(z1).chunk(2, -1)
            pyro.sample("z2", dist.Normal(loc, log_scale.exp()).to_event(1))

    return Pair(model, guide, (_x(dtype),))


STYLES = {
    f.__name__: f
    for f in (
        param_functions,
        module_functions,
        pyro_module,
        pyro_module_local,
        family,
        convolutions,
        own_convolutions,
        subsampled_plate,
        scaled_pair,
        nested_plate,
        hierarchy,
    )
}
