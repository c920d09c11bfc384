"""A distribution whose tensors a module holds."""

from collections.abc import Iterable
from copy import copy
from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution

from ..errors import ConfigError


class HeldTensors(nn.Module):
    """A distribution as a module, with which its tensors are trained, moved and saved.

    Args:
        distribution: Its parameters, and those of distributions inside, become parameters where
            they require grad, and buffers else. One tensor in two places is one parameter.
        others: Parameters of other modules, of which it may hold some.

    Raises:
        ConfigError: A tensor was computed from others that require grad.

    Example:
        >>> import torch
        >>> scale = nn.Parameter(torch.ones(3))
        >>> held = HeldTensors(torch.distributions.Normal(torch.zeros(3), scale))
        >>> [name for name, _ in held.named_parameters()], held.double()().loc.dtype
        (['scale'], torch.float64)
    """

    def __init__(self, distribution: Distribution, others: Iterable[nn.Parameter] = ()) -> None:
        super().__init__()
        self.distribution = distribution
        self._others = (*others,)  # in a tuple, so that they are no parameters of this module
        self._hold(distribution, "")
        self._others = ()

    def forward(self) -> Any:  # noqa: ANN401
        """The distribution with the tensors that the module has now."""
        return self._renewed(self.distribution, "")

    def _hold(self, held: Distribution, path: str) -> None:
        for name, value in vars(held).items():
            key = path + name.lstrip("_")
            if isinstance(value, Distribution):
                self._hold(value, key + "_")
            elif isinstance(value, Tensor) and value.requires_grad and not value.is_leaf:
                raise ConfigError(
                    f"the {name} of a {type(held).__name__} was computed from a tensor that "
                    "requires grad, so that it could be trained once only; give a module that "
                    "makes the distribution when it is called"
                )
            elif isinstance(value, Tensor) and value.requires_grad:
                known = (*self._others, *self.parameters())
                self.register_parameter(key, as_parameter(value, known))
            elif isinstance(value, Tensor):
                self.register_buffer(key, value.contiguous())

    def _renewed(self, held: Distribution, path: str) -> Any:  # noqa: ANN401
        made = copy(held)
        for name, value in vars(held).items():
            key = path + name.lstrip("_")
            if isinstance(value, Distribution):
                made.__dict__[name] = self._renewed(value, key + "_")
            elif isinstance(value, Tensor):
                made.__dict__[name] = getattr(self, key)
        return made


def as_parameter(tensor: Tensor, known: Iterable[nn.Parameter]) -> nn.Parameter:
    """The parameter of a tensor that requires grad: one of those known, if it is of this memory.

    Two parameters of the same memory would be stepped twice.
    """
    for parameter in known:
        is_like = parameter.dtype == tensor.dtype and parameter.device == tensor.device
        if parameter is tensor or (is_like and parameter.is_set_to(tensor)):
            return parameter
    return tensor if isinstance(tensor, nn.Parameter) else nn.Parameter(tensor.detach())
