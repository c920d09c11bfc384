"""Runs of `fit` that test_distributed.py takes on one process and on several, to compare them.

Started by torchrun as `rank_scenarios.py FOLDER NAME ...`; each rank leaves NAME-RANK.pt.
"""

import os
import signal
import sys
import warnings
from functools import partial
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
from torch import nn

from pyrovae import log_evidence
from pyrovae.capture import Captured
from pyrovae.data import LinearGaussian, digits
from pyrovae.errors import ConfigError, NonFiniteError, RanksError
from pyrovae.models import VQVAE
from pyrovae.nn import Normal, OneBatchAxis, quantizers
from pyrovae.objectives import ELBO, IWAE, REINFORCE, RWS, DReG
from pyrovae.runtime.distributed import join
from pyrovae.train import Callback, fit
from pyrovae.train.optim import schedules
from pyrovae.train.step import compiled

DEVICE = os.environ.get("SCENARIO_DEVICE", "cpu")
QUIET = {"progress": False, "device": DEVICE}
RANK = int(os.environ.get("RANK", "0"))


def networks(dropout=0.0, norm=False, dtype=torch.float64):
    pyro.clear_param_store()
    torch.manual_seed(4 + RANK)  # ranks take the first one's parameters
    middle = [nn.BatchNorm1d(7)] if norm else []
    encoder = nn.Sequential(nn.Linear(6, 7), *middle, nn.Tanh(), nn.Linear(7, 6)).to(dtype)
    drop = OneBatchAxis(nn.Dropout(dropout), event_dim=1)
    decoder = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), drop, nn.Linear(5, 6)).to(dtype)
    return encoder, decoder


def pair(encoder, decoder, plate=lambda x: pyro.plate("data", len(x)), scale=0.8):
    def model(x):
        pyro.module("decoder", decoder)
        with plate(x):
            z = pyro.sample("z", dist.Normal(x.new_zeros(3), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), scale).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with plate(x):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


def data(rows):
    noise = torch.Generator().manual_seed(2)
    return torch.randn(rows, 6, generator=noise, dtype=torch.float64)


def trained(nets, made, rows, **options):
    options = {"objective": IWAE(3), "lr": 1e-2, "seed": 3, **options, **QUIET}
    run = fit(*made, data(rows) if isinstance(rows, int) else rows, **options)
    state = {f"{i}.{n}": t for i, net in enumerate(nets) for n, t in net.state_dict().items()}
    history = [{k: v for k, v in entry.items() if k != "seconds"} for entry in run.history]
    # Streams as they are left say whether the ranks have drawn alike.
    return {"state": state, "history": history, "stream": torch.rand(3), "steps": run.steps}


def uneven():
    """Batches of 7, the last of 3, clipped, scheduled, validated, with dropout and particles."""
    nets = networks(dropout=0.3)
    return trained(
        nets, pair(*nets), 17, epochs=3, batch_size=7, val=data(9) + 1, clip_norm=2.0,
        schedule=schedules.cosine(),
    )  # fmt: skip


def averaged():
    """Parameters are averaged, rates by part fall where the validation bound stays."""
    nets = networks()
    return trained(
        nets, pair(*nets), 17, epochs=4, batch_size=7, val=data(9) + 1, ema=0.9,
        optimizer="adamw", lr={"encoder": 1e-2, "decoder": 1e-3}, weight_decay=0.1,
        schedule="plateau(patience=0, threshold=10.0, factor=0.5)",
    )  # fmt: skip


def fewer_rows_than_ranks():
    nets = networks()
    return trained(nets, pair(*nets), 9, epochs=2, batch_size=4, objective=DReG(2))


def codebook():
    """Moving averages of encodings are those of the whole batch; nothing is revived."""
    pyro.clear_param_store()
    torch.manual_seed(4 + RANK)
    codes = quantizers.MovingAverageCodebook(5, 3, decay=0.8, revive_below=0.0)
    vae = VQVAE((6,), (2,), quantizer=codes, likelihood=Normal()).double()
    vae.start(data(17))
    made = vae.model, vae.guide
    found = trained([vae], made, 17, epochs=3, batch_size=7, val=data(9) + 1, objective=ELBO())
    del found["state"]["0.quantizer.candidates"]  # chosen among a rank's own rows
    return found


def scaled_by_the_plate():
    nets = networks()
    made = pair(*nets, plate=lambda x: pyro.plate("data", 50, subsample_size=len(x)))
    return trained(nets, made, 17, epochs=2, batch_size=7, objective=ELBO(2))


def two_losses():
    nets = networks()
    return trained(nets, pair(*nets), 12, epochs=2, batch_size=6, objective=RWS(3))


def running_baseline():
    nets = networks()
    objective = REINFORCE(2)
    found = trained(nets, pair(*nets), 15, epochs=2, batch_size=7, objective=objective)
    return {**found, "past": objective.state_dict()["past"]}


class Watching(IWAE):
    """An objective with a network of its own, which predicts the weights of the particles."""

    def __init__(self, num_particles):
        super().__init__(num_particles)
        self.critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()

    def surrogate(self, p):
        miss = self.critic(p.latents["z"].detach()).squeeze(-1) - p.log_w.detach()
        miss = miss.square().mean(0)
        return super().surrogate(p) - (miss - miss.detach())


