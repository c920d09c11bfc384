"""Sequence to sequence against enumeration of all targets and quadrature over z."""

import math
from itertools import product

import pyro
import pytest
import torch

from pyrovae import log_evidence
from pyrovae.data import Vocabulary
from pyrovae.distributions.sequence_codes import END, PADDING
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.models import SequenceToSequence, VampPrior
from pyrovae.models.decoding import Beam, Sampling
from pyrovae.nn import AttentiveDecoder, AttentiveEncoder, GRUDecoder, GRUEncoder
from pyrovae.objectives import ELBO, IWAE

LENGTH = 3
CODES = (3, 4, 5, 6, 7)
ROWS = torch.tensor(
    [[*start, END, *[PADDING] * (LENGTH - 1 - size)]
     for size in range(LENGTH) for start in product(CODES, repeat=size)]
    + [list(start) for start in product(CODES, repeat=LENGTH)]
)  # fmt: skip


def made(latent_dim=1, length=LENGTH, **options):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    pair = SequenceToSequence(
        length, latent_dim, vocabulary=Vocabulary.of(["abcd"]),
        encoder=lambda i, o: AttentiveEncoder(i, o, width=4, embedding=3),
        decoder=lambda i, o: AttentiveDecoder(i, o, width=4, embedding=3), **options,
    ).double()  # fmt: skip
    for part in pair.decoder.parameters():
        part.data *= 3
    return pair


@pytest.fixture(scope="module")
def pair():
    return made()


@pytest.fixture(scope="module")
def batch(pair):
    return pair.vocabulary.encode(["ab", "", "d", "cc"], LENGTH), pair.vocabulary.encode(
        ["abcd", "b", "", "dd"]
    )


def exact(pair, x, y, points=400):
    """log p(x|y) by the trapezoid rule over z."""
    z = torch.linspace(-8, 8, points).double()
    log_prior = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    with torch.no_grad():
        log_lik = pair.decode(z[:, None, None].expand(-1, len(x), 1), y).log_prob(x)
    return (log_lik + log_prior[:, None]).logsumexp(0) + math.log(16 / (points - 1))


def test_the_probabilities_of_all_targets_sum_to_one(pair, batch):
    for source, z in zip(batch[1], torch.randn(4, 1).double(), strict=True):
        given = pair.decode(z.expand(len(ROWS), 1), source.expand(len(ROWS), -1))
        total = given.log_prob(ROWS).logsumexp(0)
        assert total.item() == pytest.approx(0, abs=1e-12)


class Open(AttentiveDecoder):
    """A decoder of one's own, which gives padding and the begin a probability."""

    def _logits(self, features):
        return self.head(features)


def test_the_same_of_a_decoder_of_ones_own(batch):
    own = SequenceToSequence(
        LENGTH, 1, vocabulary=Vocabulary.of(["abcd"]),
        decoder=lambda i, o: Open(i, o, width=4, embedding=3),
    ).double()  # fmt: skip
    z, rows = torch.zeros(len(ROWS), 1).double(), batch[1][:1].expand(len(ROWS), -1)
    torch.testing.assert_close(own.decode(z, rows).log_prob(ROWS).exp().sum().item(), 1.0)


def test_bounds_are_below_the_exact_evidence_and_reach_it(pair, batch):
    x, y = batch
    truth = exact(pair, x, y)
    pyro.set_rng_seed(1)
    draws = torch.stack([ELBO(20).per_datum(pair.model, pair.guide, x, y) for _ in range(30)])
    error = draws.std(0) / math.sqrt(30)
    assert ((draws.mean(0) - truth) / error < 3).all()
    found = log_evidence(pair.model, pair.guide, x, y, num_particles=3_000, seed=0)
    pyro.set_rng_seed(2)
    q = pair.encode(x, y)
    z = q.sample([3_000])
    log_w = pair.decode(z, y).log_prob(x) + pair.prior_given(y).log_prob(z) - q.log_prob(z)
    spread = (log_w - truth).exp().std(0) / math.sqrt(3_000)  # of p(x) over the truth
    assert (((found.log_px - truth).exp() - 1).abs() / spread < 4).all()


