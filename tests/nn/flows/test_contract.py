"""What every layer of a flow promises."""

import warnings
from copy import deepcopy
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch.distributions import Transform

from pyrovae.errors import ConfigError, GradientWarning, InverseError, ShapeError, SiteError
from pyrovae.models import VAE, FlowPosterior
from pyrovae.nn import MLP, flows
from pyrovae.nn.flows import (
    AffineCoupling,
    FlowLayer,
    Householder,
    InverseAutoregressive,
    OrthogonalSylvester,
    Permutation,
    Radial,
    Spline,
    SplineAutoregressive,
    SplineCoupling,
    chain,
)
from pyrovae.objectives import ELBO, IWAE, RWS, STL, DReG
from pyrovae.train import SVI
from tests.exported import exported

K, B, C = 3, 4, 2
LAYERS = {name: layer.example for name, layer in exported(flows, FlowLayer).items()}
# Further forms of some of them.
FURTHER = {
    "AffineCoupling, affine": partial(AffineCoupling, hidden=()),
    "Chain of a coupling": chain(AffineCoupling.example, Permutation, Radial),
    "Householder, 3": partial(Householder, num_reflections=3),
    "InverseAutoregressive, not gated": partial(InverseAutoregressive, gated=False, hidden=(6, 5)),
    "InverseAutoregressive, affine": partial(InverseAutoregressive, hidden=()),
    "OrthogonalSylvester, 1": partial(OrthogonalSylvester, num_columns=1),
    "Permutation, reversed": partial(Permutation, order="reversed"),
    "Spline, linear": partial(Spline, order="linear", num_bins=4, bound=3.0),
    "SplineAutoregressive, linear": partial(
        SplineAutoregressive, order="linear", hidden=(6,), num_bins=4, bound=3.0
    ),
    "SplineCoupling, linear": partial(
        SplineCoupling, order="linear", hidden=(6,), num_bins=4, bound=3.0
    ),
}
LAYERS |= FURTHER
WITH_INVERSE = [name for name, make in LAYERS.items() if make(2, 0).scores_any]
WITHOUT_INVERSE = [name for name in LAYERS if name not in WITH_INVERSE]
every_layer = pytest.mark.parametrize("name", LAYERS)
every_inverse = pytest.mark.parametrize("name", WITH_INVERSE)
without_inverse = pytest.mark.parametrize("name", WITHOUT_INVERSE)
every_way = pytest.mark.parametrize("context_dim", [0, C], ids=["free", "conditional"])


def make(name, dim=3, context_dim=C, *, seed=0, away=0.3):
    """A layer in float64, away from where it starts, and a context [B, C] or none."""
    torch.manual_seed(seed)
    layer = LAYERS[name](dim, context_dim).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(away * torch.randn_like(parameter))
    context = torch.randn(B, context_dim).double() if context_dim else None
    return layer, context


def points(dim, lead=(K, B), scale=2.0):
    return scale * torch.randn(*lead, dim, generator=torch.Generator().manual_seed(3)).double()


def density(layer, context, dim):
    base = dist.Normal(torch.zeros(dim).double(), 1.0).expand([B, dim]).to_event(1)
    return dist.TransformedDistribution(base, [layer.condition(context)])


def test_there_are_layers_of_both_kinds():
    assert {"AffineCoupling", "Permutation", "SplineAutoregressive"} <= set(WITH_INVERSE)
    assert {"NeuralAutoregressive", "Planar", "TriangularSylvester"} <= set(WITHOUT_INVERSE)


@every_layer
@every_way
@pytest.mark.parametrize("dim", [2, 3, 5])
def test_log_det_is_that_of_the_jacobian(name, context_dim, dim):
    layer, context = make(name, dim, context_dim)
    z = points(dim).requires_grad_()  # some are outside of the splines' box
    transform = layer.condition(context)
    assert isinstance(transform, Transform)
    y = transform(z)
    log_det = transform.log_abs_det_jacobian(z, y)
    rows = [torch.autograd.grad(y[..., i].sum(), z, retain_graph=True)[0] for i in range(dim)]
    exact = torch.linalg.slogdet(torch.stack(rows, -2))[1]
    assert log_det.shape == (K, B)
    torch.testing.assert_close(log_det, exact, rtol=1e-9, atol=1e-9)
    fresh = layer.condition(context)
    torch.testing.assert_close(fresh.log_abs_det_jacobian(z, y), exact, rtol=1e-9, atol=1e-9)
    fresh(z + 1)  # what is kept is that of another point
    torch.testing.assert_close(fresh.log_abs_det_jacobian(z, y), exact, rtol=1e-9, atol=1e-9)


