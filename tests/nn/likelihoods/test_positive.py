"""Positive parameters: numbers, learned for all data, or predicted for each element."""

import math

import pytest
import torch

from pyrovae.errors import ConfigError, ShapeError
from pyrovae.nn import Beta, BetaBinomial, Gamma, LogNormal, NegativeBinomial, StudentT
from pyrovae.nn.likelihoods.positive import Positive, log_link

MAKERS = {
    "Beta": (Beta, "concentration"),
    "BetaBinomial": (lambda c, **o: BetaBinomial(16, c, **o), "concentration"),
    "Gamma": (Gamma, "concentration"),
    "LogNormal": (LogNormal, "scale"),
    "NegativeBinomial": (NegativeBinomial, "inverse_dispersion"),
    "StudentT": (lambda c, **o: StudentT(c, 5.0, **o), "scale"),
}
every_maker = pytest.mark.parametrize("name", MAKERS)


def test_the_link_is_the_exponential_and_never_overflows():
    raw = torch.tensor([-20.0, -3.0, 0.0, 19.0])
    assert torch.equal(log_link(raw), raw)
    far = torch.tensor([-1e20, -100.0, 100.0, 1e20], requires_grad=True)
    log_link(far).sum().backward()
    assert log_link(far).exp().isfinite().all() and (far.grad[1:3] > 0.01).all()
    assert (log_link(far).exp() > 0).all()
    x = torch.linspace(-25, 25, 101).double().requires_grad_()
    assert torch.autograd.gradcheck(log_link, x)
    assert (log_link(x).diff() > 0).all()


def test_a_number_stays():
    head = Gamma(2.5)
    assert head.num_parameters == 1 and not list(head.parameters())
    found = Positive("Mine", "spread", 2.5).log(torch.zeros(3), iter(()))
    torch.testing.assert_close(found, torch.tensor(2.5).log())


def test_a_learned_one_starts_where_it_is_said():
    positive = Positive("Mine", "spread", "learned", shape=(3,), init=2.0, floor=0.5)
    torch.testing.assert_close(
        positive.log(torch.zeros(2, 3), iter(())).exp(), torch.full((3,), 2.0)
    )
    positive.log_value.data.fill_(-200.0)
    assert (positive.log(torch.zeros(2, 3), iter(())).exp() == 0.5).all()


def test_predicted_ones_take_outputs_in_order():
    head = StudentT("predicted", "predicted", min_scale=0.1, min_df=3.0)
    assert head.num_parameters == 3
    d = head(torch.tensor([[5.0], [math.log(0.9)], [math.log(4.0)]]), event_dim=1).base_dist
    assert (d.loc, d.scale, d.df) == (5.0, pytest.approx(1.0), pytest.approx(7.0))


@every_maker
def test_each_head_has_all_three(name):
    make, parameter = MAKERS[name]
    for source, count, learned in ((3.0, 1, 0), ("learned", 1, 1), ("predicted", 2, 0)):
        head = make(source)
        assert (head.num_parameters, len(list(head.parameters()))) == (count, learned)
        assert f"{parameter}={source!r}" in repr(head) and "\n" not in repr(head)


@every_maker
@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan, "guessed"])
def test_refuses_other_values(name, bad):
    make, parameter = MAKERS[name]
    with pytest.raises(ConfigError, match=f"{name} got {parameter}="):
        make(bad)


@every_maker
def test_a_shape_is_that_of_a_learned_one(name):
    make, _ = MAKERS[name]
    with pytest.raises(ConfigError, match="shape"):
        make("predicted", shape=(3,))
    with pytest.raises(ShapeError, match=r"should end in shape=\(4,\)"):
        make("learned", shape=(4,))(torch.zeros(2, 1, 3), event_dim=1)


@pytest.mark.parametrize(("options", "needed"), [
    ({"df": 1.0}, "df=1.0; it needs a finite number above 1"),
    ({"min_df": 0.5}, "min_df=0.5"),
])  # fmt: skip
def test_student_t_has_a_mean(options, needed):
    with pytest.raises(ConfigError, match=needed):
        StudentT(**options)
