"""KL terms by site: the closed form equals the sampled one, and is refused where it is wrong."""

import pyro
import pyro.distributions as dist
import pyro.distributions.transforms as T
import pytest
import torch
from pyro import poutine
from pyro.infer import TraceMeanField_ELBO
from pyro.infer.autoguide import AutoNormal

from pyrovae.data import DiscreteLatent, LinearGaussian
from pyrovae.objectives import ELBO
from pyrovae.particles import draw
from pyrovae.particles.kl import divergence, kl_routes, site_kl
from tests.oracles import lg2, t15, z_scores
from tests.pairs import STYLES


def _draw(pair, num_particles=1, **options):
    return draw(pair.model, pair.guide, *pair.args, num_particles=num_particles, **options)


@pytest.mark.parametrize("style", STYLES)
def test_closed_form_is_the_mean_of_the_sampled_term(style):
    """Site by site, given the latents drawn before it."""
    pair = STYLES[style](torch.float64)
    p = _draw(pair, 300)
    for name in p.guide_sites:
        exact, sampled = site_kl(p, name), site_kl(p, name, closed_form=False)
        assert exact.value.shape == sampled.value.shape == (300, p.batch_size)
        assert sampled.route == "sampled: asked for"
        if exact.route == "closed form":
            scores = z_scores(sampled.value - exact.value, 0.0)
            assert (scores.abs() < 4.5).all(), scores
        else:
            torch.testing.assert_close(sampled.value, exact.value)


@pytest.mark.parametrize("style", ["module_functions", "subsampled_plate", "own_convolutions"])
def test_sequential_particles_have_the_same_closed_form(style):
    pair = STYLES[style](torch.float64)
    values = []
    for vectorize in (True, False):
        pyro.set_rng_seed(2)  # the subsample comes first
        values.append(site_kl(_draw(pair, 3, vectorize_particles=vectorize), "z").value)
    torch.testing.assert_close(values[0].sort(1).values, values[1].sort(1).values)


def test_closed_form_of_the_oracles():
    for pair, x in (
        lg2(),
        t15(),
        (LinearGaussian.random(7, 4, seed=1), LinearGaussian.random(7, 4, seed=1).sample(3, 1)),
        (DiscreteLatent.random(5, 2, seed=1), DiscreteLatent.random(5, 2, seed=1).sample(3, 1)),
    ):
        kl = site_kl(draw(pair.model, pair.guide, x, num_particles=2), "z")
        assert kl.route == "closed form"
        torch.testing.assert_close(kl.value, pair.kl(x).expand(2, -1))


def test_the_terms_sum_to_log_q_minus_log_prior():
    pair = STYLES["nested_plate"](torch.float64)
    p = _draw(pair, 3)
    total = sum(site_kl(p, name, closed_form=False).value for name in p.guide_sites)
    torch.testing.assert_close(total, p.log_q - p.log_prior)


class TestRoutes:
    @pytest.mark.parametrize(
        ("style", "routes"),
        [
            ("module_functions", {"z": "closed form"}),
            ("subsampled_plate", {"z": "closed form"}),
            ("scaled_pair", {"z": "closed form"}),
            ("nested_plate", {"g": "closed form", "z": "closed form"}),
            (
                "hierarchy",
                {
                    "z1": "sampled: the model draws 'z2' before it and the guide after it",
                    "z2": "closed form",
                },
            ),
        ],
    )
    def test_by_style(self, style, routes):
        pair = STYLES[style](torch.float64)
        assert kl_routes(pair.model, pair.guide, *pair.args) == routes

    def test_a_flow_has_no_closed_form(self):
        model, guide, x = _flow_pair()
        route = kl_routes(model, guide, x)["z"]
        assert route == "sampled: no closed form between TransformedDistribution and Normal"

    def test_a_latent_without_a_partner(self):
        def model(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                pyro.sample("x", dist.Normal(z, 1.0), obs=x)

        def guide(x):
            with pyro.plate("data", len(x)):
                u = pyro.sample("u", dist.Normal(x, 1.0), infer={"is_auxiliary": True})
                pyro.sample("z", dist.Normal(u, 1.0))

        routes = kl_routes(model, guide, torch.zeros(3))
        assert routes["u"] == "sampled: it has no partner among the latents of the model"
        assert routes["z"] == "closed form"

    def test_different_masks(self):
        pair = STYLES["module_functions"](torch.float64)
        keep = torch.tensor([True, True, False, True])
        route = kl_routes(pair.model, poutine.mask(pair.guide, mask=keep), *pair.args)["z"]
        assert route == "sampled: model and guide mask it differently"
        both = [poutine.mask(f, mask=keep) for f in (pair.model, pair.guide)]
        assert kl_routes(*both, *pair.args) == {"z": "closed form"}
        kl = site_kl(draw(*both, *pair.args), "z").value
        assert (kl[0] > 0).tolist() == keep.tolist()

    def test_a_point_mass_keeps_its_own_density(self):
        """An automatic guide puts the jacobian of a positive latent there."""

        def model(x):
            with pyro.plate("data", len(x)):
                s = pyro.sample("s", dist.LogNormal(torch.zeros(()).double(), 1.0))
                pyro.sample("x", dist.Normal(0.0, s), obs=x)

        x = torch.tensor([0.5, -2.0]).double()
        guide = AutoNormal(model)
        guide(x)
        p = draw(model, guide, x, num_particles=3)
        kl = sum(site_kl(p, name).value for name in p.guide_sites)
        torch.testing.assert_close(kl, p.log_q - p.log_prior)
        assert site_kl(p, "s").route.startswith("sampled: a point mass")

    def test_looking_changes_nothing(self):
        """No draw is used up and no running statistic moves."""
        norm = torch.nn.BatchNorm1d(6).double()
        pair = STYLES["module_functions"](torch.float64)

        def guide(x):
            pyro.module("norm", norm)
            pair.guide(norm(x))

        state = torch.get_rng_state()
        assert kl_routes(pair.model, guide, *pair.args) == {"z": "closed form"}
        assert torch.equal(state, torch.get_rng_state())
        assert norm.num_batches_tracked == 0
        assert (norm.running_mean == 0).all()


def _flow_pair():
    torch.manual_seed(3)
    flow = T.affine_coupling(2, hidden_dims=[4]).double()

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 0.5).to_event(1), obs=x)

    def guide(x):
        pyro.module("flow", flow)
        with pyro.plate("data", len(x)):
            base = dist.Normal(0.5 * x, 0.7).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(base, [flow]))

    return model, guide, torch.tensor([[0.3, -1.0], [2.0, 0.1]]).double()