def network_of_the_objective():
    nets = networks()
    objective = Watching(3)  # ranks take the first one's here too
    nets = (*nets, objective.critic)
    return trained(nets, pair(*nets[:2]), 17, epochs=2, batch_size=7, objective=objective)


def captured():
    compiled.Captured = partial(Captured, compiler=None)  # interpreted
    try:
        nets = networks(dropout=0.3)
        return trained(nets, pair(*nets), 17, epochs=3, batch_size=7, compile=True)
    finally:
        compiled.Captured = Captured


def dynamic_digits():
    nets = nn.Linear(64, 6).double(), nn.Linear(3, 64).double()
    torch.manual_seed(5)
    for net in nets:
        net.reset_parameters()

    def model(x):
        pyro.module("decoder", nets[1])
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(3).double(), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=nets[1](z)).to_event(1), obs=x.flatten(1))

    def guide(x):
        pyro.module("encoder", nets[0])
        with pyro.plate("data", len(x)):
            loc, log_scale = nets[0](x.flatten(1).double()).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    source = digits(binarize="dynamic").train.subset(100)
    return trained(nets, (model, guide), source, epochs=2, batch_size=30, objective=ELBO())


def batch_norm():
    nets = networks(norm=True)
    return trained(nets, pair(*nets), 16, epochs=2, batch_size=8)


class StopAt(Callback):
    def on_step(self, loop):
        if loop.step == 2 and RANK == 1:
            loop.request_stop()


def one_rank_stops():
    nets = networks()
    return trained(nets, pair(*nets), 30, epochs=2, batch_size=5, callbacks=[StopAt()])


def error_of(kind, run, **options):
    try:
        run(**options)
    except kind as error:
        return {"error": str(error)}
    return {"error": None}


def infinite_row():
    """A row of the second rank's part is beyond the numbers."""
    nets = networks()
    x = data(12)
    x[10] = 1e200
    return error_of(
        NonFiniteError, trained, nets=nets, made=pair(*nets), rows=x, epochs=2, batch_size=12
    )


def infinite_gradient():
    weight = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def model(x):
        value = pyro.param("weight", weight)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            pyro.sample("x", dist.Normal(z + value.abs().sqrt(), 1.0), obs=x[:, 0])

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))

    made = model, guide
    return error_of(NonFiniteError, trained, nets=(), made=made, rows=8, epochs=1, batch_size=8)


def joint_bound():
    nets = networks()
    objective = ELBO(batch_plate=None)
    return error_of(
        ConfigError, trained, nets=nets, made=pair(*nets), rows=8, epochs=1, objective=objective
    )


def no_plate():
    nets = networks()

    def model(x):
        pyro.module("decoder", nets[1])
        z = pyro.sample("z", dist.Normal(x.new_zeros(3), 1.0).to_event(1))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(nets[1](z), 1.0).to_event(1), obs=x)

    def guide(x):
        loc = pyro.param("loc", x.new_zeros(3))
        pyro.sample("z", dist.Normal(loc, 1.0).to_event(1))

    made = model, guide
    objective = pyro.infer.Trace_ELBO()
    return error_of(
        ConfigError, trained, nets=nets, made=made, rows=8, epochs=1, objective=objective
    )


def other_data():
    nets = networks()
    x = data(8) + RANK
    return error_of(RanksError, trained, nets=nets, made=pair(*nets), rows=x, epochs=1)


def evidence():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0, dtype=torch.float64)
    x = oracle.sample(23, seed=1)
    found = log_evidence(
        oracle.model, oracle.guide, x, num_particles=50, chunk=200, seed=6, sharded=True
    )
    loose = log_evidence(oracle.model, oracle.guide, x, num_particles=50, sharded=True)
    names = ("log_px", "k_hat", "ess", "log_px_at")
    return {name: getattr(found, name) for name in names} | {"loose": loose.log_px}


class Witness(Callback):
    """Notes where each process started, and kills the second rank's first at one step."""

    def __init__(self, folder, kill_at):
        self.folder, self.kill_at = folder, kill_at

    def on_start(self, loop):
        self.attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        (self.folder / f"start-{RANK}-{self.attempt}").write_text(str(loop.step))

    def on_step(self, loop):
        if loop.step == self.kill_at and RANK == 1 and self.attempt == "0":
            os.kill(os.getpid(), signal.SIGKILL)


def killed(folder, kill_at=8):
    """A run whose second rank dies; what is left of it is in its run folder."""
    nets = networks(dropout=0.3)
    return trained(
        nets, pair(*nets), 17, epochs=4, batch_size=7, val=data(5), run_dir=folder / "run",
        resume=True, checkpoint_seconds=0.0, callbacks=[Witness(folder, kill_at)],
    )  # fmt: skip


def never_killed(folder):
    return killed(folder / "whole", kill_at=None)


def main():
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    folder, *names = sys.argv[1:]
    folder = Path(folder)
    (folder / "whole").mkdir(exist_ok=True)
    join(DEVICE)
    for name in names:
        scenario = globals()[name]
        found = scenario(folder) if "killed" in name else scenario()
        torch.save(found, folder / f"{name}-{RANK}.pt")


if __name__ == "__main__":
    main()
