"""A pair over N copies of one datum, each with parameters of its own: N independent gradients."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyrovae.data.synthetic import DiscreteLatent, LinearGaussian
from pyrovae.particles.parameters import trainable
from tests.oracles import phi_gradient

LOG_2PI = 1.8378770664093453


@dataclass(frozen=True)
class Copies:
    """`leaves` hold row n for copy n, so that one backward pass gives N gradients."""

    model: Callable[..., Any]
    guide: Callable[..., Any]
    x: Tensor
    leaves: dict[str, Tensor]

    def gradients(self, objective) -> Tensor:
        """Gradient of the bound of each copy [N, P]."""
        loss = objective.differentiable_loss(self.model, self.guide, self.x)
        grads = torch.autograd.grad(-loss, list(self.leaves.values()))
        return torch.cat(grads, -1)


def gaussian_copies(pair: LinearGaussian, x: Tensor, n: int, *, reparameterised=True) -> Copies:
    """Of a linear-Gaussian pair and a datum [1, D]: leaves loc, log_scale [n, L], bias [n, D]."""
    weight, bias, variance = (t.detach() for t in pair._likelihood())
    leaves = {
        "loc": pair.encoder.affine(x).detach().expand(n, -1).clone(),
        "log_scale": pair.encoder.log_scale.detach().expand(n, -1).clone(),
        "bias": bias.expand(n, -1).clone(),
    }
    for leaf in leaves.values():
        leaf.requires_grad_()

    def model(x):
        with pyro.plate("data", n):
            z = pyro.sample("z", dist.Normal(x.new_zeros(pair.latent_dim), 1.0).to_event(1))
            loc = z @ weight.T + leaves["bias"]
            pyro.sample("x", dist.Normal(loc, variance.sqrt()).to_event(1), obs=x)

    def guide(x):
        normal = dist.Normal if reparameterised else _NotReparameterised
        with pyro.plate("data", n):
            pyro.sample("z", normal(leaves["loc"], leaves["log_scale"].exp()).to_event(1))

    return Copies(model, guide, x.expand(n, -1), leaves)


def gaussian_truth(pair: LinearGaussian, x: Tensor, bound: Callable[[Tensor], Tensor]) -> Tensor:
    """Exact gradient of a bound, in the order of the leaves of `gaussian_copies` [P]."""
    value = bound(x)
    (bias,) = torch.autograd.grad(value.sum(), [pair.decoder.loc], retain_graph=True)
    return torch.cat([phi_gradient(pair, value), bias])


def discrete_copies(pair: DiscreteLatent, x: Tensor, n: int, z: Tensor | None = None) -> Copies:
    """Of a discrete pair and one datum [1, D]: leaf logits [n, L]; z [K, n, L] fixes the draws."""
    leaves = {"logits": pair.encoder.affine(x).detach().expand(n, -1).clone().requires_grad_()}

    def guide(x):
        q = dist.Bernoulli(logits=leaves["logits"]) if z is None else _Fixed(leaves["logits"], z)
        with pyro.plate("batch", n):
            pyro.sample("z", q.to_event(1))

    return Copies(pair.model, guide, x.expand(n, -1), leaves)


def moments_by_enumeration(objective, pair: DiscreteLatent, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of the gradient in the logits over all draws, by their probability [L]."""
    draws = list(product(pair.states, repeat=objective.num_particles))
    z = torch.stack([torch.stack(d) for d in draws], 1)  # [K, 8^K, L]
    copies = discrete_copies(pair, x, len(draws), z)
    mass = dist.Bernoulli(logits=copies.leaves["logits"]).log_prob(z).sum((0, -1)).exp().detach()
    gradients = copies.gradients(objective)
    mean = mass @ gradients
    return mean, mass @ gradients**2 - mean**2


class _NotReparameterised(dist.Normal):
    has_rsample = False


class _Fixed(dist.Bernoulli):
    """A Bernoulli whose draws are chosen by the test: with it, expectations become sums."""

    def __init__(self, logits: Tensor, draws: Tensor) -> None:
        super().__init__(logits=logits)
        self.draws = draws

    def expand(self, batch_shape, _instance=None):
        return _Fixed(self.logits.expand(batch_shape), self.draws)

    def sample(self, sample_shape=()):
        return self.draws if len(self.batch_shape) == self.draws.dim() else self.draws[0]


def repeated_gradients(objective, pair, repeats: int, *, copies: int = 100) -> Tensor:
    """Independent gradients of the bound of any pair, each a mean over copies of its data [R, P].

    All leaves of model and guide, flattened; what a leaf does not receive is zero.
    """
    call = (pair.model, pair.guide, pair.args[0].repeat(copies, *[1] * (pair.args[0].dim() - 1)))
    leaves = list(trainable(*call).values())
    rows = []
    for _ in range(repeats):
        loss = objective.differentiable_loss(*call) / -copies
        grads = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([grad.flatten() for grad in grads]))
    return torch.stack(rows)


def two_sample_z(a: Tensor, b: Tensor) -> Tensor:
    """Difference of means in standard errors, coordinate by coordinate; samples [N, P] each.

    Coordinates that depend on nothing random must agree to rounding, and count as zero.
    """
    difference = a.mean(0) - b.mean(0)
    error = (a.var(0) / len(a) + b.var(0) / len(b)).sqrt()
    rounding = 1e-10 * (1 + a.mean(0).abs())
    return torch.where(difference.abs() < rounding, 0.0, difference / error.clamp_min(1e-30))
