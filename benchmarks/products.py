"""The matrix products and convolutions of a step alone: a lower bound of its time."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import FlopCounterMode

_aten = torch.ops.aten
_PRODUCTS = {
    _aten.mm.default: (_aten.mm.out, 0),
    _aten.addmm.default: (_aten.mm.out, 1),  # without the bias
    _aten.bmm.default: (_aten.bmm.out, 0),
    _aten.baddbmm.default: (_aten.bmm.out, 1),
}
_CONVOLUTIONS = {_aten.convolution.default, _aten.convolution_backward.default}


class _Recorder(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if func in _PRODUCTS:
            product, first = _PRODUCTS[func]
            held = [_like(arg) for arg in args[first : first + 2]]
            self.calls.append((product, held, {"out": torch.empty_like(out)}))
        elif func in _CONVOLUTIONS:
            self.calls.append((func, tree_map_only(torch.Tensor, _like, args), kwargs))
        return out


def products_of(step):
    """The products of one eager step: a function that takes them all, and how many there are.

    Operands have the sizes and strides of the step's own, and memory of their own.
    """
    with _Recorder() as recorder:
        step()
    calls = recorder.calls

    @torch.no_grad()
    def products():
        for func, args, kwargs in calls:
            func(*args, **kwargs)

    return products, len(calls)


def operations(run):
    """Floating-point operations of a run's products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def large_product(device="cpu", size=1024):
    """A product of two square matrices, for the rate of the machine."""
    a, b = torch.randn(2, size, size, device=device)
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)


def _like(tensor):
    made = torch.empty_strided(
        tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device
    )
    return made.normal_() if tensor.is_floating_point() else made.zero_()
