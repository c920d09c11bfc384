"""Variational autoencoder of speech, given words and speakers."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

from ..data.audio import Spectrogram
from ..nn import (
    MLP,
    AsBands,
    JoinFactory,
    LearnedNormal,
    Likelihood,
    Network,
    Shape,
    TimeConvDecoder,
    TimeConvEncoder,
)
from .conditional_vae import ConditionalVAE
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .priors import Prior, PriorFactory
from .sounding import SMALL, Sounding


class SpeechVAE(Sounding, ConditionalVAE):
    r"""VAE of spectrograms p(x|y) given classes y, such as the word and who says it.

    It is a `ConditionalVAE` of convolutions that gives sound back. The latents hold what y does
    not say: how it was said. So `generate(y)` speaks a word in a voice, and
    `apply.transfer(pair, x, y, labels=...)` gives a recording another voice or another word.

    Where the classes can be heard in x, little makes a guide keep them out of z: a small z does,
    or a weight on the KL (`objectives.Beta`). `transfer` measures it.

    Args:
        data_shape: Of one spectrogram, (1, F, T).
        latent_dim: Size of z, L.
        sound: How the spectrograms were made: `supplies["sound"]` of the data, or a `Spectrogram`.
        num_classes: C for y [N], or the C of each column for y [N, K]:
            `supplies["num_classes"]` of the data.
        encoder: Maps x and y as `join` puts them together to [N, posterior.num_parameters]: a
            module or a factory.
        decoder: Maps [N, L + all C] to [N, P, 1, F, T]: a module or a factory.
        join: How the encoder sees x and y; by default each class is a further band.
        likelihood: Of the standardised decibels: by default normal, with one learned scale.
        prior: p(z), the same for every y: see `ConditionalVAE`, as for `posterior`.
        prior_network: Gives p(z|y) in its place.
        posterior: Form of q(z|x, y).

    Raises:
        ConfigError: `sound` describes none; see `ConditionalVAE` for others.
        ShapeError: It describes spectrograms of another shape.

    Source:
        Semi-supervised Learning with Deep Generative Models (Kingma et al., 2014), sec. 2.1 and
        4.2, https://arxiv.org/abs/1406.5298; of speech: Voice Conversion from Non-parallel Corpora
        Using Variational Auto-encoder (Hsu et al., 2016), https://arxiv.org/abs/1610.04019

    Example:
        >>> vae = SpeechVAE((1, 40, 48), 16, sound={"rate": 8000, "frames": 48},
        ...                 num_classes=[10, 6])
        >>> vae.generate(torch.tensor([[7, 0], [7, 1]])).shape
        torch.Size([2, 1, 40, 48])
    """

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        *,
        sound: Spectrogram | Mapping[str, Any],
        num_classes: int | Sequence[int],
        encoder: Network = TimeConvEncoder,
        decoder: Network = TimeConvDecoder,
        join: JoinFactory = AsBands,
        likelihood: Likelihood | None = None,
        prior: PriorFactory | Prior | None = None,
        prior_network: Network | None = None,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
    ) -> None:
        super().__init__(
            data_shape,
            latent_dim,
            num_classes=num_classes,
            encoder=encoder,
            decoder=decoder,
            join=join,
            likelihood=LearnedNormal() if likelihood is None else likelihood,
            prior=prior,
            prior_network=prior_network,
            posterior=posterior,
        )
        self.keep_sound(sound, self.data_shape)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        net = partial(MLP, hidden=(8,))
        return cls(
            Spectrogram(**SMALL).shape, 2, sound=SMALL, num_classes=(3, 2), encoder=net,
            decoder=net,
        )  # fmt: skip

    def example_y(self, x: Tensor) -> Tensor:
        """Classes of data of the example [N, 2]."""
        rows = torch.arange(len(x), device=x.device)
        return torch.stack([rows % 3, rows % 2], 1)

    def generate_classes(self, classes: Tensor, *, mean: bool = True) -> Tensor:
        """A new datum for each of these classes [N], or rows of classes [N, K].

        Of several classes the first is given, and the others are drawn, each alike.
        """
        sizes = self.condition.num_classes
        if isinstance(sizes, tuple) and classes.dim() == 1:
            others = [torch.randint(size, classes.shape, device=classes.device) for size in sizes]
            classes = torch.stack([classes, *others[1:]], 1)
        return self.generate(classes, mean=mean)
