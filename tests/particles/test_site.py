"""One sample statement over all its particles: values, densities, masks, errors."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from pyrovae.errors import ShapeError
from pyrovae.particles import draw

X = torch.tensor([0.5, -1.0, 2.0]).double()


def model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        k = pyro.sample("k", dist.Bernoulli(x.new_tensor(0.3)))
        pyro.sample("x", dist.Normal(z.sum(-1) + k, 1.0), obs=x)


def guide(x):
    with pyro.plate("data", len(x)):
        loc = torch.stack([x, -x], -1)
        pyro.sample("u", dist.Normal(x, 0.1), infer={"is_auxiliary": True})
        pyro.sample("z", dist.Normal(loc, 0.5).to_event(1))
        pyro.sample("k", dist.Bernoulli(logits=x))


@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize("num_particles", [1, 4])
def test_densities_are_those_of_the_values(num_particles, vectorize):
    p = draw(model, guide, X, num_particles=num_particles, vectorize_particles=vectorize)
    z, k, u = (p.latents[name] for name in ("z", "k", "u"))
    assert z.shape == (num_particles, 3, 2)
    assert k.shape == u.shape == (num_particles, 3)
    expected = {
        ("model", "z"): dist.Normal(0.0, 1.0).log_prob(z).sum(-1),
        ("model", "k"): dist.Bernoulli(0.3).log_prob(k),
        ("model", "x"): dist.Normal(z.sum(-1) + k, 1.0).log_prob(X),
        ("guide", "u"): dist.Normal(X, 0.1).log_prob(u),
        ("guide", "z"): dist.Normal(torch.stack([X, -X], -1), 0.5).log_prob(z).sum(-1),
        ("guide", "k"): dist.Bernoulli(logits=X).log_prob(k),
    }
    for (side, name), value in expected.items():
        site = getattr(p, f"{side}_sites")[name]
        assert site.name == name
        torch.testing.assert_close(site.log_prob, value, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(p.log_lik, expected["model", "x"])
    torch.testing.assert_close(
        p.log_w,
        sum(v for (side, _), v in expected.items() if side == "model")
        - sum(v for (side, _), v in expected.items() if side == "guide"),
        rtol=1e-6,
        atol=1e-6,
    )


def test_what_a_site_says_of_itself():
    p = draw(model, guide, X, num_particles=4)
    assert {n for n, s in p.guide_sites.items() if s.has_rsample} == {"u", "z"}
    assert {n for n, s in p.guide_sites.items() if s.is_auxiliary} == {"u"}
    assert {n for n, s in p.model_sites.items() if s.is_observed} == {"x"}
    assert list(p.guide_sites) == ["u", "z", "k"]
    sequential = draw(model, guide, X, num_particles=4, vectorize_particles=False)
    assert len(sequential.guide_sites["z"].distributions) == 4


def test_particles_are_different_draws():
    for vectorize in (True, False):
        z = draw(model, guide, X, num_particles=4, vectorize_particles=vectorize).latents["z"]
        assert len(z.flatten().unique()) == z.numel()


def test_a_density_that_does_not_vary_is_spread_over_the_batch():
    """Five members of a plate share one factor: it counts five times, as in Pyro."""

    def with_factor(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            pyro.factor("constant", x.new_tensor(-0.5))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def simple(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x, 1.0))

    for vectorize in (True, False):
        p = draw(with_factor, simple, X, num_particles=2, vectorize_particles=vectorize)
        constant = p.model_sites["constant"].log_prob
        torch.testing.assert_close(constant, torch.full((2, 3), -0.5).double())
    trace = poutine.trace(with_factor).get_trace(X)
    trace.compute_log_prob()
    assert trace.nodes["constant"]["log_prob_sum"] == -1.5


class TestMasks:
    keep = torch.tensor([True, False, True])

    def test_of_a_handler(self):
        p = draw(*(poutine.mask(f, mask=self.keep) for f in (model, guide)), X, num_particles=4)
        for site in [*p.model_sites.values(), *p.guide_sites.values()]:
            assert (site.log_prob[:, 1] == 0).all()
            assert (site.log_prob[:, [0, 2]] != 0).all()
            assert site.masks == (self.keep,)

    def test_of_a_distribution(self):
        """Missing data: only the observed entries are scored."""
        seen = torch.tensor([[True, False], [True, True], [False, False]])

        def missing(x):
            with pyro.plate("data", 3):
                z = pyro.sample("z", dist.Normal(torch.zeros(()).double(), 1.0))
                entries = dist.Normal(z.unsqueeze(-1), 1.0).expand([*z.shape, 2]).mask(seen)
                pyro.sample("x", entries.to_event(1), obs=x)

        def simple(x):
            with pyro.plate("data", 3):
                pyro.sample("z", dist.Normal(torch.zeros(3).double(), 1.0))

        x = torch.randn(3, 2).double()
        p = draw(missing, simple, x, num_particles=4)
        z = p.latents["z"].unsqueeze(-1)
        expected = (dist.Normal(z, 1.0).log_prob(x) * seen).sum(-1)
        torch.testing.assert_close(p.log_lik, expected)

    def test_nan_behind_a_mask_does_not_spread(self):
        x = torch.tensor([0.5, torch.nan, 2.0]).double()

        def masked(x):
            with pyro.plate("data", 3), poutine.mask(mask=~x.isnan()):
                z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
                pyro.sample("x", dist.Normal(z, 1.0, validate_args=False), obs=x)

        def simple(x):
            with pyro.plate("data", 3), poutine.mask(mask=~x.isnan()):
                pyro.sample("z", dist.Normal(x.new_zeros(3), 1.0))

        assert draw(masked, simple, x, num_particles=4).log_w.isfinite().all()


class TestErrors:
    def test_batch_dims_outside_every_plate(self):
        def wide(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
                pyro.sample("x", dist.Normal(z.expand(5, 3), 1.0), obs=x.expand(5, 3))

        def simple(x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x, 1.0))

        with pytest.raises(ShapeError, match=r"site 'x'.*\[5, 3\].*left of its 1 plates"):
            _ = draw(wide, simple, X).log_lik

    def test_a_density_wider_than_its_plate(self):
        """Without `.to_event` the features would be taken for data."""

        def forgotten(x):
            with pyro.plate("data", 1):
                z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
                pyro.sample("x", dist.Normal(z, 1.0).expand([3]), obs=x)

        def simple(x):
            with pyro.plate("data", 1):
                pyro.sample("z", dist.Normal(x[:1], 1.0))

        with pytest.raises(ValueError, match=r"plate\('data'\) at site x dim -1, 1 vs 3"):
            _ = draw(forgotten, simple, X).log_lik

    def test_batch_dims_where_another_site_has_a_plate(self):
        def undeclared(x):
            with pyro.plate("data", len(x), dim=-1):
                z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
                with pyro.plate("members", 2, dim=-2):
                    pyro.sample("y", dist.Normal(z, 1.0), obs=x.expand(2, 3))
                wide = z.expand(*z.shape[:-2], 2, 3)
                pyro.sample("x", dist.Normal(wide, 1.0), obs=x.expand(2, 3))

        def simple(x):
            with pyro.plate("data", len(x), dim=-1):
                pyro.sample("z", dist.Normal(x, 1.0))

        for num_particles in (1, 4):
            with pytest.raises(ValueError, match="(?s)x.*to_event"):
                _ = draw(undeclared, simple, X, num_particles=num_particles).log_lik
