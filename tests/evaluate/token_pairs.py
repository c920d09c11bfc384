"""Small pairs of token sequences and of series of unequal length, with exact log p(x)."""

import math

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import nn

PAD, END = 0, 1


class Strings(nn.Module):
    """Codes x [N, T] given z [1]: each of the code before it and of z. Code 2 begins.

    The guide has a table of means and scales for the first two codes, so that it is never exact.
    """

    token = "letter"

    def __init__(self, length=4, num_codes=6, seed=0):
        super().__init__()
        drawn = torch.Generator().manual_seed(seed)

        def table(*shape, scale=1.0):
            return nn.Parameter(scale * torch.randn(*shape, generator=drawn, dtype=torch.double))

        self.length, self.num_codes = length, num_codes
        self.after, self.slope = table(num_codes, num_codes), table(num_codes, num_codes)
        self.loc, self.log_scale = table(num_codes), table(num_codes, scale=0.1)

    def logits(self, x, z):  # [..., B, T], [..., B] -> [..., B, T, V]
        before = torch.cat([torch.full_like(x[..., :1], 2), x[..., :-1]], -1)
        logits = self.after[before] + z[..., None, None] * self.slope[before]
        never = torch.tensor([True, False, True, *[False] * (self.num_codes - 3)])
        return logits.masked_fill(never, -math.inf).log_softmax(-1)

    @staticmethod
    def observed(x):
        return ((x == END).cumsum(-1) - (x == END).long()) == 0

    def model(self, x):
        pyro.module("strings", self)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(1, dtype=torch.double), 1.0).to_event(1))
            logits = self.logits(x, z[..., 0])
            seen = self.observed(x)
            safe = torch.where(seen[..., None], logits, torch.zeros_like(logits))
            pyro.sample("x", dist.Categorical(logits=safe).mask(seen).to_event(1), obs=x)

    def guide(self, x):
        pyro.module("strings", self)
        with pyro.plate("data", len(x)):
            first = x[:, 0]
            q = dist.Normal(self.loc[first, None], self.log_scale[first, None].exp())
            pyro.sample("z", q.to_event(1))

    def num_tokens(self, x):
        return self.observed(x).sum(-1)

    def log_px(self, x, nodes=60):
        """Exact log p(x) by Gauss-Hermite quadrature [N]."""
        at, weight = np.polynomial.hermite_e.hermegauss(nodes)
        z = torch.tensor(at)[:, None].expand(-1, len(x))
        logits = self.logits(x.expand(nodes, -1, -1), z)
        found = logits.gather(-1, x.expand(nodes, -1, -1)[..., None])[..., 0]
        found = torch.where(self.observed(x), found, torch.zeros_like(found)).sum(-1)
        log_weight = torch.tensor(weight).log() - 0.5 * math.log(2 * math.pi)
        return (found + log_weight[:, None]).logsumexp(0).detach()

    def every(self):
        """Every string that ends within the length, padded [M, T]."""
        rows = [[]]
        done = []
        for _ in range(self.length):
            done += [row + [END] for row in rows]
            rows = [row + [code] for row in rows for code in range(3, self.num_codes)]
        return torch.tensor([row + [PAD] * (self.length - len(row)) for row in done])


class Series(nn.Module):
    """Steps x_t = W z_t + b + noise of series x [N, T, D], padded with NaN-free zeros.

    z has the event shape [T, L]. Called as (x, mask) with mask [N, T], True where there is a
    step. With `exact` the guide is the posterior, and the prior where there is no step.
    """

    takes_labels = True

    def __init__(self, steps=5, data_dim=3, latent_dim=2, exact=True, seed=0):
        super().__init__()
        drawn = torch.Generator().manual_seed(seed)
        self.steps, self.latent_dim, self.exact = steps, latent_dim, exact
        weight = torch.randn(data_dim, latent_dim, generator=drawn, dtype=torch.double)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.randn(data_dim, generator=drawn, dtype=torch.double))
        self.noise = 0.7

    def model(self, x, mask):
        pyro.module("series", self)
        with pyro.plate("data", len(x)):
            zeros = x.new_zeros(self.steps, self.latent_dim)
            z = pyro.sample("z", dist.Normal(zeros, 1.0).to_event(2))
            mean = z @ self.weight.T + self.bias
            made = dist.Normal(mean, self.noise).mask(mask.bool()[..., None]).to_event(2)
            pyro.sample("x", made, obs=x)

    def guide(self, x, mask):
        pyro.module("series", self)
        seen = mask.bool()[..., None]
        w = self.weight
        eye = torch.eye(self.latent_dim, dtype=w.dtype)
        cov = torch.linalg.inv(eye + w.T @ w / self.noise**2)
        mean = (x - self.bias) @ w @ cov / self.noise**2 * seen
        with pyro.plate("data", len(x)):
            if self.exact:
                whole = torch.where(seen[..., None], cov, eye)
                pyro.sample("z", dist.MultivariateNormal(mean, whole).to_event(1))
            else:
                scale = torch.where(seen, cov.diagonal().sqrt(), torch.ones(2, dtype=w.dtype))
                pyro.sample("z", dist.Normal(mean, scale).to_event(2))

    def log_px(self, x, mask):
        cov = self.weight @ self.weight.T + self.noise**2 * torch.eye(x.shape[-1])
        step = torch.distributions.MultivariateNormal(self.bias, cov).log_prob(x)
        return torch.where(mask.bool(), step, 0.0).sum(-1).detach()

    def sample(self, n, seed=0):
        """Series of unequal lengths, and which steps they have."""
        drawn = torch.Generator().manual_seed(seed)
        dims = self.weight.shape
        z = torch.randn(n, self.steps, dims[1], generator=drawn, dtype=torch.double)
        noise = torch.randn(n, self.steps, dims[0], generator=drawn, dtype=torch.double)
        lengths = torch.randint(1, self.steps + 1, (n,), generator=drawn)
        mask = torch.arange(self.steps) < lengths[:, None]
        x = z @ self.weight.T + self.bias + self.noise * noise
        return (x * mask[..., None]).detach(), mask
