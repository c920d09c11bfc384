"""The axes of `scale.py`: each yields names of curves, sizes, and what measures the point."""

import re
import warnings
from functools import partial
from statistics import median
from time import perf_counter, process_time

import pyro
import torch
from scale_data import data_axis
from scale_ranks import ranks_axis

from pyrovae import SVI, VAE, HierarchicalVAE, trainable
from pyrovae.capture import captured
from pyrovae.models.posteriors import DiagonalNormal, FlowPosterior, FullNormal, LowRankNormal
from pyrovae.nn import MLP
from pyrovae.nn.flows import AffineCoupling, InverseAutoregressive, Planar
from pyrovae.objectives import ELBO, IWAE, DReG
from pyrovae.runtime.memory import peak_bytes

LEAST = 0.25  # seconds of calls that make a reading
SMALL = partial(MLP, hidden=(64,))
MIDDLE = partial(MLP, hidden=(200, 200))


def gradient_step(objective, vae, x):
    """Loss and gradient, without an optimiser."""
    leaves = list(trainable(vae.model, vae.guide, x).values())

    def step():
        loss = objective.differentiable_loss(vae.model, vae.guide, x)
        torch.autograd.grad(loss, leaves)

    return step


def cost_of(make):
    """Seconds of one core and peak bytes of a step, of which the first is not counted."""
    pyro.set_rng_seed(0)
    step = make()
    step()
    peak = peak_bytes(step, "cpu")
    readings, total = [], 0.0
    while total < LEAST or len(readings) < 3:
        start = process_time()
        step()
        readings.append(process_time() - start)
        total += readings[-1]
    return {"seconds": median(readings), "bytes": peak}


def bits(rows, width):
    generator = torch.Generator().manual_seed(1)
    return torch.bernoulli(torch.full((rows, width), 0.3), generator=generator)


def particles_axis():
    objectives = {
        "ELBO": lambda k: ELBO(k),
        "IWAE": lambda k: IWAE(k),
        "DReG": lambda k: DReG(k),
        "IWAE in chunks of 10": lambda k: IWAE(k).in_chunks(10),
    }
    for k in (1, 3, 10, 30, 100, 300, 1000):
        for name, make in objectives.items():
            if k >= 10 or "chunks" not in name:
                yield name, k, partial(cost_of, partial(_particles, make(k)))


def _particles(objective):
    return gradient_step(objective, VAE(784, 50, encoder=MIDDLE, decoder=MIDDLE), bits(10, 784))


def latents_axis():
    kinds = {
        "diagonal, closed-form KL": (DiagonalNormal, ELBO(closed_form_kl=True), 2000),
        "diagonal, sampled KL": (DiagonalNormal, ELBO(), 2000),
        "full covariance": (FullNormal, ELBO(), 600),
        "low rank (2)": (LowRankNormal, ELBO(), 2000),
        "two couplings": (_flow(AffineCoupling), ELBO(), 2000),
        "two inverse autoregressive": (_flow(InverseAutoregressive), ELBO(), 2000),
        "two planar": (_flow(Planar), ELBO(), 2000),
    }
    for size in (2, 6, 20, 60, 200, 600, 2000):
        for name, (posterior, objective, largest) in kinds.items():
            if size <= largest:
                yield name, size, partial(cost_of, partial(_latents, posterior, objective, size))


def _flow(layer):
    return partial(FlowPosterior, layer=layer, num_layers=2)


def _latents(posterior, objective, size):
    vae = VAE(784, size, encoder=MIDDLE, decoder=MIDDLE, posterior=posterior)
    return gradient_step(objective, vae, bits(20, 784))


def _hierarchy(layers):
    nets = dict.fromkeys(("encoder", "decoder", "upper_encoder", "upper_decoder"), SMALL)
    return HierarchicalVAE(64, [8] * layers, **nets)


def stochastic_layers_axis():
    for layers in (1, 2, 4, 8, 16, 30):
        yield "eager step", layers, partial(cost_of, partial(_eager, _hierarchy, layers))
        yield "capture", layers, partial(_capture, _hierarchy, layers)


def _network(layers):
    hidden = (64,) * layers
    nets = partial(MLP, hidden=hidden)
    return VAE(64, 8, encoder=nets, decoder=nets)


def network_layers_axis():
    for layers in (1, 3, 10, 30, 100):
        yield "eager step", layers, partial(cost_of, partial(_eager, _network, layers))
        yield "capture", layers, partial(_capture, _network, layers)


def compiling_axis():
    for layers in (1, 3, 10):
        yield "layers of both networks", layers, partial(_compile, _network, layers)
    for layers in (1, 2, 4):
        yield "stochastic layers", layers, partial(_compile, _hierarchy, layers)


def _eager(make, layers):
    return gradient_step(ELBO(), make(layers), bits(64, 64))


def _svi(make, layers):
    pyro.clear_param_store()
    vae = make(layers)
    return SVI(vae.model, vae.guide, "adam", ELBO(), lr=1e-3, compile=True)


def _capture(make, layers):
    """Capture alone: what comes after it is left out, so that a refusal is seen too."""
    found = {}

    def trace(*args, **kwargs):
        start = process_time()
        try:
            operations = len(whole(*args, **kwargs).graph.graph.nodes)
        except captured.CaptureError as error:  # "it takes 7,000 operations, and more than ..."
            operations = int(re.findall(r"takes (\d+) operations", str(error))[0])
        found.update(seconds=process_time() - start, operations=operations)
        raise captured.CaptureError("left out here")

    whole, captured.trace = captured.trace, trace
    x = bits(64, 64)
    try:
        _quietly(lambda: _svi(make, layers).prepare([(x,)], [(x.flip(0),)]))
    finally:
        captured.trace = whole
    return found


def _compile(make, layers):
    """All of it: wall time, as the compiler is another process; on a cold cache."""
    with torch._inductor.utils.fresh_cache():
        x, svi = bits(64, 64), _svi(make, layers)
        start = perf_counter()
        svi.prepare([(x,)], [(x.flip(0),)])
        took = perf_counter() - start
    readings = []
    for _ in range(50):
        start = process_time()
        svi.step_if_finite(x)
        readings.append(process_time() - start)
    return {"seconds": took, "step": median(readings)}


def _quietly(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call()


def batch_axis():
    for rows in (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000):
        for name, width, nets, latents in (
            ("64-64-8", 64, SMALL, 8),
            ("784-200-200-50", 784, MIDDLE, 50),
        ):
            yield name, rows, partial(cost_of, partial(_batch, width, nets, latents, rows))


def _batch(width, nets, latents, rows):
    vae = VAE(width, latents, encoder=nets, decoder=nets)
    return gradient_step(ELBO(), vae, bits(rows, width))


AXES = {
    "data": data_axis,
    "particles": particles_axis,
    "latent size": latents_axis,
    "stochastic layers": stochastic_layers_axis,
    "network layers": network_layers_axis,
    "batch": batch_axis,
    "ranks": ranks_axis,
    "compiling": compiling_axis,
}
