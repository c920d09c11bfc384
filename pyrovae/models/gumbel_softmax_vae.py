"""Autoencoder with relaxed discrete codes."""

from typing import Self

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.infer.util import is_validation_enabled
from torch import Tensor
from torch.distributions import relaxed_categorical
from torch.nn.functional import one_hot

from ..errors import ConfigError, SupportError
from ..nn import MLP, Binomial, Likelihood, Network, Shape
from ..nn.sizes import Sizes, as_shape, as_size, as_sizes
from .any_data import takes_any_data
from .base import (
    as_likelihood,
    build_decoder,
    check_data,
    drawn_count,
    evaluated,
    evaluated_outside_programs,
    generated,
)
from .codes import Codes
from .networks import built


class GumbelSoftmaxVAE(Codes):
    r"""VAE with discrete codes, relaxed in training by the Gumbel-softmax distribution.

    In training mode the site "log_codes" (event [\*grid, n]) is the logarithm of relaxed one-hot
    codes y. Model and guide draw it from the Gumbel-softmax distribution with one temperature,
    the model under even logits, the guide under those of the encoder. It is reparameterised, so
    that any objective trains the encoder, and the bound is a true one: on log p(x) **of the
    relaxed model**, whose prior is relaxed as well. (The first paper takes the KL between the
    discrete distributions instead, which gives a bound for neither model.) The site holds log y
    because at a low temperature most elements of y are too small for float32.

    In evaluation mode the site "codes" (event `grid`, whole numbers) is categorical in model and
    guide, and the bound is one on log p(x) **of the discrete model**. All measurements run in
    this mode, as does the validation of `fit`; `mode="as is"` measures the relaxed model of a
    pair that is in training mode, such as the gradients that train it.

    Args:
        data_shape: Shape of one datum.
        grid: Shape of its codes.
        num_codes: n.
        encoder: Maps [N, \*data_shape] to logits [N, \*grid, n]: a module or a factory.
        decoder: Maps codes [N, \*grid, n], one-hot or relaxed, to P values per element of a
            datum, P first: a module or a factory. Its first layer holds the codes' vectors.
        likelihood: Head that turns them into p(x|c); `nn.Bernoulli()` by default.
        temperature: Of the relaxation; in `self.temperature`, a tensor that a schedule may write
            in place: `train.Anneal(vae.temperature, 1.0, 0.5, epochs=20)`.

    Raises:
        ConfigError: A size or the temperature is too small.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        SupportError: Data lie outside the support of the likelihood, or codes outside 0..n-1.

    Source:
        Categorical Reparameterization with Gumbel-Softmax (Jang et al., 2017), sec. 2,
        https://arxiv.org/abs/1611.01144; The Concrete Distribution (Maddison et al., 2017),
        app. C.3 (the relaxed prior, the logarithm), https://arxiv.org/abs/1611.00712

    Example:
        >>> vae = GumbelSoftmaxVAE((1, 8, 8), (4,), num_codes=8)
        >>> vae.encode(torch.zeros(3, 1, 8, 8)).shape, vae.generate(2).shape
        (torch.Size([3, 4]), torch.Size([2, 1, 8, 8]))
    """

    temperature: Tensor
    logits: Tensor

    def __init__(
        self,
        data_shape: Shape | int,
        grid: Sizes = (4, 4),
        *,
        num_codes: int = 64,
        encoder: Network = MLP,
        decoder: Network = MLP,
        likelihood: Likelihood | None = None,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        where = "GumbelSoftmaxVAE"
        self.data_shape = as_shape(data_shape, "data_shape", where)
        self.grid = as_sizes(grid, "grid", where)
        self.num_codes = num_codes = as_size(num_codes, "num_codes", where, at_least=2)
        if not temperature > 0:
            raise ConfigError(f"{where} got temperature={temperature}; it needs a number above 0")
        self.likelihood = as_likelihood(likelihood, type(self).__name__)
        self.encoder = built(encoder, self.data_shape, (*self.grid, num_codes))
        self.decoder = build_decoder(
            decoder, (*self.grid, num_codes), self.likelihood, self.data_shape
        )
        self.register_buffer("temperature", torch.tensor(float(temperature)))
        self.register_buffer("logits", torch.zeros(*self.grid, num_codes), persistent=False)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), (2, 2), num_codes=5, likelihood=Binomial(16))

    def model(self, x: Tensor) -> None:
        """p(c)p(x|c) over a batch x [B, *data_shape]."""
        self.declare("decoder", "likelihood")
        check_data(x, self.data_shape, "GumbelSoftmaxVAE.model")
        if is_validation_enabled():
            self.likelihood.check(x)
        with pyro.plate("data", x.shape[0]):
            made = self._decoded(self._codes(self.logits))
            pyro.sample("x", self.likelihood.given(made, x), obs=x)

    def guide(self, x: Tensor) -> None:
        """q(c|x) over a batch x [B, *data_shape]."""
        self.declare("encoder")
        check_data(x, self.data_shape, "GumbelSoftmaxVAE.guide")
        logits = self._encoded(x)
        with pyro.plate("data", x.shape[0]):
            self._codes(logits)

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """The likeliest codes of data x [B, *data_shape], whole numbers [B, *grid]."""
        check_data(x, self.data_shape, "GumbelSoftmaxVAE.encode")
        return self._encoded(x).argmax(-1)

    @evaluated_outside_programs
    def decode(self, codes: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|c), event shape `data_shape`, for codes [..., *grid]."""
        self._check_grid(codes)
        if codes.is_floating_point() or not bool(((codes >= 0) & (codes < self.num_codes)).all()):
            raise SupportError(
                f"GumbelSoftmaxVAE.decode got codes that are no whole numbers in 0.."
                f"{self.num_codes - 1}; pass what `encode` gives"
            )
        return self._decoded(self._embedded(codes))

    @evaluated
    @torch.no_grad()
    def generate(self, n: int, *, mean: bool = True, size: Tensor | float | None = None) -> Tensor:
        """Draw codes evenly; the mean of p(x|c), or a draw from it [n, *data_shape].

        `size`, a number or one for each datum, is that of counts with a size factor; by default
        the mean size of the training: see `nn.Poisson`.
        """
        each = dist.Categorical(logits=self.logits, validate_args=False)
        count = drawn_count(n, "GumbelSoftmaxVAE.generate")
        made = self.decode(each.sample(torch.Size([max(count, 1)])))
        return generated(made, self.likelihood, count, mean, size)

    def _codes(self, logits: Tensor) -> Tensor:
        """Codes [..., *grid, n], drawn at a site: relaxed in training mode, else one-hot."""
        axes = len(self.grid)
        if self.training:
            relaxed = _LogRelaxed(self.temperature, logits=logits, validate_args=False)
            return pyro.sample("log_codes", relaxed.to_event(axes)).exp()
        fixed = dist.Categorical(logits=logits, validate_args=False)
        return self._embedded(pyro.sample("codes", fixed.to_event(axes)))

    def _embedded(self, codes: Tensor) -> Tensor:
        return one_hot(codes, self.num_codes).to(self.logits.dtype)

    def _encoded(self, x: Tensor) -> Tensor:
        """Logits of the codes of x [B, *grid, n]."""
        return self._encoded_grid(x, self.num_codes, f"out of {self.num_codes} needs logits")


class _LogRelaxed(relaxed_categorical.ExpRelaxedCategorical, TorchDistributionMixin):
    """The logarithm of a relaxed one-hot code, to Pyro."""
