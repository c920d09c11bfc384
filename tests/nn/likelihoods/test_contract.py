"""What every likelihood head promises."""

import pyro
import pytest
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin

from pyrovae import nn
from pyrovae.errors import ShapeError, SupportError
from pyrovae.nn import (
    Beta,
    BetaBinomial,
    Binomial,
    Categorical,
    DiscretizedLogistic,
    Gamma,
    LearnedNormal,
    Likelihood,
    LogNormal,
    NegativeBinomial,
    Normal,
    StudentT,
    ZeroInflatedNegativeBinomial,
    likelihoods,
)
from tests.exported import exported

K, B, DATA = 3, 4, (2, 5)
# Of a multinomial the elements depend on each other: test_multinomial.py.
EXAMPLES = [
    kind.example() for name, kind in exported(likelihoods, Likelihood).items()
    if name != "Multinomial"
]  # fmt: skip
# Further forms of some of them.
HEADS = [
    *EXAMPLES,
    Binomial(total_count=255),
    Normal(scale=0.3),
    LearnedNormal(init_scale=2.0),
    LearnedNormal(shape=DATA),
    DiscretizedLogistic(),
    Beta(5.0),
    Beta("learned", shape=DATA),
    BetaBinomial(255, "learned", shape=DATA),
    Gamma("learned"),
    LogNormal("learned", shape=DATA),
    LogNormal(0.5),
    NegativeBinomial("learned", shape=DATA),
    NegativeBinomial(3.0),
    StudentT("learned", 30.0, shape=DATA),
    StudentT(2.0, "predicted", min_df=20.0),
    ZeroInflatedNegativeBinomial("learned"),
]
every_head = pytest.mark.parametrize("head", HEADS, ids=repr)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def support(head):
    return head.distribution(torch.zeros(head.num_parameters, *DATA).double()).support


def data(head):
    """Values from the whole support where it has two ends, else what the head itself draws."""
    if head.bounds is None:
        return head.double()(make_params(head, lead=(B,)), event_dim=2).sample()
    low, high = head.bounds
    if support(head).is_discrete:
        return torch.randint(int(low), int(high) + 1, (B, *DATA)).double()
    return low + (high - low) * torch.rand(B, *DATA).double()


def make_params(head, dtype=torch.float64, lead=(K, B)):
    return torch.randn(*lead, head.num_parameters, *DATA, dtype=dtype)


@every_head
@pytest.mark.parametrize("lead", [(), (B,), (K, B)])
def test_shapes(head, lead):
    d = head(make_params(head, lead=lead), event_dim=2)
    assert isinstance(d, TorchDistributionMixin)
    assert (d.batch_shape, d.event_shape) == (lead, DATA)
    assert d.mean.shape == d.variance.shape == d.sample().shape == lead + DATA
    assert d.sample((7,)).shape == (7, *lead, *DATA)


@every_head
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_that_of_the_parameters(head, dtype):
    d, x = head.to(dtype)(make_params(head, dtype), event_dim=2), data(head).to(dtype)
    assert d.log_prob(x).dtype == d.sample().dtype == d.mean.dtype == dtype
    assert d.log_prob(x).shape == (K, B)


@every_head
def test_float32_agrees_with_float64(head):
    params, x = make_params(head), data(head)
    exact = head.double()(params, event_dim=2).log_prob(x)
    single = head.float()(params.float(), event_dim=2).log_prob(x.float())
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-3)


@every_head
def test_event_dim_zero_scores_elements(head):
    params, x = make_params(head), data(head)
    whole = head.double()(params, event_dim=2).log_prob(x)
    elements = head(params.movedim(-3, -1), event_dim=0).log_prob(x)
    torch.testing.assert_close(elements.sum((-1, -2)), whole)


@every_head
def test_bounds_are_the_ends_of_the_support(head):
    if head.bounds is not None:
        low, high = head.bounds
        head.check(torch.tensor([low, high]))
        for beyond in (low - 1, high + 1):
            with pytest.raises(SupportError):
                head.check(torch.tensor([low, beyond]))


@every_head
@pytest.mark.parametrize("value", [-1e6, -1.0, 0.0, 0.5, 1.0, 2.0, 1e6])
def test_accepts_what_lies_in_the_support(head, value):
    """As the distribution itself states its support."""
    x = torch.tensor([value]).double()
    if support(head).check(x).all():
        head.check(x)
    else:
        with pytest.raises(SupportError):
            head.check(x)


def test_heads_of_real_numbers_accept_all():
    reals = [head for head in HEADS if head.bounds is None]
    assert {"LearnedNormal", "Normal", "PredictedNormal"} <= {type(h).__name__ for h in reals}
    for head in (nn.LearnedNormal(), nn.Normal(), nn.PredictedNormal()):
        head.check(torch.tensor([-1e6, 1e6]))


