"""The checks and timings of `gpu.py`, in sections; each section runs in its own process."""

import gc
import math
import subprocess
import sys
import traceback
from functools import partial
from inspect import signature
from pathlib import Path
from statistics import median
from time import perf_counter

import pyro
import torch
import torch._inductor.config as inductor_config
from cases import CASES
from evidence import by_hand
from products import operations, products_of
from sides import (
    EAGER_HAND,
    HAND,
    PYRO,
    Side,
    check_equal,
    graph_side,
    makers,
    our_side,
    prepare,
)
from timing import interleaved_ms, ratio, synchronise
from torch import nn

import pyrovae
from pyrovae import fit, log_evidence
from pyrovae.models import VAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, IWAE, STL, VIMCO, Beta, DReG

GRAPH, GRAPH_COMPILED = "by hand, CUDA graph", "by hand, torch.compile, CUDA graph"
OWN_NOISE = "the same, inductor's own noise"
FIT_STEP = "pyrovae, compile=True, as fit steps"
COMBINED = "the same, inductor's combo_kernels"


class Skipped(Exception):
    """A row that has nothing to say here."""


class Rows:
    """Tries things one by one; what fails is a row like any other.

    Args:
        emit: Takes name, result, and whether it is as it should be.
    """

    def __init__(self, emit):
        self._emit = emit

    def __call__(self, name, run):
        """The result of `run`, which gives it in words or a value; None where it raised."""
        try:
            found = run()
        except Skipped as error:
            self._emit(name, f"skipped: {error}", True)
            return None
        except Exception as error:  # any error: the other rows continue
            lines = str(error).strip().splitlines() or [""]
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            self._emit(name, f"{type(error).__name__}: {lines[0][:200]} ({place})", False)
            return None
        if isinstance(found, str):
            self._emit(name, found, True)
        return found

    def say(self, name, words):
        self._emit(name, words, True)


def tests(rows, device, quick):
    """The tests that are marked `cuda`."""

    def run():
        needs_cuda(device)
        words = [sys.executable, "-m", "pytest", "-m", "cuda", "-q", "--tb=line", "tests"]
        root = Path(__file__).parent.parent
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=root)
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        for line in lines:
            if line.startswith(("FAILED", "ERROR")):
                rows(line.split(" - ")[0], partial(_fail, line))
        if done.returncode:
            raise RuntimeError(lines[-1] if lines else done.stderr[-200:])
        return lines[-1]

    rows("pytest -m cuda", run)


def parity(rows, device, quick):
    """The captured step against the eager one, and what a captured step must keep to."""
    case = CASES["digits"]
    for objective in (ELBO(), IWAE(5), DReG(5), STL(1), Beta(0.5), VIMCO(5)):
        rows(f"captured = eager, {objective!r}", partial(_same_steps, case, device, objective))
    rows("noise is new at every replay", partial(_new_noise, case, device))
    rows("rates take effect", partial(_rates, case, device))
    rows("no step waits for the device", partial(_no_waiting, case, device))
    rows("memory over many steps", partial(_memory, case, device, 200 if quick else 5000))
    rows("densities equal the CPU's", partial(_as_on_cpu, case, device))


