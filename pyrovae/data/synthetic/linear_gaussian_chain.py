"""A linear-Gaussian hierarchy, exact in closed form."""

import math
from collections.abc import Sequence
from typing import Literal, Self, cast

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from ...errors import ConfigError, ShapeError
from .base import check_batch
from .gaussian_pair import AffineNormal, GaussianPair

Layer = tuple[Tensor, Tensor, float | Tensor]
"""Weight [out, in], bias [out] and standard deviation of one step down."""

Order = Literal["bottom-up", "top-down"]


class LinearGaussianChain(GaussianPair):
    r"""The chain z_L -> ... -> z_1 -> x of affine maps with normal noise; p(z_L) = N(0, I).

    `model` and `guide` are Pyro programs with the sites "z1" (nearest the data), "z2", ... and "x"
    `[D]` in the plate "batch". The guide is q(z_1|x) q(z_2|z_1) ... ("bottom-up") or q(z_L|x)
    q(z_(L-1)|z_L, x) ... ("top-down"), affine too, with full covariances. It starts as the exact
    posterior, which has both forms. The other methods are exact, in nats per datum `[B]`,
    computed in float64 and differentiable: see `GaussianPair`, with z = (z_1, ..., z_L).

    Args:
        layers: Weight W `[D, L_1]`, bias and scale of p(x|z_1) = N(W z_1 + b, sigma^2 I), then
            those of p(z_1|z_2), and so on. Their dtype and device become the pair's.
        order: The order in which the guide draws.
        name: Prefix of the parameters' names in Pyro's store; two pairs in one process need two.

    Raises:
        ConfigError: There is no layer, a scale is not positive, or `order` is unknown.
        ShapeError: A layer's shapes do not fit each other or the layer below.

    Source:
        Pattern Recognition and Machine Learning (Bishop, 2006), sec. 2.3.3 and 8.1.4

    Example:
        >>> pair = LinearGaussianChain.random(data_dim=5, latent_dims=(3, 2), seed=0)
        >>> x = pair.sample(4, seed=1)  # [4, 5]
        >>> bool((pair.elbo(x) < pair.iwae(x, 10)).all())
        True
        >>> {name: kl.shape for name, kl in pair.kl_by_site(x).items()}
        {'z1': torch.Size([4]), 'z2': torch.Size([4])}
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        order: Order = "bottom-up",
        name: str = "linear_gaussian_chain",
    ) -> None:
        super().__init__()
        if not layers or order not in ("bottom-up", "top-down"):
            raise ConfigError(
                f"LinearGaussianChain got {len(layers)} layers and order={order!r}; it needs one "
                "layer or more, and 'bottom-up' or 'top-down'"
            )
        _check_shapes(layers)
        self.data_dim = layers[0][0].shape[0]
        self.latent_dims = [weight.shape[1] for weight, _, _ in layers]
        self.order, self.name = order, name
        self.decoders = nn.ModuleList(
            AffineNormal(w, b, torch.as_tensor(s).to(w), where="LinearGaussianChain")
            for w, b, s in layers
        )
        with torch.no_grad():
            self.encoders = nn.ModuleList(
                AffineNormal(w, c, t.diagonal(), t, where="LinearGaussianChain")
                for w, c, t in ([u.to(layers[0][0]) for u in step] for step in self._exact_guide())
            )

    @classmethod
    def random(
        cls,
        data_dim: int,
        latent_dims: Sequence[int],
        *,
        seed: int,
        order: Order = "bottom-up",
        dtype: torch.dtype = torch.float64,
    ) -> Self:
        """A random chain whose guide misses the posterior in every layer, with Var R finite."""
        rng = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=rng, dtype=torch.float64)

        sizes = [data_dim, *latent_dims]
        pair = cls(
            [
                (normal(a, b) / b**0.5, 0.5 * normal(a), 0.5 + normal(1).sigmoid().item())
                for a, b in zip(sizes, sizes[1:], strict=False)
            ],
            order=order,
        )
        with torch.no_grad():
            for step in pair._steps(pair.encoders):
                weight = cast(Tensor, step.weight)
                weight *= 1 + 0.1 * normal(*weight.shape)
                step.loc.add_(0.2 * step.log_scale.exp() * normal(*step.loc.shape))
                step.log_scale.add_(0.1 * normal(*step.loc.shape))
            _, covariance = pair._whitened(torch.zeros(1, data_dim, dtype=torch.float64))
            # Var R is finite where the guide's variance exceeds half the posterior's.
            widening = max(1.0, 0.7 / torch.linalg.eigvalsh(covariance).min().item()) ** 0.5
            for step in pair._steps(pair.encoders):
                step.log_scale.add_(math.log(widening))
                cast(Tensor, step.lower).mul_(widening)
        return pair.to(dtype)

    def model(self, x: Tensor) -> None:
        """p(z)p(x|z) over a batch x `[B, D]`."""
        check_batch(x, self.data_dim, "LinearGaussianChain.model")
        pyro.module(f"{self.name}.decoders", self.decoders)
        with pyro.plate("batch", x.shape[0]):
            top = len(self.latent_dims)
            prior = dist.Normal(x.new_zeros(self.latent_dims[-1]), 1.0).to_event(1)
            z = pyro.sample(f"z{top}", prior)
            for layer in range(top - 1, 0, -1):
                z = pyro.sample(f"z{layer}", self.decoders[layer](z))
            pyro.sample("x", self.decoders[0](z), obs=x)

    def guide(self, x: Tensor) -> None:
        """Draws all layers for each datum: x `[B, D]`."""
        check_batch(x, self.data_dim, "LinearGaussianChain.guide")
        pyro.module(f"{self.name}.encoders", self.encoders)
        with pyro.plate("batch", x.shape[0]):
            z = x
            for layer in self._drawn():
                seen = z
                if z is not x and self.order == "top-down":
                    seen = torch.cat([z, x.expand(*z.shape[:-1], -1)], -1)
                z = pyro.sample(f"z{layer}", self.encoders[layer - 1](seen))

    @torch.no_grad()
    def sample(self, n: int, seed: int) -> Tensor:
        """Data from the model, `[n, D]`."""
        rng = torch.Generator().manual_seed(seed)
        down = self._steps(self.decoders)
        like = down[0].loc
        z = torch.randn(n, self.latent_dims[-1], generator=rng, dtype=torch.float64).to(like)
        for step in reversed(down):
            noise = torch.randn(n, len(step.loc), generator=rng, dtype=torch.float64).to(like)
            z = step.affine(z) + step.log_scale.exp() * noise
        return z

    def log_px(self, x: Tensor) -> Tensor:
        """Evidence log p(x)."""
        weight, bias, variance = self._likelihood()
        loc, covariance = self._prior()
        eye = torch.eye(self.data_dim).to(weight)
        spread = weight @ covariance @ weight.T + variance * eye
        return MultivariateNormal(weight @ loc + bias, spread).log_prob(self._double(x))

    def posterior(self, x: Tensor) -> MultivariateNormal:
        """The exact p(z|x) of all layers, batch shape `[B]`, event shape `[L_1 + L_2 + ...]`."""
        weight, loc, covariance = self._affine_posterior()
        return MultivariateNormal(self._double(x) @ weight.T + loc, covariance)

    def reconstruction(self, x: Tensor) -> Tensor:
        """E_q log p(x|z)."""
        weight, bias, variance = self._likelihood()
        q = self._q(x)
        error = self._double(x) - bias - q.loc @ weight.T
        spread = (weight @ q.scale_tril[0]).square().sum()
        normaliser = self.data_dim * (2 * math.pi * variance).log()
        return -0.5 * (normaliser + (error.square().sum(-1) + spread) / variance)

    def kl(self, x: Tensor) -> Tensor:
        """KL(q(z|x) || p(z)) of all layers together: the sum of `kl_by_site`."""
        return torch.stack(list(self.kl_by_site(x).values())).sum(0)

    def kl_by_site(self, x: Tensor) -> dict[str, Tensor]:
        """E_q[log q(z_i|.) - log p(z_i|z_(i+1))] by site `[B]`; below the top it may be negative.

        Bottom-up, q(z_i|.) does not condition on the z_(i+1) of p, so only the sum over the layers
        is a KL divergence. Top-down each term is one.
        """
        q, parts, found = self._q(x), self._slices(), {}
        for i, (part, step) in enumerate(zip(parts, self._steps(self.encoders), strict=True)):
            size = part.stop - part.start
            pick = torch.eye(sum(self.latent_dims)).to(q.loc)
            if i + 1 < len(parts):
                below = self._steps(self.decoders)[i + 1]
                matrix = pick[part] - below.linear(pick[parts[i + 1]].T).T
                offset, log_scale = below.loc.double(), below.log_scale.double()
            else:
                matrix, offset, log_scale = pick[part], pick.new_zeros(()), pick.new_zeros(())
            error = (q.loc @ matrix.T - offset).square().sum(-1)
            error = error + (matrix @ q.scale_tril[0]).square().sum()
            cross = size * log_scale + 0.5 * error * (-2 * log_scale).exp()
            entropy = step.scale_tril().diagonal().log().sum() + 0.5 * size
            found[f"z{i + 1}"] = cross - entropy
        return found

    def _steps(self, networks: nn.ModuleList) -> list[AffineNormal]:
        return cast(list[AffineNormal], list(networks))

    def _drawn(self) -> list[int]:
        """Numbers of the layers, in the order of the guide."""
        up = range(1, len(self.latent_dims) + 1)
        return list(up if self.order == "bottom-up" else reversed(up))

    def _slices(self) -> list[slice]:
        """Position of each layer in the vector of all."""
        ends = [sum(self.latent_dims[: i + 1]) for i in range(len(self.latent_dims))]
        return [slice(end - n, end) for n, end in zip(self.latent_dims, ends, strict=True)]

    def _likelihood(self) -> tuple[Tensor, Tensor, Tensor]:  # [D, sum L], b [D], sigma^2 []
        step, parts = self._steps(self.decoders)[0], self._slices()
        bias = step.loc.double()
        pick = torch.eye(sum(self.latent_dims)).to(bias)[parts[0]]
        return step.linear(pick.T).T, bias, (2 * step.log_scale.double()).exp()

    def _prior(self) -> tuple[Tensor, Tensor]:  # mean [sum L], covariance [sum L, sum L]
        parts, size = self._slices(), sum(self.latent_dims)
        down = self._steps(self.decoders)
        eye = torch.eye(size).to(down[0].loc).double()
        locs, roots = [eye.new_zeros(self.latent_dims[-1])], [eye[parts[-1]]]
        for step, part in zip(down[:0:-1], parts[-2::-1], strict=True):
            locs.insert(0, step.affine(locs[0]))
            roots.insert(0, step.linear(roots[0].T).T + step.log_scale.double().exp() * eye[part])
        root = torch.cat(roots)
        return torch.cat(locs), root @ root.T

    def _precision(self) -> Tensor:
        weight, _, variance = self._likelihood()
        return torch.linalg.inv(self._prior()[1]) + weight.T @ weight / variance

    def _affine_posterior(
        self,
    ) -> tuple[Tensor, Tensor, Tensor]:  # A, c, covariance
        weight, bias, variance = self._likelihood()
        loc, covariance = self._prior()
        precision = torch.linalg.inv(covariance)
        posterior = torch.linalg.inv(precision + weight.T @ weight / variance)
        by_x = posterior @ weight.T / variance
        return by_x, posterior @ precision @ loc - by_x @ bias, posterior

    def _q(self, x: Tensor) -> MultivariateNormal:
        """The guide as one normal, composed layer by layer."""
        x, size = self._double(x), sum(self.latent_dims)
        parts, eye = self._slices(), torch.eye(sum(self.latent_dims)).to(x)
        locs: dict[int, Tensor] = {}
        roots: dict[int, Tensor] = {}
        before = None
        for layer in self._drawn():
            step = self._steps(self.encoders)[layer - 1]
            noise = step.scale_tril() @ eye[parts[layer - 1]]
            if before is None:
                locs[layer], roots[layer] = step.affine(x), noise
            else:
                loc, root = locs[before], roots[before].T  # [B, L], [sum L, L]
                if self.order == "top-down":
                    loc = torch.cat([loc, x], -1)
                    root = torch.cat([root, root.new_zeros(size, self.data_dim)], -1)
                locs[layer], roots[layer] = step.affine(loc), step.linear(root).T + noise
            before = layer
        up = sorted(locs)
        root = torch.cat([roots[layer] for layer in up])
        return MultivariateNormal(torch.cat([locs[layer] for layer in up], -1), root @ root.T)

    def _exact_guide(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Weight, bias and factor by layer of the posterior, drawn in the guide's order."""
        by_x, loc, covariance = self._affine_posterior()
        parts, found = self._slices(), []
        for layer, part in enumerate(parts, 1):
            given = layer - 1 if self.order == "bottom-up" else layer + 1
            weight, bias, spread = by_x[part], loc[part], covariance[part, part]
            if 1 <= given <= len(parts):
                other = parts[given - 1]
                gain = covariance[part, other] @ torch.linalg.inv(covariance[other, other])
                bias = bias - gain @ loc[other]
                spread = spread - gain @ covariance[other, part]
                rest = by_x[part] - gain @ by_x[other]  # bottom-up: zero
                weight = gain if self.order == "bottom-up" else torch.cat([gain, rest], -1)
            found.append((weight, bias, torch.linalg.cholesky(0.5 * (spread + spread.T))))
        return found


def _check_shapes(layers: Sequence[Layer]) -> None:
    above = None
    for i, (weight, bias, scale) in enumerate(layers):
        fits = weight.ndim == 2 and bias.shape == weight.shape[:1]
        fits = fits and torch.as_tensor(scale).ndim == 0
        if not fits or (above is not None and weight.shape[0] != above):
            raise ShapeError(
                f"LinearGaussianChain: layer {i} has weight {list(weight.shape)}, bias "
                f"{list(bias.shape)} and scale {list(torch.as_tensor(scale).shape)}; it needs "
                f"[out, in], [out] and one number, with out = {above or 'D'}"
            )
        above = weight.shape[1]
