"""The thermodynamic objective against exact sums, on Gaussians and by enumeration."""

from itertools import product

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyrovae.data import DiscreteLatent
from pyrovae.errors import ConfigError, SiteError
from pyrovae.objectives import ELBO, EUBO, IWAE, TVO
from tests.objectives.copies import discrete_copies, gaussian_copies
from tests.oracles import LG2, T15_ARRAYS, lg2, t15
from tests.pairs import STYLES

# Number of equal intervals: left and right sum of the Gaussian fixture.
SUMS = {
    2: (-5.3821769453, -5.1651135942),
    5: (-5.3128923516, -5.2260670111),
    10: (-5.2905809191, -5.2471682489),
    50: (-5.2730216521, -5.2643391181),
}

# Few particles, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")


def _gaussian_integrand(beta: float) -> float:
    """E[log w] under the path's distribution, which is Gaussian, of the fixture."""
    pair, x = lg2()
    q, posterior = pair._q(x), pair.posterior(x)
    a, b = q.precision_matrix[0], posterior.precision_matrix[0]
    covariance = torch.linalg.inv((1 - beta) * a + beta * b)
    mean = covariance @ ((1 - beta) * a @ q.loc[0] + beta * b @ posterior.loc[0])

    def expected(normal, precision):
        error = mean - normal.loc[0]
        quadratic = error @ precision @ error + (precision @ covariance).trace()
        return 0.5 * torch.logdet(precision) - 0.5 * quadratic

    return (pair.log_px(x)[0] + expected(posterior, b) - expected(q, a)).item()


def _gaussian_sums(betas: list[float]) -> tuple[float, float]:
    values = [_gaussian_integrand(beta) for beta in betas]
    widths = [b - a for a, b in zip(betas, betas[1:], strict=False)]
    left, right = values[:-1], values[1:]
    return tuple(sum(w * v for w, v in zip(widths, s, strict=True)) for s in (left, right))


def _enumerable(shares: int) -> tuple[DiscreteLatent, Tensor, Tensor]:
    """A discrete pair with q(z_l = 1) = 1 / shares, and draws that hold every z as often as q.

    With them the self-normalised expectations are exact.
    """
    arrays = {k: torch.tensor(v, dtype=torch.float64) for k, v in T15_ARRAYS.items()}
    x = arrays.pop("x")[None]
    arrays["q_logits"] = torch.full((3,), 1 / shares, dtype=torch.float64).logit()
    column = [1.0] + [0.0] * (shares - 1)
    z = torch.tensor(list(product(column, repeat=3)), dtype=torch.float64)
    return DiscreteLatent(**arrays), x, z[:, None]


def _discrete_sum(pair: DiscreteLatent, x: Tensor, betas: list[float], side: str) -> Tensor:
    """The exact sum, differentiable in every parameter."""
    log_q = pair._log_q(x)
    log_w = pair._log_prior() + pair._log_lik(x) - log_q
    total = torch.zeros(())
    for low, high in zip(betas, betas[1:], strict=False):
        beta = low if side == "left" else high
        path = torch.softmax(log_q + beta * log_w, -1)
        total = total + (high - low) * (path * log_w).sum()
    return total


@pytest.mark.parametrize("intervals", SUMS)
def test_oracle(intervals):
    betas = [i / intervals for i in range(intervals + 1)]
    left, right = _gaussian_sums(betas)
    assert (left, right) == pytest.approx(SUMS[intervals], abs=1e-9)
    gap = (LG2["kl_to_posterior"] + LG2["kl_from_posterior"]) / intervals
    assert right - left == pytest.approx(gap, abs=1e-10)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("intervals", [2, 10])
def test_mean_with_many_particles(intervals, side):
    pair, x = lg2()
    size = 4000
    objective = TVO(size, num_intervals=intervals, side=side)
    values = objective.per_datum(pair.model, pair.guide, x.expand(400, -1))
    error = (values.std() / 20).item()
    truth = SUMS[intervals][side == "right"]
    # Self-normalised weights are biased by less than Var R / K for each expectation.
    assert abs(values.mean().item() - truth) < 4.5 * error + LG2["weight_variance"] / size


