"""How fast is NumPyro's step: jitted, and an epoch in one `lax.scan`?

Run: python benchmarks/numpyro_step.py [--cases digits iwae5]   (needs numpyro and jax: not
dependencies of this package; without them the script says so and ends)

It is compared with the compiled step, on the same networks with the same weights. First the log
densities of model and guide at the same latents are compared, and the mean loss of many draws;
then the times are measured, in turn. JAX uses all threads, torch those of --threads.

Then comes the epoch itself: one of `fit`, with its shuffled batches and all of its figures, and
the same batches gathered within NumPyro's `lax.scan`, in turn, in seconds and in CPU time of all
threads; and the parts of the epoch of `fit`, as `epoch_parts.py` finds them. CPU time is fair
where each side has one thread: `taskset -c 0 python benchmarks/numpyro_step.py --threads 1`.
"""

import argparse
import importlib.util
import sys
from functools import partial
from math import sqrt
from statistics import median
from time import perf_counter, process_time

import pyro
import torch
from cases import CASES
from epoch_parts import STEPS, data_of, report
from sides import COMPILED, our_side, ours, prepare
from timing import Report, interleaved_ms, ratio, table, where
from torch import nn

import pyrovae
from pyrovae.train import Callback

MISSING = [name for name in ("jax", "numpyro") if importlib.util.find_spec(name) is None]
JIT, SCAN = "numpyro, jit(svi.update)", "numpyro, lax.scan"
DENSE = [key for key, case in CASES.items() if key not in ("flow", "conv")]


