"""Path derivatives on pairs of every kind, against plain gradients; and where they cannot be."""

import warnings
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions import transforms
from torch import nn

from pyrovae import draw
from pyrovae.data import DiscreteLatent
from pyrovae.errors import GradientWarning, ReparamError, SiteError
from pyrovae.objectives import (
    CIWAE,
    ELBO,
    IWAE,
    JVI,
    MIWAE,
    PIWAE,
    RWS,
    STL,
    TVO,
    DReG,
    DReGCIWAE,
    DReGMIWAE,
    DReGPIWAE,
    Renyi,
)
from pyrovae.particles.parameters import trainable
from tests.objectives.copies import repeated_gradients, two_sample_z
from tests.pairs import LATENT, STYLES, Pair, _x, hierarchy

PATHS = [
    pytest.param(partial(STL, 3), partial(ELBO, 3), id="STL"),
    pytest.param(partial(DReG, 3), partial(IWAE, 3), id="DReG"),
    pytest.param(partial(DReG, 3, 0.5), partial(Renyi, 0.5, 3), id="DReG-Renyi"),
    pytest.param(partial(DReGMIWAE, 2, 2), partial(MIWAE, 2, 2), id="DReGMIWAE"),
    pytest.param(partial(DReGPIWAE, 2, 2), partial(PIWAE, 2, 2), id="DReGPIWAE"),
    pytest.param(partial(DReGCIWAE, 0.3, 3), partial(CIWAE, 0.3, 3), id="DReGCIWAE"),
]


def _pair(base_and_flow, *, shared=None):
    """A model with weights, and the guide z = flow(base), both conditional on x where they can."""
    rng = torch.Generator().manual_seed(2)
    weight = torch.randn(6, LATENT, generator=rng).double()
    modules = base_and_flow(None)[2]

    def model(x):
        w = pyro.param("w", weight)
        if shared is not None:
            w = w * pyro.param("shared", shared)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ w.T, 1.5).to_event(1), obs=x)

    def guide(x):
        for name, module in modules.items():
            pyro.module(name, module)
        with pyro.plate("data", x.shape[0]):
            base, flows, _ = base_and_flow(x)
            pyro.sample("z", dist.TransformedDistribution(base, flows) if flows else base)

    return Pair(model, guide, (_x(torch.float64),))


def _encoder():
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return nn.Linear(6, 2 * LATENT).double()


def _base(encoder, x):
    loc, log_scale = encoder(x).chunk(2, -1)
    return dist.Normal(0.4 * loc, (0.3 * log_scale - 0.4).exp()).to_event(1)


def coupling():
    """AffineCoupling with a permutation, on an amortised base."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        flow = transforms.affine_coupling(LATENT, hidden_dims=[4]).double()
    encoder, swap = _encoder(), transforms.Permute(torch.tensor([1, 0]))

    def made(x):
        modules = {"encoder": encoder, "flow": flow}
        return (None if x is None else _base(encoder, x)), [flow, swap], modules

    return _pair(made)


def conditional_coupling():
    """A flow that runs its network on x no sooner than it is scored."""
    with torch.random.fork_rng():
        torch.manual_seed(6)
        flow = transforms.conditional_affine_coupling(LATENT, 6, hidden_dims=[4]).double()
    encoder = _encoder()

    def made(x):
        modules = {"encoder": encoder, "flow": flow}
        if x is None:
            return None, [], modules
        return _base(encoder, x), [flow.condition(x)], modules

    return _pair(made)


def planar():
    with torch.random.fork_rng():
        torch.manual_seed(7)
        flow = transforms.planar(LATENT).double()
        after = transforms.affine_coupling(LATENT, hidden_dims=[4]).double()
    encoder = _encoder()

    def made(x):
        modules = {"encoder": encoder, "flow": flow, "after": after}
        return (None if x is None else _base(encoder, x)), [flow, after], modules

    return _pair(made)


def shared():
    """One parameter in both programs: the model's role keeps its gradient."""
    start = torch.tensor([0.8, 0.6]).double()
    encoder = _encoder()

    def made(x):
        if x is None:
            return None, [], {"encoder": encoder}
        base = _base(encoder, x).base_dist
        scale = base.scale * pyro.param("shared", start)
        return dist.Normal(base.loc, scale).to_event(1), [], {}

    return _pair(made, shared=start)


