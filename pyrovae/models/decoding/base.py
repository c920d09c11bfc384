"""What the ways of decoding share: a network that gives the next code, and strings of codes."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from ...distributions.sequence_codes import BEGIN, END, NEVER_DRAWN, PADDING
from ...errors import ConfigError, ShapeError
from ...nn.sizes import as_size
from ...particles.modes import evaluating

State: TypeAlias = tuple[Tensor, ...]
"""What a network remembers of the codes before: tensors with one row for each string."""


class Stepwise(Protocol):
    """A network that gives the next code of a string, one step at a time.

    What is given besides z, such as a sentence to translate, it holds itself.
    """

    def begin(self, z: Tensor) -> State:
        """The state before the first code, for z [N, L]."""

    def step(self, state: State, codes: Tensor) -> tuple[Tensor, State]:
        """The logits of the next code [N, V] and the state, after codes [N]."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """Strings that were decoded, and how probable they are.

    Attributes:
        codes: [N, T], each with its end code and padding after it, or cut short.
        log_prob: log p(string|z), in nats [N]: of the network itself, whatever the way of
            decoding does with its probabilities.
    """

    codes: Tensor
    log_prob: Tensor


class Decoding(ABC):
    """A way to make strings of a network that gives the probabilities of the next code.

    A row of T codes has one end code and padding after it, or no end where it was cut short: its
    probability is then that of all strings that begin so. Neither padding nor the code that
    begins a string is ever chosen. Networks run in evaluation mode, and without gradients.
    """

    def decode(self, network: Stepwise, z: Tensor, *, max_length: int) -> Tensor:
        """Strings of codes [N, T], one for each z [N, L].

        Args:
            network: Gives the next code: see `Stepwise`.
            z: Latents [N, L], or any tensor that the network begins with.
            max_length: T, the end code included.

        Raises:
            ConfigError: `max_length` is below one.
            ShapeError: The network does not give logits [N, V].
        """
        return self.decode_scored(network, z, max_length=max_length).codes

    @torch.no_grad()
    def decode_scored(self, network: Stepwise, z: Tensor, *, max_length: int) -> Decoded:
        """The same strings, with their log-probabilities."""
        length = as_size(max_length, "max_length", type(self).__name__)
        with in_evaluation(network):
            return self._decode(network, z, length)

    @abstractmethod
    def _decode(self, network: Stepwise, z: Tensor, length: int) -> Decoded:
        """Strings of at most `length` codes."""


class ChoosesCodes(Decoding):
    """Base of the ways that choose one code after the other, and never go back."""

    @abstractmethod
    def choose(self, log_probs: Tensor) -> Tensor:
        """The next codes [N], given their log-probabilities [N, V]."""

    def _decode(self, network: Stepwise, z: Tensor, length: int) -> Decoded:
        state, codes = network.begin(z), begins(z)
        total = torch.zeros(len(z), device=z.device)
        is_done = torch.zeros_like(codes, dtype=torch.bool)
        found: list[Tensor] = []
        for _ in range(length):
            log_probs, state = next_codes(network, state, codes)
            chosen = self.choose(log_probs)
            gained = log_probs.gather(1, chosen[:, None])[:, 0]
            total = total + torch.where(is_done, 0.0, gained)
            found.append(torch.where(is_done, PADDING, chosen))
            is_done, codes = is_done | (chosen == END), chosen
            if all_of(is_done):
                break
        return Decoded(padded(torch.stack(found, 1), length), total)


@torch.no_grad()
def score(network: Stepwise, z: Tensor, codes: Tensor) -> Tensor:
    """log p(string|z) of strings [N, T] to their end code inclusive, in nats [N].

    A string without an end code is scored as a beginning of strings.

    Args:
        network: Gives the next code: see `Stepwise`.
        z: Latents [N, L].
        codes: Strings, with padding after their end.
    """
    with in_evaluation(network):
        state, before = network.begin(z), begins(z)
        total = torch.zeros(len(z), device=z.device)
        is_done = torch.zeros_like(before, dtype=torch.bool)
        for chosen in codes.unbind(1):
            log_probs, state = next_codes(network, state, before)
            total = total + torch.where(is_done, 0.0, log_probs.gather(1, chosen[:, None])[:, 0])
            is_done, before = is_done | (chosen == END), chosen
    return total


def checked(decoding: object, where: str) -> None:
    """Check that something is a way of decoding.

    Raises:
        ConfigError: It is none.
    """
    if not isinstance(decoding, Decoding):
        raise ConfigError(
            f"{where} got decoding={decoding!r}; give one of pyrovae.models.decoding, such as "
            "Greedy(), Sampling(temperature=0.8) or Beam(4)"
        )


def in_evaluation(network: Stepwise) -> AbstractContextManager[None]:
    """Within this context a network that is a module is in evaluation mode."""
    return evaluating([network] if isinstance(network, nn.Module) else [])


def next_codes(network: Stepwise, state: State, codes: Tensor) -> tuple[Tensor, State]:
    """The log-probabilities of the next code [N, V], and the state.

    Padding and the code that begins a string have no probability.

    Raises:
        ShapeError: The network does not give logits [N, V].
    """
    logits, state = network.step(state, codes)
    if logits.dim() != 2 or len(logits) != len(codes) or logits.shape[1] <= BEGIN:
        raise ShapeError(
            f"{type(network).__name__}.step gave logits of shape {list(logits.shape)} for "
            f"{len(codes)} codes; it needs [{len(codes)}, V], a value for each code, padding, "
            "end and beginning included"
        )
    never = torch.tensor(NEVER_DRAWN, device=logits.device)
    return logits.index_fill(1, never, -torch.inf).log_softmax(1), state


def begins(z: Tensor) -> Tensor:
    """The code that begins a string, once for each z [N, L]."""
    return torch.full((len(z),), BEGIN, device=z.device)


def all_of(done: Tensor) -> bool:
    """Whether all are done; never on the device `meta`, which holds no values."""
    return not done.is_meta and bool(done.all())


def padded(codes: Tensor, length: int) -> Tensor:
    """Codes [..., t] with padding to [..., length]."""
    return nn.functional.pad(codes, (0, length - codes.shape[-1]), value=PADDING)


def rows_of(state: State, rows: Tensor) -> State:
    """A state with these rows in the place of its own."""
    return tuple(part.index_select(0, rows) for part in state)


def is_number(value: Any) -> bool:  # noqa: ANN401 (whatever a user gives)
    """Whether it is one real number."""
    return isinstance(value, Real)