@every_head
def test_expands_masks_and_samples_under_pyro(head):
    d, x = head.double()(make_params(head, lead=(1, B)), event_dim=2), data(head)
    wide = d.expand([K, B])
    assert wide.batch_shape == (K, B)
    torch.testing.assert_close(wide.log_prob(x), d.log_prob(x).expand(K, B))
    assert wide.mean.shape == wide.sample().shape == (K, B, *DATA)
    element = d.base_dist.expand([K, B, *DATA])
    torch.testing.assert_close(element.log_prob(x).sum((-1, -2)), wide.log_prob(x))
    keep = torch.arange(B) % 2 == 0
    torch.testing.assert_close(d.mask(keep).log_prob(x), d.log_prob(x) * keep)
    with pyro.plate("particles", K, dim=-2), pyro.plate("batch", B, dim=-1):
        assert pyro.sample("x", d, obs=x) is x
        assert pyro.sample("y", d).shape == (K, B, *DATA)


@every_head
@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), -1e9])
def test_a_mask_leaves_the_observed_elements_alone(head, garbage):
    params, x = make_params(head).requires_grad_(), data(head)
    mask = torch.rand(B, *DATA) < 0.5
    d = head.double()(params, event_dim=2, mask=mask)
    assert (d.batch_shape, d.event_shape) == ((K, B), DATA)
    assert d.mean.shape == d.sample().shape == (K, B, *DATA)
    elements = head(params.movedim(-3, -1), event_dim=0).log_prob(x)
    scored = d.log_prob(torch.where(mask, x, garbage))
    torch.testing.assert_close(scored, torch.where(mask, elements, 0.0).sum((-1, -2)))
    wide = head(params[:, :1], event_dim=2, mask=mask[:1]).expand([K, B])
    assert wide.log_prob(torch.where(mask[:1], x, garbage)).shape == (K, B)
    scored.sum().backward()
    counts = mask.expand(K, head.num_parameters, B, *DATA).movedim(2, 1)
    assert params.grad.isfinite().all() and (params.grad[~counts] == 0).all()
    assert (params.grad[counts] != 0).double().mean() > 0.98


@every_head
def test_gradients_equal_finite_differences(head):
    x = data(head)[:2]
    params = make_params(head, lead=(2,)).requires_grad_()
    head.double()
    own = tuple(head.parameters())

    def log_prob(params, *own):
        return head(params, event_dim=2).log_prob(x)

    assert torch.autograd.gradcheck(log_prob, (params, *own), fast_mode=True)


@every_head
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [0.0, 100.0, -100.0])
def test_extreme_parameters_have_finite_gradients(head, dtype, size):
    signs = torch.randn(K, B, head.num_parameters, *DATA, dtype=dtype).sign()
    for params in (size * signs, torch.full_like(signs, size)):
        params.requires_grad_()
        log_prob = head.to(dtype)(params, event_dim=2).log_prob(data(head).to(dtype))
        log_prob.sum().backward()
        assert log_prob.isfinite().all()
        assert params.grad.isfinite().all()


@every_head
def test_is_captured_whole_by_the_compiler_with_a_mask_and_without(head):
    params, x = make_params(head), data(head)
    mask = torch.rand(B, *DATA) < 0.5
    head.double()

    def log_probs(params, x, mask):
        masked = head(params, event_dim=2, mask=mask)
        return head(params, event_dim=2).log_prob(x), masked.log_prob(x)

    torch._dynamo.reset()
    compiled = torch.compile(log_probs, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(params, x, mask), log_probs(params, x, mask))


@every_head
def test_no_parameter_is_dead(head):
    params = make_params(head).requires_grad_()
    head.double().zero_grad()
    head(params, event_dim=2).log_prob(data(head)).sum().backward()
    assert (params.grad != 0).double().mean() > 0.99
    assert all((p.grad != 0).all() for p in head.parameters())


@every_head
def test_samples_have_the_mean_the_variance_and_the_support(head):
    d = head.double()(make_params(head, lead=()), event_dim=2)
    n = 4000
    x = d.sample((n,))
    head.check(x)
    z = (x.mean(0) - d.mean) / (d.variance / n).sqrt()
    assert z.abs().max() < 4, f"z-scores of the mean: {z}"
    squares = (x - d.mean) ** 2
    z = (squares.mean(0) - d.variance) / (squares.var(0) / n).sqrt()
    assert z.abs().max() < 4.5, f"z-scores of the variance: {z}"


@every_head
def test_refuses_the_wrong_number_of_parameters(head):
    params = torch.zeros(K, B, head.num_parameters + 1, *DATA)
    needed = f"axis of size {head.num_parameters}"
    with pytest.raises(ShapeError, match=needed):
        head(params, event_dim=2)
    with pytest.raises(ShapeError, match=needed):
        head(torch.zeros(DATA), event_dim=2)


@pytest.mark.parametrize("head", [Categorical(256), DiscretizedLogistic(256)], ids=repr)
def test_bytes_are_rescaled_as_numbers_are(head):
    levels = torch.arange(256)
    expected = torch.linspace(-1, 1, 256)
    torch.testing.assert_close(head.rescale(levels.to(torch.uint8)), expected)
    torch.testing.assert_close(head.rescale(levels.float()), expected)
