"""The validation of a run, as it is and as a graph: the same bound, the same noise every time."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO, TraceGraph_ELBO, TraceMeanField_ELBO
from torch import nn

from pyrovae import data
from pyrovae.data import LinearGaussian, batches
from pyrovae.errors import CaptureWarning, SupportError
from pyrovae.models import VAE
from pyrovae.objectives import ELBO, IWAE, RWS, TVO, Beta, Renyi
from pyrovae.objectives.pyro_loss import as_objective
from pyrovae.train import Callback, fit
from pyrovae.train.validation import LossScale, Validation

pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")
ORACLE = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
CPU = torch.device("cpu")


def validation(objective, pair=ORACLE, x=None, networks=(), **options):
    source = batches(ORACLE.sample(70, seed=3) if x is None else x, 16, shuffle=False)
    loss_scale = LossScale(pair.model, pair.guide)
    made = Validation(
        pair.model,
        pair.guide,
        as_objective(objective),
        source,
        networks,
        loss_scale,
        7,
        CPU,
        **options,
    )
    made.prepare()
    return made


@pytest.mark.parametrize(
    "make",
    [
        ELBO,
        partial(IWAE, 3),
        partial(ELBO, 2, closed_form_kl=True),
        partial(Beta, 0.5),
        partial(Renyi, 0.5, 4),
        partial(TVO, 3),
        partial(RWS, 2),
        Trace_ELBO,
        partial(Trace_ELBO, num_particles=3),
        TraceMeanField_ELBO,
    ],
)
def test_the_graph_gives_the_same_bound(interpreted, make):
    plain, fast = validation(make()), validation(make(), compile=True)
    assert fast() == pytest.approx(plain(), rel=1e-12)
    assert fast() == fast() and fast._captured.refusal == ""


def test_python_runs_for_the_smaller_last_batch_alone(interpreted):
    sizes = []

    class Counted:
        guide = staticmethod(ORACLE.guide)

        @staticmethod
        def model(x):
            sizes.append(len(x))
            ORACLE.model(x)

    it = validation(ELBO(), Counted, compile=True)
    it()
    sizes.clear()
    it()
    assert sizes == [6]


def test_compiled_for_real():
    plain, fast = validation(IWAE(3)), validation(IWAE(3), compile=True)
    assert fast() == pytest.approx(plain(), rel=1e-12)
    assert fast.compile_seconds > 0 and plain.compile_seconds == 0


def test_changes_of_parameters_and_of_the_objective_take_effect(interpreted):
    vae = VAE((5,), 2, likelihood=None).double()
    x = torch.bernoulli(torch.full((64, 5), 0.4, dtype=torch.float64))
    plain, fast = (Beta(0.5), Beta(0.5))
    one = validation(plain, vae, x, [vae])
    other = validation(fast, vae, x, [vae], compile=True)
    found = [one()]
    assert other() == pytest.approx(found[-1], rel=1e-12)
    for step in range(3):
        with torch.no_grad():
            for parameter in vae.parameters():
                parameter.mul_(1.1)
        for objective in (plain, fast):
            objective.beta = 0.5 + step
        found.append(one())
        assert other() == pytest.approx(found[-1], rel=1e-12)
    assert len(set(found)) == 4


def test_more_particles_are_another_graph(interpreted):
    plain, fast = IWAE(2), IWAE(2)
    one, other = validation(plain), validation(fast, compile=True)
    for number in (2, 5):
        plain.num_particles = fast.num_particles = number
        for _ in range(2):
            assert other() == pytest.approx(one(), rel=1e-12)


def test_networks_are_in_evaluation_mode(interpreted):
    network = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5)).double()

    class Pair:
        @staticmethod
        def model(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(x.new_zeros(4), 1.0).to_event(1))
                pyro.sample("x", dist.Normal(z.sum(-1, keepdim=True) + 0 * x, 1.0).to_event(1),
                            obs=x)  # fmt: skip

        @staticmethod
        def guide(x):
            pyro.module("network", network)
            loc, scale = network(x).chunk(2, -1)
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(loc, scale.exp()).to_event(1))

    bounds = [validation(ELBO(), Pair, None, [network], compile=c)() for c in (False, True)]
    assert bounds[1] == pytest.approx(bounds[0], rel=1e-12)
    assert network.training and network[1].num_batches_tracked == 0


def test_what_has_no_graph_runs_eagerly_and_says_why():
    plain = validation(TraceGraph_ELBO())
    with pytest.warns(CaptureWarning, match="the validation is not compiled: .*TraceGraph_ELBO"):
        fast = validation(TraceGraph_ELBO(), compile=True)
    assert fast() == plain()


def test_validation_data_are_checked_beforehand(interpreted):
    x = torch.bernoulli(torch.full((70, 5), 0.4))
    x[69] = 0.5
    with pytest.raises(SupportError, match="0 or 1"):
        validation(ELBO(), VAE((5,), 2), x, compile=True)


class Stop(Callback):
    def on_step(self, loop):
        if loop.step == 7:
            loop.request_stop()


def run_of(pair_of, **options):
    pyro.clear_param_store()
    pair = pair_of()
    options = {"epochs": 3, "batch_size": 16, "progress": False, "device": "cpu", **options}
    return fit(pair.model, pair.guide, data.arrays(X, val=0.3), objective=IWAE(2), **options)


X = torch.bernoulli(torch.full((150, 5), 0.4), generator=torch.Generator().manual_seed(1))


def vae():
    pyro.set_rng_seed(2)
    return VAE((5,), 2)


def test_a_compiled_run_has_the_same_history(interpreted):
    histories = [[row["val"] for row in run_of(vae, compile=c).history] for c in (False, True)]
    assert histories[1] == pytest.approx(histories[0], rel=1e-5)


def test_a_resumed_run_has_the_very_same_history(interpreted, tmp_path):
    whole = run_of(vae, compile=True, run_dir=tmp_path / "whole")
    run_of(vae, compile=True, run_dir=tmp_path / "cut", callbacks=[Stop()])
    cut = run_of(vae, compile=True, run_dir=tmp_path / "cut", resume=True)
    assert [row["val"] for row in cut.history] == [row["val"] for row in whole.history]


def test_auto_goes_by_the_number_of_validated_batches(interpreted, monkeypatch):
    asked = []
    monkeypatch.setattr(Validation, "prepare", lambda self: asked.append(self.compile))
    import sys

    monkeypatch.setattr(sys.modules["pyrovae.train.compile_ahead"], "_LONG", 9)
    run_of(vae, compile="auto", epochs=2)  # three batches to validate, of 45 data
    run_of(vae, compile="auto", epochs=3)
    assert asked == [False, True]
