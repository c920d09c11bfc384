"""On a device other than the CPU, without having one: torch's `meta` device has shapes alone.

It refuses what a GPU refuses, tensors of two devices in one operation, and what a GPU waits for,
a tensor's value on the host.
"""

import pyro
import pytest
import torch

from pyrovae import SVI
from pyrovae.capture.graph import trace
from pyrovae.capture.replay import device_conflict
from pyrovae.errors import CaptureError
from pyrovae.models import ConditionalVAE
from pyrovae.objectives import ELBO, IWAE
from tests.models.matrix import PAIRS, batch_for, objective_for
from tests.objectives.test_contract import OBJECTIVES

pytestmark = [
    pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning"),
    pytest.mark.filterwarnings("ignore::pyrovae.errors.GradientWarning"),
]
OPTIMIZERS = {
    "Adam": lambda leaves: torch.optim.Adam(leaves, 1e-3),
    "AdamW": lambda leaves: torch.optim.AdamW(leaves, 1e-3, amsgrad=True),
    "momentum": lambda leaves: torch.optim.SGD(leaves, 1e-3, momentum=0.9),
}
CAPTURED = ["VAE", "guide AffineCoupling", "prior VampPrior"]


def pair_and_batch(name):
    pyro.clear_param_store()
    pair = PAIRS[name]()
    batch = [t.float() if t.is_floating_point() else t for t in batch_for(name, pair)]
    return pair.to("meta"), [tensor.to("meta") for tensor in batch]


def step_there(objective, pair, batch):
    with pyro.validation_enabled(False):
        loss = objective.differentiable_loss(pair.model, pair.guide, *batch)
        loss.backward()
    grads = [leaf.grad for leaf in pair.parameters() if leaf.grad is not None]
    assert grads and all(tensor.is_meta for tensor in (loss, *grads))


@pytest.mark.parametrize("name", PAIRS)
def test_every_family_stays_there(name):
    pair, batch = pair_and_batch(name)
    step_there(objective_for(pair), pair, batch)


@pytest.mark.parametrize("make", OBJECTIVES)
def test_every_objective_stays_there(make):
    objective = make()
    pair, batch = pair_and_batch("prior MixturePrior")
    batch = [tensor[:9] for tensor in batch]  # as many as TCVAE is told of
    for network in objective.networks.values():
        network.to("meta")
    step_there(objective, pair, batch)
    step_there(objective, pair, batch)


# Codes and classes that are given are looked at; an autoencoder has no prior to draw from.
LOOKED_AT = {"GumbelSoftmaxVAE", "ConditionalVAE", "CountVAE", "LatentSizeCountVAE"}


@pytest.mark.parametrize(
    "name", [n for n in PAIRS if n not in LOOKED_AT and "utoencoder" not in n]
)
def test_generating_and_rebuilding_stays_there(name):
    pair, batch = pair_and_batch(name)
    with torch.no_grad(), pyro.validation_enabled(False):
        assert pair.reconstruct(*batch).is_meta
        is_given = isinstance(pair, ConditionalVAE) or "SequenceToSequence" in name
        assert pair.generate(batch[1] if is_given else 3).is_meta


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", CAPTURED)
def test_a_captured_step_reads_nothing_on_the_cpu(name, optimizer):
    pair, batch = pair_and_batch(name)
    optim = OPTIMIZERS[optimizer](pair.parameters())
    svi = SVI(pair.model, pair.guide, optim, IWAE(3), compile=True)
    with pyro.validation_enabled(False):
        svi.backward(*batch)
        step = svi._compiled_step(only_finite=True)
        step._enter(tuple(batch), {})
        traced = trace(step._run, batch)
    assert device_conflict([*traced.externals, *batch]) == ""
    nodes = [node for node in traced.graph.graph.nodes if node.op == "get_attr"]
    read = [node for node in nodes if any(user.users for user in node.users)]
    assert all(getattr(traced.graph, node.target).is_meta for node in read)


def test_what_lies_elsewhere_is_named():
    here, there = torch.zeros(3), torch.zeros(2, 5, device="meta")
    assert device_conflict([here, here]) == device_conflict([there]) == ""
    assert "meta (shape [2, 5])" in device_conflict([here, there])


class TestTheDevice:
    """What these tests rest on: `meta` refuses what they look for."""

    def test_refuses_two_devices(self):
        with pytest.raises(RuntimeError, match="device"):
            torch.zeros(3, device="meta") + torch.zeros(3)

    def test_refuses_reading(self):
        pair, batch = pair_and_batch("VAE")

        def model(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", pyro.distributions.Normal(x.new_zeros(2), 1.0).to_event(1))
                if z.sum() > 0:
                    pyro.sample("x", pair.decode(z), obs=x)

        pair = type("Pair", (), {"model": staticmethod(model), "guide": pair.guide})
        with pytest.raises((RuntimeError, CaptureError), match="meta"):
            ELBO().differentiable_loss(pair.model, pair.guide, *batch)
