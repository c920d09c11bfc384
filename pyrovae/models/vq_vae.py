"""Autoencoder with discrete codes."""

from typing import Self

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import ShapeError
from ..nn import MLP, Binomial, Likelihood, Network, Shape
from ..nn.quantizers import MovingAverageCodebook, Quantizer, perplexity, usage
from ..nn.sizes import Sizes, as_shape, as_sizes
from ..particles.penalty import penalty
from .any_data import takes_any_data, takes_whole_data
from .base import (
    as_likelihood,
    build_decoder,
    check_data,
    drawn_count,
    evaluated,
    evaluated_outside_programs,
    generated,
)
from .code_priors import CodePrior, CodePriorFactory, UniformCodes
from .codes import Codes
from .networks import built


class VQVAE(Codes):
    r"""VAE with discrete codes: learned or moving-average codebooks, or finite scalars.

    The model is c ~ p(c), x ~ p(x|c), and the guide gives one code c for each datum. `model` and
    `guide` are Pyro programs over a batch x [B, \*data_shape], with three sites inside the plate
    "data":

    - "codes", whole numbers with event shape `grid`; p(c) is the prior, q(c|x) a point mass at
      the codes of x;
    - "z", the vectors that the codes stand for (event [\*grid, D]): a point mass on both sides,
      whose log-density is 0;
    - "x" given z.

    So the bound is log p(x|c) + log p(c) at the code of x. This is one term of the sum over all
    codes that is p(x), and so a true bound on log p(x), in nats; `log_evidence` gives the same.
    All particles are equal, and one suffices. Gradients reach the encoder through the value of
    "z": straight through, as if it were the encoder's output. Commitment and the codebook's
    distance are terms added to the loss, outside the bound (`penalty`).

    Under the uniform prior log p(c) is a constant. Learn a better one afterwards, on the codes:
    `prior = AutoregressiveCodes(vae.grid, vae.num_codes)`, `fit(prior.model, prior.guide,
    vae.encode(x), ...)`, `vae.prior = prior`; or from the start, by giving it here.

    Objectives that hold the draws fixed (RWS, TVO) train the encoder by the penalties alone;
    DReG divides its gradient by the number of particles.

    Args:
        data_shape: Shape of one datum.
        grid: Shape of its codes, such as (7, 7) or (16,).
        quantizer: Finds the codes, one of `nn.quantizers`; 64 codes by moving averages by default.
        encoder: Maps [N, \*data_shape] to [N, \*grid, D]: a module, or a factory
            `encoder(in_shape, out_shape)`, such as `nn.MLP` or `nn.GridEncoder`.
        decoder: Maps [N, \*grid, D] to P values per element of a datum, P first: a module or a
            factory, such as `nn.MLP` or `nn.GridDecoder`.
        likelihood: Head that turns them into p(x|c); `nn.Bernoulli()` by default.
        prior: p(c): a module or a factory `prior(grid, num_codes)`.

    Raises:
        ConfigError: The grid has no axis.
        ShapeError: A batch or a network's output does not have the shape that is needed, or the
            prior is over other codes.
        SupportError: Data lie outside the support of the likelihood, or codes outside 0..n-1.

    Source:
        Neural Discrete Representation Learning (van den Oord et al., 2017),
        https://arxiv.org/abs/1711.00937; finite scalars: Mentzer et al. (2023),
        https://arxiv.org/abs/2309.15505

    Example:
        >>> from pyrovae.nn import Binomial
        >>> from pyrovae.nn.quantizers import FiniteScalar
        >>> vae = VQVAE((1, 8, 8), (4,), quantizer=FiniteScalar([5, 5]), likelihood=Binomial(16))
        >>> codes = vae.encode(torch.zeros(3, 1, 8, 8))
        >>> codes.shape, vae.decode(codes).mean.shape
        (torch.Size([3, 4]), torch.Size([3, 1, 8, 8]))
    """

    def __init__(
        self,
        data_shape: Shape | int,
        grid: Sizes = (4, 4),
        *,
        quantizer: Quantizer | None = None,
        encoder: Network = MLP,
        decoder: Network = MLP,
        likelihood: Likelihood | None = None,
        prior: CodePriorFactory | CodePrior = UniformCodes,
    ) -> None:
        super().__init__()
        self.data_shape = as_shape(data_shape, "data_shape", "VQVAE")
        self.grid = as_sizes(grid, "grid", "VQVAE")
        self.quantizer = MovingAverageCodebook(64, 16) if quantizer is None else quantizer
        self.likelihood = as_likelihood(likelihood, type(self).__name__)
        code_shape = (*self.grid, self.quantizer.dim)
        self.encoder = built(encoder, self.data_shape, code_shape)
        self.decoder = build_decoder(decoder, code_shape, self.likelihood, self.data_shape)
        self.prior: CodePrior = (
            prior if isinstance(prior, CodePrior) else prior(self.grid, self.num_codes)
        )
        self._check_prior()

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        quantizer = MovingAverageCodebook(6, 3)
        return cls((1, 4, 4), (2, 2), quantizer=quantizer, likelihood=Binomial(16))

    @property
    def num_codes(self) -> int:  # type: ignore[override]
        """How many codes there are."""
        return self.quantizer.num_codes

    def model(self, x: Tensor) -> None:
        """p(c)p(x|c) over a batch x [B, *data_shape]."""
        self.declare("decoder", "likelihood", "prior", "quantizer")
        check_data(x, self.data_shape, "VQVAE.model")
        self._check_prior()
        if is_validation_enabled():
            self.likelihood.check(x)
        with pyro.plate("data", x.shape[0]):
            codes = pyro.sample("codes", self.prior())
            z = pyro.sample("z", self._point(self.quantizer.embed(codes), len(self.grid) + 1))
            pyro.sample("x", self.likelihood.given(self._decoded(z), x), obs=x)

    def guide(self, x: Tensor) -> None:
        """The code of each datum of a batch x [B, *data_shape]."""
        self.declare("encoder", "quantizer")
        check_data(x, self.data_shape, "VQVAE.guide")
        found = self.quantizer(self._encoded(x))
        axes = tuple(range(1, len(self.grid) + 1))
        with pyro.plate("data", x.shape[0]):
            pyro.sample("codes", self._point(found.codes, len(self.grid)))
            pyro.sample("z", self._point(found.vectors, len(self.grid) + 1))
            for name, value in found.penalties.items():
                penalty(name, value.sum(axes))

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """The codes of data x [B, *data_shape], whole numbers [B, *grid]."""
        check_data(x, self.data_shape, "VQVAE.encode")
        return self.quantizer.codes(self._encoded(x))

    @evaluated_outside_programs
    def decode(self, codes: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|c), event shape `data_shape`, for codes [..., *grid]."""
        self._check_grid(codes)
        self.quantizer.check_codes(codes)
        return self._decoded(self._embedded(codes))

    @evaluated
    @torch.no_grad()
    def generate(self, n: int, *, mean: bool = True, size: Tensor | float | None = None) -> Tensor:
        """Draw codes from the prior; the mean of p(x|c), or a draw from it [n, *data_shape].

        `size`, a number or one for each datum, is that of counts with a size factor; by default
        the mean size of the training: see `nn.Poisson`.
        """
        self._check_prior()
        count = drawn_count(n, "VQVAE.generate")
        codes = self.prior().sample(torch.Size([max(count, 1)]))
        made = self._decoded(self._embedded(codes))
        return generated(made, self.likelihood, count, mean, size)

    @takes_whole_data
    @evaluated
    def start(self, x: Tensor, *, seed: int = 0) -> None:
        """Put the codebook on the encodings of data x [B, *data_shape], by k-means.

        Call it before training; a quantiser without a codebook needs nothing. Without it, codes
        are moved onto encodings of the first batch.
        """
        check_data(x, self.data_shape, "VQVAE.start")
        with torch.no_grad():
            self.quantizer.start(self._encoded(x), seed=seed)

    @takes_whole_data
    @evaluated
    def perplexity(self, x: Tensor) -> Tensor:
        """exp of the entropy of the codes of data x, between 1 and `num_codes`.

        So many codes, used equally often, would have the same entropy.
        """
        return perplexity(usage(self.encode(x), self.num_codes))

    def _embedded(self, codes: Tensor) -> Tensor:
        return self.quantizer.embed(codes)

    def _encoded(self, x: Tensor) -> Tensor:
        """The encoder's output for x [B, *grid, D]."""
        needs = f"of {type(self.quantizer).__name__} needs"
        return self._encoded_grid(x, self.quantizer.dim, needs)

    def _point(self, value: Tensor, event_dim: int) -> dist.TorchDistribution:
        """All mass on a value: a log-density of 0, in nats."""
        batch_shape = value.shape[: value.dim() - event_dim]
        none = torch.zeros(batch_shape, dtype=self._dtype, device=value.device)
        return dist.Delta(value, none, event_dim, validate_args=False)

    @property
    def _dtype(self) -> torch.dtype:
        """Of densities; codes have none."""
        return next(self.decoder.parameters()).dtype

    def _check_prior(self) -> None:
        if (self.prior.grid, self.prior.num_codes) != (self.grid, self.num_codes):
            raise ShapeError(
                f"the prior is over grids of {list(self.prior.grid)} codes out of "
                f"{self.prior.num_codes}, and the VQVAE has grids of {list(self.grid)} out of "
                f"{self.num_codes}; build it for these"
            )
