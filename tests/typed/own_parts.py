"""Own objective, family, callback and source of batches."""

from collections.abc import Iterator
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from pyrovae import Particles, fit, log_evidence
from pyrovae.math import log_mean_exp
from pyrovae.models import Family
from pyrovae.objectives import ParticleELBO
from pyrovae.train import Callback, Loop


class Tempered(ParticleELBO):
    """A power of the importance-weighted bound."""

    def __init__(self, power: float = 1.0, num_particles: int = 1) -> None:
        super().__init__(num_particles)
        self.power = power

    def bound(self, p: Particles) -> Tensor:
        return self.power * log_mean_exp(p.log_w, dim=0)


class Pair(Family):
    """A linear pair."""

    def __init__(self, data_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.decoder = nn.Linear(latent_dim, data_dim)
        self.encoder = nn.Linear(data_dim, latent_dim)

    def model(self, x: Tensor) -> None:
        self.declare("decoder")
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(self.latent_dim), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(self.decoder(z), 1.0).to_event(1), obs=x)

    def guide(self, x: Tensor) -> None:
        self.declare("encoder")
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(self.encoder(x), 0.5).to_event(1))

    def generate(self, num: int) -> Tensor:
        with torch.no_grad():
            made: Tensor = self.decoder(torch.randn(num, self.latent_dim))
        return made


class Every(Callback):
    """Keeps the bound of each epoch."""

    def __init__(self) -> None:
        self.bounds: list[float] = []

    def on_epoch(self, loop: Loop) -> None:
        entry: dict[str, Any] = loop.history[-1]
        self.bounds.append(entry["train"])
        if loop.epoch > 10:
            loop.request_stop()


x = torch.randn(30, 5)
pair, seen = Pair(5, 2), Every()
run = fit(
    pair.model,
    pair.guide,
    x,
    objective=Tempered(0.5, 3),
    epochs=2,
    callbacks=[seen],
    progress=False,
    device="cpu",
    optimizer=lambda leaves: torch.optim.AdamW(leaves, lr=1e-3),
)
print(seen.bounds, log_evidence(pair.model, pair.guide, x, num_particles=5), pair.generate(2))


def batches() -> Iterator[Tensor]:
    yield x
