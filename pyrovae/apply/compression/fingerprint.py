"""Which pair coded a file: a digest of its tensors, and what its programs give at fixed inputs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import biject_to

from ...particles.argument_types import argument_types
from ...particles.conditionals import Conditional, conditionals
from ...particles.device import to_device_of
from ...particles.held_tensors import held_tensors
from ...particles.isolation import isolated
from ...particles.modes import in_mode
from ...particles.traces import leaves_of
from ...particles.tracing import Program, record
from .digests import digest

_TOLERANCE = 1e-4  # relative; another network differs in the first digit, rounding in the sixth
_ROWS = 2


@dataclass(frozen=True)
class Fingerprint:
    """What tells pairs apart.

    Attributes:
        parameters: Digest of types, shapes and bytes of all parameters and buffers. Their names
            do not enter: a network whose attribute is renamed decodes as before.
        outputs: Log-densities of the sites of guide and model at fixed values. Two networks with
            the same parameters, such as of two activations, differ in them.
        num_bytes: Of all parameters and buffers.
    """

    parameters: str
    outputs: tuple[float, ...]
    num_bytes: int = 0

    def agrees_in_outputs(self, outputs: Sequence[float]) -> bool:
        """Whether other outputs are these but for rounding."""
        return len(outputs) == len(self.outputs) and all(
            a == b
            or (math.isnan(a) and math.isnan(b))
            or math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
            for a, b in zip(self.outputs, outputs, strict=True)
        )


def fingerprint(
    model: Program,
    guide: Program,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    args: Sequence[Any] = (),
) -> Fingerprint:
    """The fingerprint of a pair, found by running it on zeros and ones; without side effects.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        shape: Of a datum as the pair takes it.
        dtype: Of the data.
        args: What the pair takes after the data, with rows for two data.
    """
    places = torch.arange(_ROWS * math.prod(shape)).reshape(_ROWS, *shape)
    given = to_device_of(model, guide, ((places % 3 == 0).to(dtype), *args))
    with isolated(), torch.no_grad(), in_mode("evaluation", model, guide):
        with pyro.validation_enabled(False):
            given = argument_types(model, guide, given)(given)
            pyro.set_rng_seed(0)
            of_guide = conditionals(guide, *given, values=_fixed)
            values = {name: site.value for name, site in of_guide.items()}
            of_model = conditionals(model, *given, values=lambda name, fn: values.get(name))
            outputs = [_log_density(s) for s in (*of_guide.values(), *of_model.values())]
        tensors = _tensors_of(model, guide, given)
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return Fingerprint(digest(*sorted(map(_digest_of, tensors))).hex(), tuple(outputs), size)


def rows_of_zeros(args: Sequence[Any], num_data: int) -> tuple[Any, ...]:
    """Arguments after the data for two rows, that do not depend on which data are at hand."""
    return tuple(
        arg.new_zeros(_ROWS, *arg.shape[1:])
        if isinstance(arg, Tensor) and arg.shape[:1] == (num_data,)
        else arg
        for arg in args
    )


def _fixed(name: str, fn: TorchDistribution) -> Tensor:
    """A value that does not depend on a random generator, where the support says how."""
    drawn: Tensor = fn.sample()
    if not drawn.is_floating_point():
        return torch.zeros_like(drawn)
    waves = torch.sin(torch.arange(1, drawn.numel() + 1, dtype=torch.float64))
    free = waves.to(drawn).reshape(drawn.shape)
    try:
        value = biject_to(fn.support)(free)
    except NotImplementedError:
        return drawn
    return value if value.shape == drawn.shape else drawn


def _log_density(site: Conditional) -> float:
    found: Tensor = site.fn.log_prob(site.value)
    return float(found.double().sum())


def _tensors_of(model: Program, guide: Program, args: tuple[Any, ...]) -> list[Tensor]:
    held = held_tensors(model, guide)
    found = [*held.tensors.values(), *held.transient.values()]
    for program in (guide, model):
        found += leaves_of(record(program, args, {})).values()
    return list({id(tensor): tensor for tensor in found}.values())


def _digest_of(tensor: Tensor) -> bytes:
    plain = tensor.detach().cpu().contiguous()
    about = f"{plain.dtype} {list(plain.shape)} ".encode()
    return digest(about, plain.reshape(-1).view(torch.uint8).numpy().tobytes())
