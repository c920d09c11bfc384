"""Every prior, small and away from where it starts, with an encoder for those that need one."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from pyrovae.models import DiagonalNormal, FlowPrior, MixturePrior, Posterior, Prior, VampPrior
from pyrovae.models import priors as package
from tests.exported import exported

DATA = 5
PRIORS = {
    name: prior.example for name, prior in exported(package, Prior).items() if prior.is_proper
}
# Further forms of some of them.
PRIORS |= {
    "VampPrior, weighted": partial(VampPrior, num_components=4, learn_weights=True),
    "FlowPrior on a mixture": partial(FlowPrior, num_layers=2, base=MixturePrior.example),
}
LEARNED = [name for name in PRIORS if name not in ("SoftmaxDirichlet", "StandardNormal")]


@dataclass
class Made:
    prior: Prior
    encoder: nn.Module
    posterior: Posterior

    def encode(self, x: Tensor):
        return self.posterior(self.encoder(x))

    def __call__(self):
        return self.prior.with_encoder(self.encode)

    @property
    def used(self) -> list[nn.Parameter]:
        own = list(self.prior.parameters())
        return own + list(self.encoder.parameters()) if self.prior.needs_encoder else own


def made(name: str, latent_dim: int = 2, *, posterior=DiagonalNormal, dtype=torch.float64) -> Made:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        prior = PRIORS[name](latent_dim)
        prior.shape_for((DATA,), (0.0, 1.0))
        q = posterior(latent_dim)
        found = Made(prior, nn.Linear(DATA, q.num_parameters), q)
        with torch.no_grad():
            for parameter in found.used:
                # The tails of a coupling soon grow heavy.
                spread = 0.2 if isinstance(prior, FlowPrior) else 0.5
                parameter.add_(spread * torch.randn_like(parameter) / parameter.shape[-1] ** 0.5)
    for module in (prior, found.encoder, q):
        module.to(dtype)
    return found
