"""The precision in which a pair computes while it trains."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from pyro.distributions.conditional import ConditionalTransform
from torch import Tensor, nn
from torch.distributions import Transform
from torch.utils import _pytree as pytree

from ...capture.network_calls import around_networks
from ...errors import ConfigError
from ...particles.handlers import on_sample
from ...particles.isolation import isolated
from ...particles.tracing import Pair, Program

PrecisionName = Literal["full", "tf32", "bf16"]

_BF16 = torch.bfloat16
# Largest relative difference between a step and its graph, which rounds at other places; None
# where only the last digits may differ.
_TOLERANCES = {"full": None, "tf32": 2e-3, "bf16": 2e-2}


class Precision:
    """The precision of training: full, or lower for networks alone.

    "bf16" runs networks under autocast: their matrix products and convolutions in bfloat16, with
    outputs in float32. So distributions, flows, densities, bounds, parameters and optimiser states
    stay in float32; tensors in float64 stay in float64. "tf32" lets float32 matrix products on
    CUDA round their factors to 11 bits; on other devices it changes nothing. Global settings of
    torch change within the context alone.

    The numerical error of "bf16" against float32 under equal noise, for the one-layer net of the
    IWAE paper (784-200-200-50, 1,000 images of statically binarised MNIST, K = 5, a CPU), root
    mean square over particles and data, in nats:

    | weights | log q | log p(x, z) | ELBO | IWAE | gradient of 100 data |
    |---|---|---|---|---|---|
    | as drawn | .002 | .012 | .005 | .008 | 0.3 % |
    | after five epochs | .009 | .108 | .060 | .070 | 2.1 % |

    The errors mostly cancel: the mean of the ELBO changes by .002 nats. Report figures that are
    measured in full precision, as is everything outside of training.

    Args:
        name: "full", "tf32" or "bf16".

    Raises:
        ConfigError: There is no such precision.
    """

    def __init__(self, name: PrecisionName) -> None:
        if name not in _TOLERANCES:
            raise ConfigError(f"precision={name!r} is unknown; choose 'full', 'tf32' or 'bf16'")
        self.name = name
        self._networks: set[nn.Module] | None = None
        self._is_on = False

    @property
    def tolerance(self) -> float | None:
        """Relative difference that rounding alone may make; None where only last digits differ."""
        return _TOLERANCES[self.name]

    @contextmanager
    def on(
        self, model: Program, guide: Program, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Iterator[None]:
        """Within this context a pair computes in this precision."""
        if self._is_on or self.name == "full":
            yield
            return
        if self.name == "bf16" and self._networks is None:
            self._networks = networks_of(model, guide, args, kwargs)
        self._is_on = True
        try:
            with _tf32() if self.name == "tf32" else _autocast(self._networks or set()):
                yield
        finally:
            self._is_on = False


def networks_of(
    model: Program, guide: Program, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> set[nn.Module]:
    """Modules that map tensors to tensors, found by one run of the pair without side effects.

    Modules with sample statements or distributions as outputs are not among them, nor are modules
    that run inside a flow.
    """
    running: list[nn.Module] = []
    seen: set[nn.Module] = set()
    others: set[nn.Module] = set()

    def around(module: nn.Module, _: Any, run: Callable[[], Any]) -> Any:  # noqa: ANN401
        running.append(module)
        seen.add(module)
        if _in_a_flow():
            others.add(module)
        out = run()
        running.pop()
        if not all(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves(out)):
            others.add(module)
        return out

    programs = [on_sample(program, lambda: others.update(running)) for program in (model, guide)]
    with around_networks(around), isolated(), torch.no_grad():
        Pair(programs[0], programs[1], tuple(args), dict(kwargs)).trace()
    return seen - others


@contextmanager
def _autocast(networks: set[nn.Module]) -> Iterator[None]:
    """Within this context the outermost of these networks run under autocast, and give float32."""
    inside = False

    def around(module: nn.Module, args: Any, run: Callable[[], Any]) -> Any:  # noqa: ANN401
        nonlocal inside
        if inside or module not in networks:
            return run()
        inside = True
        try:
            with torch.autocast(_device_type(module, args), _BF16):
                out = run()
        finally:
            inside = False
        return pytree.tree_map_only(Tensor, _restored, out)

    with around_networks(around):
        yield


def _restored(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == _BF16 else tensor


def _device_type(module: nn.Module, args: Any) -> str:  # noqa: ANN401
    tensors = [leaf for leaf in pytree.tree_leaves(args) if isinstance(leaf, Tensor)]
    return next(iter([*tensors, *module.parameters()]), torch.empty(0)).device.type


def _in_a_flow() -> bool:
    """Whether a method of a transform is running, which is seen on Python's call stack.

    Nothing plainer finds it: a transform need not be a module, its methods are called by torch's
    and Pyro's distributions, and it may hold its networks in a `functools.partial` or a closure.
    Wrapping the methods of all transform classes would change them for other code.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if isinstance(frame.f_locals.get("self"), (Transform, ConditionalTransform)):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


@contextmanager
def _tf32() -> Iterator[None]:
    """Within this context float32 matrix products on CUDA may use TF32."""
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    if before == "tf32":
        yield
        return
    try:
        matmul.allow_tf32 = True  # what torch's compiler reads; it has the newer flag follow
        yield
    finally:
        matmul.allow_tf32 = False
        matmul.fp32_precision = before
