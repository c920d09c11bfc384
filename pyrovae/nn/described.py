"""A plain value that is kept with the parameters of the module that it is part of."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..errors import ConfigError
from ..runtime.plain_json import BUFFER, difference, mismatch, plain, to_bytes


class Described(nn.Module):
    """A plain value, such as a vocabulary, that stays with a network wherever it is saved.

    Its JSON is a buffer of bytes. So `state_dict`, `pyrovae.save` and the checkpoints of
    `pyrovae.fit` carry it, and parameters that were trained with another value are refused: by
    `load_state_dict` with a RuntimeError, by the others with a `CheckpointError`. The messages say
    what differs. The order of names in a mapping counts.

    Args:
        value: Numbers, text, true, false, None, and lists and mappings of them.

    Attributes:
        value: The same, as JSON gives it back: tuples have become lists.

    Raises:
        ConfigError: JSON has no such value, as for NaN or an array.

    Example:
        >>> class Speller(nn.Module):
        ...     def __init__(self, symbols):
        ...         super().__init__()
        ...         self.vocabulary = Described({"symbols": symbols})
        >>> saved = Speller(["a", "b"]).state_dict()
        >>> _ = Speller(["a", "b"]).load_state_dict(saved)
        >>> try:
        ...     _ = Speller(["a", "b", "c"]).load_state_dict(saved)
        ... except RuntimeError as error:
        ...     print(str(error).splitlines()[1].strip())
        the vocabulary of the file is another one than that of the pair: symbols has gained 'c'
    """

    as_json: Tensor

    def __init__(self, value: Any) -> None:  # noqa: ANN401
        super().__init__()
        try:
            self.value = plain(value)
        except ValueError as error:
            raise ConfigError(f"Described: {error}; give plain values") from error
        self.register_buffer(BUFFER, to_bytes(self.value))

    def difference(self, other: Any) -> str | None:  # noqa: ANN401
        """What is other in another plain value, in words; None where it is the same."""
        found = difference(self.value, plain(other))
        return None if found == "nothing" else found

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: Any,  # noqa: ANN401
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        name = f"{prefix}{BUFFER}"
        there = state_dict.get(name)
        wrong = None
        if isinstance(there, Tensor):
            wrong = mismatch(name, there, to_bytes(self.value))
        if wrong is not None:
            error_msgs.append(wrong)
            return
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def extra_repr(self) -> str:
        shown = repr(self.value)
        return shown if len(shown) <= 60 else f"{shown[:57]}..."
