"""Runs of a Pyro pair, recorded: the only file that touches Pyro's effect handlers."""

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, Self, cast

import pyro
import torch
from pyro import poutine
from pyro.distributions import Independent, MaskedDistribution, TransformedDistribution
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from pyro.poutine.trace_messenger import TraceMessenger
from pyro.poutine.trace_struct import Trace
from pyro.poutine.util import site_is_subsample
from torch import Tensor, nn
from torch.distributions import transform_to

from ..capture.network_calls import watched_networks
from ..distributions.labelled_categorical import LabelledCategorical
from ..distributions.strata import StratifiedAssignment, current_assignment
from ..errors import ParameterError, PlateError, PyrovaeError, ShapeError, SiteError, first_line
from ..runtime.grad_mode import outside_inference_mode
from .param_store import (
    StoreView,
    declared_network,
    statement,
    updates_its_module,
    without_networks,
)
from .particle_axis import FAILURES, copies, disagreement
from .particles import Recording, check_match, missing_latent
from .plates import PARTICLE_PLATE, Layout, nesting
from .site import is_enumerable
from .substitution import replace_observation

Program = Callable[..., Any]
"""A Pyro model or guide: a function, a bound method, a `PyroModule`."""

SOFT = "_unquantize"  # where Pyro's straight-through distributions keep what they rounded

Alias = Callable[[Trace], Trace]
"""What stands for the guide's trace where the model is replayed."""


_COPIES = 2  # of a particle, to see what a pair makes of the particle axis


@dataclass(frozen=True)
class Traced:
    """Traces of guide and model: one of all particles, or one of each.

    Attributes:
        runs: The traces.
        particle_dim: The particle plate's dim; None where each particle was traced alone.
        refusal: Why each was, although all were to be traced in one pass.
    """

    runs: list[tuple[Trace, Trace]]
    particle_dim: int | None
    refusal: str = ""


