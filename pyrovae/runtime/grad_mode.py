"""Compute gradients also where the caller has switched them off."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def gradients_on() -> Iterator[None]:
    """Within this context gradients are computed, under `no_grad` and `inference_mode` too."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def computes_gradients(function: Callable[P, R]) -> Callable[P, R]:
    """The function under `gradients_on`, its arguments `for_gradients`."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if torch.is_grad_enabled() and not torch.is_inference_mode_enabled():
            return function(*args, **kwargs)
        with gradients_on():
            args, kwargs = for_gradients((args, kwargs))
            return function(*args, **kwargs)

    return wrapped


@contextmanager
def outside_inference_mode() -> Iterator[None]:
    """Within this context new tensors may be trained later; gradients stay off."""
    if not torch.is_inference_mode_enabled():
        yield
        return
    with torch.inference_mode(False), torch.no_grad():
        yield


def for_gradients(tree: Any) -> Any:  # noqa: ANN401
    """The arguments of a pair, where tensors made in inference mode are copied.

    Autograd refuses to keep those for the backward pass.
    """
    return pytree.tree_map_only(Tensor, lambda t: t.clone() if t.is_inference() else t, tree)
