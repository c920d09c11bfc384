"""Effect handlers around a program: those of this library, and what it takes of `pyro.poutine`."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import pyro
from pyro import poutine
from pyro.poutine.block_messenger import BlockMessenger
from pyro.poutine.broadcast_messenger import BroadcastMessenger
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from pyro.poutine.trace_messenger import TraceMessenger
from pyro.poutine.trace_struct import Trace
from pyro.poutine.util import site_is_subsample
from torch import Tensor
from torch.distributions import Distribution

from ..distributions.as_pyro import as_pyro, is_pyros
from ..distributions.labelled_categorical import LabelledCategorical
from ..distributions.strata import StratifiedAssignment
from .layout import PARTICLE_PLATE, Layout
from .plates import is_in_plate, nesting
from .site import is_enumerable

__all__ = [
    "FixedLatents",
    "Message",
    "Messenger",
    "ParticlePlate",
    "Program",
    "PyroDistributions",
    "StratifiedSites",
    "Trace",
    "condition_on",
    "hidden",
    "is_hidden",
    "is_in_program",
    "on_sample",
    "prior_of",
    "recorded_parameters",
    "site_is_subsample",
    "with_distributions",
    "with_values",
    "without_observations",
]

Program = Callable[..., Any]
"""A Pyro model or guide: a function, a bound method, a `PyroModule`."""


def without_observations(model: Program) -> Program:
    """The model with its observed sites drawn instead."""
    return cast(Program, poutine.uncondition(model))


def prior_of(model: Program) -> Program:
    """The model's latent sites alone, as a guide."""
    return cast(Program, poutine.block(model, hide_types=["observe"]))


def condition_on(program: Program, latents: Mapping[str, Tensor], layout: Layout) -> Program:
    """The program with its latent sites set to given values [K, B, ...]."""
    return cast(Program, _ConditionOn(latents, layout)(program))


def with_distributions(program: Program, change: Callable[[str, Any], Any]) -> Program:
    """The program with the distribution of each latent replaced: `change(name, fn) -> fn`.

    `change` gets distributions that the program's own plates have expanded. It is not called for
    observed sites, nor for subsamples.
    """
    return cast(Program, _ReplaceDistributions(change)(program))


def with_values(program: Program, choose: Callable[[str, Any], Tensor | None]) -> Program:
    """The program with the value of each latent chosen: `choose(name, fn) -> value`.

    `choose` gets distributions that the program's own plates have expanded, in the order of the
    program, and may return None for a draw. It is not called for observed sites, nor for
    subsamples.
    """
    return cast(Program, _ChooseValues(choose)(program))


def on_sample(program: Program, call: Callable[[], None]) -> Program:
    """The program, which calls `call` at each sample statement, those of plates included."""
    return cast(Program, _OnSample(call)(program))


def is_in_program() -> bool:
    """Whether this code runs inside a Pyro program that is traced."""
    return any(
        isinstance(handler, TraceMessenger) and not handler.param_only
        for handler in poutine.runtime._PYRO_STACK
    )


def hidden() -> Messenger:
    """Context in which outer handlers see no statement."""
    return cast(Messenger, poutine.block())


def is_hidden() -> bool:
    """Whether no outer handler would see a statement here."""
    stack = poutine.runtime._PYRO_STACK
    return not stack or isinstance(stack[-1], BlockMessenger)


def recorded_parameters() -> TraceMessenger:
    """Context that records param statements alone, in its `trace`."""
    return cast(TraceMessenger, poutine.trace(param_only=True))


class ParticlePlate(pyro.plate):
    """The plate over particles, outside all other plates.

    Args:
        num_particles: K.
        dim: Left of the dims of all other plates.
        data_plate: Where given, sample sites outside of this plate are drawn once for all
            particles.
    """

    def __init__(self, num_particles: int, dim: int, data_plate: str | None) -> None:
        super().__init__(PARTICLE_PLATE, num_particles, dim=dim)
        self._data_plate = data_plate

    def _process_message(self, msg: Message) -> None:
        is_global = self._data_plate is not None and not is_in_plate(self._data_plate, msg)
        if not (is_global and msg["type"] == "sample"):
            super()._process_message(msg)


