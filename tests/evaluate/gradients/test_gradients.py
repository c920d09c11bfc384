"""Moments of gradients against closed forms, and that measuring leaves no trace."""

from contextlib import nullcontext

import pyro
import pytest
import torch
from pyro.infer import RenyiELBO, Trace_ELBO

from pyrovae import gradients, trainable
from pyrovae.data import LinearGaussian
from pyrovae.errors import ConfigError, ParameterError, ShapeError
from pyrovae.objectives import ELBO, IWAE, PIWAE, RWS, TVO, ParticleELBO
from tests.oracles import LG2, LG2_ARRAYS, lg2
from tests.pairs import STYLES

LOC, LOG_SCALE = "linear_gaussian.encoder$$$loc", "linear_gaussian.encoder$$$log_scale"


def exact_gradient(pair, x, bound):
    """Of the loss, by the names of the leaves; those that a bound misses are left out."""
    leaves = trainable(pair.model, pair.guide, x)
    found = torch.autograd.grad(-bound.sum(), list(leaves.values()), allow_unused=True)
    return {n: g for n, g in zip(leaves, found, strict=True) if g is not None}


def test_snr_of_iwae_falls_with_the_root_of_k():
    pair, x = lg2()
    ks, rows = [16, 256], []
    for k in ks:
        truth = exact_gradient(pair, x, pair.iwae(x, k))
        found = gradients(
            pair.model, pair.guide, x, IWAE(k), num_draws=300, reference=truth, seed=k
        )
        assert found.reference_name == "exact, as given"
        assert not any(row["is_biased"] for row in found.summary().values()), f"{found}"
        rows.append(torch.cat([found.snr[LOC], found.snr[LOG_SCALE]]))
        assert found.summary()["guide"]["snr"] == pytest.approx(rows[-1].median().item(), rel=0.1)
    assert rows[0][0] == pytest.approx(0.0450, rel=0.2)
    log_k = torch.tensor(ks, dtype=torch.float64).log()[:, None]
    log_snr = torch.stack(rows).log()
    slopes = ((log_k - log_k.mean()) * log_snr).sum(0) / (log_k - log_k.mean()).square().sum()
    torch.testing.assert_close(
        slopes, torch.tensor([-0.49, -0.50, -0.52, -0.49], dtype=torch.float64), atol=0.06, rtol=0
    )


@pytest.mark.parametrize(("closed_form", "shift"), [(False, 0.0), (True, 1.0)])
def test_variances_of_the_elbo_gradient(closed_form, shift):
    """(P - shift I) S (P - shift I) of the posterior's precision and the guide's covariance."""
    pair, x = lg2()
    num_draws = 800
    found = gradients(
        pair.model,
        pair.guide,
        x,
        ELBO(closed_form_kl=closed_form),
        num_draws=num_draws,
        reference=exact_gradient(pair, x, pair.elbo(x)),
    )
    precision = torch.tensor(LG2["posterior_precision"]).double() - shift * torch.eye(2)
    scale = torch.tensor(LG2_ARRAYS["q_scale"]).double()
    truth = (precision * scale).square().sum(1)
    z = (found.variance[LOC] / truth - 1) / (2 / num_draws) ** 0.5  # the gradient is Gaussian
    assert (z.abs() < 4.5).all(), f"z-scores {z}"
    assert truth[0] == pytest.approx(4.7794 if closed_form else 7.6961, abs=1e-4)
    assert found.summary()["guide"]["max_z"] < 4.5


class Backwards(ParticleELBO):
    """The right value and a gradient away from it."""

    def bound(self, p):
        return p.log_w.mean(0)

    def surrogate(self, p):
        bound = self.bound(p)
        return 2 * bound.detach() - bound


def test_bias_is_seen_whatever_the_reference():
    pair, x = lg2()
    call = (pair.model, pair.guide, x)
    exact = exact_gradient(pair, x, pair.elbo(x))
    for reference in (exact, ELBO(4), None):
        found = gradients(
            *call, Backwards(), num_draws=100, reference=reference, reference_draws=200
        )
        summary = found.summary()
        assert summary["guide"]["is_biased"] and summary["model"]["is_biased"], f"{found}"
        assert "biased" in str(found)
    for reference in (exact, None):
        true = gradients(*call, ELBO(), num_draws=100, reference=reference, reference_draws=200)
        assert not any(row["is_biased"] for row in true.summary().values()), f"{true}"
    assert "plain gradient of the bound of Backwards" in found.reference_name