@every_layer
@every_way
def test_one_dimension(name, context_dim):
    whole, _ = make(name, 2, context_dim)
    if any(part.min_dim > 1 for part in whole.modules() if isinstance(part, FlowLayer)):
        with pytest.raises(ConfigError, match="dim=1"):
            make(name, 1, context_dim)
        return
    layer, context = make(name, 1, context_dim)
    z = points(1).requires_grad_()
    transform = layer.condition(context)
    y = transform(z)
    (slope,) = torch.autograd.grad(y.sum(), z, retain_graph=True)
    torch.testing.assert_close(transform.log_abs_det_jacobian(z, y), slope[..., 0].abs().log())


@every_inverse
@every_way
@pytest.mark.parametrize("dim", [2, 5])
def test_the_inverse_is_one(name, context_dim, dim):
    layer, context = make(name, dim, context_dim)
    assert layer.scores_any
    z = points(dim)
    y = layer.condition(context)(z)
    fresh = layer.condition(context)
    torch.testing.assert_close(fresh.inv(y), z, rtol=1e-7, atol=1e-7)
    fresh = layer.condition(context)
    back = fresh.inv(z)
    log_det = fresh.log_abs_det_jacobian(back, z)
    torch.testing.assert_close(layer.condition(context)(back), z, rtol=1e-7, atol=1e-7)
    exact = layer.condition(context).log_abs_det_jacobian(back, z)
    torch.testing.assert_close(log_det, exact, rtol=1e-7, atol=1e-7)


@every_inverse
@every_way
def test_the_density_integrates_to_one(name, context_dim):
    layer, context = make(name, 2, context_dim, away=0.2)
    one = None if context is None else context[:1]
    base = dist.Normal(torch.zeros(1, 2).double(), 1.0).to_event(1)
    q = dist.TransformedDistribution(base, [layer.condition(one)])
    # Splines have corners in their slopes, and are the identity beyond 3.
    ends, count = (7, 561) if "Spline" in name else (16, 161)
    axis = torch.linspace(-ends, ends, count).double()
    z = torch.cartesian_prod(axis, axis)[:, None]
    with torch.no_grad():
        total = q.log_prob(z).exp().sum() * (axis[1] - axis[0]) ** 2
    assert total.item() == pytest.approx(1.0, abs=1e-3)


@without_inverse
@every_way
def test_the_density_of_draws_integrates_to_one(name, context_dim):
    """By importance sampling, as only draws can be scored: E_q r / q = 1 for any density r."""
    layer, context = make(name, 2, context_dim)
    q = density(layer, context, 2)
    z = q.sample((20_000,))
    # Narrower than q, so that the variance is finite.
    r = dist.Normal(z.mean(0), 0.5 * z.std(0)).to_event(1)
    ratio = (r.log_prob(z) - q.log_prob(z)).exp()
    error = ratio.std(0) / len(ratio) ** 0.5
    assert ((ratio.mean(0) - 1).abs() < 4.5 * error).all()
    assert (error < 0.05).all()


@every_inverse
@every_way
def test_a_draw_is_scored_afresh_as_at_once(name, context_dim):
    layer, context = make(name, 3, context_dim)
    q = density(layer, context, 3)
    z = q.rsample((K,))
    own, again = q.log_prob(z), density(layer, context, 3).log_prob(z.detach().clone())
    assert own.shape == (K, B)
    torch.testing.assert_close(own, again, rtol=1e-8, atol=1e-8)


@without_inverse
def test_what_has_no_inverse_says_so(name):
    layer, context = make(name)
    assert not layer.scores_any
    q = density(layer, context, 3)
    z = q.sample((K,))
    assert q.log_prob(z).isfinite().all()  # its own draw
    with pytest.raises(InverseError, match="has no inverse.*scores_any is true, such as"):
        q.log_prob(z.clone())