@dataclass(frozen=True)
class Pair:
    """A model and a guide with the arguments of one batch.

    Attributes:
        fixed_latents: Hand every draw on as a constant.
        plate: Name of the plate over data, outside of which sites are drawn once for all
            particles; None where all are drawn for each.
    """

    model: Program
    guide: Program
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    fixed_latents: bool = False
    plate: str | None = None

    def trace(
        self,
        num_particles: int = 1,
        depth: int = 0,
        replay: Trace | None = None,
        alias: Alias | None = None,
    ) -> tuple[Trace, Trace]:
        """Trace the guide, then the model replayed against it, or against an alias of it.

        Raises:
            SiteError: The model fails, and has drawn a latent that the guide does not.
        """
        own = _OwnParameters(strict=not pyro.settings.get("module_local_params"))
        guide_trace = self._run(self.guide, num_particles, depth, replay, own)
        seen = guide_trace if alias is None else alias(guide_trace)
        if replay is not None:
            seen = _with_subsamples(seen, replay)
        model_trace = Trace()
        try:
            return guide_trace, self._run(
                self.model, num_particles, depth, seen, own, into=model_trace
            )
        except FAILURES as error:
            for name, site in sample_sites(model_trace).items():
                if not site["is_observed"] and name not in guide_trace:
                    raise missing_latent(name) from error  # perhaps the cause
            raise

    def traces(
        self,
        num_particles: int,
        vectorize_particles: bool,
        max_plate_nesting: int | None = None,
        alias: Alias | None = None,
        same: Trace | None = None,
    ) -> Traced:
        """Of guide and model: one of all particles and the particle plate's dim, or one of each.

        All are on one subsample: that of `same`, where it is given. A pair that cannot take the
        particle axis is traced particle by particle, from the same state of torch's streams.

        Raises:
            ShapeError: `num_particles` is below one; or the pair cannot take the particle axis,
                and strata need it.
            PlateError: `max_plate_nesting` is less than the plates occupy.
        """
        if num_particles < 1:
            raise ShapeError(f"draw got num_particles={num_particles}, and needs at least 1")
        if num_particles == 1 or not vectorize_particles:
            return Traced(self._one_by_one(num_particles, alias, same), None)
        depth, refusal = max_plate_nesting, ""
        if depth is None:
            depth, refusal = self.plan()
        if not refusal:
            state = torch.get_rng_state()
            devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
            try:
                return Traced([self.trace(num_particles, depth, same, alias)], -depth - 1)
            except (PyrovaeError, torch.OutOfMemoryError):
                raise
            except FAILURES as error:
                refusal = first_line(error)
            torch.set_rng_state(state)
            if devices:
                torch.cuda.set_rng_state_all(devices)
        if current_assignment() is not None:
            raise ShapeError(
                f"the pair cannot take {num_particles} particles in one pass ({refusal}), along "
                "whose axis they are dealt out to strata; wrap its networks in "
                "pyrovae.nn.OneBatchAxis, or use objectives.ELBO or IWAE"
            )
        runs = self._one_by_one(num_particles, alias, same)
        needed = _nesting_of(runs[0])
        if needed > depth:
            raise PlateError(
                f"the plates of the pair occupy {needed} batch dims, and max_plate_nesting is "
                f"{depth}; leave it out, or raise it"
            )
        return Traced(runs, None, refusal)

    def plan(self, max_plate_nesting: int | None = None) -> tuple[int, str]:
        """Batch dims of the plates, and why the pair cannot take the particle axis.

        Found by a run of one particle, which raises what is wrong with the pair itself, and one
        of two copies of it, where the same has to come out. Neither has side effects.

        Returns:
            The dims, and "" where the pair can take the axis.

        Raises:
            SiteError: Model and guide do not sample the same latents.
        """
        with isolated(), torch.no_grad():
            traces = self.trace()
            check_match(*(sample_sites(trace) for trace in reversed(traces)))
            depth = _nesting_of(traces) if max_plate_nesting is None else max_plate_nesting
            if depth < _nesting_of(traces):
                return depth, ""  # said where particles are drawn
            return depth, self._refusal(traces, depth)

    def _refusal(self, traces: tuple[Trace, Trace], depth: int) -> str:
        many = Trace()
        for name, node in traces[0].nodes.items():
            if node["type"] == "sample":
                node = cast(Any, node.copy())
                if not (site_is_subsample(node) or self._is_drawn_once(node)):
                    node["value"] = _copied(node, depth)
                many.add_node(name, **node)
        try:
            again = self.trace(_COPIES, depth, many)
            found = _first_disagreement(traces, again, depth)
        except torch.OutOfMemoryError:
            raise
        except FAILURES as error:
            return first_line(error)
        if found and _first_disagreement(traces, self.trace(replay=traces[0]), depth):
            return ""  # networks with noise of their own compute something else every time
        return found

    def _one_by_one(
        self, num_particles: int, alias: Alias | None, same: Trace | None
    ) -> list[tuple[Trace, Trace]]:
        traces: list[tuple[Trace, Trace]] = []
        for _ in range(num_particles):
            same = self.drawn_once(traces[0]) if traces else same
            traces.append(self.trace(replay=same, alias=alias))
            if num_particles > 1:
                self._score_draws(traces[-1][0])
        return traces

    def drawn_once(self, traces: tuple[Trace, Trace]) -> Trace:
        """What all particles share: subsamples, and latents outside the plate over data."""
        shared = only_subsample_sites(traces)
        for name, node in sample_sites(traces[0]).items():
            if not node["is_observed"] and self._is_drawn_once(node):
                shared.add_node(name, **node.copy())
        return shared

    def _is_drawn_once(self, node: Any) -> bool:  # noqa: ANN401
        return self.plate is not None and not _is_in(self.plate, node)

    def record_guide(
        self, num_particles: int, particle_dim: int | None, replays: Iterable[Trace]
    ) -> list[Recording]:
        """Record the guide again, at the values of the given traces of it."""
        count, depth = (1, 0) if particle_dim is None else (num_particles, -particle_dim - 1)
        own = _OwnParameters(strict=not pyro.settings.get("module_local_params"))
        again = [self._run(self.guide, count, depth, replay, own) for replay in replays]
        return [Recording(sample_sites(trace), leaves_of(trace)) for trace in again]

    def dream(self) -> tuple[Trace, Trace]:
        """Trace the model with its observations removed, then the guide on what it made."""
        own = _OwnParameters(strict=not pyro.settings.get("module_local_params"))
        with torch.no_grad():
            model_trace = self._run(poutine.uncondition(self.model), 1, 0, None, own)
        batch = (self.args, self.kwargs)
        for name, node in sample_sites(model_trace).items():
            if node["infer"].get("was_observed"):
                node["is_observed"] = True
                batch = replace_observation(batch, name, node)
        dreamt = replace(self, args=batch[0], kwargs=batch[1])
        guide_trace = dreamt._run(self.guide, 1, 0, model_trace, own)
        for name in sample_sites(guide_trace):
            if name not in model_trace.nodes:
                raise SiteError(
                    f"the guide samples '{name}', of which a dream of the model has no value; "
                    "leave the sleep phase out, or write a guide without auxiliary sites"
                )
        return guide_trace, model_trace

    def plate_nesting(self) -> int:
        """Batch dims that the plates occupy, found by one pass without side effects."""
        with isolated(), torch.no_grad():
            return _nesting_of(self.trace())

    def _score_draws(self, guide_trace: Trace) -> None:
        """Score what flows drew, before they draw again: one without an inverse forgets.

        The score is put where Pyro puts it.
        """
        if self.fixed_latents:  # those are not what the flows remember
            return
        for node in sample_sites(guide_trace).values():
            fn = node["fn"]
            if not node["is_observed"] and _is_transformed(fn):
                score = fn.log_prob(node["value"], *node["args"], **node["kwargs"])
                node["unscaled_log_prob"] = score

    def _run(
        self,
        program: Program,
        num_particles: int,
        depth: int,
        replay: Trace | None,
        own: "_OwnParameters",
        into: Trace | None = None,
    ) -> Trace:
        """The trace of a run; `into` has its nodes even where the run fails."""
        with ExitStack() as stack:
            stack.enter_context(own)
            if self.fixed_latents:
                stack.enter_context(_FixedLatents())  # outside the recorder, to come before it
            if (dealing := current_assignment()) is not None:
                stack.enter_context(_Dealt(dealing))  # outside all plates, to come after them
            if num_particles > 1:
                stack.enter_context(_ParticlePlate(num_particles, -depth - 1, self.plate))
            recorder = stack.enter_context(poutine.trace())
            if replay is not None:
                stack.enter_context(poutine.replay(trace=replay))
            if into is not None:
                recorder.trace = into
            program(*self.args, **self.kwargs)
            return recorder.trace


