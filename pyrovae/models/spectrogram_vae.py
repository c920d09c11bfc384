"""Variational autoencoder of sounds without labels."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from ..data.audio import Spectrogram
from ..nn import (
    MLP,
    Corruption,
    LearnedNormal,
    Likelihood,
    Network,
    Shape,
    TimeConvDecoder,
    TimeConvEncoder,
)
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .priors import Prior, PriorFactory, StandardNormal
from .sounding import SMALL, Sounding
from .vae import VAE


class SpectrogramVAE(Sounding, VAE):
    """VAE of spectrograms, by convolutions, which gives sound back.

    It is a `VAE` in everything else. Its latents hold all there is to a recording, so that they
    serve as features for recognition; `SpeechVAE` is told words and speakers.

    Args:
        data_shape: Of one spectrogram, (1, F, T).
        latent_dim: Size of z, L.
        sound: How the spectrograms were made: `supplies["sound"]` of the data, or a `Spectrogram`.
        encoder: Maps [N, 1, F, T] to [N, posterior.num_parameters]: a module or a factory.
        decoder: Maps [N, L] to [N, P, 1, F, T]: a module or a factory.
        likelihood: Of the standardised decibels: by default normal, with one learned scale.
        prior: See `VAE`, as for the others.
        posterior: Form of q(z|x).
        corruption: What the encoder sees instead of x in training.

    Raises:
        ConfigError: `sound` describes none; see `VAE` for others.
        ShapeError: It describes spectrograms of another shape.

    Source:
        Learning Latent Representations for Speech Generation and Transformation (Hsu, Zhang &
        Glass, 2017), https://arxiv.org/abs/1704.04222

    Example:
        >>> vae = SpectrogramVAE((1, 40, 48), 16, sound={"rate": 8000, "frames": 48})
        >>> vae.generate(2).shape, vae.sample_rate
        (torch.Size([2, 1, 40, 48]), 8000)
    """

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        *,
        sound: Spectrogram | Mapping[str, Any],
        encoder: Network = TimeConvEncoder,
        decoder: Network = TimeConvDecoder,
        likelihood: Likelihood | None = None,
        prior: PriorFactory | Prior = StandardNormal,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
        corruption: Corruption | None = None,
    ) -> None:
        super().__init__(
            data_shape,
            latent_dim,
            encoder=encoder,
            decoder=decoder,
            likelihood=LearnedNormal() if likelihood is None else likelihood,
            prior=prior,
            posterior=posterior,
            corruption=corruption,
        )
        self.keep_sound(sound, self.data_shape)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        net = partial(MLP, hidden=(8,))
        return cls(Spectrogram(**SMALL).shape, 2, sound=SMALL, encoder=net, decoder=net)