def test_particles_and_data_keep_their_sources(pair, batch):
    x, y = batch
    z = torch.randn(3, 4, 1).double()
    whole = pair.decode(z, y)
    for k, b in product(range(3), range(4)):
        one = pair.decode(z[k, b][None], y[b][None])
        torch.testing.assert_close(one.log_prob(x[b][None])[0], whole.log_prob(x)[k, b])
        assert torch.equal(one.likeliest()[0], whole.likeliest()[k, b])


def test_padding_changes_nothing(pair, batch):
    wide = made(length=LENGTH + 4)
    wide.load_state_dict(pair.state_dict())
    x, y = (torch.nn.functional.pad(codes, (0, 4)) for codes in batch)
    bounds = []
    for one, args in ((pair, batch), (wide, (x, batch[1])), (wide, (batch[0], y)), (wide, (x, y))):
        pyro.set_rng_seed(5)
        bounds.append(IWAE(4).per_datum(one.model, one.guide, *args))
    for other in bounds[1:]:
        torch.testing.assert_close(bounds[0], other)


def test_draws_follow_p_of_x_given_y(pair, batch):
    source, count = batch[1][:1], 20_000
    pyro.set_rng_seed(3)
    drawn = pair.generate(source, n=count, decoding=Sampling())[0]
    counts = (drawn[:, None] == ROWS).all(-1).sum(0).double()
    assert counts.sum() == count
    expected = count * exact(pair, ROWS, source.expand(len(ROWS), -1)).exp()
    likely = expected > 5
    rest = torch.stack([counts[~likely].sum(), expected[~likely].sum()])
    counts, expected = (
        torch.cat([c[likely], r[None]]) for c, r in ((counts, rest[0]), (expected, rest[1]))
    )
    chi = ((counts - expected) ** 2 / expected).sum()
    degrees = len(counts) - 1
    assert degrees > 10 and abs(chi - degrees) / math.sqrt(2 * degrees) < 4


def test_alternatives_are_the_most_probable_targets(pair, batch):
    z = torch.tensor([[0.3], [-1.0], [2.0], [0.0]]).double()
    found = pair.alternatives(batch[1], beam=Beam(len(ROWS)), z=z)
    for row, source in enumerate(batch[1]):
        of_all = pair.decode(z[row].expand(len(ROWS), 1), source.expand(len(ROWS), -1))
        ranked = of_all.log_prob(ROWS).sort(descending=True)
        assert torch.equal(found.codes[row, :5], ROWS[ranked.indices[:5]])
        torch.testing.assert_close(found.log_prob[row, :5], ranked.values[:5])
    at_mean = pair.alternatives(batch[1], beam=Beam(2)).codes
    zero = pair.alternatives(batch[1], beam=Beam(2), z=torch.zeros(4, 1).double()).codes
    assert torch.equal(at_mean, zero)


def test_texts_as_sources(pair):
    pyro.set_rng_seed(0)
    one = pair.generate(["abcd", "b"], n=3)
    pyro.set_rng_seed(0)
    assert torch.equal(one, pair.generate(pair.vocabulary.encode(["abcd", "b"]), n=3))
    assert one.shape == (2, 3, LENGTH) and pair.generate(["a"]).shape == (1, LENGTH)
    assert len(pair.to_text(one[0])) == 3 and pair.generate("a").shape == (1, LENGTH)