def record(
    program: Program, args: tuple[Any, ...], kwargs: dict[str, Any], replay: Trace | None = None
) -> Trace:
    """One run of a program by itself, at the values of another trace where it has them."""
    with ExitStack() as stack:
        stack.enter_context(_OwnParameters())
        recorder = stack.enter_context(poutine.trace())
        if replay is not None:
            stack.enter_context(poutine.replay(trace=replay))
        program(*args, **kwargs)
        return recorder.trace


def without_observations(model: Program) -> Program:
    """The model as a sampler: what it would observe is drawn."""
    return cast(Program, poutine.uncondition(model))


def condition_on(program: Program, latents: Mapping[str, Tensor], layout: Layout) -> Program:
    """The program with given values [K, B, ...] in the place of its draws."""
    return cast(Program, _Given(latents, layout)(program))


def prior_of(model: Program) -> Program:
    """The model's prior as a guide: what it draws before it meets the data."""
    return cast(Program, poutine.block(model, hide_types=["observe"]))


def with_distributions(program: Program, change: Callable[[str, Any], Any]) -> Program:
    """The program with the distribution of each latent exchanged: `change(name, fn) -> fn`.

    `change` sees distributions that the program's own plates have expanded, and neither those of
    observed sites nor those of subsamples.
    """
    return cast(Program, _Changed(change)(program))


def noticed(program: Program, call: Callable[[], None]) -> Program:
    """The program, which calls `call` at each sample statement, those of plates included."""
    return cast(Program, _Noticed(call)(program))


def is_in_program() -> bool:
    """Whether a Pyro program runs here, and is traced."""
    return any(
        isinstance(handler, TraceMessenger) and not handler.param_only
        for handler in poutine.runtime._PYRO_STACK
    )


