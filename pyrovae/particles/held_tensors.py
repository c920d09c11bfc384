"""The tensors that a pair keeps in networks, by name, found without running it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import MethodType
from typing import Any

from pyro.infer.autoguide import AutoGuide, AutoMessenger
from pyro.nn import PyroModule, PyroParam
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from .handlers import Program
from .held_networks import held


@dataclass(frozen=True)
class HeldTensors:
    """The parameters and persistent buffers of the networks that a pair can reach.

    Attributes:
        tensors: By name. A tensor under several names comes once. What belongs to the object
            whose methods the pair is has its name in that object, "encoder.0.weight"; other names
            begin with "model" or "guide".
        transient: Buffers that torch does not save, likewise.
        constraints: Of the `PyroParam`s among the tensors.
        reached: All that the pair can reach.
        unready: What gets its tensors only when the pair is run, in words.
        lazy: Parameters of lazy layers that have no shape yet, in words.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    transient: dict[str, Tensor] = field(default_factory=dict)
    constraints: dict[str, Any] = field(default_factory=dict)
    reached: list[object] = field(default_factory=list)
    unready: list[str] = field(default_factory=list)
    lazy: list[str] = field(default_factory=list)


def held_tensors(model: Program, guide: Program) -> HeldTensors:
    """Find the tensors that a pair keeps; nothing of it is run."""
    found, seen = HeldTensors(), set[int]()
    reached = list(held({"model": model, "guide": guide}))
    root = _root_of(model, guide, reached)
    for way, thing in reached:
        found.reached.append(thing)
        prefix = way if root is None else _below(root, way)
        if isinstance(thing, nn.Parameter):
            _keep(found.tensors, seen, prefix, thing)
        elif isinstance(thing, nn.Module):
            _keep_module(found, seen, prefix, thing)
    return found


def _root_of(model: Program, guide: Program, reached: Sequence[tuple[str, object]]) -> str | None:
    """The way to the object whose methods both programs are, handlers around them aside."""
    of_guide = {id(thing) for _, thing in held({"guide": guide})}
    owners, modules = [getattr(model, "__self__", model)], list[str]()
    for way, thing in held({"model": model}):
        if isinstance(thing, nn.Module):
            modules.append(way)
        elif isinstance(thing, MethodType) and not any(_is_below(m, way) for m in modules):
            owners.append(thing.__self__)  # a hook of a network is no program
    owner = next((owner for owner in owners if id(owner) in of_guide), None)
    return next((way for way, thing in reached if thing is owner), None)


def _below(root: str, way: str) -> str:
    """A way from there on; the whole way, where it does not lead past."""
    return way.removeprefix(root).lstrip(".") if _is_below(root, way) else way


def _is_below(root: str, way: str) -> bool:
    return way == root or way.startswith((f"{root}.", f"{root}["))


def _keep_module(found: HeldTensors, seen: set[int], prefix: str, network: nn.Module) -> None:
    start = f"{prefix}." if prefix else ""
    for inner, module in network.named_modules():
        if id(module) in seen:
            continue
        seen.add(id(module))
        # `torch.compile` puts the network that it wraps one level deeper.
        way = f"{start}{inner}".replace("_orig_mod", "").replace("..", ".").strip(".")
        for local, tensor in _own_tensors(module):
            name = f"{way}.{local}".lstrip(".")
            if is_lazy(tensor):
                found.lazy.append(f"'{name}' of {type(module).__name__}")
                continue
            is_transient = local in module._non_persistent_buffers_set
            kept = _keep(found.transient if is_transient else found.tensors, seen, name, tensor)
            constraint = _constraint_of(module, local)
            if kept and constraint is not None:
                found.constraints[kept] = constraint
        found.unready.extend(_unready(module, way))


def _keep(tensors: dict[str, Tensor], seen: set[int], name: str, tensor: Tensor) -> str | None:
    """Add a tensor; gives its name, None where it has one already."""
    if id(tensor) in seen:
        return None
    seen.add(id(tensor))
    while name in tensors:
        name += "'"
    tensors[name] = tensor
    return name


def _own_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers of a module, without those of the modules inside it."""
    both = {**module._parameters, **module._buffers}
    yield from ((name, tensor) for name, tensor in both.items() if tensor is not None)


def _constraint_of(module: nn.Module, local: str) -> Any:  # noqa: ANN401
    if not isinstance(module, PyroModule) or not local.endswith("_unconstrained"):
        return None
    constraint, _ = module._pyro_params.get(local.removesuffix("_unconstrained"), (None, None))
    return constraint


def _unready(module: nn.Module, way: str) -> Iterator[str]:
    kind = type(module).__name__
    place = f" '{way}'" if way else ""
    if isinstance(module, AutoGuide) and module.prototype_trace is None:
        yield f"the {kind}{place}"
    elif isinstance(module, AutoMessenger) and not any(True for _ in module.parameters()):
        yield f"the {kind}{place}"
    if isinstance(module, PyroModule):
        for base in type(module).__mro__:
            for name, value in vars(base).items():
                if isinstance(value, PyroParam) and name not in module._pyro_params:
                    yield f"'{name}' of {kind}{place}"
