"""Networks in bfloat16, everything else in float32; TF32; and nothing left behind."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions import transforms
from pyro.nn import PyroModule
from torch import nn
from torch.nn.modules import module as hooks

from pyrovae import draw, trainable
from pyrovae.data import digits
from pyrovae.errors import ConfigError
from pyrovae.models import VAE
from pyrovae.nn import MLP, Binomial
from pyrovae.objectives import ELBO, IWAE, DReG
from pyrovae.train import SVI, fit
from pyrovae.train.step.precision import Precision, networks_of


def one_layer_net():
    """The one-layer net of the IWAE paper, on binary data that it has seen a little of."""
    pyro.set_rng_seed(0)
    network = partial(MLP, hidden=(200, 200), activation=nn.Tanh)
    vae = VAE((784,), 50, encoder=network, decoder=network)
    rng = torch.Generator().manual_seed(1)
    shapes = torch.rand(10, 784, generator=rng).round() * 0.9 + 0.05
    return vae, torch.bernoulli(shapes.repeat(4, 1), generator=rng)


def flow_pair():
    """A coupling flow as the guide, a network before it, and a spline flow as the prior."""
    pyro.set_rng_seed(0)
    encoder, decoder = nn.Sequential(nn.Linear(6, 8), nn.Tanh()), MLP(4, 6, hidden=(8,))
    coupling = transforms.conditional_affine_coupling(4, 8, hidden_dims=[5])
    spline = transforms.spline_coupling(4, hidden_dims=[5])

    def model(x):
        pyro.module("decoder", decoder)
        pyro.module("spline", spline)
        with pyro.plate("data", len(x)):
            base = dist.Normal(x.new_zeros(4), 1.0).to_event(1)
            z = pyro.sample("z", dist.TransformedDistribution(base, [spline]))
            pyro.sample("x", dist.Normal(decoder(z), 0.8).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        pyro.module("coupling", coupling)
        with pyro.plate("data", len(x)):
            base = dist.Normal(x.new_zeros(4), 1.0).to_event(1)
            flow = dist.ConditionalTransformedDistribution(base, [coupling])
            pyro.sample("z", flow.condition(encoder(x)))

    return model, guide, {"encoder": encoder, "decoder": decoder}, {"c": coupling, "s": spline}


class OfPrograms(PyroModule):
    """Sample statements in the forward of a module, and a distribution from another."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 6)
        self.head = Head()

    def forward(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", self.head(self.net(z)), obs=x)
        return z


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(6, 6)

    def forward(self, y):
        return dist.Normal(self.inner(y), 0.8).to_event(1)


def steps(precision, objective, count=3, **options):
    vae, x = one_layer_net()
    pyro.clear_param_store()
    optim = torch.optim.Adam(vae.parameters(), lr=1e-3)
    svi = SVI(vae.model, vae.guide, optim, objective, precision=precision, **options)
    pyro.set_rng_seed(3)
    return [svi.step(x) for _ in range(count)], vae, optim, svi


def test_an_unknown_name():
    vae, x = one_layer_net()
    with pytest.raises(ConfigError, match="precision='half' is unknown; choose 'full', 'tf32'"):
        fit(vae.model, vae.guide, x, objective=ELBO(), epochs=1, precision="half")


def test_networks_are_told_from_programs_heads_and_flows():
    vae, x = one_layer_net()
    assert networks_of(vae.model, vae.guide, (x,), {}) == {
        *vae.encoder.modules(), *vae.decoder.modules()
    }  # fmt: skip
    model, guide, networks, _ = flow_pair()
    found = networks_of(model, guide, (torch.zeros(3, 6),), {})
    assert found == {m for net in networks.values() for m in net.modules()}
    program, encoder = OfPrograms(), nn.Linear(6, 4)
    _, guide = _normal_pair(encoder)
    found = networks_of(program, guide, (torch.zeros(3, 6),), {})
    assert found == {program.net, program.head.inner, encoder}


def _normal_pair(encoder):
    def guide(x):
        pyro.module("encoder", encoder)
        loc, log_scale = encoder(x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return None, guide


def test_the_search_leaves_random_streams_alone():
    vae, x = one_layer_net()
    before = torch.get_rng_state()
    networks_of(vae.model, vae.guide, (x,), {})
    assert torch.equal(torch.get_rng_state(), before)


def test_flows_heads_and_densities_are_in_float32_and_networks_are_not():
    model, guide, networks, flows = flow_pair()
    kinds = {}

    def note(name):
        return lambda module, _, out: kinds.setdefault(name, set()).add(out.dtype)

    for name, part in {**networks, **flows}.items():
        for inner in part.modules():
            if type(inner) in (nn.Linear, transforms.Spline):
                inner.register_forward_hook(note(name))
    optim = pyro.optim.Adam({"lr": 1e-2})
    svi = SVI(model, guide, optim, IWAE(3), precision="bf16")
    x = torch.randn(5, 6)
    pyro.clear_param_store()
    svi.step(x)
    kinds.clear()  # those of the search for networks
    svi.step(x)
    assert kinds["encoder"] == kinds["decoder"] == {torch.bfloat16}
    assert kinds["c"] == kinds["s"] == {torch.float32}
    for leaf in svi.optimizer.leaves.values():
        assert leaf.dtype == torch.float32
    state = svi.optimizer.torch.state
    assert all(t.dtype == torch.float32 for s in state.values() for t in s.values())


def test_programs_and_heads_that_are_modules_get_float32():
    program, encoder = OfPrograms(), nn.Linear(6, 4)
    _, guide = _normal_pair(encoder)
    x, precision = torch.randn(3, 6), Precision("bf16")
    with precision.on(program, guide, (x,), {}):
        p = draw(program, guide, x, num_particles=2)
    assert {fn.mean.dtype for fn in p.model_sites["x"].distributions} == {torch.float32}
    assert p.log_w.dtype == p.latents["z"].dtype == torch.float32


def _both(vae, x):
    """log q, log p(x, z), ELBO and gradient of IWAE, in full and in bfloat16."""
    found = []
    for name in ("full", "bf16"):
        leaves = trainable(vae.model, vae.guide, x)
        pyro.set_rng_seed(5)
        with Precision(name).on(vae.model, vae.guide, (x,), {}):
            p = draw(vae.model, vae.guide, x, num_particles=5)
            grads = torch.autograd.grad(IWAE(5).bound(p).sum(), list(leaves.values()))
        gradient = torch.cat([grad.flatten() for grad in grads])
        values = p.log_q, p.log_lik + p.log_prior, p.log_w.mean(0), gradient
        found.append([value.detach() for value in values])
    return zip(*found, strict=True)


def test_the_numerical_error_is_bounded():
    _, vae, _, _ = steps("full", IWAE(5), count=60)
    _, x = one_layer_net()
    log_q, log_joint, elbo, gradient = (
        (low - full).square().mean().sqrt() / (1 if i < 3 else full.square().mean().sqrt())
        for i, (full, low) in enumerate(_both(vae, x))
    )
    # Nats, root mean square; the gradient relative. Rounding there is, and no more than this.
    assert 0 < log_q < 0.05, log_q
    assert 0 < log_joint < 0.5, log_joint
    assert 0 < elbo < 0.3, elbo
    assert 0 < gradient < 0.06, gradient


def test_double_stays_double():
    vae, x = one_layer_net()
    vae, x = vae.double(), x.double()
    full, low = [*zip(*_both(vae, x), strict=True)]
    assert all(torch.equal(a, b) for a, b in zip(full, low, strict=True))


@pytest.mark.parametrize("objective", [IWAE(3), DReG(3)], ids=repr)
def test_the_captured_step_is_the_eager_one(interpreted, objective):
    expected, vae, _, _ = steps("bf16", objective, 4)
    found, other, _, svi = steps("bf16", objective, 4, compile=True)
    in_full, *_ = steps("full", objective, 4)
    assert svi._compiled.captured.refusal == ""
    assert found == pytest.approx(expected, rel=1e-6)
    assert found != pytest.approx(in_full, rel=1e-7)
    graph = next(iter(svi._compiled.captured._graphs.values())).traced.graph
    products = [n.args[-1].meta["val"].dtype for n in graph.graph.nodes if "addmm" in n.name]
    assert products and set(products) == {torch.bfloat16}
    for one, another in zip(vae.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, another, rtol=1e-4, atol=1e-5)


def test_compiled_for_real_within_its_tolerance():
    expected, *_ = steps("bf16", IWAE(3), 5)
    found, _, _, svi = steps("bf16", IWAE(3), 5, compile=True)
    assert svi._compiled.captured.refusal == ""
    assert found == pytest.approx(expected, rel=1e-3)


def flags():
    matmul = torch.backends.cuda.matmul
    return (
        matmul.allow_tf32, matmul.fp32_precision, torch.get_float32_matmul_precision(),
        torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda"),
        len(hooks._global_forward_pre_hooks), len(hooks._global_forward_hooks),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["full", "tf32", "bf16"])
def test_no_setting_survives(name):
    before = flags()
    vae, x = one_layer_net()
    seen = []

    def model(x):
        seen.append(torch.backends.cuda.matmul.allow_tf32)
        vae.model(x)
        if len(seen) > 2:
            raise KeyError("in the middle of a step")

    svi = SVI(model, vae.guide, pyro.optim.Adam({"lr": 1e-3}), ELBO(), precision=name)
    with pytest.raises(KeyError):
        for _ in range(3):
            svi.step(x)
    assert seen[-1] == (name == "tf32")
    assert flags() == before


@pytest.mark.parametrize("setting", ["high", "medium"])
def test_a_setting_that_allows_tf32_already_stays(setting):
    torch.set_float32_matmul_precision(setting)
    try:
        before = flags()
        steps("tf32", ELBO(), 1)
        assert flags() == before
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.matmul.fp32_precision = "none"


def test_a_network_that_raises_leaves_no_autocast():
    class Moody(nn.Linear):
        fails = False

        def forward(self, x):
            if self.fails:
                raise ArithmeticError("moody")
            return super().forward(x)

    encoder, program = Moody(6, 4), OfPrograms()
    _, guide = _normal_pair(encoder)
    x, precision = torch.randn(3, 6), Precision("bf16")
    with precision.on(program, guide, (x,), {}):
        encoder.fails = True
        with pytest.raises(ArithmeticError):
            guide(x)
        assert not torch.is_autocast_enabled("cpu")
        encoder.fails = False
        assert encoder(x).dtype == torch.float32


def test_a_resumed_run_ends_with_the_same_parameters(tmp_path):
    def train(epochs, folder, **options):
        pyro.set_rng_seed(0)
        vae = VAE((1, 8, 8), 4, likelihood=Binomial(16))
        fit(vae.model, vae.guide, digits().train[:300], objective=ELBO(), epochs=epochs,
            run_dir=folder, progress=False, precision="bf16", device="cpu", **options)  # fmt: skip
        return vae.state_dict()

    expected = train(3, tmp_path / "whole")
    train(1, tmp_path / "parts")
    found = train(3, tmp_path / "parts", resume=True)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