@contextmanager
def isolated() -> Iterator[list[nn.Module]]:
    """Hide what runs here from outer handlers; restore random streams and networks' buffers.

    Networks leave nothing in Pyro's store.

    Yields:
        The outermost networks that ran, in order, once the context is left.
    """
    before: dict[nn.Module, list[tuple[str, Tensor, Tensor]]] = {}
    ran: dict[nn.Module, None] = {}

    def remember(module: nn.Module) -> None:
        if module not in before:
            own = module.named_buffers(recurse=False)
            before[module] = [(name, buffer, buffer.clone()) for name, buffer in own]

    def note(module: nn.Module) -> None:
        remember(module)
        ran[module] = None

    state = pyro.util.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    outermost: list[nn.Module] = []
    try:
        with (
            poutine.block(),
            without_networks(),
            outside_inference_mode(),
            watched_networks(note),
            _watched_declarations(remember),
        ):
            yield outermost
    finally:
        pyro.util.set_rng_state(state)
        if devices:
            torch.cuda.set_rng_state_all(devices)
        with torch.no_grad():
            for module, saved in before.items():
                for name, buffer, old in saved:
                    buffer.copy_(old)
                    setattr(module, name, buffer)  # the network may have put another in its place
        inner = {child for module in ran for child in module.modules() if child is not module}
        outermost.extend(module for module in ran if module not in inner)


_declared: list[Callable[[nn.Module], None]] = []


@contextmanager
def _watched_declarations(note: Callable[[nn.Module], None]) -> Iterator[None]:
    """Within this context `note` is called with the networks that `pyro.module` declares.

    A function that torch has compiled runs networks unseen.
    """
    _declared.append(note)
    try:
        yield
    finally:
        _declared.remove(note)


@contextmanager
def own_parameters() -> Iterator[None]:
    """Within this context a pair computes with the tensors of its own networks.

    Pyro's store keeps the first tensor that was registered under a name. A second network of
    that name, or one whose weights are not contiguous, would compute with tensors that no
    optimiser sees.
    """
    with _OwnParameters(strict=True):
        yield


@contextmanager
def captured_parameters() -> Iterator[dict[str, Tensor]]:
    """Collect the unconstrained leaves that are declared within this context, by name.

    The store lists them afterwards, as after a step of Pyro's.
    """
    leaves: dict[str, Tensor] = {}
    with (
        _OwnParameters(strict=True, newest=True),
        poutine.trace(param_only=True) as recorder,
    ):
        yield leaves
    leaves.update(leaves_of(recorder.trace))