def test_a_prior_of_the_source(batch):
    pair = made(2, prior_network=lambda i, o: GRUEncoder(i, o, width=4, embedding=3))
    x, y = batch
    prior = pair.prior_given(y)
    assert prior.batch_shape == (4,) and prior.mean.unique(dim=0).shape == (4, 2)
    pyro.set_rng_seed(1)
    bound = IWAE(3).per_datum(pair.model, pair.guide, x, y)
    pyro.set_rng_seed(1)
    q = pair.encode(x, y)
    z = q.rsample([3])
    log_w = pair.decode(z, y).log_prob(x) + prior.log_prob(z) - q.log_prob(z)
    torch.testing.assert_close(bound, log_w.logsumexp(0) - math.log(3))
    IWAE(3).differentiable_loss(pair.model, pair.guide, x, y).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in pair.prior.parameters())
    assert pair.generate(y, n=2).shape == (4, 2, LENGTH)


def test_hidden_codes_are_of_training_alone(batch):
    pair = made(word_dropout=1.0)
    other = made()
    args = batch
    pyro.set_rng_seed(0)
    hidden = ELBO(2).per_datum(pair.model, pair.guide, *args)
    pyro.set_rng_seed(0)
    shown = ELBO(2).per_datum(pair.eval().model, pair.guide, *args)
    pyro.set_rng_seed(0)
    torch.testing.assert_close(shown, ELBO(2).per_datum(other.model, other.guide, *args))
    differs = (hidden - shown).abs() > 1e-6
    assert differs[0] and not differs[1]  # an empty target has no code to hide


def test_another_vocabulary_is_refused(pair):
    other = SequenceToSequence(LENGTH, 1, vocabulary=Vocabulary.of(["abce"]))
    with pytest.raises(RuntimeError, match="vocabulary"):
        other.load_state_dict(pair.state_dict())


X, Y = torch.tensor([[4, 1, 0]]), torch.tensor([[5, 1]])


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda p: p.model(X[:, :0], Y), ShapeError, r"targets.* of shape \[1, 0\]"),
        (lambda p: p.model(torch.tensor([[4, 4, 4, 1]]), Y), ShapeError, "at most 3 codes"),
        (lambda p: p.guide(X, Y.repeat(2, 1)), ShapeError, "1 targets and 2 sources"),
        (lambda p: p.guide(X, Y[0]), ShapeError, r"sources of shape \[2\]"),
        (lambda p: p.guide(X, torch.tensor([[99, 1]])), DataError, "code 99 at place 0"),
        (lambda p: p.model(torch.tensor([[0, 4, 1]]), Y), DataError, "padding"),
        (lambda p: p.encode(X + 0.5, Y), DataError, "4.5 at place 0 of row 0; codes are whole"),
        (lambda p: p.generate(Y + 0.5), DataError, "got 5.5 at place 0"),
        (lambda p: p.encode(X), DataError, "takes x and y, and got x alone"),
        (lambda p: p.generate(3), ShapeError, "sources of 3"),
        (lambda p: p.decode(torch.zeros(4, 1).double(), Y.repeat(2, 1)), ShapeError,
         r"z of shape \[4, 1\] and 2 sources"),
        (lambda p: p.alternatives(Y, beam=Beam(2), z=torch.zeros(1)), ShapeError, "one z for"),
        (lambda p: p.generate(Y, n=-1), ConfigError, "n=-1"),
        (lambda p: made(prior=VampPrior), ConfigError, "VampPrior learns data of its own"),
        (lambda p: made(prior=lambda _: None, prior_network=GRUEncoder), ConfigError,
         "give one of the two"),
        (lambda p: SequenceToSequence(3, 1, vocabulary=Vocabulary.of(["a"]), decoder=GRUDecoder),
         ConfigError, "the decoder GRUDecoder has no read"),
        (lambda p: made(word_dropout=1.5), ConfigError, "word_dropout=1.5"),
        (lambda p: made(length=(2, 3)), ConfigError, r"data_shape=\(2, 3\)"),
    ],
)  # fmt: skip
def test_refusals(pair, make, error, says):
    with pytest.raises(error, match=says):
        make(pair)
