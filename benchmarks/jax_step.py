"""How fast is the step in JAX, by hand: jitted, and an epoch in one `lax.scan`?

Run: python benchmarks/jax_step.py [--cases digits iwae5]   (needs jax: not a dependency of this
package; without it the script says so and ends)

It is compared with the compiled step. NumPyro's `svi.update` traces to the same program: its
densities, its gradient, and the Adam of `jax.example_libraries`. So NumPyro's own step
(`numpyro_step.py`) should not be faster. First the losses of five steps from the same weights with
the same noise are compared, then the times are measured, in turn. JAX uses all threads, torch
those of --threads.
"""

import argparse
import importlib.util
import sys
from functools import partial
from math import log

import pyro
import torch
from cases import CASES
from sides import COMPILED, HAND, RATE, Side, hand_side, our_side, ours, prepare
from timing import Report, interleaved_ms, ratio, table, where
from torch import nn

import pyrovae

JIT, SCAN = "jax by hand, jit", "jax by hand, lax.scan"
SEVERAL = "pyrovae, SVI.steps"
STEPS, CALL = 100, 4  # in one scan, in one call
DENSE = [key for key, case in CASES.items() if key not in ("flow", "conv")]


def weights(networks):
    """Of the linear layers of both networks, as arrays."""
    import jax.numpy as jnp

    def array(tensor):
        return jnp.asarray(tensor.detach().numpy().copy())

    return {
        name: [
            (array(layer.weight.T), array(layer.bias))
            for layer in getattr(networks, name)
            if isinstance(layer, nn.Linear)
        ]
        for name in ("encoder", "decoder")
    }


def loss(params, x, noise, k):
    """Minus the bound, summed over the batch: what `Case.loss` is."""
    import jax
    import jax.numpy as jnp

    def run(layers, y):
        for w, b in layers[:-1]:
            y = jnp.tanh(y @ w + b)
        return y @ layers[-1][0] + layers[-1][1]

    loc, log_scale = jnp.split(run(params["encoder"], x), 2, -1)
    z = loc + jnp.exp(log_scale) * noise
    logits = run(params["decoder"], z)
    log_px = (x * logits - jax.nn.softplus(logits)).sum(-1)
    log_ratio = (-0.5 * z**2 + 0.5 * noise**2 + log_scale).sum(-1)
    log_w = log_px + log_ratio
    if k == 1:
        return -log_w.sum()
    return -(jax.nn.logsumexp(log_w, 0) - log(k)).sum()


def make_update(case, x):
    """(state, noise) -> (state, loss), and the state that it begins at."""
    import jax
    from jax.example_libraries import optimizers

    init, step, get = optimizers.adam(RATE)
    start = init(weights(case.networks()))

    def update(state, noise):
        count, inner = state
        value, grads = jax.value_and_grad(loss)(get(inner), x, noise, case.num_particles)
        return (count + 1, step(count, grads, inner)), value

    return update, (0, start)


def several_side(case):
    """`CALL` steps in a call."""
    networks, x = case.networks(), case.data()
    pair = case.pair(networks, "several")
    svi = pyrovae.SVI(*pair, pyro.optim.Adam({"lr": RATE}), ours(case), compile=True)
    return Side(lambda: svi.steps([x] * CALL), list(networks.parameters()), list)


def noise_shape(case):
    lead = () if case.num_particles == 1 else (case.num_particles,)
    return (*lead, case.batch, case.latents)


def check_equal(case, update, state, count=5):
    """Largest relative difference of a loss, given torch's noise."""
    import jax.numpy as jnp

    torchs = hand_side(case, "cpu", compile=False)
    worst = 0.0
    for seed in range(count):
        torch.manual_seed(seed)
        noise = torch.randn(noise_shape(case))
        torch.manual_seed(seed)
        expected = float(torchs.step())
        state, value = update(state, jnp.asarray(noise.numpy()))
        worst = max(worst, abs(float(value) / expected - 1))
    assert worst < 1e-4, f"JAX computes other losses: {worst}"
    return worst


def compare(key, rounds, say):
    import jax
    from jax import lax, random

    case = CASES[key]
    pyro.clear_param_store()
    update, start = make_update(case, jax.numpy.asarray(case.data().numpy()))
    apart = check_equal(case, jax.jit(update), start)

    def drawn(carry, _=None):
        state, key = carry
        key, own = random.split(key)
        state, value = update(state, random.normal(own, noise_shape(case)))
        return (state, key), value

    one = jax.jit(drawn)
    epoch = jax.jit(lambda carry: lax.scan(drawn, carry, None, STEPS))
    held = dict.fromkeys((JIT, SCAN), (start, random.PRNGKey(0)))

    def step(name, run):
        held[name], value = run(held[name])
        jax.block_until_ready((held[name], value))

    sides = {
        COMPILED: our_side(case, "cpu", "compiled", compile=True),
        SEVERAL: several_side(case),
        HAND: hand_side(case, "cpu", compile=True),
    }
    prepare(sides)
    svi_steps = {name: side.step for name, side in sides.items()}
    steps = svi_steps | {JIT: partial(step, JIT, one), SCAN: partial(step, SCAN, epoch)}
    times = interleaved_ms(steps, warmup=3, repeats=rounds, block_ms=20)
    for name, number in ((SCAN, STEPS), (SEVERAL, CALL)):
        times[name] = [value / number for value in times[name]]
    say(f"\n{key}: {case.title}; losses equal to {apart:.0e} over 5 steps; ms per step")
    say(table(times))
    say(
        f"compiled: {ratio(times, COMPILED, JIT):.2f} of jit (aim: below 1), "
        f"{ratio(times, COMPILED, SCAN):.2f} of "
        f"lax.scan; {CALL} steps in a call: {ratio(times, SEVERAL, SCAN):.2f} of lax.scan (aim on "
        "small models: 1.2)"
    )


def main(words):
    if importlib.util.find_spec("jax") is None:
        print("skipped: jax not installed; pip install jax")
        return 0
    import jax

    if words.threads:
        torch.set_num_threads(words.threads)
    say = Report(words.out, "jax_step.txt")
    say(f"{where()}, jax {jax.__version__} on {jax.devices()[0]}")
    for key in words.cases:
        compare(key, words.rounds, say)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=DENSE, default=DENSE)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--out", help="by default benchmarks/results/jax_step.txt")
    sys.exit(main(parser.parse_args()))
