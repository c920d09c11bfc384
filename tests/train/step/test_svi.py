"""`SVI` takes the steps of `pyro.infer.SVI`, and sees what would not train."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import JitTrace_ELBO, RenyiELBO, Trace_ELBO, TraceMeanField_ELBO
from torch import nn

from pyrovae.errors import ConfigError, ParameterError
from pyrovae.objectives import ELBO
from pyrovae.train import SVI
from tests.pairs import STYLES
from tests.train.pairs import batch, networks, pair


def trained(svi_class, optim, loss, steps=20, **options):
    pyro.clear_param_store()
    nets = networks()
    svi = svi_class(*pair(*nets), optim, loss, **options)
    pyro.set_rng_seed(4)
    losses = [svi.step(batch()) for _ in range(steps)]
    return losses, [p.detach().clone() for net in nets for p in net.parameters()]


@pytest.mark.parametrize(
    "loss",
    [
        Trace_ELBO,
        lambda: Trace_ELBO(num_particles=3, vectorize_particles=True),
        TraceMeanField_ELBO,
        lambda: RenyiELBO(alpha=0.5, num_particles=3, vectorize_particles=True),
    ],
)
@pytest.mark.parametrize(
    "optim",
    [
        lambda: pyro.optim.Adam({"lr": 1e-2}),
        lambda: pyro.optim.ClippedAdam({"lr": 1e-2, "clip_norm": 0.1, "lrd": 0.99}),
        lambda: pyro.optim.SGD({"lr": 1e-3, "momentum": 0.9}),
        lambda: pyro.optim.AdagradRMSProp({"eta": 1e-2}),
    ],
)
def test_is_pyros_svi_bit_for_bit(loss, optim):
    ours, our_parameters = trained(SVI, optim(), loss())
    theirs, their_parameters = trained(pyro.infer.SVI, optim(), loss())
    assert ours == theirs
    for one, other in zip(our_parameters, their_parameters, strict=True):
        assert torch.equal(one, other)


def test_evaluates_as_pyro_does_and_moves_nothing():
    nets = networks()
    arguments = (*pair(*nets), pyro.optim.Adam({"lr": 1e-2}), Trace_ELBO())
    before = [p.detach().clone() for net in nets for p in net.parameters()]
    values = []
    for svi in (SVI(*arguments), pyro.infer.SVI(*arguments)):
        pyro.set_rng_seed(4)
        values.append(svi.evaluate_loss(batch()))
    assert values[0] == values[1] and isinstance(values[0], float)
    after = [p for net in nets for p in net.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_takes_a_function_as_loss():
    def loss(model, guide, *args):
        return Trace_ELBO().differentiable_loss(model, guide, *args)

    ours, _ = trained(SVI, pyro.optim.Adam({"lr": 1e-2}), loss)
    theirs, _ = trained(pyro.infer.SVI, pyro.optim.Adam({"lr": 1e-2}), loss)
    assert ours == theirs


def test_two_networks_of_one_name_train_side_by_side():
    def losses(order):
        pyro.clear_param_store()
        svis = [SVI(*pair(*networks(s)), pyro.optim.Adam({"lr": 1e-2}), ELBO()) for s in (1, 2)]
        found = {0: [], 1: []}
        for which in order:
            pyro.set_rng_seed(len(found[which]))
            found[which].append(svis[which].step(batch()))
        return found

    together = losses([0, 1] * 5)
    assert together[0] == losses([0] * 5)[0]
    assert together[1] == losses([1] * 5)[1]
    assert together[0] != together[1]


def test_channels_last_weights_train():
    encoder = nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)),
        nn.Conv2d(1, 4, (2, 3)).to(memory_format=torch.channels_last),
        nn.Flatten(),
    )
    decoder = networks()[1]
    before = encoder[1].weight.detach().clone()
    SVI(*pair(encoder, decoder), pyro.optim.Adam({"lr": 1e-2}), Trace_ELBO()).step(batch())
    assert not torch.equal(before, encoder[1].weight)


def test_a_pair_without_parameters_is_an_error():
    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(0.0, 1.0))

    svi = SVI(model, model, pyro.optim.Adam({"lr": 1e-2}), Trace_ELBO())
    with pytest.raises(ParameterError, match="declares no parameters"):
        svi.step(batch())


def test_clearing_the_store_between_steps_is_an_error():
    pair = STYLES["param_functions"](torch.float32)
    svi = SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 1e-2}), ELBO())
    svi.step(*pair.args)
    pyro.clear_param_store()
    with pytest.raises(ParameterError, match="another tensor"):
        svi.step(*pair.args)


def test_what_is_no_optimiser_is_an_error():
    with pytest.raises(ConfigError, match="pyro.optim wrapper"):
        SVI(*pair(*networks()), 3, Trace_ELBO())


@pytest.mark.filterwarnings("ignore")  # torch.jit is on its way out
def test_jit_elbo_steps():
    nets = networks()
    svi = SVI(*pair(*nets), pyro.optim.Adam({"lr": 1e-2}), JitTrace_ELBO(ignore_jit_warnings=True))
    before = nets[1].weight.detach().clone()
    losses = [svi.step(batch()) for _ in range(3)]
    assert len(set(losses)) == 3 and not torch.equal(before, nets[1].weight)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_takes_steps(style):
    pair = STYLES[style](torch.float32)
    with pyro.settings.context(module_local_params=pair.local_params):
        svi = SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 1e-2}), ELBO())
        svi.step(*pair.args)
        before = {name: leaf.detach().clone() for name, leaf in svi.optimizer.leaves.items()}
        svi.step(*pair.args)
    for name, leaf in svi.optimizer.leaves.items():
        assert not torch.equal(before[name], leaf), name


class TestPyroSteps:
    """What a script may rely on: who moves in a step, and what two SVIs share."""

    @staticmethod
    def _programs():
        def model(x, both):
            p = pyro.param("p", torch.tensor(1.0))
            q = pyro.param("q", torch.tensor(1.0))
            with pyro.plate("data", len(x)):
                pyro.sample("x", dist.Normal(p + q if both else p + 0 * q.detach(), 1.0), obs=x)

        def guide(x, both):
            pass

        return model, guide

    @pytest.mark.parametrize("make", [pyro.optim.Adam, pyro.optim.ClippedAdam])
    def test_a_parameter_without_gradient_moves_by_its_momentum(self, make):
        x, found = torch.tensor([0.0, 3.0]), []
        for svi_class in (pyro.infer.SVI, SVI):
            pyro.clear_param_store()
            svi = svi_class(*self._programs(), make({"lr": 0.1}), Trace_ELBO())
            losses = [svi.step(x, step % 2 == 0) for step in range(9)]
            found.append((losses, pyro.param("p").item(), pyro.param("q").item()))
        assert found[0] == found[1]

    def test_two_svis_share_the_state_of_one_optimiser(self):
        x, found = torch.tensor([0.0, 3.0]), []
        for svi_class in (pyro.infer.SVI, SVI):
            pyro.clear_param_store()
            adam = pyro.optim.Adam({"lr": 0.1})
            svis = [svi_class(*self._programs(), adam, Trace_ELBO()) for _ in range(2)]
            for step in range(8):
                svis[step % 2].step(x, True)
            found.append((pyro.param("p").item(), pyro.param("q").item()))
        assert found[0] == found[1]

    def test_a_parameter_that_a_step_does_not_declare_stays(self):
        def model(x, name):
            p = pyro.param(name, torch.tensor(1.0))
            with pyro.plate("data", len(x)):
                pyro.sample("x", dist.Normal(p, 1.0), obs=x)

        def guide(x, name):
            pass

        x, found = torch.tensor([0.0, 3.0]), []
        for svi_class in (pyro.infer.SVI, SVI):
            pyro.clear_param_store()
            svi = svi_class(model, guide, pyro.optim.Adam({"lr": 0.1}), Trace_ELBO())
            for name in ("a", "b", "a", "a", "b"):
                svi.step(x, name)
            found.append((pyro.param("a").item(), pyro.param("b").item()))
        assert found[0] == found[1]