def test_directional_snr_and_kept_draws():
    pair, x = lg2()
    truth = exact_gradient(pair, x, pair.elbo(x))
    call = (pair.model, pair.guide, x, ELBO())
    found = gradients(*call, num_draws=50, reference=truth, keep_draws=True)
    draws = torch.cat([found.draws[LOC], found.draws[LOG_SCALE]], 1)
    unit = torch.cat([truth[LOC], truth[LOG_SCALE]])
    unit = unit / unit.norm()
    along = (draws @ unit)[:, None] * unit
    ratio = (along.norm(dim=1) / (draws - along).norm(dim=1)).mean().item()
    assert found.directional_snr["guide"] == pytest.approx(ratio, rel=1e-9)
    for name, kept in found.draws.items():
        assert kept.shape == (50, *truth[name].shape)
        torch.testing.assert_close(found.mean[name], kept.mean(0))
        torch.testing.assert_close(found.variance[name], kept.var(0))
    partial = gradients(*call, num_draws=10, reference={LOC: truth[LOC]})
    assert partial.snr[LOG_SCALE].isnan().all() and not partial.snr[LOC].isnan().any()
    assert partial.summary()["guide"]["snr"] > 0


def test_a_reference_of_noise_knows_its_floor():
    pair, x = lg2()
    found = gradients(pair.model, pair.guide, x, IWAE(64), num_draws=60, reference_draws=100)
    assert found.summary()["guide"]["snr_floor"] == pytest.approx(0.6745 / 10, rel=0.25)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "objective",
    [IWAE(3), Trace_ELBO(), RenyiELBO(0.0, 2, vectorize_particles=True, max_plate_nesting=2)],
    ids=lambda o: type(o).__name__,
)
def test_every_style_and_nothing_is_changed(style, objective):
    pair = STYLES[style](torch.float32)
    mode = pyro.settings.context(module_local_params=True) if pair.local_params else nullcontext()
    with mode:
        leaves = trainable(pair.model, pair.guide, *pair.args)
        before = {n: leaf.detach().clone() for n, leaf in leaves.items()}
        marks = {n: torch.full_like(leaf, 7.0) for n, leaf in leaves.items()}
        for name, leaf in leaves.items():
            leaf.grad = marks[name]
        state, memory = torch.get_rng_state(), dict(vars(objective))
        call = (pair.model, pair.guide, pair.args, objective)
        found = gradients(*call, num_draws=3, reference_draws=2, seed=1)
        again = gradients(*call, num_draws=3, reference_draws=2, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert vars(objective) == memory
    assert set(found.mean) == set(leaves)
    assert set().union(*found.groups.values()) == set(leaves)
    assert {"guide", "model"} <= set(found.groups)
    for name, leaf in leaves.items():
        assert leaf.grad is marks[name] and torch.equal(leaf, before[name])
        assert found.mean[name].shape == leaf.shape and found.mean[name].isfinite().all()
        assert torch.equal(found.mean[name], again.mean[name])
        assert found.mean[name].abs().sum() > 0


def test_a_leaf_of_both_programs_is_shared():
    import pyro.distributions as dist

    def model(x):
        w = pyro.param("w", torch.tensor(0.5))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(w * z, 1.0), obs=x)

    def guide(x):
        w, s = pyro.param("w", torch.tensor(0.5)), pyro.param("s", torch.tensor(0.3))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(w * x, s.exp()))

    found = gradients(model, guide, torch.ones(4), ELBO(), num_draws=5)
    assert found.groups == {"guide": ("s",), "shared": ("w",)}


def test_common_random_numbers():
    """IWAE and Pyro's RenyiELBO are one estimator: equal gradients, draw by draw."""
    pair, x = lg2()
    both = [
        gradients(pair.model, pair.guide, x, o, num_draws=4, reference_draws=2, keep_draws=True)
        for o in (IWAE(5), RenyiELBO(0.0, 5, vectorize_particles=True, max_plate_nesting=1))
    ]
    torch.testing.assert_close(both[0].draws[LOC], both[1].draws[LOC])


def test_refusals():
    pair, x = lg2()
    call = (pair.model, pair.guide, x, ELBO())
    with pytest.raises(ConfigError, match="two or more"):
        gradients(*call, num_draws=1)
    with pytest.raises(ParameterError, match="names \\['loc'\\]"):
        gradients(*call, num_draws=2, reference={"loc": torch.zeros(2)})
    with pytest.raises(ShapeError, match="shape \\[3\\]"):
        gradients(*call, num_draws=2, reference={LOC: torch.zeros(3)})

    def empty(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", pyro.distributions.Normal(0.0, 1.0))

    with pytest.raises(ParameterError, match="no parameters"):
        gradients(empty, empty, x, ELBO(), num_draws=2)


@pytest.mark.parametrize("make", [lambda: TVO(50), lambda: RWS(20), lambda: PIWAE(2, 4)])
def test_who_follows_another_gradient_is_not_judged_by_that_of_its_bound(make):
    oracle = LinearGaussian.random(data_dim=4, latent_dim=2, seed=0)
    x = oracle.sample(20, seed=1)
    found = gradients(oracle.model, oracle.guide, x, make(), num_draws=5, reference_draws=5)
    assert "the objective itself" in str(found)


def test_several_objectives_are_sent_to_compare():
    pair, x = lg2()
    with pytest.raises(ConfigError, match="objective is a list, needs one .* `compare` takes"):
        gradients(pair.model, pair.guide, x, [ELBO()])
