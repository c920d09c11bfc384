"""How fast are Pythae's training step and its `get_nll`?

Run: python benchmarks/pythae_step.py   (needs pythae: not a dependency of this package; without
it the script says so and ends)

They are compared with the compiled step and `log_evidence`, on the one-layer net of the IWAE paper
with the same weights. Both sides use the closed-form KL; losses are compared under the same noise
before times are measured. If the loss of Pythae's IWAE differs from the importance-weighted bound
by more than chance, the script says so and still times it, as the amount of work is similar.
"""

import argparse
import importlib.util
import math
import sys
from statistics import median

import pyro
import torch
from cases import CASES
from timing import Report, interleaved_ms, ratio, table, where
from torch import nn

from pyrovae import SVI, log_evidence
from pyrovae.objectives import ELBO, IWAE

THEIRS, OURS = "pythae", "pyrovae, compile=True"


def pythae_model(case, networks):
    """The case's networks in Pythae's classes; its decoder gives means, not logits."""
    from pythae.models import IWAE as PythaeIWAE
    from pythae.models import VAE, IWAEConfig, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self):
            BaseEncoder.__init__(self)
            self.body = networks.encoder

        def forward(self, x):
            loc, log_scale = self.body(x).chunk(2, -1)
            return ModelOutput(embedding=loc, log_covariance=2 * log_scale)

    class Decoder(BaseDecoder):
        def __init__(self):
            BaseDecoder.__init__(self)
            self.body = nn.Sequential(networks.decoder, nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.body(z))

    options = {
        "input_dim": case.data_shape,
        "latent_dim": case.latents,
        "reconstruction_loss": "bce",
    }
    if case.num_particles == 1:
        return VAE(VAEConfig(**options), Encoder(), Decoder())
    config = IWAEConfig(number_samples=case.num_particles, **options)
    return PythaeIWAE(config, Encoder(), Decoder())


def objective_of(case):
    k = case.num_particles
    return ELBO(closed_form_kl=True) if k == 1 else IWAE(k)


def same_loss(case):
    """In words; raises where the plain VAE differs."""
    networks, x = case.networks(), case.data()
    model, pair = pythae_model(case, networks), case.pair(networks, "loss")
    objective = objective_of(case)
    ours, theirs = [], []
    with torch.no_grad():
        for seed in range(1 if case.num_particles == 1 else 100):
            pyro.set_rng_seed(seed)
            theirs.append(float(model({"data": x}).loss) * case.batch)
            pyro.set_rng_seed(seed)
            ours.append(float(objective.loss(*pair, x)))
    ours, theirs = torch.tensor(ours).double(), torch.tensor(theirs).double()
    if case.num_particles == 1:
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=0)
        return "losses equal"
    z = float((ours - theirs).mean() / (ours - theirs).std() * math.sqrt(len(ours)))
    means = f"{ours.mean():.2f} and {theirs.mean():.2f}, z = {z:.1f}"
    return f"losses equal in mean ({means})" if abs(z) < 5 else f"ANOTHER LOSS ({means})"


def compare(key, rounds, say):
    case = CASES[key]
    pyro.clear_param_store()
    same = same_loss(case)
    x = case.data()
    model = pythae_model(case, case.networks())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def theirs():
        optimizer.zero_grad()
        model({"data": x}).loss.backward()
        optimizer.step()

    optim = pyro.optim.Adam({"lr": 1e-3})
    svi = SVI(*case.pair(case.networks(), "ours"), optim, objective_of(case), compile=True)
    steps = {THEIRS: theirs, OURS: lambda: svi.step(x)}
    times = interleaved_ms(steps, warmup=6, repeats=rounds, block_ms=20)
    say(f"\n{key}: {case.title}; {same}; ms per step")
    say(table(times))
    say(f"compiled: {1 / ratio(times, OURS, THEIRS):.2f} times faster")


def compare_evidence(data, k, say):
    case = CASES["iwae1"]
    networks = case.networks()
    pair, x = case.pair(networks, "evidence"), case.data()[:data]
    model = pythae_model(case, networks).eval()
    found = log_evidence(*pair, x, num_particles=k, seed=1)
    with torch.no_grad():
        theirs = float(model.get_nll(x, n_samples=k, batch_size=100))
    # Signs differ between versions of Pythae: its get_nll has given the mean of log p(x).
    error = math.sqrt(2) * found.monte_carlo_error()
    z = (abs(theirs) - abs(found.mean())) / error
    assert abs(z) < 5, f"the estimates differ: {theirs}, {found.mean()} +- {error}"
    with torch.no_grad():
        steps = {
            "pythae, get_nll": lambda: model.get_nll(x, n_samples=k, batch_size=100),
            "log_evidence": lambda: log_evidence(*pair, x, num_particles=k),
        }
        times = interleaved_ms(steps, warmup=1, repeats=5)
    per = {name: median(values) / len(x) for name, values in times.items()}
    say(f"\nlog p(x), K = {k}: {found.mean():.3f}, and pythae {theirs:.3f}; ms per datum")
    say("\n".join(f"{name:<16}{value:8.2f}" for name, value in per.items()))
    faster = 1 / ratio(times, "log_evidence", "pythae, get_nll")
    say(f"log_evidence: {faster:.2f} times faster")


def main(words):
    if importlib.util.find_spec("pythae") is None:
        print("skipped: pythae is not installed; pip install pythae")
        return 0
    if words.threads:
        torch.set_num_threads(words.threads)
    say = Report(words.out, "pythae_step.txt")
    say(where())
    for key in ("iwae1", "iwae5"):
        compare(key, words.rounds, say)
    compare_evidence(words.data, words.num_particles, say)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--data", type=int, default=16)
    parser.add_argument("--num-particles", type=int, default=5000)
    parser.add_argument("--out", help="by default benchmarks/results/pythae_step.txt")
    sys.exit(main(parser.parse_args()))