def test_a_flow_is_sampled_right():
    """The closed-form objective falls back to the plain one, draw by draw."""
    model, guide, x = _flow_pair()
    losses = []
    for closed_form_kl in (True, False):
        pyro.set_rng_seed(1)
        losses.append(ELBO(5, closed_form_kl=closed_form_kl).loss(model, guide, x))
    torch.testing.assert_close(*losses)


def test_bottom_up_chain_against_its_exact_bound():
    """z2 -> z1 -> x inferred as x -> z1 -> z2: every expectation is a Gaussian's moment."""
    n, x = 100_000, torch.tensor(1.3).double()
    a, s1, b, sx = 0.9, 0.6, 1.2, 0.5  # z1 ~ N(a z2, s1), x ~ N(b z1, sx)
    m1, t1, e, f, t2 = 0.8, 0.4, 0.7, -0.3, 0.5  # z1 ~ N(m1, t1), z2 ~ N(e z1 + f, t2)

    def model():
        with pyro.plate("data", n):
            z2 = pyro.sample("z2", dist.Normal(torch.zeros(()).double(), 1.0))
            z1 = pyro.sample("z1", dist.Normal(a * z2, s1))
            pyro.sample("x", dist.Normal(b * z1, sx), obs=x)

    def guide():
        with pyro.plate("data", n):
            z1 = pyro.sample("z1", dist.Normal(torch.tensor(m1).double(), t1))
            pyro.sample("z2", dist.Normal(e * z1 + f, t2))

    def expected_log_normal(mean, var, scale):  # E log N(u; 0, scale), u of this mean and var
        scale = torch.tensor(scale).double()
        return dist.Normal(0.0, scale).log_prob(torch.zeros(())) - (mean**2 + var) / 2 / scale**2

    m2, v2 = e * m1 + f, (e * t1) ** 2 + t2**2
    exact = (
        expected_log_normal(x - b * m1, (b * t1) ** 2, sx)
        + expected_log_normal(m1 - a * m2, ((1 - a * e) * t1) ** 2 + (a * t2) ** 2, s1)
        + expected_log_normal(m2, v2, 1.0)
        - expected_log_normal(0.0, t1**2, t1)
        - expected_log_normal(0.0, t2**2, t2)
    )
    for closed_form_kl in (True, False):
        bounds = ELBO(closed_form_kl=closed_form_kl).per_datum(model, guide)
        assert abs(z_scores(bounds, exact)) < 4.5
    # What the refusal prevents: Pyro takes KL(q(z1) || p(z1 | z2)) as if z2 did not depend on z1.
    with pytest.warns(UserWarning, match="mean field"):
        theirs = -TraceMeanField_ELBO().loss(model, guide) / n
    assert abs(theirs - exact) > 0.2


def test_top_down_hierarchy_is_closed_form_throughout():
    def model(x):
        with pyro.plate("data", len(x)):
            z2 = pyro.sample("z2", dist.Normal(torch.zeros(()).double(), 1.0))
            z1 = pyro.sample("z1", dist.Normal(0.9 * z2, 0.6))
            pyro.sample("x", dist.Normal(z1, 0.5), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            z2 = pyro.sample("z2", dist.Normal(0.3 * x, 0.7))
            pyro.sample("z1", dist.Normal(0.5 * z2 + 0.2 * x, 0.4))

    x = torch.full((50_000,), 0.7).double()
    assert set(kl_routes(model, guide, x).values()) == {"closed form"}
    closed, sampled = (
        ELBO(closed_form_kl=flag).per_datum(model, guide, x) for flag in (True, False)
    )
    assert (z_scores(sampled - closed, 0.0)).abs() < 4.5


def test_full_covariance_guide_against_a_diagonal_prior():
    """The closed form of VAE(posterior=FullNormal), against torch's between two full normals."""
    q = dist.MultivariateNormal(torch.tensor([0.3, -1.0]), torch.tensor([[1.0, 0.4], [0.4, 0.5]]))
    prior = dist.Normal(torch.tensor([0.1, 0.2]), torch.tensor([0.7, 1.5])).to_event(1)
    full = dist.MultivariateNormal(prior.mean, torch.diag(prior.variance))
    expected = torch.distributions.kl_divergence(q, full)
    torch.testing.assert_close(divergence(q, prior), expected)
    pair = STYLES["family"](torch.float64)
    assert kl_routes(pair.model, pair.guide, *pair.args) == {"z": "closed form"}
