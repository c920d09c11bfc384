"""Splines through their knots, against Pyro's, and beyond their box."""

import pytest
import torch
from pyro.distributions.transforms.spline import _monotonic_rational_spline

from pyrovae.errors import ConfigError
from pyrovae.nn.flows.rational_spline import RationalSpline, _quadratic_inverse

BINS, BOUND = 5, 2.5
both_orders = pytest.mark.parametrize("order", ["linear", "quadratic"])


def spline(order, scale=1.0, lead=(4,)):
    of = RationalSpline(order, BINS, BOUND)
    return of, scale * torch.randn(*lead, of.num_params).double()


@both_orders
def test_goes_through_its_knots_with_their_slopes(order):
    of, params = spline(order)
    xs, ys, slopes = of.knots(params)
    assert xs.shape == ys.shape == slopes.shape == (4, BINS + 1)
    for knots in (xs, ys):
        assert (knots[:, 0] == -BOUND).all() and (knots[:, -1] == BOUND).all()
        assert (knots.diff() > 0).all()
    assert (slopes[:, [0, -1]] == 1).all()
    for i in range(1, BINS):
        for step in (0.0, -1e-9):  # of the bin on the right, and on the left
            y, log_slope = of.forward(xs[:, i] + step, params)
            torch.testing.assert_close(y, ys[:, i], atol=1e-7, rtol=0)
            torch.testing.assert_close(log_slope.exp(), slopes[:, i], atol=1e-5, rtol=1e-5)
            x, log_slope = of.backward(ys[:, i] + step, params)
            torch.testing.assert_close(x, xs[:, i], atol=1e-6, rtol=0)
            torch.testing.assert_close(log_slope.exp(), slopes[:, i], atol=1e-5, rtol=1e-5)


@both_orders
@pytest.mark.parametrize("inverse", [False, True])
def test_equals_pyros_but_in_the_outer_bins(order, inverse):
    """There Pyro's slope at the end of the box is .999, which leaves a corner."""
    of, params = spline(order, lead=(200, 3))
    widths, heights, _, *splits = of._split(params)
    slopes = of.knots(params)[2][..., 1:-1]
    x = 3 * torch.rand(200, 3).double() - 1.5
    y, log_slope = _monotonic_rational_spline(
        x,
        widths.softmax(-1),
        heights.softmax(-1),
        slopes - 1e-3,
        torch.sigmoid(splits[0]) if splits else None,
        inverse=inverse,
        bound=BOUND,
    )
    found = (of.backward if inverse else of.forward)(x, params)
    edges = of.knots(params)[1 if inverse else 0]
    inner = (x > edges[..., 1]) & (x < edges[..., -2])
    assert inner.float().mean() > 0.5
    torch.testing.assert_close(found[0][inner], y[inner], rtol=1e-8, atol=1e-8)
    expected = -log_slope if inverse else log_slope  # Pyro gives that of its own direction
    torch.testing.assert_close(found[1][inner], expected[inner], rtol=1e-7, atol=1e-7)


@both_orders
def test_parameters_of_zero_are_the_identity(order):
    of = RationalSpline(order, BINS, BOUND)
    x = torch.linspace(-4, 4, 81).double()
    y, log_slope = of.forward(x, torch.zeros(of.num_params).double())
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(log_slope, torch.zeros(81).double())


@both_orders
def test_beyond_the_box_it_is_the_identity_with_its_gradient(order):
    of, params = spline(order, scale=3.0, lead=(1,))
    x = torch.tensor([-1e30, -2.6, -BOUND, BOUND, 2.6, 1e30]).double()
    params = params.expand(6, -1).clone().requires_grad_()
    for mapped in (of.forward, of.backward):
        at = x.clone().requires_grad_()
        y, log_slope = mapped(at, params)
        assert torch.equal(y, x) and (log_slope == 0).all()
        for_x, for_params = torch.autograd.grad(y.sum() + log_slope.sum(), (at, params))
        assert (for_x == 1).all() and (for_params == 0).all()


@both_orders
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_rises_and_comes_back(order, scale):
    """With parameters so large that bins and slopes are as small as they may be."""
    of, params = spline(order, scale=scale, lead=(20, 1))
    x = torch.linspace(-3, 3, 501).double().expand(20, 501)
    y, log_slope = of.forward(x, params.expand(20, 501, -1))
    assert (y.diff() > 0).all() and log_slope.isfinite().all()
    back, _ = of.backward(y, params.expand(20, 501, -1))
    torch.testing.assert_close(back, x, atol=1e-6, rtol=0)


@both_orders
def test_float32_has_finite_gradients_at_large_parameters(order):
    """At knots too, where bins are steep and rounding may make a discriminant negative."""
    of, params = spline(order, scale=30.0, lead=(300, 1))
    params = params.float().requires_grad_()
    knots = of.knots(params.detach())
    for mapped, at in ((of.forward, knots[0][:, 0]), (of.backward, knots[1][:, 0])):
        near = [at, at.nextafter(at + 1), at.nextafter(at - 1)]
        x = torch.cat([torch.linspace(-3, 3, 101).expand(300, 101), *near], -1).requires_grad_()
        y, log_slope = mapped(x, params)
        gradients = torch.autograd.grad((y + log_slope).sum(), (x, params))
        assert all(g.isfinite().all() for g in (y, log_slope, *gradients))


def test_one_bin_is_a_spline():
    of = RationalSpline("quadratic", 1, BOUND)
    x = torch.linspace(-2, 2, 9).double()
    torch.testing.assert_close(of.forward(x, torch.randn(9, 2).double())[0], x)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("cubic", 4, 3.0), "order='cubic'; choose 'linear' or 'quadratic'"),
        (("linear", 0, 3.0), "num_bins=0; it needs a whole number, at least 1"),
        (("linear", 4, -1.0), "bound=-1.0; it needs"),
        (("linear", 4, float("nan")), "bound=nan; it needs"),
    ],
)
def test_refusals(words, complaint):
    with pytest.raises(ConfigError, match=complaint):
        RationalSpline(*words)


def test_a_discriminant_that_rounding_makes_negative_or_zero():
    """At the flat end of a steep bin."""
    height = torch.rand(10_000) + 0.5
    start, end = torch.rand(10_000), torch.full((10_000,), 1e-7)
    height[0], start[0], end[0] = 1, 1, 0
    rise = height.clone().requires_grad_()
    bend = rise * (start + end - 2 * height)
    a, b = height * (height - start) + bend, height * start - bend
    assert (b**2 + 4 * a * height * rise < 0).any()
    theta = _quadratic_inverse(rise, height, start, end)
    (slope,) = torch.autograd.grad(theta.sum(), rise)
    assert theta.isfinite().all() and slope.isfinite().all()
