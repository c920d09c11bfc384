"""The pairs that are timed, each with its loss written by hand without Pyro."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.transforms import AffineCoupling
from pyro.nn import DenseNN
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits


class Networks(nn.Module):
    """Encoder, decoder, and the conditioners of a flow behind the encoder, if there are any."""

    def __init__(self, encoder, decoder, conditioners=()):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.conditioners = nn.ModuleList(conditioners)


@dataclass(frozen=True)
class Case:
    """A variational autoencoder of a Bernoulli likelihood, a normal prior and guide, and a batch.

    Attributes:
        title: Layers, batch, particles.
        data_shape: Of one datum.
        latents: Width of the latent, L.
        batch: Rows, B.
        num_particles: K; above one the bound is IWAE's, else the ELBO with the KL sampled.
        build: Makes the networks.
    """

    title: str
    data_shape: tuple[int, ...]
    latents: int
    batch: int
    num_particles: int
    build: Callable[[], Networks]

    def networks(self, device="cpu"):
        """New networks, the same every time."""
        torch.manual_seed(0)
        return self.build().to(device)

    def data(self, device="cpu"):
        """A batch of bits [B, ...], the same every time."""
        generator = torch.Generator().manual_seed(1)
        chance = torch.full((self.batch, *self.data_shape), 0.3)
        return torch.bernoulli(chance, generator=generator).to(device)

    def pair(self, networks, name):
        """Model and guide; `name` keeps their networks apart in Pyro's store."""
        event_dim = len(self.data_shape)
        flow = [_coupling(conditioner, self.latents) for conditioner in networks.conditioners]

        def model(x):
            pyro.module(f"{name}.decoder", networks.decoder)
            with pyro.plate("data", x.shape[0]):
                z = pyro.sample("z", dist.Normal(x.new_zeros(self.latents), 1.0).to_event(1))
                likelihood = dist.Bernoulli(logits=networks.decoder(z)).to_event(event_dim)
                pyro.sample("x", likelihood, obs=x)

        def guide(x):
            pyro.module(f"{name}.encoder", networks.encoder)
            if flow:
                pyro.module(f"{name}.flow", networks.conditioners)
            with pyro.plate("data", x.shape[0]):
                loc, log_scale = networks.encoder(x).chunk(2, -1)
                posterior = dist.Normal(loc, log_scale.exp()).to_event(1)
                if flow:
                    posterior = dist.TransformedDistribution(posterior, flow)
                pyro.sample("z", posterior)

        return model, guide

    def loss(self, networks, x):
        """Minus the bound, summed over the batch, with the densities written out."""
        k = self.num_particles
        shape = (self.batch, self.latents) if k == 1 else (k, self.batch, self.latents)
        noise = torch.randn(shape, device=x.device)
        loc, log_scale = networks.encoder(x).chunk(2, -1)
        z = loc + log_scale.exp() * noise
        log_q = -0.5 * noise.square() - log_scale  # a constant cancels
        for conditioner in networks.conditioners:
            kept, moved = z.tensor_split(2, -1)
            shift, log_stretch = conditioner(kept)
            log_stretch = log_stretch + (log_stretch.clamp(-5.0, 3.0) - log_stretch).detach()
            z = torch.cat([kept, moved * log_stretch.exp() + shift], -1)
            log_q = torch.cat([log_q, -log_stretch], -1)
        logits = networks.decoder(z)
        if k == 1:
            error = binary_cross_entropy_with_logits(logits, x, reduction="sum")
            return error + log_q.sum() + 0.5 * z.square().sum()
        error = binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
        log_w = -error.flatten(2).sum(-1) - (log_q + 0.5 * z.square()).sum(-1)
        return -(log_w.logsumexp(0) - math.log(k)).sum()


def _coupling(conditioner, latents):
    return AffineCoupling(latents // 2, conditioner)


def _mlp(*widths):
    layers = [nn.Linear(widths[0], widths[1])]
    for into, out in zip(widths[1:], widths[2:], strict=False):
        layers += [nn.Tanh(), nn.Linear(into, out)]
    return nn.Sequential(*layers)


def _dense(*widths):
    """Encoder and decoder, mirrored; the last width is the latent's."""
    *widths, latents = widths
    return Networks(_mlp(*widths, 2 * latents), _mlp(latents, *widths[::-1]))


def _convolutional():
    encoder = nn.Sequential(
        nn.Conv2d(3, 32, 4, stride=2, padding=1), nn.SiLU(),
        nn.Conv2d(32, 64, 4, stride=2, padding=1), nn.SiLU(),
        nn.Flatten(), nn.Linear(64 * 8 * 8, 2 * 32),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(32, 64 * 8 * 8), nn.SiLU(), nn.Unflatten(1, (64, 8, 8)),
        nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.SiLU(),
        nn.ConvTranspose2d(32, 3, 4, stride=2, padding=1),
    )  # fmt: skip
    return Networks(encoder, decoder)


def _with_flow():
    plain = _dense(784, 200, 200, 50)
    flow = [DenseNN(25, [100], [25, 25], nonlinearity=nn.Tanh()) for _ in range(2)]
    return Networks(plain.encoder, plain.decoder, flow)


def _case(title, shape, latents, batch, k, build):
    return Case(f"{title}, batch {batch}, K = {k}", shape, latents, batch, k, build)


CASES = {
    "digits": _case("64-64-8", (64,), 8, 64, 1, lambda: _dense(64, 64, 8)),
    "wide": _case("784-400-20", (784,), 20, 128, 1, lambda: _dense(784, 400, 20)),
    "iwae1": _case("784-200-200-50", (784,), 50, 100, 1, lambda: _dense(784, 200, 200, 50)),
    "iwae5": _case("784-200-200-50", (784,), 50, 100, 5, lambda: _dense(784, 200, 200, 50)),
    "flow": _case(
        "784-200-200-50, two coupling layers", (784,), 50, 100, 1, _with_flow
    ),
    "conv": _case("convolutions 3x32x32-32-64-32", (3, 32, 32), 32, 64, 1, _convolutional),
}  # fmt: skip
