"""Warnings name the user's line, whatever of the library is called there."""

import inspect
import warnings

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import AutoNormal
from pyro.optim import ClippedAdam

import pyrovae
from pyrovae import SVI, compare, draw, elbo_parts, fit, log_evidence
from pyrovae.errors import (
    CaptureWarning,
    GradientWarning,
    ParticleAxisWarning,
    PlateWarning,
    VarianceWarning,
)
from pyrovae.models import FlowPosterior
from pyrovae.nn.flows import Planar
from pyrovae.objectives import CUBO, IWAE, STL, DReG

X = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))


def flow():
    """A guide that cannot score what it has not drawn."""
    return pyrovae.VAE(
        (4,),
        2,
        likelihood=pyrovae.nn.Normal(),
        posterior=lambda dim: FlowPosterior(dim, layer=Planar, num_layers=1),
    )


class OneByOne:
    """A pair whose networks see the shape [B, L] alone."""

    def model(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 2), 1.0).to_event(1))
            rows, _ = z.shape
            pyro.sample(
                "x", dist.Normal(z.sum(1).reshape(rows, 1).expand(rows, 4), 1.0).to_event(1), obs=x
            )

    def guide(self, x):
        scale = pyro.param("scale", torch.tensor(1.0), constraint=dist.constraints.positive)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x[:, :2], scale).to_event(1))


def per_row(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z[..., None].expand(len(x), 4), 1.0).to_event(1), obs=x)


def adam():
    return ClippedAdam({"lr": 1e-3})


one, pair = OneByOne(), flow()
plain = pyrovae.VAE((4,), 2, likelihood=pyrovae.nn.Normal())


CASES = {
    "fit, a flow": (
        lambda: fit(pair.model, pair.guide, X, objective=DReG(2), epochs=1),
        GradientWarning,
    ),
    "step, a flow": (
        lambda: SVI(pair.model, pair.guide, adam(), loss=STL(2)).step(X),
        GradientWarning,
    ),
    "Pyro's step": (
        lambda: pyro.infer.SVI(pair.model, pair.guide, adam(), loss=STL(2)).step(X),
        GradientWarning,
    ),
    "a module of a loss": (lambda: DReG(2)(pair.model, pair.guide)(X), GradientWarning),
    "draw": (lambda: draw(one.model, one.guide, X, num_particles=3), ParticleAxisWarning),
    "log_evidence": (
        lambda: log_evidence(one.model, one.guide, X, num_particles=3),
        ParticleAxisWarning,
    ),
    "elbo_parts": (
        lambda: elbo_parts(one.model, one.guide, X, num_particles=3),
        ParticleAxisWarning,
    ),
    "compare": (
        lambda: compare(
            one.model, one.guide, X, [IWAE(2)], num_draws=2, reference_draws=2, repeats=1,
            evidence_particles=3,
        ),
        ParticleAxisWarning,
    ),
    "fit, one by one": (
        lambda: fit(one.model, one.guide, X, objective=IWAE(2), epochs=1, device="cpu"),
        ParticleAxisWarning,
    ),
    "fit, a guide per row": (
        lambda: fit(
            per_row, AutoNormal(per_row), X, objective=IWAE(1), epochs=1, batch_size=4
        ),
        PlateWarning,
    ),
    "evaluate_loss": (
        lambda: SVI(plain.model, plain.guide, adam(), loss=CUBO(2)).evaluate_loss(X),
        VarianceWarning,
    ),
    "a compiled measurement": (
        lambda: log_evidence(
            one.model, one.guide, X, num_particles=3, compile=True, vectorize_particles=False
        ),
        CaptureWarning,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_line_is_that_of_the_call(case):
    call, kind = CASES[case]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    (found,) = {(w.filename, w.lineno) for w in caught if w.category is kind}
    lines, start = inspect.getsourcelines(call)
    assert found[0] == __file__
    assert start <= found[1] < start + len(lines)


def test_a_filter_by_module_holds():
    """As `python -W error::...:module` and `ignore` do it, and once a line by default."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module=__name__.replace(".", r"\."))
        CASES["draw"][0]()
    assert not [w for w in caught if w.category is ParticleAxisWarning]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            draw(one.model, one.guide, X, num_particles=2)
    assert len([w for w in caught if w.category is ParticleAxisWarning]) == 1
