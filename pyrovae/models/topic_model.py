"""Topic model of documents."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal, Self, get_args

import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import ConfigError
from ..nn import (
    MLP,
    Described,
    MixtureOfTopics,
    Multinomial,
    Network,
    NormalizedProductOfTopics,
    ProductOfTopics,
    Shape,
    TopicDecoder,
)
from ..nn.sizes import as_shape, as_size
from .any_data import takes_any_data
from .base import evaluated
from .capabilities import Figure, evidence_of
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .priors import SoftmaxDirichlet
from .totals import check_totals
from .vae import VAE

Mixing = Literal["product", "normalized product", "mixture"]
"""How topics make words: see `TopicModel`."""

_SHOWN = 20  # words of a document, and topics of a report

_DECODERS: dict[Mixing, type[TopicDecoder]] = {
    "product": ProductOfTopics,
    "normalized product": NormalizedProductOfTopics,
    "mixture": MixtureOfTopics,
}


class TopicModel(VAE):
    r"""Topics of documents, which are counts of words: ProdLDA and its kin.

    A document has logits z of topics, z ~ p(z), whose softmax, the shares of the topics, is nearly
    Dirichlet. Its words are multinomial, given their number: what is called log p(x) is
    log p(x | n), of counts in any order. `evaluate.word_perplexity` is that of words in order, as
    topic models are compared. `model` and `guide` are Pyro programs over a batch x [B, V], with
    the sites "z" (event [K]) and "x" in the plate "data".

    A product of experts has documents that no topic alone would write. Without batch norm all
    topics often become one and the same, as the paper reports. In training, batch norm lets
    p(x|z) depend on the other documents of a batch; measurements are in evaluation mode.

    Args:
        data_shape: (V,), the number of words.
        num_topics: K.
        vocabulary: The V words, as `data.documents` supplies them; they stay with the parameters.
            Without, topics are numbers of columns.
        mixing: "normalized product": topics weigh each other's logits, with batch norm, as in
            ProdLDA; "product": without; "mixture": each word is of one topic, as in latent
            Dirichlet allocation.
        concentration: Of the Dirichlet: a number, or one for each topic. Below 1 documents have
            few topics.
        encoder: Maps [N, V], log(1 + x), to [N, posterior.num_parameters]: a module or a factory.
        posterior: Form of q(z|x): a module or a factory.

    Raises:
        ConfigError: There is one topic or none, another choice of mixing, a vocabulary of another
            length, or a concentration that is not above 0.
        SupportError: Data are no counts.
        DataError: A document has no words. (Both are checked while `pyro.enable_validation` is on,
            as it is by default.)

    Source:
        Autoencoding Variational Inference for Topic Models (Srivastava & Sutton, 2017),
        https://arxiv.org/abs/1703.01488

    Example:
        >>> model = TopicModel((3,), num_topics=2, vocabulary=["apple", "pear", "plum"])
        >>> [sorted(words) for words in model.topics(3)]
        [['apple', 'pear', 'plum'], ['apple', 'pear', 'plum']]
    """

    decoder: TopicDecoder

    def __init__(
        self,
        data_shape: Shape | int,
        num_topics: int = 20,
        *,
        vocabulary: Sequence[str] | None = None,
        mixing: Mixing = "normalized product",
        concentration: float | list[float] = 1.0,
        encoder: Network = MLP,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
    ) -> None:
        shape = as_shape(data_shape, "data_shape", "TopicModel")
        if mixing not in get_args(Mixing):
            raise ConfigError(
                f"TopicModel got mixing={mixing!r}; give one of {', '.join(get_args(Mixing))}"
            )
        if num_topics == 1:
            raise ConfigError(
                "TopicModel got num_topics=1, and the share of one topic is always 1; give 2 or "
                "more"
            )
        size = math.prod(shape)
        if vocabulary is not None and len(vocabulary) != size:
            raise ConfigError(
                f"TopicModel got a vocabulary of {len(vocabulary):,} words for data of {size:,} "
                "columns; give the one that data.documents supplies with these data"
            )
        super().__init__(
            shape,
            num_topics,
            encoder=encoder,
            decoder=_DECODERS[mixing],
            likelihood=Multinomial(),
            prior=SoftmaxDirichlet(num_topics, concentration),
            posterior=posterior,
        )
        self.mixing = mixing
        self.vocabulary = None if vocabulary is None else Described(list(map(str, vocabulary)))

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        words = [f"word {i}" for i in range(16)]
        return cls((1, 4, 4), 3, vocabulary=words, encoder=partial(MLP, hidden=(8,)))

    def model(self, x: Tensor) -> None:
        """p(z)p(x|z, n) over a batch of documents x [B, V], n the number of words of each."""
        if is_validation_enabled():
            check_totals(x, "TopicModel")
        super().model(x)

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def shares(self, x: Tensor) -> Tensor:
        """The shares of the topics in documents x [B, V]: softmax of the mean of q(z|x) [B, K]."""
        return self.encode(x).mean.softmax(-1)

    @evaluated
    @torch.no_grad()
    def word_probabilities(self, share: float | None = None) -> Tensor:
        """Probabilities of words in a document that is about one topic [K, V].

        Args:
            share: Of the topic in the document; the others share the rest evenly. By default 1 for
                a mixture, and a half for products, whose documents seldom have more.
        """
        return self.decoder.topics(share).exp()

    def topics(self, num_words: int = 10, *, share: float | None = None) -> list[list[str]]:
        """The likeliest words of each topic, the likeliest first; see `evaluate.topics`.

        Without a vocabulary they are the numbers of their columns.

        Args:
            num_words: How many.
            share: See `word_probabilities`.
        """
        count = min(as_size(num_words, "num_words", "TopicModel.topics"), self._num_words)
        top = self.word_probabilities(share).topk(count).indices
        return [[self._word(place) for place in row] for row in top.tolist()]

    def to_text(self, x: Tensor) -> list[str]:
        """The words of each document of x [N, V], the most frequent first, with their numbers."""
        lines = []
        for row in x.detach().flatten(1).cpu():
            order = row.argsort(descending=True, stable=True)[: int((row > 0).sum())]
            some = [f"{self._word(i)} {row[i]:g}" for i in order[:_SHOWN].tolist()]
            rest = len(order) - len(some)
            lines.append(", ".join(some) + f" and {rest} more" * bool(rest))
        return lines

    def figures(self, x: Tensor, y: Tensor | None = None) -> Sequence[Figure]:
        """What the evidence is of, and the topics by their mean share in x."""
        mean = self.shares(x).mean(0)
        order = mean.argsort(descending=True)[:_SHOWN].tolist()
        words = self.topics(8)
        rows: list[Figure] = [evidence_of("p(x|n)", "counts in any order, n the number of words")]
        for place in order:
            row: Figure = (
                f"topic {place + 1}",
                f"{float(mean[place]):.3f}",
                ", ".join(words[place]),
                {},
            )
            rows.append(row)
        return rows

    @property
    def _num_words(self) -> int:
        return math.prod(self.data_shape)

    def _word(self, place: int) -> str:
        return str(place) if self.vocabulary is None else str(self.vocabulary.value[place])
