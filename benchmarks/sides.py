"""Several implementations of the same training step, and their comparison."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import FunctionType

import pyro
import torch
import torch._inductor.config as inductor_config
from pyro.infer import JitTrace_ELBO, RenyiELBO, Trace_ELBO
from torch import Tensor

import pyrovae
from pyrovae.errors import CaptureWarning
from pyrovae.objectives import ELBO, IWAE

RATE = 1e-3
PYRO, COMPILED = "pyro.infer.SVI", "pyrovae, compile=True"
EAGER_HAND, HAND = "by hand, eager", "by hand, torch.compile"


@dataclass(frozen=True)
class Side:
    """One way of taking the step.

    Attributes:
        step: Takes one step on its batch; gives the loss.
        leaves: What it trains.
        optimizers: Those it has made so far.
    """

    step: Callable[[], object]
    leaves: Sequence[Tensor]
    optimizers: Callable[[], Sequence[torch.optim.Optimizer]]


def pyros(case):
    """Pyro's own loss that a case's bound equals."""
    if case.num_particles == 1:
        return Trace_ELBO()
    return RenyiELBO(
        alpha=0,
        num_particles=case.num_particles,
        vectorize_particles=True,
        max_plate_nesting=1,
    )


def ours(case):
    return ELBO() if case.num_particles == 1 else IWAE(case.num_particles)


def pyro_side(case, device, name, loss, *, validate=True):
    networks = case.networks(device)
    optim = pyro.optim.Adam({"lr": RATE})
    svi = pyro.infer.SVI(*case.pair(networks, name), optim, loss)
    x = case.data(device)

    def step():
        with pyro.validation_enabled(validate):
            return svi.step(x)

    return Side(step, list(networks.parameters()), lambda: list(optim.optim_objs.values()))


def our_side(case, device, name, *, compile, only_finite=False):
    """With `only_finite` the step as `fit` takes it, which waits for no device."""
    networks = case.networks(device)
    pair = case.pair(networks, name)
    svi = pyrovae.SVI(*pair, pyro.optim.Adam({"lr": RATE}), ours(case), compile=compile)
    x = case.data(device)
    step = (lambda: svi.step_if_finite(x).loss) if only_finite else lambda: svi.step(x)
    return Side(step, list(networks.parameters()), lambda: [svi.optimizer.torch])


def hand_side(case, device, *, compile):
    """The loop without Pyro: one fused Adam, gradients dropped, nothing read back.

    Compiled, its random numbers come from torch's own generator, as those of the eager step do:
    it can so be compared number by number, and on a CPU it is the faster way as well.
    """
    networks = case.networks(device)
    optimizer = torch.optim.Adam(networks.parameters(), lr=RATE, fused=True)
    x = case.data(device)
    loss = _compiled_loss(case, networks) if compile else partial(case.loss, networks)

    def step():
        optimizer.zero_grad(set_to_none=True)
        value = loss(x)
        value.backward()
        optimizer.step()
        return value.detach()

    return Side(step, list(networks.parameters()), lambda: [optimizer])


def makers(case, device="cpu"):
    """What makes every way of taking a case's step, by name; the first is Pyro's own."""
    made = {
        PYRO: lambda: pyro_side(case, device, "pyro", pyros(case)),
        f"{PYRO}, not validated": lambda: pyro_side(
            case, device, "unchecked", pyros(case), validate=False
        ),
        f"{PYRO}, JitTrace_ELBO": lambda: pyro_side(
            case, device, "jit", JitTrace_ELBO(ignore_jit_warnings=True)
        ),
        "pyrovae, eager": lambda: our_side(case, device, "eager", compile=False),
        COMPILED: lambda: our_side(case, device, "compiled", compile=True),
        EAGER_HAND: lambda: hand_side(case, device, compile=False),
        HAND: lambda: hand_side(case, device, compile=True),
    }
    if case.num_particles > 1:  # there is no jitted RenyiELBO
        del made[f"{PYRO}, JitTrace_ELBO"]
    return made


def graph_side(case, device, *, compile, own_noise=False):
    """The loop by hand, recorded once as a CUDA graph and replayed.

    With `own_noise` inductor draws within its kernels, which is faster, and other numbers.
    """
    if torch.device(device).type != "cuda":
        raise RuntimeError("a CUDA graph needs a CUDA device")
    networks = case.networks(device)
    optimizer = torch.optim.Adam(networks.parameters(), lr=RATE, fused=True, capturable=True)
    x = case.data(device)

    loss = _compiled_loss(case, networks) if compile else partial(case.loss, networks)

    def body():
        optimizer.zero_grad(set_to_none=True)
        value = loss(x)
        value.backward()
        optimizer.step()
        return value.detach()

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with inductor_config.patch(fallback_random=not own_noise), torch.cuda.stream(stream):
        for _ in range(4):
            body()
    torch.cuda.current_stream().wait_stream(stream)
    optimizer.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = body()

    def step():
        graph.replay()
        return value

    return Side(step, list(networks.parameters()), lambda: [optimizer])


def all_sides(case, device="cpu"):
    """Every way of taking a case's step, by name."""
    pyro.clear_param_store()  # another case may have networks of the same names
    return {name: make() for name, make in makers(case, device).items()}


def prepare(sides, warmup=6):
    """Take first steps, in which each side compiles what it compiles.

    Raises:
        CaptureWarning: A side that is to be compiled is not.
    """
    with warnings.catch_warnings(), inductor_config.patch(fallback_random=True):
        warnings.simplefilter("error", CaptureWarning)
        warnings.filterwarnings("ignore", "`torch.jit", FutureWarning)  # in JitTrace_ELBO
        for side in sides.values():
            for _ in range(warmup):
                side.step()


def check_equal(sides, steps=5, tolerance=1e-4):
    """Run all sides from the same weights and noise; the largest relative difference of a loss.

    Raises:
        AssertionError: Losses or weights differ by more than rounding.
    """
    start = [leaf.detach().clone() for leaf in next(iter(sides.values())).leaves]
    losses, ends = {}, {}
    for name, side in sides.items():
        _rewind(side, start)
        pyro.set_rng_seed(7)
        losses[name] = torch.stack([torch.as_tensor(side.step()).cpu() for _ in range(steps)])
        ends[name] = torch.cat([leaf.detach().flatten() for leaf in side.leaves])
    (first, expected), *others = losses.items()
    origin = torch.cat([value.flatten() for value in start])
    moved = (ends[first] - origin).norm()
    worst = 0.0
    for name, found in others:
        apart = float(((found.double() - expected.double()) / expected.double()).abs().max())
        assert apart < tolerance, f"{name} computes other losses than {first}: {found}, {expected}"
        # Adam moves a weight also by a gradient that is rounding only.
        strayed = float((ends[name] - ends[first]).norm() / moved)
        assert strayed < 0.05, f"{name} moves its weights otherwise than {first}: {strayed:.3f}"
        worst = max(worst, apart)
    return worst


def _compiled_loss(case, networks):
    def loss(x):
        return case.loss(networks, x)

    # Dynamo caches compiled code by the code object. All losses would share it, and one that was
    # compiled for other noise could be used.
    own = FunctionType(loss.__code__.replace(), globals(), "loss", None, loss.__closure__)
    return torch.compile(own, fullgraph=True)


def _rewind(side, start):
    with torch.no_grad():
        for leaf, value in zip(side.leaves, start, strict=True):
            leaf.copy_(value)
        for optimizer in side.optimizers():
            for state in optimizer.state.values():
                for entry in state.values():
                    if isinstance(entry, Tensor):
                        entry.zero_()
