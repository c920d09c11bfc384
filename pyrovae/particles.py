"""A (model, guide) pair and a batch become particles, by tracing Pyro: the one way to draw."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pyro
import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from pyro.poutine.trace_struct import Trace
from pyro.poutine.util import site_is_subsample
from torch import Tensor, nn

from .assembly import Particles, Recording, assemble
from .errors import ParameterError, PyrovaeError, ShapeError
from .layout import PARTICLE_PLATE, nesting

Program = Callable[..., Any]
"""A Pyro model or guide: a function, a bound method, a `PyroModule`."""


def draw(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 1,
    vectorize_particles: bool = True,
    batch_plate: str | None = "auto",
    max_plate_nesting: int | None = None,
    **kwargs: Any,  # noqa: ANN401
) -> Particles:
    """Draw K particles per datum from the guide and score them under model and guide.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(*args, **kwargs)`.
        guide: Pyro guide q(z|x), called likewise.
        num_particles: K >= 1.
        vectorize_particles: Draw all particles in one pass, along an axis left of all plates:
            networks see `[K, B, ...]` (`pyrovae.nn.OneBatchAxis` wraps those that cannot). False
            traces the pair K times, on one and the same subsample.
        batch_plate: Name of the plate over data. "auto" finds the one plate that encloses every
            site; None asks for one joint bound over all data (B = 1).
        max_plate_nesting: Number of batch dims that plates occupy, where it is known already.
            By default one extra pass, without side effects, finds it when K > 1.

    Raises:
        PlateError: No plate, or more than one, encloses every site.
        ScaleError: Two sites are scaled unequally.
        SiteError: Model and guide do not sample the same latents.
        ShapeError: A site has batch dims left of the particle axis, or a network of the pair
            cannot take the particle axis.

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> draw(oracle.model, oracle.guide, x, num_particles=4).log_w.shape
        torch.Size([4, 3])
    """
    if num_particles < 1:
        raise ShapeError(f"draw got num_particles={num_particles}, and needs at least 1")
    pair = Pair(model, guide, args, kwargs)
    if num_particles == 1 or not vectorize_particles:
        traces = [pair.trace()]
        first = _only_subsample_sites(traces[0])
        traces += [pair.trace(replay=first) for _ in range(num_particles - 1)]
        return assemble([_recordings(t) for t in traces], num_particles, None, batch_plate)
    depth = pair.plate_nesting() if max_plate_nesting is None else max_plate_nesting
    try:
        recordings = [_recordings(pair.trace(num_particles, depth))]
    except PyrovaeError:
        raise
    except (RuntimeError, ValueError, IndexError) as error:
        raise ShapeError(
            f"the pair could not take {num_particles} particles in one pass, where latents have "
            f"the shape [{num_particles}, B, ...] ({_first_line(error)}); write it for leading "
            "axes, wrap its networks in pyrovae.nn.OneBatchAxis, or draw with "
            "vectorize_particles=False"
        ) from error
    return assemble(recordings, num_particles, -depth - 1, batch_plate)


@torch.no_grad()
def simulate(
    model: Program,
    *args: Any,  # noqa: ANN401
    guide: Program | None = None,
    mean: bool = False,
    **kwargs: Any,  # noqa: ANN401
) -> dict[str, Tensor]:
    """Run a model with its observations removed: p(x), or p(x|z) with z from the guide.

    Args:
        model: Pyro model. Its data arguments only say how many data to make.
        guide: Where given, latents come from q(z|x) of the data in the arguments.
        mean: Give the mean of each observed site's distribution instead of a draw.

    Returns:
        What each observed site would have held, by name [B, ...].
    """
    drawn = Trace()
    if guide is not None:
        with poutine.trace() as recorder, _OwnParameters():
            guide(*args, **kwargs)
        drawn = recorder.trace
    with poutine.trace() as recorder, poutine.replay(trace=drawn), _OwnParameters():
        poutine.uncondition(model)(*args, **kwargs)
    return {
        name: node["fn"].mean if mean else node["value"]
        for name, node in sample_sites(recorder.trace).items()
        if node["infer"].get("was_observed")
    }


@dataclass(frozen=True)
class Pair:
    """A model and a guide with the arguments of one batch."""

    model: Program
    guide: Program
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def trace(
        self, num_particles: int = 1, depth: int = 0, replay: Trace | None = None
    ) -> tuple[Trace, Trace]:
        """Trace the guide, then the model replayed against it."""
        own = _OwnParameters(strict=not pyro.settings.get("module_local_params"))
        guide_trace = self._run(self.guide, num_particles, depth, replay, own)
        return guide_trace, self._run(self.model, num_particles, depth, guide_trace, own)

    def plate_nesting(self) -> int:
        """Batch dims that the plates occupy, found by one pass without side effects."""
        with undisturbed(), torch.no_grad():
            traces = self.trace()
        # `pyro.deterministic` carries no density, and its plates occupy dims all the same.
        nodes = [node for trace in traces for node in trace.nodes.values()]
        return nesting(cast(Any, node) for node in nodes if node["type"] == "sample")

    def _run(
        self,
        program: Program,
        num_particles: int,
        depth: int,
        replay: Trace | None,
        own: "_OwnParameters",
    ) -> Trace:
        with ExitStack() as stack:
            if num_particles > 1:
                stack.enter_context(pyro.plate(PARTICLE_PLATE, num_particles, dim=-depth - 1))
            recorder = stack.enter_context(poutine.trace())
            if replay is not None:
                stack.enter_context(poutine.replay(trace=replay))
            stack.enter_context(own)
            program(*self.args, **self.kwargs)
            return recorder.trace


def plate_nesting(model: Program, guide: Program, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401
    """Batch dims that the plates of a pair occupy, found by one pass without side effects."""
    return Pair(model, guide, args, kwargs).plate_nesting()


@contextmanager
def undisturbed() -> Iterator[list[nn.Module]]:
    """Hide what runs here from outer handlers; restore random streams and networks' buffers.

    Yields:
        The outermost networks that ran, in order, once the context is left.
    """
    before: dict[nn.Module, list[tuple[str, Tensor, Tensor]]] = {}

    def remember(module: nn.Module, _: Any) -> None:  # noqa: ANN401
        if module not in before:
            own = module.named_buffers(recurse=False)
            before[module] = [(name, buffer, buffer.clone()) for name, buffer in own]

    state = pyro.util.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    hook = nn.modules.module.register_module_forward_pre_hook(remember)
    outermost: list[nn.Module] = []
    try:
        with poutine.block():
            yield outermost
    finally:
        hook.remove()
        pyro.util.set_rng_state(state)
        if devices:
            torch.cuda.set_rng_state_all(devices)
        with torch.no_grad():
            for module, saved in before.items():
                for name, buffer, old in saved:
                    buffer.copy_(old)
                    setattr(module, name, buffer)  # the network may have put another in its place
        inner = {child for module in before for child in module.modules() if child is not module}
        outermost.extend(module for module in before if module not in inner)


@contextmanager
def own_parameters() -> Iterator[None]:
    """Within this context a pair trains the tensors of its own networks.

    Pyro's store keeps the first tensor that was registered under a name. A second network of
    that name, or one whose weights are not contiguous, would compute with tensors that no
    optimiser sees.
    """
    with _OwnParameters(strict=True):
        yield


@contextmanager
def captured_parameters() -> Iterator[dict[str, Tensor]]:
    """Collect the unconstrained leaves that are declared within this context, by name."""
    leaves: dict[str, Tensor] = {}
    with poutine.trace(param_only=True) as recorder, _OwnParameters(strict=True):
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


def _recordings(traces: tuple[Trace, Trace]) -> tuple[Recording, Recording]:
    guide, model = (Recording(sample_sites(trace), leaves_of(trace)) for trace in traces)
    return guide, model


def _only_subsample_sites(traces: tuple[Trace, Trace]) -> Trace:
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


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class _OwnParameters(Messenger):
    """Answer `pyro.module`'s param statements with the network's own tensor.

    Args:
        strict: Refuse a second tensor under a name, which no optimiser would see. With Pyro's
            `module_local_params` such a pair is sound where its networks' own parameters are
            optimised, and not where parameters are collected by name.
    """

    def __init__(self, *, strict: bool = False) -> None:
        super().__init__()
        self._strict = strict
        self._seen: dict[str, nn.Parameter] = {}

    def _pyro_param(self, msg: Message) -> None:
        name, *init = msg["args"]
        if not init or not isinstance(init[0], nn.Parameter):
            return
        own, store = init[0], pyro.get_param_store()
        if self._seen.setdefault(name, own) is not own and self._strict:
            raise ParameterError(
                f"the pair declares two tensors as parameter '{name}', of which one would never "
                "train; give two networks two names (in a PyroModule: its attributes), and give "
                "`pyro.param` a plain tensor to start from, made once"
            )
        stale = name in store and cast(Any, store[name]).unconstrained() is not own
        if stale or not own.is_contiguous():
            own.unconstrained = weakref.ref(own)  # type: ignore[attr-defined]
            msg["value"], msg["done"] = own, True
