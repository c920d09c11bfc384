"""A density fitted to the codes of a trained pair, afterwards."""

from collections.abc import Iterator
from typing import Protocol

import pyro
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ..data import Split
from ..errors import ConfigError, DataError, ShapeError
from ..models.priors import MixturePrior, Prior, PriorFactory  # a density of codes is a prior
from ..models.priors.distribution import as_prior
from ..objectives import ELBO
from ..particles.isolation import isolated
from ..particles.modes import Mode, in_mode
from ..runtime.random_state import kept_random_state
from ..train import fit
from ..train.optim import schedules


class CodedPair(Protocol):
    """What `fit_density` asks of a pair: a method `encode`, and a prior that can be replaced.

    `VAE` and `Autoencoder` are such pairs, and so is a user's own module.
    """

    latent_dim: int
    prior: Prior

    def encode(self, x: Tensor) -> TorchDistribution:
        """q(z|x), batch shape [B] and event shape [L]."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Of its networks."""


@kept_random_state()
def fit_density(
    pair: CodedPair,
    data: Split | Tensor,
    prior: PriorFactory | Prior = MixturePrior,
    *,
    epochs: int = 300,
    batch_size: int = 100,
    lr: float = 2e-3,
    seed: int = 0,
    mode: Mode = "evaluation",
) -> Prior:
    """Fit a density to the codes of data, and make it the prior of the pair.

    An autoencoder has no p(z) to draw from, and the codes of a VAE do not fill its prior. With a
    fitted density, what `generate` draws looks like codes of data. Encoder and decoder stay as
    they are.

    A `MixturePrior` is fitted by expectation maximisation (scikit-learn). Any other prior is
    fitted by gradients, as a pair that observes the codes and has no latents. The codes of an
    autoencoder have no scale of their own. A flow on a `StandardNormal` must find it through its
    layers; `partial(FlowPrior, base=NormalPrior)` starts there and does far better.

    The prior is part of the pair, moved and saved with it. A pair that is to load it is built
    with the same form of prior. Fit the density last: an autoencoder that is trained on would
    follow log p(x, z = f(x)), which grows without end as the codes draw together.

    Args:
        pair: A trained pair; see `CodedPair`.
        data: Data [N, *data_shape] that it was trained on; probabilities are drawn once.
        prior: Form of the density: a factory `prior(latent_dim)`, such as `FlowPrior` or
            `partial(MixturePrior, num_components=10)`, or a module.
        epochs: Passes over the codes, where it is fitted by gradients, as for the next two.
        batch_size: Codes per step.
        lr: Learning rate of Adam at the start; it falls to 0 as a cosine.
        seed: Of draws, shuffles and starting points.
        mode: Of the networks that make the codes; see `pyrovae.evaluate.SweepOptions`.

    Returns:
        The fitted prior, which is `pair.prior` now.

    Raises:
        ConfigError: The prior is made of posteriors, or has nothing to fit.
        DataError: There are fewer data than components of a mixture, or a datum or a code is not
            finite.
        ShapeError: The prior is of another size than the codes.

    Source:
        From Variational to Deterministic Autoencoders (Ghosh et al., 2020), sec. 4,
        https://arxiv.org/abs/1903.12436

    Example:
        >>> from pyrovae.models import Autoencoder
        >>> pair = Autoencoder((8,), 2)
        >>> prior = fit_density(pair, torch.rand(50, 8).round(), lambda dim: MixturePrior(
        ...     dim, num_components=3))
        >>> pair.generate(5).shape
        torch.Size([5, 8])
    """
    pyro.set_rng_seed(seed)  # also of the prior that a factory makes
    with in_mode(mode, pair):
        codes = _codes(pair, data, seed)
    made = _made(prior, pair.latent_dim).to(codes)
    made.start_at(codes, seed=seed)
    if not made.start_fits:
        density = _Density(made)
        fit(
            density.model,
            density.guide,
            codes,
            objective=ELBO(),
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            schedule=schedules.cosine(),
            device=codes.device,
            seed=seed,
            progress=False,
        )
    pair.prior = made
    return made


def _made(prior: PriorFactory | Prior, latent_dim: int) -> Prior:
    """The prior to fit, checked."""
    made = as_prior(prior, latent_dim)
    if made.needs_encoder or not any(p.requires_grad for p in made.parameters()):
        raise ConfigError(
            f"fit_density got a {type(made).__name__}, which "
            f"{'is made of posteriors' if made.needs_encoder else 'has nothing to fit'}; take "
            "MixturePrior, FlowPrior or NormalPrior"
        )
    if made.latent_dim != latent_dim:
        raise ShapeError(
            f"fit_density got a prior of latent_dim={made.latent_dim} for codes of "
            f"{latent_dim}; build both for one"
        )
    return made


class _Density:
    """A prior as a pair: the model observes codes, and nothing is latent."""

    def __init__(self, prior: Prior) -> None:
        self.prior = prior

    def model(self, z: Tensor) -> None:
        pyro.module("prior", self.prior)
        with pyro.plate("data", len(z)):
            pyro.sample("z", self.prior(), obs=z)

    def guide(self, z: Tensor) -> None:
        """Samples nothing."""


@torch.no_grad()
def _codes(pair: CodedPair, data: Split | Tensor, seed: int) -> Tensor:
    split = Split(data) if isinstance(data, Tensor) else data  # which looks at the values
    x = split.binarized(seed).x if split.dynamic else split.x
    some = next(pair.parameters())
    with isolated():
        pyro.set_rng_seed(seed)
        codes = torch.cat([pair.encode(part.to(some)).sample() for part in x.split(1000)])
    if not bool(codes.isfinite().all()):
        raise DataError(
            "fit_density: some codes are infinite or not a number; train the pair anew with a "
            "smaller learning rate"
        )
    return codes
