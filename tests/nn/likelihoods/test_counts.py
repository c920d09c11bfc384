"""Heads of counts: by hand, and conditional on the size of a datum."""

import pyro.distributions as dist
import pytest
import torch
from torch.nn.functional import softplus

from pyrovae.errors import ConfigError, ShapeError
from pyrovae.nn import (
    Binomial,
    NegativeBinomial,
    Poisson,
    ZeroInflatedNegativeBinomial,
    ZeroInflatedPoisson,
)

K, B, D = 3, 4, 6
MAKERS = [Poisson, NegativeBinomial, ZeroInflatedPoisson, ZeroInflatedNegativeBinomial]
every_maker = pytest.mark.parametrize("make", MAKERS, ids=lambda kind: kind.__name__)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def outputs(head, lead=(K, B)):
    return torch.randn(*lead, head.num_parameters, D).double()


def counts(lead=(B,)):
    return torch.poisson(3 * torch.rand(*lead, D).double())


def by_hand(head, log_mean, params):
    """The same by Pyro's distributions."""
    further = list(params.unbind(-2)[1:])
    if isinstance(head, NegativeBinomial):
        theta = further.pop(0).exp()
        made = dist.NegativeBinomial(theta, logits=log_mean - theta.log(), validate_args=False)
    else:
        made = dist.Poisson(log_mean.exp(), validate_args=False)
    if further:
        made = dist.ZeroInflatedDistribution(made, gate_logits=further[0], validate_args=False)
    return made.to_event(1)


@every_maker
def test_equals_pyros_distribution(make):
    head, x = make(), counts()
    params = outputs(head)
    expected = by_hand(head, params[..., 0, :], params).log_prob(x)
    torch.testing.assert_close(head(params, event_dim=1).log_prob(x), expected)


@every_maker
def test_means_are_shares_of_the_total(make):
    head, x = make(size_factor="total"), counts()
    params = outputs(head)
    log_mean = params[..., 0, :].log_softmax(-1) + x.sum(-1, keepdim=True).log()
    d, expected = head(params, event_dim=1), by_hand(head, log_mean, params)
    assert (d.batch_shape, d.event_shape) == ((K, B), (D,))
    torch.testing.assert_close(d.log_prob(x), expected.log_prob(x))
    given = head.given(d, x)
    torch.testing.assert_close(given.log_prob(x), expected.log_prob(x))
    torch.testing.assert_close(given.mean, expected.mean)
    other = 10 * x
    assert not torch.allclose(given.log_prob(other), d.log_prob(other))


def test_a_poisson_given_its_total_is_a_multinomial():
    """log p(x|l) = log Poisson(l; l) + log Multinomial(x; l, shares), exactly."""
    head, x = Poisson(size_factor="total"), counts()
    params, total = outputs(head, (B,)), x.sum(-1)
    each = [
        dist.Multinomial(int(n), logits=logits[0]).log_prob(row)
        for n, logits, row in zip(total, params, x, strict=True)
    ]
    expected = torch.stack(each) + dist.Poisson(total).log_prob(total)
    torch.testing.assert_close(head(params, event_dim=1).log_prob(x), expected)


