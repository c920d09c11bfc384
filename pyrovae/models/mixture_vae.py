"""Variational autoencoder with a mixture of normals for clusters (VaDE)."""

from typing import Self

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..distributions.collapsed_categorical import CollapsedCategorical
from ..errors import DataError, ShapeError
from ..nn import MLP, Binomial, Likelihood, Network, Shape
from ..nn.sizes import as_shape, as_size
from .any_data import takes_any_data
from .base import (
    as_likelihood,
    as_tensor_or_count,
    build_decoder,
    check_data,
    evaluated,
    evaluated_outside_programs,
    generated,
    latent_parts,
    params_of,
)
from .latent_vector import LatentVector
from .networks import built
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .priors import MixturePrior


class MixtureVAE(LatentVector):
    r"""VAE that finds clusters: a mixture of normals, whose component is a latent summed out.

    The model is c ~ Categorical(pi), z ~ N(m_c, s_c^2), x ~ p(x|z), the guide z ~ q(z|x),
    c ~ p(c|z). `model` and `guide` are Pyro programs over a batch x [B, \*data_shape] with the
    sites "c" (a cluster), "z" and "x" in the plate "data". The guide's p(c|z) is the exact
    posterior of the model, so that log w = log p(x, z) - log q(z|x) for any c: one draw is the
    whole sum over the components, in value and in gradient, under every objective. The bound is
    that of `VAE(prior=MixturePrior)`, with the cluster as a latent of its own. Weights of the KL
    terms, as `Beta` has them, must be equal for "c" and "z": only their sum does not depend on
    the draw.

    With random initial weights the components often share all data. Train a `VAE` or an
    autoencoder first, load its encoder and decoder, and call `start` (`pyrovae fit --from RUN
    --start N`).

    Args:
        data_shape: Shape of one datum.
        latent_dim: Size of z, L.
        num_clusters: C, the components.
        encoder: Maps [N, \*data_shape] to [N, posterior.num_parameters], as in `VAE`.
        decoder: Maps [N, L] to [N, P * D] values, as in `VAE`.
        likelihood: Head that gives p(x|z); `nn.Bernoulli()` by default.
        posterior: Form of q(z|x): a module or a factory `posterior(latent_dim)`.

    Raises:
        ConfigError: There are fewer than two clusters.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        SupportError: Data lie outside the support of the likelihood (checked in every call while
            `pyro.enable_validation` is on, as it is by default).

    Source:
        Variational Deep Embedding (Jiang et al., 2017), eqs. 1-10 and 16 for the posterior of c,
        https://arxiv.org/abs/1611.05148

    Example:
        >>> vae = MixtureVAE((1, 8, 8), latent_dim=4, num_clusters=10)
        >>> vae.generate(torch.tensor([3, 3, 7])).shape
        torch.Size([3, 1, 8, 8])
        >>> vae.clusters(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 10])
    """

    prior: MixturePrior

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        num_clusters: int,
        *,
        encoder: Network = MLP,
        decoder: Network = MLP,
        likelihood: Likelihood | None = None,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
    ) -> None:
        super().__init__()
        self.data_shape = as_shape(data_shape, "data_shape", "MixtureVAE")
        self.latent_dim = latent_dim = as_size(latent_dim, "latent_dim", "MixtureVAE")
        self.num_clusters = as_size(num_clusters, "num_clusters", "MixtureVAE", at_least=2)
        self.likelihood = as_likelihood(likelihood, type(self).__name__)
        self.prior = MixturePrior(latent_dim, num_components=self.num_clusters)
        _, self.posterior = latent_parts("MixtureVAE", latent_dim, self.prior, posterior)
        self.encoder = built(encoder, self.data_shape, (self.posterior.num_parameters,))
        self.decoder = build_decoder(decoder, (latent_dim,), self.likelihood, self.data_shape)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), 2, 3, likelihood=Binomial(16))

    def model(self, x: Tensor) -> None:
        """p(c)p(z|c)p(x|z) over a batch x [B, *data_shape]."""
        self.declare("decoder", "likelihood", "prior")
        check_data(x, self.data_shape, "MixtureVAE.model")
        if is_validation_enabled():
            self.likelihood.check(x)
        with pyro.plate("data", x.shape[0]):
            weights = dist.Categorical(logits=self.prior.logits, validate_args=False)
            c = pyro.sample("c", weights)
            z = pyro.sample("z", self.component(c))
            pyro.sample("x", self.likelihood.given(self.decode(z), x), obs=x)

    def guide(self, x: Tensor) -> None:
        """q(z|x)p(c|z) over a batch x [B, *data_shape]."""
        self.declare("encoder", "posterior", "prior")
        check_data(x, self.data_shape, "MixtureVAE.guide")
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", self.encode(x))
            pyro.sample("c", CollapsedCategorical(self.log_clusters_given(z)))

    def component(self, c: Tensor) -> dist.TorchDistribution:
        """The distribution p(z|c), batch shape [...] as c's, event shape [L]."""
        scale = self.prior.log_scale.exp()
        return dist.Normal(self.prior.loc[c], scale[c], validate_args=False).to_event(1)

    @takes_any_data
    @evaluated_outside_programs
    def encode(self, x: Tensor) -> dist.TorchDistribution:
        """The distribution q(z|x), batch shape [B], event shape [L]."""
        check_data(x, self.data_shape, "MixtureVAE.encode")
        seen = self.likelihood.rescale(x)
        params = params_of(self.encoder, self.posterior, seen, len(self.data_shape), "encoder")
        return self.posterior(params)

    def log_clusters_given(self, z: Tensor) -> Tensor:
        """log p(c|z) for z [..., L], in nats [..., C]."""
        each = torch.arange(self.num_clusters, device=z.device)
        log_joint = self.component(each).log_prob(z.unsqueeze(-2)) + self.prior.logits
        return log_joint.log_softmax(-1)

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def clusters(self, x: Tensor, *, num_draws: int = 10) -> Tensor:
        """The probabilities of the clusters, E_q(z|x)[p(c|z)], for x [B, *data_shape] [B, C]."""
        check_data(x, self.data_shape, "MixtureVAE.clusters")
        z = self.encode(x).sample(torch.Size([num_draws]))
        return self.log_clusters_given(z).exp().mean(0)

    @evaluated
    @torch.no_grad()
    def generate(
        self,
        c: Tensor | int,
        *,
        mean: bool = True,
        size: Tensor | float | None = None,
    ) -> Tensor:
        """A new datum for each cluster c [N], or N of clusters drawn by their weights.

        `size`, a number or one for each datum, is that of counts with a size factor; by default
        the mean size of the training: see `nn.Poisson`.

        Returns:
            The mean of p(x|z) with z from the component, or a draw from it [N, *data_shape].

        Raises:
            DataError: There is no such cluster.
            ShapeError: c is neither a number nor whole numbers [N].
        """
        c = as_tensor_or_count(c, "MixtureVAE.generate")
        count = c if isinstance(c, int) else c.shape[:1].numel()
        if isinstance(c, int):
            weights = self.prior.logits.softmax(-1)
            which = weights.multinomial(max(c, 1), replacement=True)
        elif c.dim() != 1 or c.is_floating_point() or c.dtype == torch.bool:
            raise ShapeError(
                f"MixtureVAE.generate got {c.dtype} of shape {list(c.shape)}; give clusters as "
                "whole numbers [N], or a number of data"
            )
        elif bool(((c < 0) | (c >= self.num_clusters)).any()):
            raise DataError(
                f"MixtureVAE.generate got clusters from {int(c.min())} to {int(c.max())}; there "
                f"are 0..{self.num_clusters - 1}"
            )
        else:
            which = c.to(self.prior.logits.device)
        made = self.decode(self.component(which).sample())
        return generated(made, self.likelihood, count, mean, size)

    def generate_classes(self, classes: Tensor, *, mean: bool = True) -> Tensor:
        """A new datum for each of these clusters [N]: see `generate`."""
        return self.generate(classes, mean=mean)