def test_bias_falls_with_the_number_of_particles():
    pair, x = lg2()
    truth, biases = SUMS[5][1], []
    for size in (25, 100, 400):
        objective = TVO(size, num_intervals=5, side="right")
        copies = 2_000_000 // size
        values = objective.per_datum(pair.model, pair.guide, x.expand(copies, -1))
        biases.append(truth - values.mean().item())
    assert biases[0] / biases[1] == pytest.approx(4, rel=0.2)
    assert 0 < biases[2] < biases[1] / 2


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    "betas", [[0, 1], [0, 0.5, 1], [0, 0.02, 0.1, 0.3, 1]], ids=["one", "equal", "own"]
)
@pytest.mark.parametrize("shares", [2, 4])
def test_value_and_gradient_by_enumeration(shares, betas, side):
    pair, x, z = _enumerable(shares)
    objective = TVO(len(z), partition=betas, side=side)
    truth = _discrete_sum(pair, x, betas, side)
    names = ["encoder.loc", "decoder.weight", "decoder.loc", "prior.loc"]
    parameters = dict(pair.named_parameters())
    expected = torch.autograd.grad(truth, [parameters[n] for n in names], allow_unused=True)

    copies = discrete_copies(pair, x, 1, z)
    value = objective.per_datum(copies.model, copies.guide, copies.x)
    torch.testing.assert_close(value, truth[None].detach(), rtol=0, atol=1e-10)
    loss = objective.differentiable_loss(copies.model, copies.guide, copies.x)
    assert loss.item() == pytest.approx(value.item() * (1 if side == "right" else -1))
    loss.backward()
    sign = -1 if side == "left" else 1
    found = sign * copies.leaves["logits"].grad[0]
    torch.testing.assert_close(found, expected[0], rtol=0, atol=1e-10)
    for name, gradient in zip(names[1:], expected[1:], strict=True):
        if side == "left":
            torch.testing.assert_close(-parameters[name].grad, gradient, rtol=0, atol=1e-10)
        else:
            assert parameters[name].grad is None


def test_many_intervals_meet_the_evidence():
    pair, x, z = _enumerable(2)
    copies = discrete_copies(pair, x, 1, z)
    sums = [
        TVO(8, num_intervals=500, side=side).per_datum(copies.model, copies.guide, x).item()
        for side in ("left", "right")
    ]
    truth = pair.log_px(x).item()
    assert sums[0] < truth < sums[1]
    assert sum(sums) / 2 == pytest.approx(truth, abs=1e-5)


@pytest.mark.parametrize("style", ["hierarchy", "subsampled_plate", "nested_plate"])
@pytest.mark.parametrize("partition", ["equal", "log", "adaptive", (0, 0.3, 1)])
def test_sums_enclose_the_importance_weighted_bound(style, partition):
    """Draw by draw, since that bound is the integral of the reweighted means."""
    pair = STYLES[style](torch.float64)
    values = []
    for objective in (
        TVO(6, partition=partition), IWAE(6), TVO(6, partition=partition, side="right"),
    ):  # fmt: skip
        pyro.set_rng_seed(4)
        values.append(objective.per_datum(pair.model, pair.guide, *pair.args))
    assert (values[0] < values[1]).all() and (values[1] < values[2]).all()


@pytest.mark.parametrize("side,other", [("left", ELBO), ("right", EUBO)])
def test_one_interval(side, other):
    pair = STYLES["hierarchy"](torch.float64)
    values = []
    for objective in (TVO(6, num_intervals=1, side=side), other(6)):
        pyro.set_rng_seed(4)
        values.append(objective.per_datum(pair.model, pair.guide, *pair.args))
    torch.testing.assert_close(*values)


def test_equal_intervals_enclose_a_known_gap():
    pair = STYLES["hierarchy"](torch.float64)
    values = []
    for objective in (TVO(6), TVO(6, side="right"), ELBO(6), EUBO(6)):
        pyro.set_rng_seed(4)
        values.append(objective.per_datum(pair.model, pair.guide, *pair.args))
    torch.testing.assert_close(values[1] - values[0], (values[3] - values[2]) / 5)


