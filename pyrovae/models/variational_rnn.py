"""Variational recurrent neural network."""

from functools import partial
from typing import Any, Self

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..distributions.recurrent_chain import RecurrentChain
from ..nn import MLP, LearnedNormal, Likelihood, Network, Shape
from ..nn.sizes import as_size
from ..nn.steps import GRU
from .base import (
    Conditional,
    as_likelihood,
    build_decoder,
    decoded,
    drawn_count,
    evaluated,
    mean_or_draw,
)
from .forecasting import Forecaster
from .guided_filter import Advance, State
from .networks import built, run
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .posteriors.distribution import as_posterior
from .sequence_data import Steps, as_steps, sequence_shape
from .teacher_forced import TeacherForced

_NETWORK = partial(MLP, hidden=(64,))  # where none is given


class VariationalRNN(Forecaster):
    r"""Recurrent network with a latent variable in every step.

    With a state h_t = GRU(h_(t-1), x_t, z_t), the model is z_t ~ p(z_t|h_(t-1)) and
    x_t ~ p(x_t|z_t, h_(t-1)), the guide q(z_t|x_t, h_(t-1)). `model` and `guide` are Pyro programs
    over a batch x [B, T, D], with one site "z" (event [T, L]) and one site "x" (event [T, D]) in
    the plate "data"; T may differ from call to call.

    The state is a function of data and latents, so that the data of a step may depend on all
    before. That makes it more flexible than a `DeepMarkovModel`, and its latents mean less: they
    hold what the state did not predict. Densities take no loop over time; draws go step by step.

    The program of the model is given the data that it scores: the site "z" is p(z_t|h_(t-1)) at
    these data. So what draws data by running the program (`simulate`, predictive checks) is
    refused; `generate` and `forecast` draw.

    Args:
        data_shape: (T, D): T is what `generate` makes.
        latent_dim: Size of the latent of a step, L.
        hidden: Size of the state, H.
        features: Size of what the networks make of x_t and of z_t, F.
        feature_network: Maps [N, D], and another [N, L], to [N, F]: a factory. Of this and the
            networks below None is an `nn.MLP` of 64 hidden units.
        prior_network: Maps [N, H] to the parameters of p(z_t|h_(t-1)).
        encoder: Maps [N, F + H] to those of q(z_t|x_t, h_(t-1)).
        decoder: Maps [N, F + H] to those of p(x_t|z_t, h_(t-1)), as in `VAE`.
        likelihood: Head that gives p(x_t|z_t, h_(t-1)); `nn.LearnedNormal()` by default.
        prior_form: Form of p(z_t|h_(t-1)).
        posterior: Form of q(z_t|x_t, h_(t-1)).
        lengths: Sequences differ in length: programs are called as (x, lengths), lengths [B].

    Raises:
        ConfigError: A size is below one.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        DataError: A length is below one, or beyond T.
        SupportError: Data lie outside the support of the likelihood.

    Source:
        A Recurrent Latent Variable Model for Sequential Data (Chung et al., 2015),
        https://arxiv.org/abs/1506.02216

    Example:
        >>> rnn = VariationalRNN((20, 3), latent_dim=2)
        >>> rnn.generate(4).shape, rnn.forecast(torch.randn(5, 20, 3), 6, num_samples=10).shape
        (torch.Size([4, 20, 3]), torch.Size([10, 5, 6, 3]))
    """

    def __init__(
        self,
        data_shape: Shape,
        latent_dim: int,
        *,
        hidden: int = 64,
        features: int = 64,
        feature_network: Network | None = None,
        prior_network: Network | None = None,
        encoder: Network | None = None,
        decoder: Network | None = None,
        likelihood: Likelihood | None = None,
        prior_form: PosteriorFactory | Posterior = DiagonalNormal,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
        lengths: bool = False,
    ) -> None:
        super().__init__()
        where = "VariationalRNN"
        self.data_shape = sequence_shape(data_shape, where)
        self.latent_dim = latent_dim = as_size(latent_dim, "latent_dim", where)
        self.takes_labels = self.lengths = bool(lengths)
        hidden, features = as_size(hidden, "hidden", where), as_size(features, "features", where)
        size = self.data_shape[1]
        chosen = LearnedNormal() if likelihood is None else likelihood
        self.likelihood = as_likelihood(chosen, where)
        self.x_features = built(feature_network or _NETWORK, (size,), (features,))
        self.z_features = built(feature_network or _NETWORK, (latent_dim,), (features,))
        self.cell = GRU(2 * features, hidden)
        forms = as_posterior(prior_form, latent_dim), as_posterior(posterior, latent_dim)
        self.prior_network = Conditional(
            prior_network or _NETWORK, (hidden,), forms[0], "prior_network"
        )
        seen = (features + hidden,)
        self.encoder = Conditional(encoder or _NETWORK, seen, forms[1], "encoder")
        self.decoder = build_decoder(decoder or _NETWORK, seen, self.likelihood, (size,))

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        small = partial(MLP, hidden=(6,))
        return cls(
            (5, 2), 2, hidden=5, features=4, feature_network=small, prior_network=small,
            encoder=small, decoder=small,
        )  # fmt: skip

    def model(self, x: Tensor, y: Tensor | None = None) -> None:
        """prod_t p(z_t|h_(t-1))p(x_t|z_t, h_(t-1)) over a batch x [B, T, D], and its lengths."""
        self.declare("x_features", "z_features", "cell", "prior_network", "decoder", "likelihood")
        data = self._steps(x, y, "model")
        if is_validation_enabled():
            self.likelihood.check(data.filled(self.likelihood.stand_in))
        seen = self._x_features(data)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", self._chain(data, seen, lambda h, _: self.prior_network(h)))
            made = self._emitted(z, data)
            pyro.sample("x", TeacherForced(made, type(self).__name__), obs=x)

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """prod_t q(z_t|x_t, h_(t-1)) over a batch x [B, T, D], and its lengths."""
        self.declare("x_features", "z_features", "cell", "encoder")
        data = self._steps(x, y, "guide")
        with pyro.plate("data", x.shape[0]):
            pyro.sample("z", self._encoded(data))

    @evaluated
    @torch.no_grad()
    def generate(self, n: int, *, mean: bool = True, num_steps: int | None = None) -> Tensor:
        """Draw sequences step by step [n, T, D].

        Args:
            n: How many.
            mean: Give the mean of p(x_t|z_t, h_(t-1)) of each step, where the draws before it went
                into h_(t-1); else the draws themselves, as data are.
            num_steps: T; None is that of `data_shape`.
        """
        count = drawn_count(n, "VariationalRNN.generate")
        state = self._start.expand(max(count, 1), -1)
        found = []
        for _ in range(self.data_shape[0] if num_steps is None else num_steps):
            made, drawn, state = self._next(state)
            found.append(mean_or_draw(made, True) if mean else drawn)
        return torch.stack(found, 1)[:count]

    def begin(self, data: Steps, num_particles: int) -> Advance:
        seen, known = self._x_features(data), data.observed
        start = self._start.expand(num_particles, len(data.x), -1)

        def advance(t: int, state: State | None) -> tuple[State, Tensor]:
            h = start if state is None else state[0]
            q = self.encoder(_joined(seen[:, t], h))
            z = q.sample()
            mask = None if known is None else known[:, t]
            made = self._of_step(z, h, data.x[:, t], mask)
            log_w = self.prior_network(h).log_prob(z) + made.log_prob(data.x[:, t])
            return (self._advanced(h, seen[:, t], z),), log_w - q.log_prob(z)

        return advance

    def ahead(self, state: State) -> tuple[Tensor, State]:
        _, drawn, h = self._next(state[0])
        return drawn, (h,)

    def _next(self, h: Tensor) -> tuple[dist.TorchDistribution, Tensor, Tensor]:
        """p(x_t|z_t, h_(t-1)) at a draw of z_t, a draw of x_t, and h_t."""
        z = self.prior_network(h).sample()
        made = self._of_step(z, h)
        drawn = made.sample()
        seen = run(self.x_features, self.likelihood.rescale(drawn), 1, "feature_network")
        return made, drawn, self._advanced(h, seen, z)

    def _encoded(self, data: Steps) -> dist.TorchDistribution:
        seen = self._x_features(data)
        return self._chain(data, seen, lambda h, steps: self.encoder(_joined(seen[:, steps], h)))

    def _chain(self, data: Steps, seen: Tensor, given: Any) -> dist.TorchDistribution:  # noqa: ANN401
        batch, steps, _ = data.x.shape
        return RecurrentChain(
            self._start,
            given,
            lambda h, z, t: self._advanced(h, seen[:, t], z),
            lambda z: self._states(z, seen),
            (steps, self.latent_dim),
            (batch,),
            data.inside,
        )

    def _states(self, z: Tensor, seen: Tensor) -> Tensor:
        """The states before each step [..., B, T, H] of z [..., B, T, L]."""
        inputs = _joined(seen, run(self.z_features, z, 1, "feature_network"))
        after = run(self.cell, inputs[..., :-1, :], 2, "state")
        first = self._start.expand(*after.shape[:-2], 1, -1)
        return torch.cat([first, after], -2)

    def _advanced(self, h: Tensor, seen: Tensor, z: Tensor) -> Tensor:
        return self.cell.step(_joined(seen, run(self.z_features, z, 1, "feature_network")), h)

    def _emitted(self, z: Tensor, data: Steps) -> dist.TorchDistribution:
        seen = self._x_features(data)
        return self._of_step(z, self._states(z, seen), data.x, data.observed).to_event(1)

    def _of_step(
        self, z: Tensor, h: Tensor, x: Tensor | None = None, mask: Tensor | None = None
    ) -> dist.TorchDistribution:
        seen = _joined(run(self.z_features, z, 1, "feature_network"), h)
        made = decoded(self.decoder, self.likelihood, seen, 1, self.data_shape[1:], mask)
        return made if x is None else self.likelihood.given(made, x)

    def _x_features(self, data: Steps) -> Tensor:
        seen = self.likelihood.rescale(data.filled(self.likelihood.stand_in))
        return run(self.x_features, seen, 1, "feature_network")

    @property
    def _start(self) -> Tensor:
        return self.cell.input_bias.new_zeros(self.cell.size)

    def _steps(self, x: Tensor, y: Tensor | None, method: str) -> Steps:
        where = f"VariationalRNN.{method}"
        return as_steps(x, y, self.data_shape[1], where, lengths=self.lengths)


def _joined(one: Tensor, other: Tensor) -> Tensor:
    """Two vectors as one, along the last axis, whichever of them has particles."""
    lead = torch.broadcast_shapes(one.shape[:-1], other.shape[:-1])
    return torch.cat([u.expand(*lead, u.shape[-1]) for u in (one, other)], -1)
