"""Rows of codes: scores by hand, padding, ends, and shapes under particles."""

import pytest
import torch

from pyrovae.distributions.code_sequence import CodeSequence, score_at, shifted, until_end


class Table:
    """Logits of the next code from the code before and z [N, 1] alone."""

    def __init__(self):
        drawn = torch.Generator().manual_seed(0)
        self.table = torch.randn(5, 5, generator=drawn, dtype=torch.float64)
        self.calls = 0

    def __call__(self, inputs, z):
        self.calls += 1
        return closed(self.table[inputs] * z.unsqueeze(1))

    def begin(self, z):
        return (z,)

    def step(self, state, codes):
        return closed(self.table[codes] * state[0]), state


def closed(logits):
    return logits.index_fill(-1, torch.tensor([0, 2]), -torch.inf)


X = torch.tensor([[3, 4, 1, 0], [1, 0, 0, 0], [4, 4, 3, 3]])
Z = torch.tensor([[0.5], [1.0], [2.0]], dtype=torch.float64)


def test_the_score_is_that_of_each_code_to_the_end():
    table = Table()
    found = CodeSequence(table, Z, 4).log_prob(X)
    for row, z, log_p in zip(X.tolist(), Z, found, strict=True):
        before, expected = 2, 0.0
        for code in row:
            expected += closed(table.table[before] * z).log_softmax(-1)[code]
            before = code
            if code == 1:
                break
        torch.testing.assert_close(log_p, expected)
    each = CodeSequence(table, Z, 4).score_at(X)
    torch.testing.assert_close(each.sum(1), found)
    assert torch.equal(each == 0, ~until_end(X))


def test_what_stands_after_the_end_has_no_part():
    made = CodeSequence(Table(), Z, 4)
    other = torch.where(until_end(X), X, torch.tensor([[4, 1, 3, 2]]))
    assert torch.equal(made.log_prob(X), made.log_prob(other))
    longer = torch.nn.functional.pad(X[:2], (0, 3))
    torch.testing.assert_close(
        CodeSequence(Table(), Z[:2], 7).log_prob(longer), made.log_prob(X)[:2]
    )


def test_no_gradient_is_lost_or_not_a_number():
    z = Z.clone().requires_grad_()
    (grad,) = torch.autograd.grad(CodeSequence(Table(), z, 4).log_prob(X).sum(), z)
    assert grad.isfinite().all() and (grad != 0).all()


def test_particles_stand_to_the_left():
    made = CodeSequence(Table(), Z.expand(5, 3, 1), 4)
    assert made.log_prob(X).shape == made.batch_shape == (5, 3) and made.event_shape == (4,)
    assert made.sample().shape == (5, 3, 4) and made.sample((2,)).shape == (2, 5, 3, 4)
    whole = CodeSequence(Table(), Z[:1], 4).expand([5, 1])
    assert whole.log_prob(X).shape == (5, 3)
    assert CodeSequence(Table(), Z[:0], 4).sample().shape == (0, 4)


def test_logits_that_are_known_are_used_for_their_codes_alone():
    table = Table()
    known = X, table(shifted(X), Z)
    made = CodeSequence(table, Z, 4, known).expand([2, 3])
    expected = CodeSequence(Table(), Z, 4).log_prob(X)
    assert torch.equal(made.log_prob(X), expected.expand(2, 3)) and table.calls == 1
    made.log_prob(X.clone())
    assert table.calls == 2
    torch.testing.assert_close(
        made.log_prob(X.flip(0))[0], CodeSequence(Table(), Z, 4).log_prob(X.flip(0))
    )


def test_draws_and_the_likeliest_codes():
    table = Table()
    torch.manual_seed(0)
    n = 20_000
    z = torch.ones(n, 1, dtype=torch.float64)
    drawn = CodeSequence(table, z, 3).sample()
    assert (drawn[~until_end(drawn)] == 0).all()
    p = closed(table.table[2]).softmax(-1)
    counts = drawn[:, 0].bincount(minlength=5)
    for code in (1, 3, 4):
        z_score = (counts[code] - n * p[code]) / (n * p[code] * (1 - p[code])).sqrt()
        assert abs(float(z_score)) < 4
    first = CodeSequence(table, z[:1], 3).likeliest()[0]
    assert int(first[0]) == int(p.argmax())
    with pytest.raises(NotImplementedError):
        _ = CodeSequence(table, z, 3).mean  # which others would take for a datum


@pytest.mark.parametrize("codes", [X[0], X, X.expand(2, 3, 4)])
def test_helpers_take_any_leading_axes(codes):
    assert shifted(codes).shape == until_end(codes).shape == codes.shape
    assert (shifted(codes)[..., 0] == 2).all()
    logits = torch.zeros(*codes.shape, 5)
    assert score_at(logits, codes).shape == codes.shape
