"""Habits of people who use Pyro, each in a few lines: what `check` says of it."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import VAE, check
from pyrovae.nn import Normal

from .faulty.case import BITS, DATA, LATENT, X, net, sound_guide, sound_model


def _check(*parts, **options):
    return check(*parts, **{"objectives": False, "capture": False, **options})


@pytest.mark.filterwarnings("ignore::pyrovae.errors.DecoderWarning")
def test_a_decoder_of_the_tutorials_under_logits():
    vae = VAE((DATA,), 2, encoder=nn.Linear(DATA, 4),
              decoder=nn.Sequential(nn.Linear(2, DATA), nn.Sigmoid()))  # fmt: skip
    (problem,) = _check(vae, BITS).problems
    assert (problem.code, problem.severity, problem.site) == ("PV308", "warning", "x")


def test_batch_norm_and_dropout():
    encoder = nn.Sequential(
        nn.Linear(DATA, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 4)
    )
    found = _check(VAE((DATA,), 2, encoder=encoder, likelihood=Normal()), X)
    assert found.codes == ("PV405", "PV407") and found.is_sound


def test_float64_data_meet_float32_networks():
    for x in (X.double(), X.double().numpy(), X > 0):
        assert _check(sound_model(), sound_guide(), x).is_sound


def test_a_row_is_nan():
    x = torch.randn(300, DATA)
    x[5, 0] = torch.nan
    (problem,) = _check(sound_model(), sound_guide(), x).problems
    assert problem.code == "PV302" and "row 5" in problem.sentence


def test_labels_that_the_pair_does_not_take():
    loader = DataLoader(TensorDataset(X, torch.arange(12)), 4)

    def model(x):
        sound_model()(x)

    found = _check(model, lambda x: sound_guide()(x), loader)
    assert [p.code for p in found.faults] == ["PV003"]
    assert "columns=0" in found.faults[0].remedy
    net_model, net_guide = sound_model(), sound_guide()
    assert _check(net_model, net_guide, loader, columns=0).is_sound


def test_a_plate_without_size():
    weight = torch.ones(LATENT, DATA)

    def model(x):
        w = pyro.param("w", weight)
        with pyro.plate("data"):
            z = pyro.sample("z", dist.Normal(x.new_zeros(len(x), LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ w, 1.0).to_event(1), obs=x)

    def guide(x):
        v = pyro.param("v", weight.t())
        with pyro.plate("data"):
            pyro.sample("z", dist.Normal(x @ v, 1.0).to_event(1))

    found = _check(model, guide, X)
    assert found.codes == ("PV218",) and found.is_sound


def test_a_guide_of_one_dim_that_would_be_broadcast():
    def model(x):
        b = pyro.param("b", torch.zeros(3))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(5), 0.1).to_event(1))
            loc = b + 0 * z.sum(-1, keepdim=True)
            pyro.sample("x", dist.Normal(loc, 1.0).to_event(1), obs=x)

    def guide(x):
        m = pyro.param("m", torch.zeros(1))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(m, 0.1).to_event(1))

    found = _check(model, guide, torch.randn(16, 3))
    assert [(p.code, p.site) for p in found.faults] == [("PV205", "z")]


def test_global_and_local_latents():
    x = torch.randn(40)

    def model(x):
        m = pyro.sample("m", dist.Normal(0.0, 3.0))
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Bernoulli(0.3))
            pyro.sample("x", dist.Normal(m + 2 * k, 1.0), obs=x)

    def guide(x):
        m, a = pyro.param("l", torch.tensor(0.0)), pyro.param("a", torch.tensor(1.0))
        pyro.sample("m", dist.Normal(m, 0.1))
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Bernoulli(logits=a * x))

    found = _check(model, guide, x, objectives=True)
    assert found.codes == ("PV604",) and found.is_sound
    assert "ELBO(closed_form_kl=True)" in str(found)


def test_everything_masked():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0).mask(False))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        m = pyro.param("m", torch.tensor(0.0))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(m, 1.0).mask(False))

    assert "PV900" not in _check(model, guide, torch.randn(8)).codes


def test_a_latent_that_indexes_and_that_the_guide_lacks():
    def model(x):
        with pyro.plate("topics", 3):
            t = pyro.sample("t", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(torch.ones(3)), infer={"enumerate": "parallel"})
            pyro.sample("x", dist.Normal(t[k], 1.0), obs=x)

    def guide(x):
        a = pyro.param("a", torch.zeros(3))
        with pyro.plate("topics", 3):
            pyro.sample("t", dist.Normal(a, 1.0))

    found = _check(model, guide, torch.randn(8))
    (problem,) = found.problems
    assert (problem.code, problem.site, problem.severity) == ("PV201", "k", "information")
    assert "TraceEnum_ELBO" in problem.remedy


def test_a_factor_without_a_path():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        a = pyro.param("a", torch.tensor(0.5))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(a * x, 1.0))
            pyro.factor("loss", a * x, has_rsample=False)

    found = _check(model, guide, torch.randn(8), objectives=True)
    assert found.is_sound
    assert not next(o for o in found.objectives if o.name.startswith("DReG(")).fits


def test_annealing_by_an_argument():
    decoder, encoder = net(LATENT, DATA), net(DATA, LATENT)

    def model(x, b):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            with poutine.scale(scale=b):
                z = pyro.sample("z", dist.Normal(torch.zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x, b):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)), poutine.scale(scale=b):
            pyro.sample("z", dist.Normal(encoder(x), 1.0).to_event(1))

    found = _check(model, guide, X, torch.tensor(0.3))
    assert found.codes == ("PV216",) and found.is_sound


def test_the_matrix_exponential_of_pyro_in_many_dims():
    def of(dims):
        flow = dist.transforms.MatrixExponential(dims, iterations=8)
        with torch.no_grad():
            flow.weights.normal_()

        def model(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(dims), 1.0).to_event(1))
                pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

        def guide(x):
            pyro.module("flow", flow)
            with pyro.plate("data", len(x)):
                base = dist.Normal(0.1 * x, 1.0).to_event(1)
                pyro.sample("z", dist.TransformedDistribution(base, [flow]))

        return _check(model, guide, torch.randn(8, dims))

    assert "PV310" in of(32).codes
    assert "PV310" not in of(2).codes