class TestPartition:
    def _betas(self, objective, log_w):
        points, widths = objective._points(log_w)
        return torch.cat([points, points[-1:] + widths[-1:]])

    def test_named(self):
        log_w = torch.zeros(3, 2)
        betas = self._betas(TVO(3, num_intervals=4), log_w)
        torch.testing.assert_close(betas[:, 0], torch.tensor([0, 0.25, 0.5, 0.75, 1]))
        objective = TVO(3, partition="log", num_intervals=3, first_beta=0.01)
        torch.testing.assert_close(
            self._betas(objective, log_w)[:, 0], torch.tensor([0, 0.01, 0.1, 1])
        )
        one = TVO(3, partition="log", num_intervals=1)
        torch.testing.assert_close(self._betas(one, log_w)[:, 0], torch.tensor([0.0, 1]))

    def test_adaptive_rises_are_equal(self):
        log_w = 3 * torch.randn(500, 4, generator=torch.Generator().manual_seed(1)).double()
        betas = self._betas(TVO(500, partition="adaptive", num_intervals=6), log_w)
        share = torch.softmax(betas[:, None] * log_w, 1)
        rises = (share * log_w).sum(1).diff(dim=0)
        torch.testing.assert_close(rises, rises.mean(0).expand_as(rises), rtol=0.02, atol=0)
        assert (betas[1] < 1 / 6).all()

    def test_adaptive_at_equal_weights(self):
        """Nothing rises: any partition is right, and the value is the bound."""
        log_w = torch.full((5, 3), -4.0)
        points, widths = TVO(5, partition="adaptive")._points(log_w)
        assert points.isfinite().all() and (widths >= 0).all()
        torch.testing.assert_close(widths.sum(0), torch.ones(3))

    def test_refusals(self):
        with pytest.raises(ConfigError, match="partition='cubic'; choose"):
            TVO(partition="cubic")
        for betas in ([0], [0, 0.5], [0.1, 1], [0, 0.5, 0.5, 1]):
            with pytest.raises(ConfigError, match="must rise from 0 to 1"):
                TVO(partition=betas)
        with pytest.raises(ConfigError, match="num_intervals=0"):
            TVO(num_intervals=0)
        with pytest.raises(ConfigError, match="first_beta=1"):
            TVO(partition="log", first_beta=1)
        with pytest.raises(ConfigError, match="side='middle'"):
            TVO(side="middle")


def test_latents_of_both_kinds_are_treated_alike():
    pair, x = lg2()
    found = []
    for reparameterised in (True, False):
        pyro.set_rng_seed(3)
        copies = gaussian_copies(pair, x, 20_000, reparameterised=reparameterised)
        found.append(copies.gradients(TVO(20)))
    error = ((found[0].var(0) + found[1].var(0)) / 20_000).sqrt()
    assert ((found[0].mean(0) - found[1].mean(0)).abs() < 4.5 * error).all()


def test_no_gradient_along_the_draws_of_a_hierarchy():
    """The density of the second draw given the first does not reach the first's network."""
    pair = STYLES["hierarchy"](torch.float64)
    for vectorize in (True, False):
        p = TVO(3, vectorize_particles=vectorize).draw(pair.model, pair.guide, *pair.args)
        score = p.guide_sites["z2"].log_prob.sum()
        leaves = p.guide_parameters
        first = [leaf for name, leaf in leaves.items() if name.startswith("first")]
        second = [leaf for name, leaf in leaves.items() if name.startswith("second")]
        grads = torch.autograd.grad(score, first + second, allow_unused=True)
        assert all(g is None for g in grads[: len(first)])
        assert all(g is not None for g in grads[len(first) :])
        assert not any(z.requires_grad for z in p.latents.values())


def test_a_weight_of_zero():
    value = torch.tensor([0.0, -torch.inf])

    def guide():
        with pyro.plate("data", 3):
            pyro.sample("k", dist.Bernoulli(torch.tensor(0.5)))

    def model():
        with pyro.plate("data", 3):
            k = pyro.sample("k", dist.Bernoulli(torch.tensor(0.5)))
            pyro.factor("only_zero", value[k.long()])

    assert (TVO(40).per_datum(model, guide) == -torch.inf).all()
    torch.testing.assert_close(TVO(40, side="right").per_datum(model, guide), torch.zeros(3))


def test_a_flow_without_an_inverse_is_refused():
    flow = dist.transforms.Planar(2)

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("flow", flow)
        with pyro.plate("data", len(x)):
            base = dist.Normal(x, 1.0).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(base, [flow]))

    with pytest.raises(SiteError, match="TVO.*'z' cannot score any but its own draws.*inverse"):
        TVO(3).loss(model, guide, torch.zeros(4, 2))
    assert IWAE(3).loss(model, guide, torch.zeros(4, 2)).isfinite()


def test_t15_left_is_below_and_right_above():
    pair, x = t15()
    many = x.expand(200, -1)
    left = TVO(500).per_datum(pair.model, pair.guide, many).mean()
    right = TVO(500, side="right").per_datum(pair.model, pair.guide, many).mean()
    assert left < pair.log_px(x) < right