def test_only_differences_of_the_logits_matter():
    head, x = Poisson(size_factor="total"), counts()
    params = outputs(head)
    torch.testing.assert_close(
        head(params, event_dim=1).log_prob(x), head(params + 7.0, event_dim=1).log_prob(x)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_maker
def test_an_empty_datum_and_a_million_counts(make, dtype):
    head = make(size_factor="total").to(dtype)
    params = outputs(head, (2,)).to(dtype).requires_grad_()
    x = torch.tensor([[0.0] * D, [0, 1, 0, 1e6, 3e6, 5]], dtype=dtype)
    log_prob = head(params, event_dim=1).log_prob(x)
    log_prob.sum().backward()
    assert log_prob.isfinite().all() and params.grad.isfinite().all()
    assert log_prob[0].abs() < 20 and log_prob.dtype == dtype


@every_maker
def test_several_axes_and_integers(make):
    head = make(size_factor="total").double()
    params = torch.randn(K, B, head.num_parameters, 2, 3).double()
    x = torch.poisson(torch.full((B, 2, 3), 70.0))
    flat = head(params.flatten(-2), event_dim=1).log_prob(x.flatten(-2).double())
    for kind in (torch.uint8, torch.int64, torch.float64):
        found = head(params, event_dim=2).log_prob(x.to(kind))
        torch.testing.assert_close(found, flat)


@every_maker
def test_missing_values_do_not_count_in_the_size(make):
    head, x = make(size_factor="total"), counts()
    params, mask = outputs(head), torch.tensor([1, 1, 0, 1, 0, 1]).bool()
    alone = head(params[..., mask], event_dim=1)
    whole = head(params, event_dim=1, mask=mask)
    broken = torch.where(mask, x, torch.nan)
    torch.testing.assert_close(whole.log_prob(broken), alone.log_prob(x[:, mask]))
    given = head.given(whole, broken)
    expected = head.given(alone, x[:, mask]).mean
    torch.testing.assert_close(given.mean[..., mask], expected)


@every_maker
def test_expands_and_draws(make):
    head, x = make(size_factor="total"), counts()
    params = outputs(head, (B,))
    d = head(params, event_dim=1)
    wide = d.expand([K, B])
    assert wide.batch_shape == (K, B) and wide.sample((2,)).shape == (2, K, B, D)
    torch.testing.assert_close(wide.log_prob(x), d.log_prob(x).expand(K, B))
    keep = torch.arange(B) % 2 == 0
    torch.testing.assert_close(d.mask(keep).log_prob(x), d.log_prob(x) * keep)
    head.check(head.sized(d, 1e5).sample())


def test_sizes_of_draws():
    head = Poisson(size_factor="total")
    d = head(outputs(head, (B,)), event_dim=1)
    torch.testing.assert_close(d.mean.sum(-1), torch.full((B,), float(D)).double())  # untrained
    totals = []
    for _ in range(3):
        x = counts()
        totals.append(x.sum(-1))
        head.given(d, x)
    with torch.no_grad():
        head.given(d, 100 * x)  # nobody trains
    head.eval().given(d, 100 * x)
    mean = torch.cat(totals).mean()
    torch.testing.assert_close(head.mean_size.double(), mean)
    torch.testing.assert_close(
        d.mean.sum(-1), mean.expand(B), check_dtype=False, rtol=1e-5, atol=0
    )
    sizes = torch.tensor([1.0, 10.0, 100.0, 1000.0])
    torch.testing.assert_close(head.sized(d, sizes).mean.sum(-1), sizes.double())
    torch.testing.assert_close(head.sized(d, 50).mean.sum(-1), torch.full((B,), 50.0).double())


def test_given_sizes_take_the_place_of_totals():
    head, x = Poisson(size_factor="total"), counts()
    params, sizes = outputs(head), torch.tensor([1.0, 10.0, 100.0, 1000.0]).double()
    d = head(params, event_dim=1)
    with head.given_sizes(sizes):
        given = head.given(d, x)
        assert torch.equal(head.sized(d, None).mean, given.mean)
    log_mean = params[..., 0, :].log_softmax(-1) + sizes[:, None].log()
    torch.testing.assert_close(given.log_prob(x), by_hand(head, log_mean, params).log_prob(x))
    torch.testing.assert_close(head.given(d, x).log_prob(x), d.log_prob(x))  # and no longer


def test_is_captured_whole_by_the_compiler():
    head, x = NegativeBinomial("learned", shape=(D,), size_factor="total").double(), counts()

    def log_prob(params, x):
        return head.given(head(params, event_dim=1), x).log_prob(x)

    torch._dynamo.reset()
    params = outputs(head)
    compiled = torch.compile(log_prob, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(params, x), log_prob(params, x))


def test_gradients_equal_finite_differences():
    head, x = ZeroInflatedNegativeBinomial(size_factor="total"), counts()
    params = outputs(head, (B,)).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: head(p, event_dim=1).log_prob(x), params)


def test_encoders_see_logarithms():
    x = torch.tensor([0, 9], dtype=torch.uint8)
    torch.testing.assert_close(Poisson().rescale(x), torch.tensor([1.0, 10.0]).log())


def test_refusals():
    with pytest.raises(ConfigError, match="size_factor='library'; it needs 'total'"):
        Poisson(size_factor="library")
    for head in (Poisson(), Binomial(16)):
        made = head(torch.zeros(1, 3), event_dim=1)
        assert head.sized(made, None) is made and head.given(made, torch.ones(3)) is made
        with pytest.raises(ConfigError, match="size=5, and takes none"):
            head.sized(made, 5)
    with pytest.raises(ConfigError, match="no size factor"), Poisson().given_sizes(torch.ones(1)):
        pass
    head = Poisson(size_factor="total")
    with pytest.raises(ShapeError, match="event_dim=0"):
        head(torch.zeros(3, 1), event_dim=0)
    with pytest.raises(ConfigError, match="sizes are above 0"):
        head.sized(head(torch.zeros(1, 3), event_dim=1), -1.0)
    with pytest.raises(ShapeError, match="axis of size 1"):
        head(torch.zeros(2, 3), event_dim=1)


def test_dispersion_is_what_it_says():
    """Variance mu + mu^2 / theta."""
    d = NegativeBinomial(2.0)(torch.tensor([[3.0]]).log(), event_dim=1)
    torch.testing.assert_close(d.variance, torch.tensor([3 + 9 / 2]))
    gate = torch.tensor([[3.0], [0.5]]).log()
    d = ZeroInflatedPoisson()(gate, event_dim=1)
    share = torch.exp(-softplus(gate[1]))
    torch.testing.assert_close(d.mean, 3 * share)
