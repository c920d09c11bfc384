"""What should train trains, or an error names it."""

import contextlib

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch import nn

from pyrovae import SVI, fit, log_evidence, trainable
from pyrovae.errors import CaptureWarning, ParameterError
from pyrovae.objectives import ELBO, DReG

X = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
FROZEN = "ignore:.*was not registered in the param store"


def networks():
    torch.manual_seed(1)
    return nn.Linear(3, 4), nn.Linear(2, 3)


def no_grad(call):
    with torch.no_grad():
        return call()


def detached(call):
    return call().detach()


def plain(call):
    return call()


def pair(encoder, decoder, encode=plain, decode=plain, scale=False, bias=False):
    def model(x):
        pyro.module("decoder", decoder)
        shift = pyro.param("bias", torch.zeros(3)) if bias else 0
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            loc = decode(lambda: decoder(z)) + shift
            pyro.sample("x", dist.Normal(loc, 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = encode(lambda: encoder(x)).chunk(2, -1)
            width = pyro.param("scale", torch.ones(2)) if scale else log_scale.exp()
            pyro.sample("z", dist.Normal(loc, width).to_event(1))

    return model, guide


def steps(model, guide, x, loss, **options):
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.1}), loss, **options)
    return [svi.step(x) for _ in range(4)]


TRAIN = {
    "fit": lambda m, g, x: fit(m, g, x, objective=ELBO(), epochs=4, lr=0.1, progress=False),
    "SVI": lambda m, g, x: steps(m, g, x, ELBO()),
    "SVI of Pyro's loss": lambda m, g, x: steps(m, g, x, Trace_ELBO()),
    "SVI of DReG": lambda m, g, x: steps(m, g, x, DReG(2)),
    "SVI compiled": lambda m, g, x: steps(m, g, x, ELBO(), compile=True),
}


@pytest.mark.parametrize("train", TRAIN)
def test_gradients_that_are_switched_off_around_are_switched_on(train, interpreted):
    def values(around):
        pyro.clear_param_store()
        nets = networks()
        model, guide = pair(*nets, scale=True)
        pyro.set_rng_seed(3)
        with around():
            TRAIN[train](model, guide, X.clone())
        leaves = [p.detach() for net in nets for p in net.parameters()]
        return torch.cat([*map(torch.flatten, leaves), pyro.param("scale").detach()])

    expected = values(contextlib.nullcontext)
    assert torch.equal(values(torch.no_grad), expected)
    assert torch.equal(values(torch.inference_mode), expected)
    assert torch.is_grad_enabled()


def test_what_was_measured_in_inference_mode_trains():
    model, guide = pair(*networks(), scale=True)
    with torch.inference_mode():
        log_evidence(model, guide, X, num_particles=2)
        trainable(model, guide, X)
    steps(model, guide, X, ELBO())
    assert (pyro.param("scale") != 1).all()


@pytest.mark.parametrize("train", ["fit", "SVI"])
def test_networks_made_in_inference_mode_are_an_error(train):
    with torch.inference_mode():
        nets = networks()
    with pytest.raises(ParameterError, match=r"'encoder\$\$\$weight' was made under"):
        TRAIN[train](*pair(*nets), X)


@pytest.mark.filterwarnings(FROZEN)
@pytest.mark.parametrize("train", ["fit", "SVI", "SVI of Pyro's loss"])
@pytest.mark.parametrize(
    ("side", "how", "beside"),
    [
        ("guide", no_grad, False),
        ("guide", detached, False),
        ("guide", no_grad, True),
        ("guide", detached, True),
        ("model", no_grad, False),
        ("model", detached, False),
        ("model", detached, True),
    ],
)
def test_what_is_cut_off_is_named_and_may_be_frozen(side, how, beside, train):
    nets = networks()
    cut = {"encode": how, "scale": beside} if side == "guide" else {"decode": how, "bias": beside}
    model, guide = pair(*nets, **cut)
    before = [p.detach().clone() for net in nets for p in net.parameters()]
    network = "encoder" if side == "guide" else "decoder"
    with pytest.raises(ParameterError, match=rf"the {side} depends on '{network}\$\$\$weight'"):
        TRAIN[train](model, guide, X)
    assert all(map(torch.equal, before, [p for net in nets for p in net.parameters()]))
    nets[0 if side == "guide" else 1].requires_grad_(False)
    TRAIN[train](model, guide, X)


def test_a_param_statement_that_is_detached_is_named():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, pyro.param("noise", torch.tensor(1.0))), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(pyro.param("loc", torch.tensor(0.5)).detach(), 1.0))

    with pytest.raises(ParameterError, match="the guide depends on 'loc'"):
        steps(model, guide, X[:, 0], ELBO())


class Conditional(nn.Module):
    """Its prior starts at what a trained network says, which is not to change."""

    def __init__(self):
        super().__init__()
        self.baseline, self.prior, self.net = nn.Linear(3, 2), nn.Linear(2, 2), nn.Linear(2, 3)
        self.encoder, self.unused = nn.Linear(3, 4), nn.Linear(3, 4)

    def model(self, x):
        pyro.module("whole", self)
        with pyro.plate("data", len(x)):
            with torch.no_grad():
                start = self.baseline(x)
            z = pyro.sample("z", dist.Normal(self.prior(start), 1.0).to_event(1))
            self.unused(x)
            pyro.sample("x", dist.Normal(self.net(z), 1.0).to_event(1), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


def test_a_part_that_is_left_out_on_purpose_is_no_error():
    torch.manual_seed(0)
    pair = Conditional()
    losses = []
    for svi_class in (pyro.infer.SVI, SVI):
        pyro.clear_param_store()
        torch.manual_seed(0)
        pair = Conditional()
        svi = svi_class(pair.model, pair.guide, pyro.optim.Adam({"lr": 0.1}), Trace_ELBO())
        pyro.set_rng_seed(1)
        losses.append([svi.step(X) for _ in range(3)])
    assert losses[0] == losses[1]


def test_what_this_batch_does_not_use_is_no_error():
    nets, classifier = networks(), nn.Linear(3, 2)
    model, plain_guide = pair(*nets)

    def guide(x):
        pyro.module("classifier", classifier)
        classifier(x)
        plain_guide(x)

    steps(model, guide, X, ELBO())


def test_a_guide_without_latents_is_maximum_likelihood():
    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(pyro.param("w", torch.tensor(0.0)), 1.0), obs=x)

    def guide(x):
        pass

    x = X[:, 0].double()
    fit(model, guide, x, objective=ELBO(), epochs=400, lr=0.05, progress=False)
    assert pyro.param("w").item() == pytest.approx(x.mean().item(), abs=1e-4)
    exact = dist.Normal(pyro.param("w").detach(), 1.0).log_prob(x).mean().item()
    assert log_evidence(model, guide, x, num_particles=2).mean() == pytest.approx(exact)


@pytest.mark.parametrize("compile", [False, True])
def test_parameters_without_a_site_give_pyros_loss(compile):
    def model(x):
        pyro.param("w", torch.tensor(0.0))

    def guide(x):
        pass

    said = contextlib.nullcontext()
    with pytest.warns(CaptureWarning, match="no sample sites") if compile else said:
        assert steps(model, guide, X, Trace_ELBO(), compile=compile) == [0.0] * 4