def relaxed(straight_through):
    made = {
        False: dist.RelaxedOneHotCategorical,
        True: dist.RelaxedBernoulliStraightThrough,
    }[straight_through]
    encoder = _encoder()

    def program(x, prior_logits, observe):
        logits = encoder(x)[..., :LATENT] if prior_logits is None else prior_logits
        q = made(x.new_tensor(0.8), logits=logits)
        z = pyro.sample("z", q.to_event(1) if straight_through else q)
        if observe:
            w = pyro.param("w", torch.linspace(-1, 1, 12).double().reshape(6, 2))
            pyro.sample("x", dist.Normal(z @ w.T, 1.0).to_event(1), obs=x)

    def model(x):
        with pyro.plate("data", x.shape[0]):
            program(x, x.new_tensor([0.4, -0.2]), True)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", x.shape[0]):
            program(x, None, False)

    return Pair(model, guide, (_x(torch.float64),))


PAIRS = {
    "hierarchy": partial(hierarchy, torch.float64),
    "coupling": coupling,
    "conditional_coupling": conditional_coupling,
    "shared": shared,
    "relaxed": partial(relaxed, False),
    **{
        name: partial(STYLES[name], torch.float64)
        for name in ("nested_plate", "subsampled_plate", "pyro_module", "family")
    },
}


@pytest.mark.parametrize(("ours", "plain"), PATHS)
@pytest.mark.parametrize("name", PAIRS)
def test_mean_is_that_of_the_plain_gradient(name, ours, plain):
    pair = PAIRS[name]()
    found = [repeated_gradients(objective(), pair, 60) for objective in (ours, plain)]
    scores = two_sample_z(*found)
    assert (scores.abs() < 4.5).all(), scores.abs().max()


@pytest.mark.parametrize("name", ["hierarchy", "conditional_coupling", "nested_plate"])
def test_sequential_particles(name):
    pair = PAIRS[name]()
    found = [
        repeated_gradients(DReG(2, vectorize_particles=vectorize), pair, 60)
        for vectorize in (True, False)
    ]
    assert (two_sample_z(*found).abs() < 4.5).all()


@pytest.mark.parametrize("name", ["hierarchy", "coupling", "conditional_coupling"])
def test_has_less_noise(name):
    pair = PAIRS[name]()
    leaves = draw(pair.model, pair.guide, *pair.args).guide_parameters
    of_guide = sum(leaf.numel() for leaf in leaves.values())  # they come first
    ours, plain = (
        repeated_gradients(objective, pair, 60)[:, :of_guide].var(0).sum()
        for objective in (DReG(10), IWAE(10))
    )
    assert ours < plain / 2


@pytest.mark.parametrize(("ours", "plain"), PATHS)
def test_values_are_those_of_the_bound(ours, plain):
    pair = PAIRS["conditional_coupling"]()
    call = (pair.model, pair.guide, *pair.args)
    ours, plain = ours(), plain()
    losses = []
    for value in (ours.differentiable_loss, ours.loss, plain.loss):
        pyro.set_rng_seed(3)
        losses.append(value(*call).detach())
    torch.testing.assert_close(losses[1], losses[0])
    torch.testing.assert_close(losses[2], losses[0])


@pytest.mark.parametrize("objective", [DReG(3), STL(3), DReGPIWAE(2, 2)])
def test_straight_through_sites(objective):
    """Biased by their nature: the gradient is there, in value and size like the plain one's."""
    pair = relaxed(True)
    loss = objective.differentiable_loss(pair.model, pair.guide, *pair.args)
    pyro.set_rng_seed(1)
    grads = repeated_gradients(objective, pair, 2)
    assert loss.isfinite() and grads.isfinite().all() and (grads != 0).any()