@every_layer
@every_way
@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_gradients_are_finite_near_and_far(name, context_dim, scale):
    layer, context = make(name, 4, context_dim)
    if context is not None:
        context.requires_grad_()
    z = points(4, scale=scale)
    z[0, 0] = 0.0
    z.requires_grad_()
    transform = layer.condition(context)
    for mapped in (transform, transform.inv) if layer.scores_any else (transform,):
        y = mapped(z)
        loss = (y.square().sum(-1) - mapped.log_abs_det_jacobian(z, y)).sum()
        leaves = [z, *layer.parameters()] + ([] if context is None else [context])
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=True)
        assert loss.isfinite()
        assert all(g.isfinite().all() for g in gradients if g is not None)
        # What counts must be reached; a draw of a permutation does not depend on a context.
        reached = [g is not None for g in gradients[: 1 + len(list(layer.parameters()))]]
        assert all(reached)


@every_layer
def test_gradients_are_those_of_differences(name):
    """Of a density at a draw, in the context: both ways of scoring, and the path."""
    layer, context = make(name, 3)

    def own(c):
        pyro.set_rng_seed(1)
        q = density(layer, c, 3)
        z = q.rsample()
        return q.log_prob(z), z

    assert torch.autograd.gradcheck(own, (context.requires_grad_(),), atol=1e-6)
    if layer.scores_any:
        z = points(3, (B,), scale=1.0)
        assert torch.autograd.gradcheck(
            lambda c, v: density(layer, c, 3).log_prob(v), (context, z.requires_grad_())
        )


@every_layer
def test_the_start_is_near_the_identity(name):
    layer, context = make(name, 4, away=0.0)
    z = points(4, scale=1.0)
    y = layer.condition(context)(z)
    if not layer.starts_near_identity:
        return
    assert (y - z).norm(dim=-1).mean() < 0.3 * z.norm(dim=-1).mean()
    assert layer.condition(context).log_abs_det_jacobian(z, y).abs().max() < 1.0


@every_layer
@every_way
def test_a_copy_after_use_and_a_load_into_another(name, context_dim, tmp_path):
    layer, context = make(name, 5, context_dim)
    z = points(5)

    def found(of):
        transform = of.condition(context)
        y = transform(z)
        return torch.cat([y, transform.log_abs_det_jacobian(z, y)[..., None]], -1)

    expected = found(layer)
    found(layer).sum().backward() if list(layer.parameters()) else None
    assert torch.equal(found(deepcopy(layer)), expected)
    torch.save(layer.state_dict(), tmp_path / "state")
    other, _ = make(name, 5, context_dim, seed=9)
    states = layer.state_dict(), other.state_dict()
    same = all(torch.equal(*values) for values in zip(*map(dict.values, states), strict=True))
    assert torch.equal(found(other), expected) == same
    state = torch.load(tmp_path / "state", weights_only=True)
    other.load_state_dict(state, strict=True)
    assert torch.equal(found(other), expected)


@every_layer
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_moved_layer_is_wholly_moved(name, dtype):
    layer, context = make(name, 3)
    layer, context, z = (thing.to("meta", dtype) for thing in (layer, context, points(3)))
    transform = layer.condition(context)
    for mapped in (transform, transform.inv) if layer.scores_any else (transform,):
        y = mapped(z)
        log_det = mapped.log_abs_det_jacobian(z, y)
        assert (y.device.type, log_det.device.type) == ("meta", "meta")
        assert y.dtype == log_det.dtype == dtype


@every_layer
def test_float32_is_near_float64(name):
    layer, context = make(name, 4)
    z = points(4)
    exact = layer.condition(context)
    y = exact(z)
    log_det = exact.log_abs_det_jacobian(z, y)
    layer, context, z = layer.float(), context.float(), z.float()
    single = layer.condition(context)
    torch.testing.assert_close(single(z).double(), y, rtol=1e-3, atol=1e-3)
    found = single.log_abs_det_jacobian(z, single(z)).double()
    torch.testing.assert_close(found, log_det, rtol=1e-2, atol=1e-2)


