"""A plain Pyro pair: trained, measured, compared."""

from typing import assert_type

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import Trace_ELBO
from pyro.optim import ClippedAdam
from torch import Tensor, nn

from pyrovae import (
    SVI,
    Particles,
    ais,
    compare,
    draw,
    elbo_parts,
    fit,
    gradients,
    log_evidence,
    trainable,
)
from pyrovae.errors import PyrovaeError
from pyrovae.evaluate import Comparison, Evidence, GradientStatistics
from pyrovae.objectives import ELBO, IWAE, DReG
from pyrovae.train import EarlyStopping, Run, schedules

decoder = nn.Linear(2, 6)
encoder = nn.Linear(6, 4)


def model(x: Tensor) -> None:
    pyro.module("decoder", decoder)
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)


def guide(x: Tensor) -> None:
    pyro.module("encoder", encoder)
    loc, log_scale = encoder(x).chunk(2, -1)
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


x = torch.randn(40, 6)

svi = SVI(model, guide, ClippedAdam({"lr": 1e-3}), loss=IWAE(num_particles=5))
losses = [svi.step(x) for _ in range(2)]
last: float = losses[-1]
value: float = svi.evaluate_loss(x)
by_pyro = SVI(model, guide, ClippedAdam({"lr": 1e-3}), loss=Trace_ELBO())
by_pyro.step(x)

run = fit(
    model,
    guide,
    x,
    objective=DReG(3),
    epochs=2,
    val=x[:10],
    schedule=schedules.cosine(),
    callbacks=[EarlyStopping(5)],
    progress=False,
    device="cpu",
)
assert_type(run, Run)
best: float = run.best["val"]
seconds: float = run.seconds

found = log_evidence(model, guide, x, num_particles=50, seed=0)
assert_type(found, Evidence)
nll: float = -found.mean()
per_datum: Tensor = found.log_px
try:
    log_evidence(model, guide, x[:0])
except PyrovaeError as error:
    print(error)

table = compare(
    model,
    guide,
    x[:8],
    {"elbo": ELBO(), "iwae": IWAE(5)},
    num_draws=3,
    reference_draws=3,
    repeats=1,
    evidence_particles=10,
)
assert_type(table, Comparison)
print(table, [row["gap"] for row in table.rows])

noise = gradients(model, guide, x[:8], ELBO(), num_draws=3, reference_draws=3)
assert_type(noise, GradientStatistics)
print(noise.summary()["guide"]["snr_is_noise"])

parts = elbo_parts(model, guide, x)
print(parts, parts.kl)
annealed = ais(model, guide, x[:4], num_temperatures=3, num_particles=2)
print(annealed.mean())

bounds: Tensor = IWAE(5).per_datum(model, guide, x)
p = draw(model, guide, x, num_particles=3)
assert_type(p, Particles)
log_w: Tensor = p.log_w
leaves: dict[str, Tensor] = dict(trainable(model, guide, x))
loss: Tensor = ELBO()(model, guide)(x)
loss.backward()