class PyroDistributions(Messenger):
    """Let sample sites take distributions of torch, and of libraries built on it, such as zuko.

    It stands inside all other handlers but those of the program itself.
    """

    def _pyro_sample(self, msg: Message) -> None:
        _make_pyros(msg)


def _make_pyros(msg: Message) -> None:
    fn = cast(object, msg["fn"])
    if isinstance(fn, Distribution) and not is_pyros(fn):
        msg["fn"] = as_pyro(fn)
        BroadcastMessenger._pyro_sample(msg)  # the program's plates have left it as it was


class FixedLatents(Messenger):
    """Detach every draw, so that no gradient flows through it."""

    def _pyro_post_sample(self, msg: Message) -> None:
        if not msg["is_observed"] and isinstance(msg["value"], Tensor):
            msg["value"] = msg["value"].detach()


class StratifiedSites(Messenger):
    """Assign the values of each enumerable site to the particles in turn, instead of drawing."""

    def __init__(self, assignment: StratifiedAssignment) -> None:
        super().__init__()
        self._assignment = assignment

    def _pyro_sample(self, msg: Message) -> None:
        if msg["done"] or site_is_subsample(msg) or not is_enumerable(cast(Any, msg)):
            return
        fn = cast(Any, msg["fn"])
        values = fn.enumerate_support(expand=False)  # [C, 1, ..., *event]
        values = values.reshape(len(values), *fn.event_shape)
        which = self._assignment.assign(len(values), values.device)
        lead = [len(which)] + [1] * (len(fn.batch_shape) - 1) if len(which) > 1 else []
        value = values[which].reshape(*lead, *fn.event_shape).expand(fn.shape())
        msg["value"] = fn.known(value) if isinstance(fn, LabelledCategorical) else value
        msg["done"] = True


class _ConditionOn(Messenger):
    """Set latent sites to given values."""

    def __init__(self, latents: Mapping[str, Tensor], layout: Layout) -> None:
        super().__init__()
        self._latents, self._layout = latents, layout

    def _pyro_sample(self, msg: Message) -> None:
        _make_pyros(msg)
        given = self._latents.get(cast(str, msg["name"]))
        if given is None or msg["is_observed"]:
            return
        event_dim = cast(Any, msg["fn"]).event_dim
        value = self._layout.restore(given, event_dim)
        if self._layout.particle_dim is None:  # no more batch dims than the site's own plates
            own_rank = nesting([cast(dict[str, Any], msg)])
            while value.dim() > own_rank + event_dim and value.shape[0] == 1:
                value = value.squeeze(0)
        msg["value"], msg["done"] = value, True


class _ReplaceDistributions(Messenger):
    """Replace the distributions of latent sites."""

    def __init__(self, change: Callable[[str, Any], Any]) -> None:
        super().__init__()
        self._change = change

    def _pyro_sample(self, msg: Message) -> None:
        if not (msg["is_observed"] or msg["done"] or site_is_subsample(msg)):
            _make_pyros(msg)
            msg["fn"] = self._change(cast(str, msg["name"]), msg["fn"])


class _ChooseValues(Messenger):
    """Choose the values of latent sites."""

    def __init__(self, choose: Callable[[str, Any], Tensor | None]) -> None:
        super().__init__()
        self._choose = choose

    def _pyro_sample(self, msg: Message) -> None:
        if not (msg["is_observed"] or msg["done"] or site_is_subsample(msg)):
            _make_pyros(msg)
            value = self._choose(cast(str, msg["name"]), msg["fn"])
            if value is not None:
                msg["value"], msg["done"] = value, True


class _OnSample(Messenger):
    """Call a function at each sample statement."""

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__()
        self._call = call

    def _pyro_sample(self, msg: Message) -> None:
        self._call()