def step_times(key, rows, device, quick):
    """Every way of taking a case's step; its losses beside Pyro's, then its time."""
    case = CASES[key]
    pyro.clear_param_store()
    ways = {
        **makers(case, device),
        FIT_STEP: lambda: our_side(case, device, "fit", compile=True, only_finite=True),
        COMBINED: lambda: _combined_side(case, device),
        GRAPH: lambda: _graph_side(case, device, compile=False),
        GRAPH_COMPILED: lambda: _graph_side(case, device, compile=True),
        OWN_NOISE: lambda: _graph_side(case, device, compile=True, own_noise=True),
    }
    sides, peaks = {}, {}

    def ready(name, make):
        start = _allocated(device)
        side = make()
        prepare({name: side})
        peaks[name] = _peak(device) - start
        sides[name] = side
        if name not in (PYRO, OWN_NOISE):
            return f"losses equal to {check_equal({PYRO: sides[PYRO], name: side}):.0e}"
        return "taken"

    for name, make in ways.items():
        rows(name, partial(ready, name, make))
        if PYRO not in sides:
            return
    steps = {name: side.step for name, side in sides.items()}
    if EAGER_HAND in sides:
        rows("its products alone", partial(_with_products, steps, sides[EAGER_HAND].step, device))
    options = {"device": device, "warmup": 3, "repeats": 5 if quick else 30,
               "block_ms": 5 if quick else 50}  # fmt: skip
    times = rows("timed in turn", partial(interleaved_ms, steps, **options))
    if times is None:  # a failing side must not end the others
        alone = {
            name: rows(f"{name}, timed alone", partial(interleaved_ms, {name: step}, **options))
            for name, step in steps.items()
        }
        times = {name: found[name] for name, found in alone.items() if found}
        if PYRO not in times:
            return
    best = min((n for n in times if n in (GRAPH, GRAPH_COMPILED)), default=None,
               key=lambda n: median(times[n]))  # fmt: skip
    against = best or HAND
    for name, values in times.items():
        ordered = sorted(values)
        low, high = ordered[len(ordered) // 4], ordered[3 * len(ordered) // 4]
        words = f"{1e3 * median(values):8.1f} us ({1e3 * low:.1f}-{1e3 * high:.1f})"
        words += f"  {1 / ratio(times, name, PYRO):6.2f} x Pyro's speed"
        if against in times:
            words += f"  {ratio(times, name, against):5.2f} of {against}"
        words += f"  peak {peaks[name] / 2**20:.1f} MiB" if peaks.get(name) else ""
        rows.say(name, words)


def precision(rows, device, quick):
    """bfloat16 and TF32: time, and what they do to the loss."""
    for key in ("iwae5", "conv"):
        case = CASES[key]
        rows(f"tf32, {key}", partial(_tf32, case, device, quick))
    for name in ("full", "bf16"):
        rows(f"fit, precision {name}", partial(_fit, device, quick, precision=name))


def whole(rows, device, quick):
    """A run of `fit` and of `log_evidence`."""
    rows("fit, eager", partial(_fit, device, quick, compile=False))
    rows("fit, compiled", partial(_fit, device, quick))
    rows("fit, four steps in a call", partial(_fit, device, quick, steps_per_call=4))
    rows("log_evidence", partial(_evidence, device, quick))


SECTIONS = {
    "parity": parity,
    **{f"step, {key}": partial(step_times, key) for key in CASES},
    "whole": whole,
    "precision": precision,
    "tests": tests,
}


def needs_cuda(device):
    if torch.device(device).type != "cuda":
        raise Skipped("needs a CUDA device")


def _graph_side(case, device, **options):
    needs_cuda(device)
    return graph_side(case, device, **options)


def _combined_side(case, device):
    """With inductor joining kernels that do not depend on each other, such as Adam's."""
    needs_cuda(device)
    side = our_side(case, device, "combined", compile=True, only_finite=True)
    with inductor_config.patch(combo_kernels=True):
        for _ in range(4):
            side.step()
    return side


def _fail(line):
    raise RuntimeError(line)


def _side(case, device, objective, *, compile, name, optim=None):
    networks = case.networks(device)
    optim = optim or pyro.optim.SGD({"lr": 1e-4})
    pair = case.pair(networks, f"{name}.{compile}.{id(networks)}")
    svi = pyrovae.SVI(*pair, optim, objective, compile=compile)
    x = case.data(device)
    leaves = list(networks.parameters())
    return svi, Side(lambda: svi.step(x), leaves, lambda: [svi.optimizer.torch])


def _same_steps(case, device, objective):
    # Plain gradient descent moves weights by the gradient itself.
    sides = {}
    for compile in (False, True):
        _, sides[str(compile)] = _side(case, device, objective, compile=compile, name="same")
    prepare(sides)
    return f"losses over 5 steps equal to {check_equal(sides):.0e}"


def _new_noise(case, device):
    count, means = 300, {}
    for compile in (False, True):
        optim = pyro.optim.SGD({"lr": 0.0})
        _, side = _side(case, device, ELBO(), compile=compile, name="noise", optim=optim)
        prepare({"noise": side})
        pyro.set_rng_seed(11 + compile)
        losses = torch.tensor([float(side.step()) for _ in range(count)]).double()
        means[compile] = losses.mean(), losses.var() / count, len(losses.unique())
    (mean, var, _), (ours, our_var, different) = means[False], means[True]
    z = float((ours - mean) / (var + our_var).sqrt())
    if different < 0.9 * count or abs(z) > 5:
        raise AssertionError(f"{different} different losses of {count}, z = {z:.1f}")
    return f"{different} different losses of {count}; mean as eager, z = {z:.1f}"


def _rates(case, device):
    svi, side = _side(case, device, ELBO(), compile=True, name="rates")
    prepare({"rates": side})
    svi.optimizer.torch.param_groups[0]["lr"] = 0.0
    before = side.leaves[0].detach().clone()
    side.step()
    still = torch.equal(before, side.leaves[0])
    svi.optimizer.torch.param_groups[0]["lr"] = 1e-3
    side.step()
    moved = not torch.equal(before, side.leaves[0])
    if not (still and moved):
        raise AssertionError(f"at rate 0 it stayed: {still}; at 1e-3 it moved: {moved}")
    return "stays at rate 0, moves at 1e-3"


def _no_waiting(case, device):
    needs_cuda(device)
    side = our_side(case, device, "waiting", compile=True, only_finite=True)
    prepare({"waiting": side})
    torch.cuda.synchronize()
    mode = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(20):
            side.step()
    finally:
        torch.cuda.set_sync_debug_mode(mode)
    return "20 steps without one synchronisation"


def _memory(case, device, count):
    side = our_side(case, device, "memory", compile=True)
    prepare({"memory": side})
    needs_cuda(device)
    before = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    for _ in range(count):
        side.step()
    grown = torch.cuda.memory_allocated() - before[0], torch.cuda.memory_reserved() - before[1]
    if max(grown) > 2**20:
        raise AssertionError(f"{count} steps: allocated and reserved grew by {grown} bytes")
    return f"{count} steps: grown by {grown[0]} bytes"


def _as_on_cpu(case, device):
    networks = case.networks(device)
    with torch.no_grad():
        p = pyrovae.draw(*case.pair(networks, "there"), case.data(device), num_particles=3)
        z = p.latents["z"].cpu()
        here, x = networks.cpu(), case.data()
        loc, log_scale = here.encoder(x).chunk(2, -1)
        unit = torch.distributions.Normal(0.0, 1.0)
        log_w = torch.distributions.Bernoulli(logits=here.decoder(z)).log_prob(x).sum(-1)
        log_w = log_w + unit.log_prob(z).sum(-1)
        log_w = log_w - torch.distributions.Normal(loc, log_scale.exp()).log_prob(z).sum(-1)
    apart = float(((p.log_w.cpu() - log_w) / log_w).abs().max())
    if apart > 1e-4:
        raise AssertionError(f"log weights differ by {apart:.1e}, relative")
    return f"log weights equal to {apart:.0e}, relative"


def _with_products(steps, step, device):
    products, count = products_of(step)
    flops = operations(products)
    if torch.device(device).type == "cuda":
        products = _as_graph(products)
    steps["its products alone"] = products
    return f"{count} products and convolutions, {flops / 1e9:.3f} GFLOP"


def _as_graph(run):
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def _tf32(case, device, quick):
    needs_cuda(device)
    losses, times = {}, {}
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        for name, tf32 in (("highest", False), ("high", True)):
            torch.set_float32_matmul_precision(name)
            torch.backends.cudnn.allow_tf32 = tf32
            side = our_side(case, device, f"tf32.{tf32}", compile=True, only_finite=True)
            pyro.set_rng_seed(3)
            losses[tf32] = float(side.step())
            prepare({"tf32": side})
            found = interleaved_ms({"step": side.step}, device=device, repeats=20, block_ms=20)
            times[tf32] = median(found["step"])
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
    apart = abs(losses[True] / losses[False] - 1)
    return (
        f"{1e3 * times[False]:.1f} us in float32, {1e3 * times[True]:.1f} with TF32; first loss "
        f"apart by {apart:.1e}, relative"
    )


def _fit(device, quick, **options):
    if "precision" in options and "precision" not in signature(fit).parameters:
        raise Skipped("this fit has no precision")
    rows = 2_000 if quick else 50_000
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    network = partial(MLP, hidden=(200, 200), activation=nn.Tanh)
    vae = VAE((784,), 50, encoder=network, decoder=network)
    x = (torch.rand(rows, 784, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    ends = []

    class Clock(pyrovae.train.Callback):
        def on_epoch(self, loop):
            synchronise(device)
            ends.append(perf_counter())

    run = fit(
        vae.model, vae.guide, x, objective=IWAE(5), epochs=2 if quick else 4, device=device,
        progress=False, callbacks=[Clock()], **{"compile": True, **options},
    )  # fmt: skip
    per_step = 1e3 * (ends[-1] - ends[0]) / (len(ends) - 1) / (run.steps // len(ends))
    bound = run.history[-1]["train"]
    peak = _peak(device)
    return (
        f"{per_step:.3f} ms a step from epoch 2 on, bound {bound:.3f} nats"
        + (f", peak {peak / 2**20:.0f} MiB" if peak else "")
    )  # fmt: skip


def _evidence(device, quick):
    pyro.set_rng_seed(0)
    network = partial(MLP, hidden=(200, 200), activation=nn.Tanh)
    vae = VAE((784,), 50, encoder=network, decoder=network).to(device)
    count, k = (8, 500) if quick else (500, 5000)
    x = torch.bernoulli(torch.full((count, 784), 0.3, device=device))
    some = x[: min(count, 64)]
    ours = log_evidence(vae.model, vae.guide, some, num_particles=k, seed=1)
    theirs = by_hand(vae, some, k).cpu().double()
    z = float(((ours.log_px - theirs) / (math.sqrt(2) * ours.standard_error)).abs().max())
    if z > 5:
        raise AssertionError(f"differs from the loop by hand, z = {z:.1f}")
    started = perf_counter()
    log_evidence(vae.model, vae.guide, x, num_particles=k)
    synchronise(device)
    seconds = perf_counter() - started
    started = perf_counter()
    by_hand(vae, some, k)
    synchronise(device)
    hand = (perf_counter() - started) / len(some)
    return (
        f"{1e3 * seconds / count:.3f} ms per datum at K = {k}; a loop over the data "
        f"{1e3 * hand:.3f}; z {z:.1f}"
    )


def _allocated(device):
    if torch.device(device).type != "cuda":
        return 0
    gc.collect()
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def _peak(device):
    return torch.cuda.max_memory_allocated() if torch.device(device).type == "cuda" else 0