def numpyro_pair(networks, latents):
    """The pair in NumPyro: the layers of a `Sequential` of linear layers and tanh, as arrays."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    def weights(network):
        linear = [layer for layer in network if isinstance(layer, nn.Linear)]
        return [(array(layer.weight.T), array(layer.bias)) for layer in linear]

    def array(tensor):
        return jnp.asarray(tensor.detach().numpy().copy())

    def network(name, layers):
        params = [
            (numpyro.param(f"{name}.{i}.w", w), numpyro.param(f"{name}.{i}.b", b))
            for i, (w, b) in enumerate(layers)
        ]

        def run(y):
            for w, b in params[:-1]:
                y = jnp.tanh(y @ w + b)
            return y @ params[-1][0] + params[-1][1]

        return run

    encoder, decoder = weights(networks.encoder), weights(networks.decoder)

    def model(x):
        decode = network("decoder", decoder)
        with numpyro.plate("data", x.shape[0]):
            z = numpyro.sample("z", dist.Normal(jnp.zeros(latents), 1.0).to_event(1))
            numpyro.sample("x", dist.Bernoulli(logits=decode(z)).to_event(1), obs=x)

    def guide(x):
        loc, log_scale = jnp.split(network("encoder", encoder)(x), 2, -1)
        with numpyro.plate("data", x.shape[0]):
            numpyro.sample("z", dist.Normal(loc, jnp.exp(log_scale)).to_event(1))

    return model, guide


def numpyro_svi(case, networks):
    from numpyro.infer import SVI, RenyiELBO, Trace_ELBO
    from numpyro.optim import Adam

    k = case.num_particles
    loss = Trace_ELBO() if k == 1 else RenyiELBO(alpha=0.0, num_particles=k)
    model, guide = numpyro_pair(networks, case.latents)
    return SVI(model, guide, Adam(1e-3), loss)


def check_equal(case, svi, x_jax):
    """Densities at the same latents to rounding; mean losses to their Monte-Carlo error."""
    import jax
    import jax.numpy as jnp
    from numpyro.infer.util import log_density

    networks, x = case.networks(), case.data()
    with torch.no_grad():
        pair = case.pair(networks, "densities")
        p = pyrovae.draw(*pair, x)
        z = jnp.asarray(p.latents["z"][0].numpy())
        log_p, _ = log_density(svi.model, (x_jax,), {}, {"z": z})
        log_q, _ = log_density(svi.guide, (x_jax,), {}, {"z": z})
        apart = abs(float(log_p - log_q) / float(p.log_w.sum()) - 1)
        assert apart < 1e-4, f"NumPyro's densities are others: {float(log_p - log_q)}, {p.log_w}"
        objective = ours(case)
        ours_ = torch.stack([torch.as_tensor(objective.loss(*pair, x)) for _ in range(200)])
    state = svi.init(jax.random.PRNGKey(0), x_jax)
    params = svi.get_params(state)
    loss = jax.jit(lambda key: svi.loss.loss(key, params, svi.model, svi.guide, x_jax))
    keys = jax.random.split(jax.random.PRNGKey(1), 200)
    theirs = torch.tensor([float(loss(key)) for key in keys])
    error = sqrt((ours_.double().var() + theirs.double().var()) / 200)
    z_score = abs(float(ours_.double().mean() - theirs.double().mean())) / error
    assert z_score < 5, f"the losses differ in mean: {ours_.mean()}, {theirs.mean()}"
    return apart, z_score


def compare(key, rounds, say):
    import jax
    from jax import lax

    case = CASES[key]
    pyro.clear_param_store()
    x_jax = jax.numpy.asarray(case.data().numpy())
    svi = numpyro_svi(case, case.networks())
    apart, z_score = check_equal(case, svi, x_jax)
    compiled = our_side(case, "cpu", "compiled", compile=True)
    prepare({COMPILED: compiled})
    held = {JIT: svi.init(jax.random.PRNGKey(0), x_jax)}
    held[SCAN] = held[JIT]
    update = jax.jit(svi.update)
    epoch = jax.jit(lambda state: lax.scan(lambda s, _: svi.update(s, x_jax), state, None, STEPS))

    def step(name, run):
        held[name], loss = run(held[name])
        jax.block_until_ready((held[name], loss))

    steps = {
        COMPILED: compiled.step,
        JIT: partial(step, JIT, lambda state: update(state, x_jax)),
        SCAN: partial(step, SCAN, epoch),
    }
    times = interleaved_ms(steps, warmup=3, repeats=rounds, block_ms=20)
    times[SCAN] = [value / STEPS for value in times[SCAN]]
    say(f"\n{key}: {case.title}; densities equal to {apart:.0e}, mean losses to {z_score:.1f} "
        "standard errors; ms per step")  # fmt: skip
    say(table(times))
    say(f"compiled: {ratio(times, COMPILED, JIT):.2f} of jit (aim: below 1), "
        f"{ratio(times, COMPILED, SCAN):.2f} of lax.scan (aim on small models: 1.2)")  # fmt: skip


class InTurn(Callback):
    """After each epoch of ours one of theirs, timed, and the CPU time of both."""

    every_step = False

    def __init__(self, epoch):
        self.epoch, self.seconds, self.cpu = epoch, [], []
        self.ended = process_time()

    def on_epoch(self, loop):
        start, began = perf_counter(), process_time()
        self.epoch()
        self.seconds.append(perf_counter() - start)
        self.cpu.append((began - self.ended, process_time() - began))
        self.ended = process_time()


def compare_epochs(key, epochs, say):
    """Seconds of an epoch of `STEPS` batches, of each side in turn; the first is left out."""
    import jax
    from jax import lax

    case = CASES[key]
    pyro.clear_param_store()
    data = data_of(case)
    x_all, svi = jax.numpy.asarray(data.numpy()), numpyro_svi(case, case.networks())
    held = [svi.init(jax.random.PRNGKey(0), x_all[: case.batch]), jax.random.PRNGKey(1)]

    @jax.jit
    def scanned(state, key):
        rows = jax.random.permutation(key, len(data)).reshape(STEPS, case.batch)
        return lax.scan(lambda s, some: svi.update(s, x_all[some]), state, rows)

    def epoch():
        held[1], key = jax.random.split(held[1])
        held[0], losses = scanned(held[0], key)
        jax.block_until_ready(losses)
        means.append(-float(losses.mean()) / case.batch)

    means = []
    turn = InTurn(epoch)
    run = pyrovae.fit(
        *case.pair(case.networks(), "epochs"), data, batch_size=case.batch, objective=ours(case),
        epochs=epochs + 1, compile=True, callbacks=[turn], progress=False, device="cpu",
    )  # fmt: skip
    apart = abs(run.history[-1]["train"] / means[-1] - 1)
    assert apart < 0.01, f"the bounds of the last epoch differ: {run.history[-1]}, {means[-1]}"
    pairs = list(zip(run.history["seconds"], turn.seconds, strict=True))[1:]
    say(f"epoch of {STEPS} shuffled batches, bounds of the last equal to {apart:.0e}: "
        f"fit {1e3 * median(a for a, _ in pairs):.0f} ms, lax.scan "
        f"{1e3 * median(b for _, b in pairs):.0f} ms: {median(a / b for a, b in pairs):.2f} of "
        "its time")  # fmt: skip
    ours_, theirs = (1e6 / STEPS * median(cpu) for cpu in zip(*turn.cpu[2:], strict=True))
    both = median(a / b for a, b in turn.cpu[2:])
    say(f"CPU time a step: fit {ours_:.1f} us, lax.scan {theirs:.1f} us: {both:.2f} of its time")


def main(words):
    if MISSING:
        print(f"skipped: {' and '.join(MISSING)} not installed; pip install numpyro")
        return 0
    import jax
    import numpyro

    if words.threads:
        torch.set_num_threads(words.threads)
    say = Report(words.out, "numpyro_step.txt")
    say(f"{where()}, jax {jax.__version__} on {jax.devices()[0]}, numpyro {numpyro.__version__}")
    for key in words.cases:
        compare(key, words.rounds, say)
        compare_epochs(key, words.epochs, say)
        report(key, words.epochs, say)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=DENSE, default=DENSE)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--out", help="by default benchmarks/results/numpyro_step.txt")
    sys.exit(main(parser.parse_args()))
