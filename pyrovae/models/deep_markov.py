"""Deep Markov model: a variational autoencoder of time series."""

from functools import partial
from typing import Any, Self

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..distributions.markov_chain import MarkovChain
from ..errors import ConfigError, ShapeError
from ..nn import MLP, LearnedNormal, Likelihood, Network, Shape
from ..nn.sizes import as_size
from ..nn.steps import GatedTransition, RecurrentSteps
from .base import (
    Conditional,
    as_likelihood,
    build_decoder,
    decoded,
    drawn_count,
    evaluated,
    evaluated_outside_programs,
    mean_or_draw,
)
from .forecasting import Forecaster
from .guided_filter import Advance, State
from .networks import built, run
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .posteriors.distribution import as_posterior
from .priors import NormalPrior, Prior, PriorFactory
from .priors.distribution import as_prior
from .sequence_data import Steps, as_steps, sequence_shape
from .step_posteriors import AffineSteps, StepPosterior, StepPosteriorFactory

_NETWORK = partial(MLP, hidden=(64,))  # where none is given


class DeepMarkovModel(Forecaster):
    r"""State-space model with networks for the transition and the emission.

    The model is z_1 ~ p(z_1), z_t ~ p(z_t|z_(t-1)), x_t ~ p(x_t|z_t), the guide q(z|x) over the
    whole sequence. `model` and `guide` are Pyro programs over a batch x [B, T, D], with one site
    "z" (event [T, L]) and one site "x" (event [T, D]) in the plate "data". Networks are shared by
    all steps, so T may differ from call to call.

    Scoring takes no loop over time, nor do draws of the guide, unless it is `CombinedSteps`.

    Args:
        data_shape: (T, D): T is what `generate` makes.
        latent_dim: Size of one state, L.
        transition: Maps [N, L] to the parameters of p(z_t|z_(t-1)) [N, P]: a module or a factory.
        transition_form: Form of p(z_t|z_(t-1)).
        initial: p(z_1): a prior or its factory.
        decoder: Maps [N, L] to the parameters of p(x_t|z_t), as in `VAE`; None: an `nn.MLP` of 64
            hidden units.
        encoder: Maps sequences [N, T, D] to [N, T, posterior.num_parameters]: a module, or a
            factory `encoder((T, D), (T, P))`, such as `nn.RecurrentSteps`. With `lengths` it is
            called as `encoder(x, lengths)`, with `missing` it sees [N, T, 2 D], zeros for missing
            values and the mask.
        likelihood: Head that gives p(x_t|z_t); `nn.LearnedNormal()` by default.
        posterior: Form of q(z|x): `AffineSteps`, `CombinedSteps`, `IndependentSteps`, `FlowSteps`.
        lengths: Sequences differ in length: programs are called as (x, lengths), lengths [B], and
            what stands beyond a sequence's end does not count.
        missing: Values are missing: programs are called as (x, mask), bool [B, T, D], True where
            a value was observed; see `PartialVAE`.

    Raises:
        ConfigError: A size is below one, or there are lengths and missing values.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        DataError: A length is below one, or beyond T.
        SupportError: Data lie outside the support of the likelihood.

    Source:
        Structured Inference Networks for Nonlinear State Space Models (Krishnan, Shalit & Sontag,
        2017), https://arxiv.org/abs/1609.09869

    Example:
        >>> dmm = DeepMarkovModel((20, 3), latent_dim=2)
        >>> x = torch.randn(5, 20, 3)
        >>> dmm.generate(4).shape, dmm.forecast(x, horizon=6, num_samples=10).shape
        (torch.Size([4, 20, 3]), torch.Size([10, 5, 6, 3]))
    """

    def __init__(
        self,
        data_shape: Shape,
        latent_dim: int,
        *,
        transition: Network = GatedTransition,
        transition_form: PosteriorFactory | Posterior = DiagonalNormal,
        initial: PriorFactory | Prior = NormalPrior,
        decoder: Network | None = None,
        encoder: Network = RecurrentSteps,
        likelihood: Likelihood | None = None,
        posterior: StepPosteriorFactory | StepPosterior = AffineSteps,
        lengths: bool = False,
        missing: bool = False,
    ) -> None:
        super().__init__()
        self.data_shape = sequence_shape(data_shape, "DeepMarkovModel")
        self.latent_dim = latent_dim = as_size(latent_dim, "latent_dim", "DeepMarkovModel")
        if lengths and missing:
            raise ConfigError(
                "DeepMarkovModel got lengths and missing; with missing=True alone the mask says "
                "both: False beyond the end of a sequence"
            )
        self.lengths, self.missing = bool(lengths), bool(missing)
        self.takes_labels = self.lengths or self.missing
        steps, size = self.data_shape
        chosen = LearnedNormal() if likelihood is None else likelihood
        self.likelihood = as_likelihood(chosen, "DeepMarkovModel")
        self.initial = as_prior(initial, latent_dim)
        form = as_posterior(transition_form, latent_dim)
        self.transition = Conditional(transition, (latent_dim,), form, "transition")
        self.decoder = build_decoder(decoder or _NETWORK, (latent_dim,), self.likelihood, (size,))
        self.posterior: StepPosterior = (
            posterior if isinstance(posterior, StepPosterior) else posterior(latent_dim)
        )
        seen = (steps, size * (1 + self.missing))
        self.encoder = built(encoder, seen, (steps, self.posterior.num_parameters))

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        small = partial(MLP, hidden=(6,))
        return cls(
            (5, 2), 2, decoder=small, transition=partial(GatedTransition, hidden=6),
            encoder=partial(RecurrentSteps, hidden=6), lengths=True,
        )  # fmt: skip

    def example_y(self, x: Tensor) -> Tensor:
        """Lengths, or a mask, of sequences x [N, T, D]."""
        if self.missing:
            return (torch.arange(x.numel(), device=x.device) % 3 > 0).reshape(x.shape)
        return 1 + torch.arange(len(x), device=x.device) % x.shape[1]

    def model(self, x: Tensor, y: Tensor | None = None) -> None:
        """p(z)p(x|z) over a batch x [B, T, D], and its lengths or its mask."""
        self.declare("initial", "transition", "decoder", "likelihood")
        data = self._steps(x, y, "model")
        if is_validation_enabled():
            self.likelihood.check(data.filled(self.likelihood.stand_in))
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", self.chain(x.shape[1], data.inside))
            pyro.sample("x", self._emitted(z, data), obs=x)

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """q(z|x) over a batch x [B, T, D], and its lengths or its mask."""
        self.declare("encoder", "posterior")
        data = self._steps(x, y, "guide")
        with pyro.plate("data", x.shape[0]):
            pyro.sample("z", self._encoded(data))

    def chain(self, num_steps: int, inside: Tensor | None = None) -> dist.TorchDistribution:
        """The distribution p(z) of T steps, event shape [T, L]."""

        def later(previous: Tensor, steps: slice) -> dist.TorchDistribution:
            made: dist.TorchDistribution = self.transition(previous)
            return made

        return MarkovChain(self.initial(), later, num_steps, inside)

    @evaluated_outside_programs
    def decode(self, z: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|z), event shape [T, D], for z [..., T, L]."""
        return decoded(self.decoder, self.likelihood, z, 1, self.data_shape[1:]).to_event(1)

    @evaluated
    @torch.no_grad()
    def generate(self, n: int, *, mean: bool = True, num_steps: int | None = None) -> Tensor:
        """Draw states from the prior; the mean of p(x|z), or a draw from it [n, T, D].

        Args:
            n: How many sequences.
            mean: The mean of p(x|z); else a draw, as data are.
            num_steps: T; None is that of `data_shape`.
        """
        count = drawn_count(n, "DeepMarkovModel.generate")
        chain = self.chain(self.data_shape[0] if num_steps is None else num_steps)
        made = self.decode(chain.sample(torch.Size([max(count, 1)])))
        return mean_or_draw(made, mean)[:count]

    def begin(self, data: Steps, num_particles: int) -> Advance:
        params = self._params(data)
        known = data.observed

        def advance(t: int, state: State | None) -> tuple[State, Tensor]:
            carried = None if state is None else state[1]
            z, log_q, carried = self.posterior.propose(params[:, t], carried, num_particles)
            prior = self.initial() if state is None else self.transition(state[0])
            mask = None if known is None else known[:, t]
            emission = self._of_step(z, data.x[:, t], mask)
            return (z, carried), prior.log_prob(z) + emission.log_prob(data.x[:, t]) - log_q

        return advance

    def ahead(self, state: State) -> tuple[Tensor, State]:
        z = self.transition(state[0]).sample()
        return self._of_step(z, None, None).sample(), (z, *state[1:])

    def _of_step(self, z: Tensor, x: Tensor | None, mask: Tensor | None) -> dist.TorchDistribution:
        made = decoded(self.decoder, self.likelihood, z, 1, self.data_shape[1:], mask)
        return made if x is None else self.likelihood.given(made, x)

    def _emitted(self, z: Tensor, data: Steps) -> dist.TorchDistribution:
        return self._of_step(z, data.x, data.observed).to_event(1)

    def _encoded(self, data: Steps) -> dist.TorchDistribution:
        made: dist.TorchDistribution = self.posterior(self._params(data), data.inside)
        return made

    def _params(self, data: Steps) -> Tensor:
        seen = self.likelihood.rescale(data.filled(self.likelihood.stand_in))
        if data.observed is not None:
            seen = torch.where(data.observed, seen, 0.0)
        if data.mask is not None:
            seen = torch.cat([seen, data.mask.to(seen)], -1)
        encoder: Any = self.encoder
        if data.lengths is not None:
            encoder = partial(self.encoder, lengths=data.lengths)
        params = run(encoder, seen, 2, "encoder")
        needed = (*seen.shape[:2], self.posterior.num_parameters)
        if params.shape != needed:
            raise ShapeError(
                f"the encoder gave shape {list(params.shape)} for sequences of shape "
                f"{list(seen.shape)}; {type(self.posterior).__name__}({self.latent_dim}) needs "
                f"{list(needed)}"
            )
        return params

    def _steps(self, x: Tensor, y: Tensor | None, method: str) -> Steps:
        return as_steps(
            x, y, self.data_shape[1], f"DeepMarkovModel.{method}",
            lengths=self.lengths, missing=self.missing,
        )  # fmt: skip
