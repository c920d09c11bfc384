"""Evaluation mode for a while, for the networks of any pair, and every flag as it was."""

import warnings
from types import SimpleNamespace

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroModule
from torch import nn
from torch.nn.functional import dropout

from pyrovae import log_evidence
from pyrovae.errors import ConfigError
from pyrovae.evaluate import elbo_parts
from pyrovae.particles.modes import evaluating, in_mode


def network(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, outputs)
    )


class Sloppy(nn.Module):
    """Has no `forward`, and looks at its own mode."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.layer = nn.Linear(inputs, outputs)

    def apply_to(self, x):
        return dropout(self.layer(x), 0.5, training=self.training)


def programs(encode, decode, declare=lambda: None):
    def model(x):
        declare()
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            loc = decode(z.reshape(-1, 2)).reshape(*z.shape[:-1], 5)
            pyro.sample("x", dist.Normal(loc, 1.0).to_event(1), obs=x)

    def guide(x):
        declare()
        with pyro.plate("data", len(x)):
            loc, scale = encode(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, scale.exp()).to_event(1))

    return model, guide


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = network(5, 4), network(2, 5)
        self.programs = programs(lambda x: self.encoder(x), lambda z: self.decoder(z))

    def model(self, x):
        pyro.module("pair", self)
        self.programs[0](x)

    def guide(self, x):
        pyro.module("pair", self)
        self.programs[1](x)


class Plain(SimpleNamespace):
    def model(self, x):
        programs(self.nets["e"], self.nets["d"])[0](x)

    def guide(self, x):
        programs(self.nets["e"], self.nets["d"])[1](x)


class Program(PyroModule):
    def __init__(self, which, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder, self.which = encoder, decoder, which

    def forward(self, x):
        programs(self.encoder, self.decoder)[self.which](x)


def styles():
    """name -> model, guide, the networks that they run."""
    made = {}

    def add(name, model, guide, *networks):
        made[name] = model, guide, networks

    e, d = network(5, 4), network(2, 5)

    def declare(e=e, d=d):
        pyro.module("e", e), pyro.module("d", d)

    add("pyro.module", *programs(e, d, declare), e, d)
    e, d = network(5, 4), network(2, 5)
    add("closures", *programs(e, d), e, d)
    pair = Module()
    add("methods of a module", pair.model, pair.guide, pair)
    e, d = network(5, 4), network(2, 5)
    pair = Plain(nets={"e": e, "d": d})
    add("methods of a plain object", pair.model, pair.guide, e, d)
    e, d = network(5, 4), network(2, 5)
    pair = Program(0, e, d), Program(1, e, d)
    add("PyroModules", *pair, *pair)
    e, d = Sloppy(5, 4), Sloppy(2, 5)
    add("methods of networks", *programs(e.apply_to, d.apply_to), e, d)
    e, d = network(5, 4), network(2, 5)
    hidden = {0: {"deep": iter([e])}}  # nobody finds it in there
    e_of = iter([])

    def late(x, hidden=hidden):
        nonlocal e_of
        if "net" not in hidden[0]:
            hidden[0] = {"net": (lambda net: [net])(next(hidden[0]["deep"]))}
        return hidden[0]["net"][0](x)

    add("found while it runs", *programs(late, d), e, d)
    e, d = network(5, 4), network(2, 5)
    inline = programs(lambda x: nn.Dropout(0.5)(e(x)), lambda z: nn.Dropout(0.5)(d(z)))
    add("made while it runs", *inline, e, d)
    return made


torch.manual_seed(1)
STYLES = styles()
X = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=STYLES)
def pair(request):
    model, guide, networks = STYLES[request.param]
    for net in networks:
        net.train()
    return model, guide, networks


def flags(networks):
    return [module.training for net in networks for module in net.modules()]


def state(networks):
    return [tensor.clone() for net in networks for tensor in net.state_dict().values()]


def test_a_datum_has_one_value_alone_and_among_others(pair):
    model, guide, networks = pair
    before, kept = flags(networks), state(networks)
    many = elbo_parts(model, guide, X, num_particles=2, seed=0).kl  # in closed form
    for rows in (1, 3, 12):
        kl = elbo_parts(model, guide, X[:rows], num_particles=2, seed=0).kl
        torch.testing.assert_close(kl, many[:rows], rtol=1e-5, atol=1e-5)
    found = log_evidence(model, guide, X, num_particles=20, seed=0).log_px
    assert flags(networks) == before
    assert all(map(torch.equal, state(networks), kept))
    for net in networks:
        net.eval()
    assert torch.equal(log_evidence(model, guide, X, num_particles=20, seed=0).log_px, found)
    assert not any(flags(networks))


def test_as_is_keeps_what_is(pair):
    model, guide, networks = pair
    evaluated = log_evidence(model, guide, X, num_particles=20, seed=0).log_px
    for net in networks:
        net.train()
    kept = log_evidence(model, guide, X, num_particles=20, seed=0, mode="as is").log_px
    assert (kept - evaluated).abs().max() > 0.1
    assert all(flags(networks))


def test_mixed_modes_come_back_after_an_error_too(pair):
    _, guide, networks = pair
    modules = [module for net in networks for module in net.modules()]
    for module in modules[::2]:
        module.training = False
    before = flags(networks)

    def model(x):
        guide(x)
        assert not any(flags(networks))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"), in_mode("evaluation", model, guide):
        model(X)
    assert flags(networks) == before


def test_modules_get_back_their_own_mode():
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(3)))
    net[1][1].eval()
    modes = flags([net])
    with evaluating([net, net[1]]):
        assert not any(flags([net]))
        with evaluating([net[1]]):
            assert not any(flags([net]))
        assert not any(flags([net]))
    assert modes == flags([net]) == [True, True, True, True, False]


def test_what_a_network_does_of_its_own_when_its_mode_changes_is_undone():
    class Merged(nn.Linear):
        merged = False

        def train(self, mode=True):
            self.merged = not mode
            return super().train(mode)

    net = nn.Sequential(Merged(2, 2))
    with evaluating([net]):
        assert net[0].merged
    assert not net[0].merged and net[0].training
    with evaluating([net.eval()]):
        assert net[0].merged
    assert net[0].merged and not net[0].training


def test_what_belongs_to_others_is_left_alone():
    shared, own = nn.Dropout(), nn.Dropout()
    with in_mode("evaluation", lambda x: shared(x)):
        own(X)  # by no program
        assert own.training and not shared.training
    assert own.training and shared.training


def test_there_are_two_modes():
    model, guide, _ = STYLES["closures"]
    with pytest.raises(ConfigError, match="'evaluation', or 'as is'"):
        log_evidence(model, guide, X, num_particles=2, mode="train")


def test_no_hook_stays_behind():
    with in_mode("evaluation", STYLES["closures"][0]):
        pass
    assert not nn.modules.module._global_forward_pre_hooks


def test_compiled_networks_are_measured_in_evaluation_mode():
    """A network that torch compiles has one mode, inside and outside."""
    torch._dynamo.reset()
    e, d = network(5, 4), network(2, 5)
    compiled = torch.compile(e, backend="eager")
    model, guide = programs(compiled, d)
    plain = log_evidence(*programs(e, d), X, num_particles=5, seed=0).log_px
    for net in (compiled, e, d):
        net.train()
    found = log_evidence(model, guide, X, num_particles=5, seed=0).log_px
    torch.testing.assert_close(found, plain)
    assert compiled.training and e.training and all(flags([e, d]))
    assert e[1].num_batches_tracked == 0


def test_a_captured_measurement_is_in_evaluation_mode():
    model, guide, networks = STYLES["pyro.module"]
    for net in networks:
        net.train()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of what runs eagerly although it was to be compiled
        found = log_evidence(model, guide, X, num_particles=40, chunk=60, seed=0, compile=True)
    eager = log_evidence(model, guide, X, num_particles=40, chunk=60, seed=0)
    torch.testing.assert_close(found.log_px, eager.log_px, rtol=1e-5, atol=1e-5)
    assert all(flags(networks))