@every_layer
def test_a_wrong_context_is_refused(name):
    layer, context = make(name)
    with pytest.raises(ShapeError, match=r"was built for context_dim=2 and got shape \[4, 3\]"):
        layer.condition(torch.zeros(4, 3))
    with pytest.raises(ShapeError, match="was built for context_dim=2 and got none"):
        layer.condition()
    with pytest.raises(ShapeError, match="build it with context_dim=3"):
        make(name, context_dim=0)[0].condition(torch.zeros(4, 3))


def run(name, objective, compile, steps=4):
    """Losses of a few steps of a VAE with a flow for its posterior, and the SVI."""
    pyro.clear_param_store()
    pyro.set_rng_seed(4)
    network = partial(MLP, hidden=(8,))
    posterior = partial(FlowPosterior, layer=LAYERS[name], num_layers=1, context_dim=C)
    vae = VAE((6,), 3, encoder=network, decoder=network, posterior=posterior).double()
    x = torch.bernoulli(torch.full((B, 6), 0.4)).double()
    svi = SVI(vae.model, vae.guide, pyro.optim.SGD({"lr": 1e-2}), objective, compile=compile)
    return [svi.step(x) for _ in range(steps)], svi


# Each layer as it says itself is captured in `tests/models/test_matrix.py`, two in a guide.
@pytest.mark.parametrize("name", ["Chain", *FURTHER])
def test_the_captured_step_is_the_eager_step(interpreted, name):
    losses, _ = run(name, IWAE(2), compile=False)
    again, svi = run(name, IWAE(2), compile=True)
    assert svi._compiled.captured.refusal == "" and svi._compiled.captured.seconds > 0
    assert again == pytest.approx(losses, rel=1e-9)


@every_layer
def test_path_derivatives_or_the_plain_gradient(name):
    for objective in (STL(2), DReG(2)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", GradientWarning)
            losses, _ = run(name, objective, compile=False)
        said = [str(w.message) for w in caught if issubclass(w.category, GradientWarning)]
        assert len(said) == (name in WITHOUT_INVERSE)
        assert all("InverseError" in words for words in said)


@pytest.mark.filterwarnings("ignore::pyrovae.errors.GradientWarning")
@pytest.mark.parametrize(
    "name", ["MaskedAutoregressive", "OrthogonalSylvester", "SplineAutoregressive, linear"]
)
def test_path_derivatives_can_be_captured(interpreted, name):
    losses, _ = run(name, DReG(2), compile=False)
    again, svi = run(name, DReG(2), compile=True)
    assert svi._compiled.captured.refusal == "" and svi._compiled.captured.seconds > 0
    assert again == pytest.approx(losses, rel=1e-9)


@pytest.mark.slow
def test_compiled_for_real():
    name = "SplineCoupling"
    losses, _ = run(name, ELBO(), compile=False)
    again, svi = run(name, ELBO(), compile=True)
    assert svi._compiled.captured.refusal == "" and svi._compiled.captured.seconds > 0
    assert again == pytest.approx(losses, rel=1e-9)


def two_sites(layer):
    """A pair with one layer at two sites of the guide."""

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            u = pyro.sample("u", dist.Normal(z, 1.0).to_event(1))
            pyro.sample("x", dist.Normal(u, 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("layer", layer)
        with pyro.plate("data", len(x)):
            for name in ("z", "u"):
                base = dist.Normal(x, 1.0).to_event(1)
                pyro.sample(name, dist.TransformedDistribution(base, [layer.condition(x)]))

    return model, guide, torch.randn(B, 2)


@without_inverse
def test_one_layer_at_two_sites(name):
    """Each call of `condition` is a transform of its own, which remembers its own draw."""
    model, guide, x = two_sites(LAYERS[name](2, C))
    for objective in (ELBO(), IWAE(3), ELBO(2, vectorize_particles=False)):
        assert objective.differentiable_loss(model, guide, x).isfinite()
    with pytest.warns(GradientWarning, match="plain gradient"):
        STL(3).differentiable_loss(model, guide, x).backward()
    with pytest.raises(
        SiteError, match="site 'z' cannot score any but its own draws .*no inverse"
    ):
        RWS(3).differentiable_loss(model, guide, x)
