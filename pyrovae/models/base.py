"""What the families share: networks declared to Pyro, and calls under any leading axes."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from ..errors import ShapeError
from ..parameters import declare


class Family(nn.Module, ABC):
    """A module whose methods `model` and `guide` are a Pyro pair.

    Nothing in the library asks for this class: it only holds what the built-in families would
    otherwise repeat. Any two callables with one signature are a pair.
    """

    @abstractmethod
    def model(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """The generative program p(z)p(x|z)."""

    @abstractmethod
    def guide(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """The inference program q(z|x)."""

    def declare(self, *names: str) -> None:
        """Declare the parameters of these submodules to Pyro."""
        for name in names:
            declare(name, self.get_submodule(name))


def check_data(x: Tensor, data_shape: tuple[int, ...], where: str) -> None:
    """Refuse a batch that is not [B, *data_shape]."""
    if tuple(x.shape[1:]) != data_shape:
        raise ShapeError(
            f"{where} was built for data of shape {list(data_shape)} and got a batch of shape "
            f"{list(x.shape)}; pass [B, {', '.join(map(str, data_shape))}], or build it with "
            f"data_shape={tuple(x.shape[1:])}"
        )