@pytest.mark.parametrize("objective", [STL(), DReG(2), DReGMIWAE(2, 2), DReGCIWAE(0.5, 2)])
def test_a_site_without_a_sampler_is_named(objective):
    pair = DiscreteLatent.random(data_dim=4, latent_dim=2, seed=0)
    x = pair.sample(3, seed=1)
    assert objective.per_datum(pair.model, pair.guide, x).isfinite().all()
    with pytest.raises(ReparamError) as raised:
        objective.loss_and_grads(pair.model, pair.guide, x)
    others = [f"objectives.{n}" for n in ("VIMCO", "REINFORCE", "RWS", "ELBO", "IWAE")]
    for part in ("site 'z' (Bernoulli)", repr(objective), "TraceEnum_ELBO", *others):
        assert part in str(raised.value)


@pytest.mark.parametrize(("ours", "plain"), PATHS)
def test_a_flow_without_an_inverse_gets_the_plain_gradient_and_one_warning(ours, plain):
    pair = planar()
    ours, plain = ours(), plain()
    found = {}
    for name, objective in (("ours", ours), ("plain", plain), ("again", ours)):
        pyro.set_rng_seed(5)
        if name == "ours":
            with pytest.warns(GradientWarning, match="follows the plain gradient") as caught:
                found[name] = repeated_gradients(objective, pair, 1, copies=1)
            assert len(caught) == 1
            assert repr(ours) in str(caught[0].message)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found[name] = repeated_gradients(objective, pair, 1, copies=1)
    torch.testing.assert_close(found["ours"], found["plain"])
    torch.testing.assert_close(found["again"], found["plain"])


def test_after_a_flow_without_inverse_another_pair_is_scored_again():
    objective = DReG(3)
    pair = planar()
    with pytest.warns(GradientWarning):
        objective.loss_and_grads(pair.model, pair.guide, *pair.args)
    other = coupling()
    ours, plain = (repeated_gradients(o, other, 60) for o in (objective, IWAE(3)))
    assert (two_sample_z(ours, plain).abs() < 4.5).all()
    assert ours.var(0).sum() < 0.8 * plain.var(0).sum()


def test_dropout_in_the_guide_gets_the_plain_gradient():
    """Another mask is another guide, whose path is not the one that was taken."""
    encoder = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 2 * LATENT)).double()

    def made(x):
        return (None if x is None else _base(encoder, x)), [], {"encoder": encoder}

    pair = _pair(made)
    objective, call = DReG(3), (pair.model, pair.guide, *pair.args)
    with pytest.warns(GradientWarning, match="differently the second time"):
        objective.loss_and_grads(*call)
    losses = []
    for each in (objective, IWAE(3)):
        pyro.set_rng_seed(4)
        losses.append(torch.autograd.grad(each.differentiable_loss(*call), encoder[1].weight)[0])
    torch.testing.assert_close(*losses)
    encoder.eval()
    assert DReG(3).loss_and_grads(*call).isfinite()


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: IWAE(3, **k),
        lambda **k: ELBO(3, closed_form_kl=True, **k),
        lambda **k: JVI(3, **k),
        lambda **k: PIWAE(1, 3, **k),
        lambda **k: DReG(3, **k),
        lambda **k: DReGPIWAE(1, 3, **k),
    ],
)
def test_a_flow_without_an_inverse_in_sequential_particles(make):
    """Scored as long as the flow knows what it drew: as a trace of that particle alone is."""
    pair = planar()
    call = (pair.model, pair.guide, *pair.args)
    objective, leaves = make(vectorize_particles=False), list(trainable(*call).values())
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GradientWarning)
        for _ in range(2):  # a path estimator knows the second time that it cannot score again
            pyro.set_rng_seed(5)
            loss = objective.differentiable_loss(*call)
            rows.append(torch.autograd.grad(loss, leaves, allow_unused=True))
    torch.testing.assert_close(rows[0], rows[1])
    pyro.set_rng_seed(5)
    p = objective.draw(*call)
    pyro.set_rng_seed(5)
    alone = [IWAE(1).draw(*call).log_w for _ in range(3)]
    torch.testing.assert_close(p.log_w, torch.cat(alone))


@pytest.mark.parametrize("objective", [RWS(3, vectorize_particles=False), TVO(3)])
def test_fixed_draws_of_a_flow_without_an_inverse_are_refused(objective):
    pair = planar()
    with pytest.raises(SiteError, match="site 'z' cannot score any but its own draws.*IWAE"):
        objective.loss_and_grads(pair.model, pair.guide, *pair.args)
