"""Bases of the networks over rows of codes."""

import math
from abc import ABC, abstractmethod
from typing import Any, Self, TypeAlias

import torch
from torch import Tensor, nn

from ...distributions.sequence_codes import NEVER_DRAWN, PADDING
from ..sizes import Shape, as_shape

State: TypeAlias = tuple[Tensor, ...]
"""What a decoder keeps between steps: tensors whose first axis is that of the rows, N."""


class CodeEncoder(nn.Module, ABC):
    """Maps rows of codes [N, T] to vectors [N, *out_shape]; padding does not change them.

    A subclass implements `features`, and calls `__init__` with their number.

    Args:
        in_shape: Number of codes V, of which 0 is padding.
        out_shape: Shape of one output.
        embedding: Size of the vector that stands for a code.
        width: Number of features of a row.
    """

    def __init__(
        self, in_shape: Shape | int, out_shape: Shape | int, embedding: int, width: int
    ) -> None:
        super().__init__()
        self.num_codes = math.prod(as_shape(in_shape, "in_shape", type(self).__name__))
        self.out_shape = as_shape(out_shape, "out_shape", type(self).__name__)
        self.embedding = nn.Embedding(self.num_codes, embedding)
        self.head = nn.Linear(width, math.prod(self.out_shape))

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests: 7 codes to [2]."""
        make: Any = cls
        made: Self = make(7, 2)
        return made

    @abstractmethod
    def features(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Features [N, width] of embedded codes [N, T, E], where mask [N, T] says no padding."""

    def forward(self, codes: Tensor) -> Tensor:  # [N, T] -> [N, *out_shape]
        found: Tensor = self.head(self.features(self.embedding(codes), codes != PADDING))
        return found.unflatten(-1, self.out_shape)


class SequenceDecoder(nn.Module, ABC):
    """Gives p(next code | codes before, z) as logits, for a whole row or step by step.

    Both ways agree. The logits of padding and of the begin are -inf: neither is ever drawn, so
    that the probabilities of all texts sum to one.

    A subclass implements `features`, `begin` and `advance`.

    Args:
        in_shape: Size of z, L.
        out_shape: Number of codes V.
        embedding: Size of the vector that stands for a code.
        width: Number of features at a step.
    """

    closed: Tensor

    def __init__(
        self, in_shape: Shape | int, out_shape: Shape | int, embedding: int, width: int
    ) -> None:
        super().__init__()
        self.latent_dim = math.prod(as_shape(in_shape, "in_shape", type(self).__name__))
        self.num_codes = math.prod(as_shape(out_shape, "out_shape", type(self).__name__))
        self.embedding = nn.Embedding(self.num_codes, embedding)
        self.head = nn.Linear(width, self.num_codes)
        closed = torch.zeros(self.num_codes, dtype=torch.bool)
        closed[list(NEVER_DRAWN)] = True
        self.register_buffer("closed", closed, persistent=False)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests: z [2] and 7 codes."""
        make: Any = cls
        made: Self = make(2, 7)
        return made

    @abstractmethod
    def features(self, embedded: Tensor, z: Tensor) -> Tensor:
        """Features [N, T, width] at each step, of embedded inputs [N, T, E] and z [N, L]."""

    @abstractmethod
    def begin(self, z: Tensor) -> State:
        """The state before the first step, for z [N, L]."""

    @abstractmethod
    def advance(self, state: State, embedded: Tensor) -> tuple[Tensor, State]:
        """Features [N, width] and the new state, after one more embedded input [N, E]."""

    def forward(self, inputs: Tensor, z: Tensor) -> Tensor:
        """Logits of the next code [N, T, V] after each of the inputs [N, T], for z [N, L].

        The inputs are the begin and then the codes of the row but its last: the logits at a step
        depend on the inputs up to it alone.
        """
        return self._closed(self.head(self.features(self.embedding(inputs), z)))

    def step(self, state: State, codes: Tensor) -> tuple[Tensor, State]:
        """Logits of the next code [N, V] after one more input [N], and the new state."""
        found, state = self.advance(state, self.embedding(codes))
        return self._closed(self.head(found)), state

    def _closed(self, logits: Tensor) -> Tensor:
        return logits.masked_fill(self.closed, -torch.inf)
