"""Decoders of topic models: from logits of topics to logits of words."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from .base import Shape, as_shape


class TopicDecoder(nn.Module, ABC):
    """Base of the decoders [N, K] -> [N, 1, V]: the shares of K topics are a softmax.

    Args:
        in_shape: (K,).
        out_shape: (1, *data_shape), of V values.

    Attributes:
        weight: Of each topic for each word [K, V].
        typical_share: Of a topic in a document that is clearly about it.
    """

    typical_share: float = 1.0

    def __init__(self, in_shape: Shape | int, out_shape: Shape | int) -> None:
        super().__init__()
        (topics,) = as_shape(in_shape, "in_shape", type(self).__name__)
        self.out_shape = as_shape(out_shape, "out_shape", type(self).__name__)
        self.weight = nn.Parameter(torch.empty(topics, math.prod(self.out_shape)))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, z: Tensor) -> Tensor:  # [N, K] -> [N, 1, *data_shape]
        return self.of_shares(z.softmax(-1)).reshape(len(z), *self.out_shape)

    def topics(self, share: float | None = None) -> Tensor:
        """Log-probabilities of words in a document that is about one topic [K, V].

        Args:
            share: Of the topic; the others share the rest evenly. None is `typical_share`.
        """
        own = self.typical_share if share is None else share
        others = (1 - own) / max(len(self.weight) - 1, 1)
        shares = torch.full_like(self.weight[:, :1], others).repeat(1, len(self.weight))
        shares.fill_diagonal_(own)
        return self.of_shares(shares).log_softmax(-1)

    @abstractmethod
    def of_shares(self, shares: Tensor) -> Tensor:
        """Logits of words [N, V] for shares of topics [N, K]."""


class ProductOfTopics(TopicDecoder):
    """Product of experts: the shares weigh the logits of the topics.

    A word can then be likelier than in any topic alone, which makes topics more distinct than
    those of a mixture. Shares near 1 are rare, so that p(x|z) there is extrapolated, to rare
    words: the words of a topic are those at a share of a half.

    Source:
        Autoencoding Variational Inference for Topic Models (Srivastava & Sutton, 2017), sec. 4,
        https://arxiv.org/abs/1703.01488

    Example:
        >>> ProductOfTopics(3, (1, 50))(torch.zeros(8, 3)).shape
        torch.Size([8, 1, 50])
    """

    typical_share = 0.5

    def of_shares(self, shares: Tensor) -> Tensor:
        return shares @ self.weight


class NormalizedProductOfTopics(ProductOfTopics):
    """The same with batch norm of the logits, as in the paper, against topics that are all alike.

    The scale is fixed, and there is a shift for each word. In training, p(x|z) of a document then
    depends on the others of its batch; measure in evaluation mode, as all measurements here do.
    """

    def __init__(self, in_shape: Shape | int, out_shape: Shape | int) -> None:
        super().__init__(in_shape, out_shape)
        size = math.prod(self.out_shape)
        self.norm = nn.BatchNorm1d(size, affine=False)
        self.shift = nn.Parameter(torch.zeros(size))

    def of_shares(self, shares: Tensor) -> Tensor:
        made: Tensor = self.norm(super().of_shares(shares)) + self.shift
        return made


class MixtureOfTopics(TopicDecoder):
    """Mixture, as in latent Dirichlet allocation: each word is drawn from one of the topics.

    Source:
        Latent Dirichlet Allocation (Blei, Ng & Jordan, 2003), https://jmlr.org/papers/v3/blei03a;
        as a decoder: Srivastava & Sutton (2017), sec. 3

    Example:
        >>> MixtureOfTopics(3, (1, 50))(torch.zeros(8, 3)).exp().sum().round().item()
        8.0
    """

    def of_shares(self, shares: Tensor) -> Tensor:
        mixed = shares @ self.weight.softmax(-1)
        return mixed.clamp(min=torch.finfo(mixed.dtype).tiny).log()