def counted(model: Program) -> tuple[Program, list[int]]:
    """The model, and a list to which each of its runs adds how many data it decoded.

    A datum counts once for each particle, and for each value that is enumerated.
    """
    counts: list[int] = []

    def program(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        with poutine.trace() as recorder:
            result = model(*args, **kwargs)
        sites = sample_sites(recorder.trace).values()
        seen = [s for s in sites if s["is_observed"] or (s["infer"] or {}).get("was_observed")]
        counts.append(sum(site["fn"].batch_shape.numel() for site in seen))
        return result

    return program, counts


def sample_sites(trace: Trace) -> dict[str, dict[str, Any]]:
    """Sites that carry density: no subsample indices, no `pyro.deterministic`."""
    return {
        name: cast(dict[str, Any], node)
        for name, node in trace.nodes.items()
        if node["type"] == "sample"
        and not site_is_subsample(node)
        and not (node["infer"] or {}).get("_deterministic")
    }


def recordings(traces: tuple[Trace, Trace]) -> tuple[Recording, Recording]:
    """What the traces of guide and model hold."""
    guide, model = (Recording(sample_sites(trace), leaves_of(trace)) for trace in traces)
    return guide, model


def only_subsample_sites(traces: tuple[Trace, Trace]) -> Trace:
    only = Trace()
    for trace in traces:
        for name, node in trace.nodes.items():
            if node["type"] == "sample" and site_is_subsample(node) and name not in only:
                only.add_node(name, **node.copy())
    return only


def leaves_of(trace: Trace) -> dict[str, Tensor]:
    """Unconstrained tensors behind the param statements of a trace, by name."""
    found = {}
    for name, node in trace.nodes.items():
        if node["type"] == "param":
            value = node["value"]
            leaf = value if isinstance(value, nn.Parameter) else cast(Any, value).unconstrained()
            if leaf.requires_grad:
                found[name] = leaf
    return found


def _is_transformed(fn: Any) -> bool:  # noqa: ANN401
    while not isinstance(fn, TransformedDistribution):
        if not isinstance(fn, Independent | MaskedDistribution):
            return False
        fn = fn.base_dist
    return True


def _with_subsamples(trace: Trace, other: Trace) -> Trace:
    """The trace, with the subsamples of another one that it lacks."""
    lacking = {
        name: node
        for name, node in other.nodes.items()
        if name not in trace and node["type"] == "sample" and site_is_subsample(node)
    }
    if not lacking:
        return trace
    whole = trace.copy()
    for name, node in lacking.items():
        whole.add_node(name, **node.copy())
    return whole


def _nesting_of(traces: tuple[Trace, Trace]) -> int:
    # `pyro.deterministic` carries no density, and its plates occupy dims all the same.
    nodes = [node for trace in traces for node in trace.nodes.values()]
    return nesting(cast(Any, node) for node in nodes if node["type"] == "sample")


def _first_disagreement(one: tuple[Trace, Trace], two: tuple[Trace, Trace], depth: int) -> str:
    found = (
        disagreement(sample_sites(a), sample_sites(b), depth)
        for a, b in zip(one, two, strict=True)
    )
    return next(filter(None, found), "")


def _copied(node: Any, depth: int) -> Tensor:  # noqa: ANN401
    """The value of a site, once for each copy of its particle."""
    value, event_dim = node["value"], node["fn"].event_dim
    found = copies(value, event_dim, depth, _COPIES)
    if (soft := getattr(value, SOFT, None)) is not None:
        setattr(found, SOFT, copies(soft, event_dim, depth, _COPIES))
    return found


def _is_in(plate: str | None, message: Any) -> bool:  # noqa: ANN401
    return any(frame.name == plate for frame in message["cond_indep_stack"])


class _ParticlePlate(pyro.plate):
    """The plate of particles, outermost; sites outside the plate over data may be spared it."""

    def __init__(self, num_particles: int, dim: int, data_plate: str | None) -> None:
        super().__init__(PARTICLE_PLATE, num_particles, dim=dim)
        self._data_plate = data_plate

    def _process_message(self, msg: Message) -> None:
        is_global = self._data_plate is not None and not _is_in(self._data_plate, msg)
        if not (is_global and msg["type"] == "sample"):
            super()._process_message(msg)


class _FixedLatents(Messenger):
    """Hand every draw on as a constant."""

    def _pyro_post_sample(self, msg: Message) -> None:
        if not msg["is_observed"] and isinstance(msg["value"], Tensor):
            msg["value"] = msg["value"].detach()


class _Dealt(Messenger):
    """Deal the values of discrete sites out to the particles."""

    def __init__(self, dealing: StratifiedAssignment) -> None:
        super().__init__()
        self._dealing = dealing

    def _pyro_sample(self, msg: Message) -> None:
        if msg["done"] or site_is_subsample(msg) or not is_enumerable(cast(Any, msg)):
            return
        fn = cast(Any, msg["fn"])
        values = fn.enumerate_support(expand=False)  # [C, 1, ..., *event]
        values = values.reshape(len(values), *fn.event_shape)
        which = self._dealing.deal(len(values), values.device)
        lead = [len(which)] + [1] * (len(fn.batch_shape) - 1) if len(which) > 1 else []
        value = values[which].reshape(*lead, *fn.event_shape).expand(fn.shape())
        msg["value"] = fn.known(value) if isinstance(fn, LabelledCategorical) else value
        msg["done"] = True


class _Given(Messenger):
    """Put given values in the place of draws."""

    def __init__(self, latents: Mapping[str, Tensor], layout: Layout) -> None:
        super().__init__()
        self._latents, self._layout = latents, layout

    def _pyro_sample(self, msg: Message) -> None:
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


class _Changed(Messenger):
    """Exchange the distributions of latent sites."""

    def __init__(self, change: Callable[[str, Any], Any]) -> None:
        super().__init__()
        self._change = change

    def _pyro_sample(self, msg: Message) -> None:
        if not (msg["is_observed"] or msg["done"] or site_is_subsample(msg)):
            msg["fn"] = self._change(cast(str, msg["name"]), msg["fn"])


class _Noticed(Messenger):
    """Say that there is a sample statement."""

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__()
        self._call = call

    def _pyro_sample(self, msg: Message) -> None:
        self._call()


class _OwnParameters(Messenger):
    """Answer param statements of networks with their own tensors, whatever the store holds.

    The store is shown as `StoreView` says. A tensor that is frozen stays so: the store would
    make it require grad.

    Args:
        strict: Refuse a second tensor under a name, which no optimiser would see. With Pyro's
            `module_local_params` such a pair is sound where its networks' own parameters are
            optimised, and not where parameters are collected by name.
        newest: See `StoreView.close`.
    """

    _view: StoreView | None = None  # of all that run inside one another
    _is_seen_outside = False  # by handlers other than this library's

    def __init__(self, *, strict: bool = False, newest: bool = False) -> None:
        super().__init__()
        self._strict, self._newest = strict, newest
        self._opened = False
        self._seen: dict[str, object] = {}

    def __enter__(self) -> Self:
        if _OwnParameters._view is None:
            _OwnParameters._view, self._opened = StoreView(), True
            # Pyro's own `SVI` asks the values of its sites for their leaves.
            stack = poutine.runtime._PYRO_STACK
            hidden = not stack or isinstance(stack[-1], poutine.block_messenger.BlockMessenger)
            _OwnParameters._is_seen_outside = not hidden
        return cast(Self, super().__enter__())

    def __exit__(self, *error: Any) -> None:  # noqa: ANN401
        super().__exit__(*error)
        if self._opened and _OwnParameters._view is not None:
            _OwnParameters._view.close(newest=self._newest)
            _OwnParameters._view, self._opened = None, False

    def _pyro_param(self, msg: Message) -> None:
        name, *init = msg["args"]
        view = cast(StoreView, _OwnParameters._view)
        who, frame = statement()
        if _declared:
            for network in declared_network(frame):
                for note in _declared:
                    note(network)
        if init and isinstance(init[0], nn.Parameter):
            own = self._own(name, init[0], who, frame, view)
            self._claim(name, own)
            if own.requires_grad and who != "local":
                view.list_own(name, own, of_network=who != "user")
            msg["value"] = _with_origin(own, own) if who == "user" else own
            if self._is_seen_outside:
                own.unconstrained = weakref.ref(own)  # type: ignore[attr-defined]
            msg["done"] = True
        elif init:
            if who == "user":
                view.read(name, of_networks=False)
        else:
            if who in ("network", "local") and frame is not None:
                self._claim(name, frame.f_locals["self"])
            if who != "local":
                view.read(name, of_networks=True)
                leaf, constraint = view.shown(name)
                if isinstance(
                    leaf, nn.Parameter
                ):  # which the store would mark: see `_with_origin`
                    msg["value"] = _with_origin(transform_to(constraint)(leaf), leaf)
                    msg["done"] = True

    def _own(
        self,
        name: str,
        own: nn.Parameter,
        who: str,
        frame: FrameType | None,
        view: StoreView,
    ) -> nn.Parameter:
        """The tensor of a network, or that of the store where the network asks for it."""
        held = view.held(name)
        if held is None or held is own:
            return own
        asks = who == "attribute" and view.is_loaded(name)
        if not asks and not updates_its_module(frame):
            return own
        if held.shape != own.shape:
            raise ParameterError(
                f"Pyro's store holds a tensor of shape {list(held.shape)} under '{name}', and the "
                f"network's own is {list(own.shape)}; load what was saved of a network like this "
                "one, or call pyro.clear_param_store()"
            )
        return view.take(name)

    def _claim(self, name: str, owner: object) -> None:
        if isinstance(owner, Tensor) and owner.is_inference() and torch.is_grad_enabled():
            raise ParameterError(
                f"parameter '{name}' was made under torch.inference_mode(), and torch trains no "
                "such tensor; make the networks outside of it"
            )
        if self._strict and self._seen.setdefault(name, owner) is not owner:
            raise ParameterError(
                f"the pair declares two tensors as parameter '{name}', of which one would never "
                "train; give two networks two names (in a PyroModule: its attributes), and give "
                "`pyro.param` a plain tensor to start from, made once"
            )


def _with_origin(value: Tensor, leaf: Tensor) -> Tensor:
    """A param statement's value that knows its leaf.

    Pyro marks the leaf itself where it is the value, and a module with a marked parameter can no
    longer be pickled.
    """
    value = value.view_as(value) if value is leaf else value
    value.unconstrained = weakref.ref(leaf)  # type: ignore[attr-defined]
    return value
