"""Values and errors against exact ones, and which side of log p(x) each is on."""

import inspect
import math

import pyro
import pytest
import torch
from pyro.infer import (
    RenyiELBO,
    ReweightedWakeSleep,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
)

from pyrovae import objectives
from pyrovae.data import LinearGaussian
from pyrovae.data.base import mix_seed
from pyrovae.evaluate.comparison.bounds import BoundDraws, Subject, bound_of, groups_alike
from pyrovae.objectives import (
    CIWAE,
    CUBO,
    DIPVAE,
    ELBO,
    EUBO,
    IWAE,
    JVI,
    MIWAE,
    PIWAE,
    REINFORCE,
    RWS,
    STL,
    TCVAE,
    TVO,
    VIMCO,
    Beta,
    Capacity,
    DReG,
    DReGCIWAE,
    DReGMIWAE,
    DReGPIWAE,
    FactorVAE,
    InfoVAE,
    ParticleELBO,
    Renyi,
    StratifiedELBO,
    StratifiedIWAE,
    VRMax,
)
from pyrovae.objectives.pyro_loss import as_objective

IN_ONE_PASS = {"vectorize_particles": True, "max_plate_nesting": 1}
KINDS = {
    "lower": [
        ELBO(64), IWAE(64), STL(64), STL(64, 0.0), DReG(64), DReG(64, 2.0), MIWAE(8, 8),
        DReGMIWAE(8, 8), PIWAE(8, 8), DReGPIWAE(8, 8), CIWAE(0.5, 64), DReGCIWAE(0.5, 64),
        VIMCO(64), REINFORCE(64), RWS(64), TVO(64), Renyi(0.0, 64), Renyi(2.0, 64),
        Beta(1.0, 64), Beta({"z": torch.tensor(3.0)}, 64), StratifiedELBO(64), StratifiedIWAE(64),
        DIPVAE(), InfoVAE(), Trace_ELBO(64, **IN_ONE_PASS),
        TraceMeanField_ELBO(64, **IN_ONE_PASS), TraceGraph_ELBO(64, **IN_ONE_PASS),
        RenyiELBO(0.5, 64, **IN_ONE_PASS),
    ],
    "upper": [EUBO(500), CUBO(500), CUBO(500, order=3.0), TVO(500, side="right")],
    "estimate": [
        JVI(64), VRMax(64), Renyi(-1.0, 64), DReG(64, -0.5), STL(64, -0.5), Beta(0.5, 64),
        Beta({"z": 0.0}, 64), Beta(1.0, 64, free_bits=0.1), RenyiELBO(-1.0, 64),
        TCVAE(2.0, num_data=20), Capacity(1.0), FactorVAE(1.0, 2, hidden=(4,)),
    ],
}  # fmt: skip


def _add_examples():
    """No estimator of the library is left out: one that is not named above gives an example."""
    named = {type(one) for every in KINDS.values() for one in every}
    for cls in (getattr(objectives, name) for name in objectives.__all__):
        if cls not in named and not inspect.isabstract(cls):
            one = cls.example()
            one.num_particles = 500 if one.is_upper_bound else 64
            KINDS[one.bound_side].append(one)


_add_examples()


class Pyros(Trace_ELBO):
    """Of a user, who may have changed anything."""


@pytest.fixture(scope="module")
def oracle():
    pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    return pair, pair.sample(20, seed=1)


@pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")  # few particles, on purpose
@pytest.mark.parametrize(
    ("kind", "objective"),
    [(kind, one) for kind, every in KINDS.items() for one in every],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_kinds_are_what_the_values_show(oracle, kind, objective):
    pair, x = oracle
    assert as_objective(objective).bound_side == kind
    if kind == "estimate":
        return
    subject = Subject(pair.model, pair.guide, (x,))
    found = bound_of(as_objective(objective), subject, 20)
    gap = float(pair.log_px(x).detach().mean()) - found["bound"]
    z = gap / found["bound_monte_carlo_error"]
    assert z > -4.5 if kind == "lower" else z < 4.5, f"{objective}: {z:.1f}"


class OnEitherSide(ParticleELBO):
    """Of a user, who says so."""

    is_lower_bound = False

    def bound(self, p):
        return p.log_w.amax(0)


def test_what_is_not_known_is_not_claimed():
    assert as_objective(OnEitherSide(3)).bound_side == "estimate"
    assert as_objective(TraceEnum_ELBO()).bound_side == "lower"
    assert as_objective(Pyros()).bound_side == "unknown"
    assert as_objective(ReweightedWakeSleep()).bound_side == "unknown"


@pytest.mark.parametrize("objective", [ELBO(3), Trace_ELBO(3, vectorize_particles=True)])
def test_value_and_errors(oracle, objective):
    pair, x = oracle
    subject = Subject(pair.model, pair.guide, (x,))
    found = bound_of(as_objective(objective), subject, 200)
    exact = pair.elbo(x).detach()
    z = (found["bound"] - float(exact.mean())) / found["bound_monte_carlo_error"]
    assert abs(z) < 4.5
    assert found["not_finite"] == 0
    if isinstance(objective, Trace_ELBO):
        assert math.isnan(found["bound_error"])
    else:
        assert found["bound_error"] == pytest.approx(float(exact.std()) / 20**0.5, rel=0.05)


def test_draws_that_are_not_finite_are_counted(oracle):
    pair, x = oracle

    class Sometimes(ELBO):
        calls = 0

        def bound(self, p):
            type(self).calls += 1
            return super().bound(p) / (self.calls % 5)

    found = bound_of(Sometimes(2), Subject(pair.model, pair.guide, (x,)), 20)
    assert found["not_finite"] == 4 and not math.isfinite(found["bound"])


class Noisy(ELBO):
    """Draws a number of its own after its particles."""

    def bound(self, p):
        return super().bound(p) + 1e-3 * torch.randn(())


def test_equal_particles_are_drawn_once_and_values_stay_their_own(oracle):
    pair, x = oracle
    runs = []

    def guide(x):
        runs.append(len(x))
        return pair.guide(x)

    every = {
        "elbo": ELBO(3), "iwae": IWAE(3), "noisy": Noisy(3), "four": IWAE(4),
        "pyro": Trace_ELBO(3), "renyi": Renyi(0.5, 3), "rws": RWS(3),
    }  # fmt: skip
    every = {name: as_objective(one) for name, one in every.items()}
    subject = Subject(pair.model, guide, (x,), seed=3)
    groups = [list(group) for group in groups_alike(every, subject)]
    assert groups == [["elbo", "iwae", "renyi"], ["noisy"], ["four"], ["pyro"], ["rws"]]
    draws = BoundDraws(every, subject)
    draws.draw_to(4)
    draws.draw_to(6)
    found = draws.found()
    for name, one in every.items():
        alone = bound_of(one, subject, 6)
        assert alone == pytest.approx(found[name], rel=1e-6, nan_ok=True), name
    shared = BoundDraws({n: every[n] for n in ("elbo", "iwae", "renyi")}, subject)
    runs.clear()
    shared.draw_to(5)
    assert len(runs) == 5


def test_bounds_equal_a_plain_loop(oracle):
    pair, x = oracle
    every = {"iwae": IWAE(3), "elbo": ELBO(3)}
    subject = Subject(pair.model, pair.guide, (x,), seed=7)
    draws = BoundDraws(every, subject)
    draws.draw_to(5)
    for name, one in every.items():
        values = []
        for index in range(5):
            pyro.set_rng_seed(mix_seed(7, 0, index) % 2**32)
            values.append(one.per_datum(pair.model, pair.guide, x))
        values = torch.stack(values).double()
        row = draws.found()[name]
        assert row["bound"] == pytest.approx(float(values.mean()), rel=1e-9)
        error = float(values.mean(1).std()) / 5**0.5
        assert row["bound_monte_carlo_error"] == pytest.approx(error, rel=1e-6)
        assert row["bound_error"] == pytest.approx(float(values.mean(0).std()) / 20**0.5, rel=1e-6)
