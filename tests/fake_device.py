"""A device named `fake`: tensors on it lie in main memory, and refuse to meet those on the CPU.

It stands in for a GPU where there is none. `python tests/fake_device.py SCRIPT ...` runs a script,
and `python tests/fake_device.py fit --data digits ...` a command of pyrovae, as if `fake` were the
GPU. Like a GPU it refuses operations on tensors of two devices (but for indices, and scalars on
the CPU), and numpy. It knows nothing of streams, graphs and generators.
"""

import importlib
import os
import pkgutil
import runpy
import sys
import traceback
from functools import partial

import pyro
import torch
from torch import nn
from torch.utils import _pytree as pytree
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

MOVES = ("aten::copy_", "aten::_copy_from", "aten::_to_copy")
VIEWS = ("aten::view", "aten::_unsafe_view", "aten::_reshape_alias")
_held = {}  # storage of a tensor on it -> the tensor that holds its numbers, and that storage


def register():
    """Make the device known to torch; what is returned must be kept."""
    _setup_privateuseone_for_python_backend("fake")
    torch.Generator = Generator
    every = torch.library.Library("_", "IMPL")
    every.fallback(run, "PrivateUse1")
    own = torch.library.Library("aten", "IMPL")
    for name in torch._C._dispatch_get_all_op_names():
        has = partial(torch._C._dispatch_has_kernel_for_dispatch_key, name)
        explicit = has("CompositeExplicitAutograd") or has(
            "CompositeExplicitAutogradNonFunctional"
        )
        # Torch's own kernels for these read strides and memory, which are not there.
        if name.startswith("aten::") and explicit and name not in ("aten::detach", "aten::alias"):
            packet, _, overload = name.removeprefix("aten::").partition(".")
            op = getattr(getattr(torch.ops.aten, packet), overload or "default", None)
            if op is not None and not has("PrivateUse1"):
                own.impl(name.removeprefix("aten::"), partial(run, op), "PrivateUse1")
    own.impl("_copy_from", copy, "PrivateUse1")
    return every, own


class Generator(torch.Generator):
    """One of the CPU, wherever it was asked for."""

    def __new__(cls, device="cpu"):
        return super().__new__(cls, "cpu")


def put(numbers):
    """A tensor on it that holds these."""
    tensor = torch._C._acc.create_empty_tensor(tuple(numbers.shape), numbers.dtype)
    storage = tensor.untyped_storage()
    _held[storage._cdata] = numbers, storage
    return tensor


def is_fake(value):
    return isinstance(value, torch.Tensor) and value.device.type == "fake"


def numbers_of(value):
    if is_fake(value):
        return _held[value.untyped_storage()._cdata][0]
    if isinstance(value, torch.device) and value.type == "fake":
        return torch.device("cpu")
    return value


def copy(source, target, non_blocking=False):
    numbers_of(target).copy_(numbers_of(source))
    return target


def run(op, *args, **kwargs):
    """An operation of which something is on it."""
    name = op.name().split(".")[0]
    leaves, tree = pytree.tree_flatten((args, kwargs))
    fake = [leaf for leaf in leaves if is_fake(leaf)]
    if fake and name not in MOVES:
        for leaf in leaves:
            if isinstance(leaf, torch.Tensor) and not is_fake(leaf) and leaf.dim() > 0:
                indexes = "index" in name and leaf.dtype in (torch.int64, torch.bool)
                if not indexes:
                    raise RuntimeError(
                        f"{name}: a tensor of shape {list(leaf.shape)} on {leaf.device} meets one "
                        "on fake"
                    )
    by_numbers = {id(numbers_of(tensor)): tensor for tensor in fake}
    target = kwargs.get("device")
    args, kwargs = pytree.tree_unflatten([numbers_of(leaf) for leaf in leaves], tree)
    with torch.no_grad():
        found = args[0].reshape(args[1]) if name in VIEWS else op(*args, **kwargs)
    if name == "aten::_to_copy" and target is not None and target.type == "cpu":
        return found
    if name == "aten::copy_" and not is_fake(leaves[0]):
        return leaves[0]

    def up(value):
        if not isinstance(value, torch.Tensor):
            return value
        return by_numbers[id(value)] if id(value) in by_numbers else put(value)

    return pytree.tree_map(up, found)


def as_the_gpu():
    """Have pyrovae take the fake device where it would take CUDA."""
    from pyrovae.data import base
    from pyrovae.particles.device import device_of
    from pyrovae.train import placement

    pick, place = base.pick_device, placement.place

    def pick_fake(device):
        return torch.device("fake:0") if device is None else pick(device)

    def place_fake(model, guide, batch, device):
        """Parameters are replaced, for torch lets none change its device to this one."""
        home = device_of(model, guide, batch)
        if device.type == "fake" and home is not None and home.type == "cpu":
            found, _ = place(model, guide, batch, home)
            owners = [getattr(program, "__self__", program) for program in (model, guide)]
            for owner in (*found.networks, *owners):
                if isinstance(owner, nn.Module):
                    owner.to("fake")
            store = pyro.get_param_store()
            for name, value in store._params.items():
                if not is_fake(value):
                    store._params[name] = value.detach().to("fake").requires_grad_()
            store._param_to_name = {value: name for name, value in store._params.items()}
        return place(model, guide, batch, device)

    import pyrovae

    for module in pkgutil.walk_packages(pyrovae.__path__, "pyrovae."):
        if module.name != "pyrovae.__main__":
            names = vars(importlib.import_module(module.name))
            for name, old, new in (("pick_device", pick, pick_fake), ("place", place, place_fake)):
                if names.get(name) is old:
                    names[name] = new


def main(words):
    """Run a script, or a command of pyrovae; its exit status."""
    as_the_gpu()
    sys.argv = words
    if not words[0].endswith(".py"):
        from pyrovae.cli import main as command

        return command(words)
    try:
        runpy.run_path(words[0], run_name="__main__")
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    kept = register()
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # torch's thread for the device may abort a process that ends by itself
