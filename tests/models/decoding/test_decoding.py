"""Decoding of networks whose probabilities are a table, against all strings one by one."""

import math

import pyro
import pytest
import torch

from pyrovae.distributions.code_sequence import CodeSequence
from pyrovae.distributions.sequence_codes import END, PADDING
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.models.decoding import Beam, Continued, Greedy, Sampling, score
from pyrovae.nn import GRUDecoder, LSTMDecoder, TransformerDecoder
from tests.models.decoding.tables import (
    CODES,
    LETTERS,
    Dropped,
    Table,
    exact_log_prob,
    strings,
)

LENGTH = 5
Z = torch.tensor([[0.0], [1.0], [2.0], [1.0]])
STRINGS = strings(LENGTH)
ORDERS = pytest.mark.parametrize("order", [0, 1, 2, 4])
WAYS = pytest.mark.parametrize(
    "way", [Greedy(), Sampling(), Sampling(0.5, 0.8, 2), Beam(1), Beam(5), Beam(3, 0.7)], ids=repr
)


def every(table):
    """log p of all strings [kinds, S], by a loop in plain numbers."""
    kinds = range(len(table.logits))
    return torch.tensor([[exact_log_prob(table, z, s) for s in STRINGS] for z in kinds])


@ORDERS
def test_a_string_is_scored_by_its_codes(order):
    table = Table(order)
    some = STRINGS[:: len(STRINGS) // 20]
    for kind in range(3):
        found = score(table, torch.full((len(some), 1), float(kind)), some)
        exact = [exact_log_prob(table, kind, s) for s in some]
        torch.testing.assert_close(found, torch.tensor(exact, dtype=torch.float64))


@ORDERS
def test_a_beam_of_all_beginnings_finds_the_most_probable_string(order):
    table = Table(order, seed=order)
    exact = every(table)
    found = Beam(len(STRINGS)).decode_scored(table, Z, max_length=LENGTH)
    best = exact.argmax(1)[Z[:, 0].long()]
    assert torch.equal(found.codes, STRINGS[best])
    torch.testing.assert_close(found.log_prob, exact.double()[Z[:, 0].long(), best])


@pytest.mark.parametrize("order", [2, 4])
def test_a_beginning_is_kept_and_the_rest_is_the_most_probable(order):
    table = Table(order, seed=order)
    exact = every(table).double()
    beginnings = torch.tensor([[4, 0], [5, 6], [6, 0], [0, 0]])
    going_on = Continued(table, beginnings)
    found = Beam(len(STRINGS)).decode_scored(going_on, Z, max_length=LENGTH)
    for row, given in enumerate(beginnings):
        begins = ((STRINGS[:, :2] == given) | (given == PADDING)).all(1)
        log_prob = exact[Z[row].long()][0, begins]
        assert torch.equal(found.codes[row], STRINGS[begins][log_prob.argmax()])
        rest = log_prob.max() - log_prob.logsumexp(0)
        torch.testing.assert_close(found.log_prob[row].double(), rest)
    greedy = Greedy().decode(going_on, Z, max_length=LENGTH)
    assert torch.equal(greedy, Beam(1).decode(going_on, Z, max_length=LENGTH))


@pytest.mark.parametrize("order", [2, 4])  # below there are ties
def test_the_alternatives_are_the_most_probable_strings_in_order(order):
    table = Table(order, seed=order)
    exact = every(table).double()
    found = Beam(len(STRINGS)).alternatives(table, Z, 6, max_length=LENGTH)
    for row, kind in enumerate(Z[:, 0].long()):
        ranked = exact[kind].sort(descending=True)
        assert torch.equal(found.codes[row], STRINGS[ranked.indices[:6]])
        torch.testing.assert_close(found.log_prob[row], ranked.values[:6])


def test_a_length_penalty_ranks_as_it_says():
    table = Table(1, seed=3)
    lengths = (STRINGS != PADDING).sum(1)
    for strength in (0.5, 2.0):
        ranks = every(table) / ((5 + lengths) / 6) ** strength
        found = Beam(len(STRINGS), strength).decode(table, Z, max_length=LENGTH)
        assert torch.equal(found, STRINGS[ranks.argmax(1)[Z[:, 0].long()]])
    far = [(Beam(200, a).decode(table, Z, max_length=LENGTH) > 0).sum() for a in (0.0, 9.0)]
    assert far[0] < far[1]


def test_there_may_be_fewer_strings_than_are_asked_for():
    found = Beam(50).alternatives(Table(1), Z, max_length=2)
    assert found.codes.shape == (4, 50, 2)
    assert torch.equal(found.log_prob.isfinite().sum(1), torch.full((4,), 13))
    assert bool((found.codes[:, 13:] == PADDING).all())
    first = {tuple(row) for row in found.codes[0, :13].tolist()}
    assert first == {tuple(row) for row in strings(2).tolist()}


@ORDERS
def test_a_beam_of_one_is_greedy(order):
    table = Table(order, seed=7)
    one, other = (w.decode_scored(table, Z, max_length=LENGTH) for w in (Beam(1), Greedy()))
    assert torch.equal(one.codes, other.codes)
    torch.testing.assert_close(one.log_prob, other.log_prob)


def test_greedy_takes_the_most_probable_code_at_each_step():
    table = Table(2, seed=1)
    found = Greedy().decode(table, Z, max_length=LENGTH)
    for z, row in zip(Z[:, 0], found, strict=True):
        before = [2, 2]
        for place, code in enumerate(row.tolist()):
            logits = table.logits[(int(z), *before)]
            best = max(LETTERS, key=lambda c: float(logits[c]))
            assert code == best
            before = [before[1], code]
            if code == END:
                assert not row[place + 1 :].any()
                break


def test_draws_have_the_exact_distribution_of_strings():
    table, draws = Table(2, seed=2, scale=0.7), 40_000
    pyro.set_rng_seed(0)
    found = Sampling().decode(table, torch.full((draws, 1), 1.0), max_length=4)
    every_string = strings(4)
    exact = torch.tensor([exact_log_prob(table, 1, s) for s in every_string]).double().exp()
    torch.testing.assert_close(exact.sum(), torch.tensor(1.0).double())
    counts = (found[:, None] == every_string).all(-1).sum(0).double()
    assert counts.sum() == draws
    expected = draws * exact
    chi = ((counts - expected) ** 2 / expected).sum()
    degrees = len(exact) - 1
    assert abs(chi - degrees) / math.sqrt(2 * degrees) < 4


@pytest.mark.parametrize(
    ("temperature", "top_p", "top_k"),
    [(1, 1, None), (0.5, 1, None), (2, 0.7, None), (1, 0.9, None), (1, 0.3, None), (1, 1, 2),
     (1, 1e-6, None), (1.5, 0.8, 3), (1, 1, 50)],
)  # fmt: skip
def test_each_step_has_the_distribution_of_its_definition(temperature, top_p, top_k):
    network = torch.randn(20, CODES, generator=torch.Generator().manual_seed(1)).double()
    network = network.log_softmax(1)
    found = Sampling(temperature, top_p, top_k).log_probs(network).exp()
    for row, made in zip(network.exp().tolist(), found.tolist(), strict=True):
        powers = {code: p ** (1 / temperature) for code, p in enumerate(row)}
        ranked = sorted(powers, key=lambda code: -powers[code])[: top_k or CODES]
        kept, whole = [], sum(powers[code] for code in ranked)
        while sum(powers[code] for code in kept) / whole < top_p - 1e-12 and len(kept) < len(
            ranked
        ):
            kept.append(ranked[len(kept)])
        total = sum(powers[code] for code in kept)
        exact = [powers[code] / total if code in kept else 0.0 for code in range(CODES)]
        assert made == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("temperature", [1e-30, 1e-45, 1e-300])
def test_the_coldest_draws_are_greedy(temperature):
    log_probs = torch.tensor([[0.3, 0.5, 0.2, 0.0]]).log()
    assert Sampling(temperature).log_probs(log_probs).exp().tolist() == [[0, 1, 0, 0]]


def test_draws_of_a_step_follow_its_distribution():
    log_probs = torch.tensor([0.45, 0.3, 0.2, 0.05]).log().expand(20_000, -1)
    way = Sampling(0.7, 0.8)
    pyro.set_rng_seed(1)
    counts = way.choose(log_probs).bincount(minlength=4)
    exact = way.log_probs(log_probs[:1]).exp()[0]
    z = (counts - 20_000 * exact) / (20_000 * exact * (1 - exact)).sqrt().clamp_min(1e-9)
    assert float(z.abs().max()) < 4


@WAYS
def test_the_log_probability_is_that_of_the_string(way):
    table = Table(2, seed=5)
    pyro.set_rng_seed(0)
    z = Z.repeat(30, 1)
    found = way.decode_scored(table, z, max_length=LENGTH)
    torch.testing.assert_close(found.log_prob, score(table, z, found.codes))
    exact = [exact_log_prob(table, k, s) for k, s in zip(z[:, 0], found.codes, strict=True)]
    torch.testing.assert_close(found.log_prob, torch.tensor(exact, dtype=torch.float64))


@WAYS
def test_strings_are_data(way):
    """At most one end code, padding after it, none of the codes that no string holds."""
    table = Table(1, seed=8, scale=0.5)
    table.logits[..., [PADDING, 2]] = 50.0  # padding and beginning would win
    for length in (1, 2, 7):
        found = way.decode(table, Z.repeat(20, 1), max_length=length)
        assert found.shape == (80, length) and found.dtype == torch.int64
        ends = (found == END).int()
        assert bool((ends.sum(1) <= 1).all())
        assert torch.equal(found == PADDING, ends.cumsum(1) - ends == 1)
        assert set(found.unique().tolist()) <= {PADDING, *LETTERS}


@WAYS
def test_it_ends_when_all_have_ended(way):
    table = Table(1, seed=8)
    table.logits[...] = torch.tensor([-9.0, -99, -9, -torch.inf, 2, 1, 0]).double()
    table.logits[:, 4:, END] = 99.0  # after a letter
    assert way.decode(table, Z, max_length=100).shape == (4, 100)
    assert table.num_steps == 2


@WAYS
def test_rows_do_not_depend_on_each_other(way):
    table = Table(4, seed=9)
    if isinstance(way, Sampling):
        return
    together = way.decode(table, Z, max_length=LENGTH)
    alone = [way.decode(table, z[None], max_length=LENGTH) for z in Z]
    assert torch.equal(together, torch.cat(alone))


@WAYS
def test_networks_run_in_evaluation_mode(way):
    network = Dropped(Table(1, seed=4))
    pyro.set_rng_seed(0)
    found = way.decode(network, Z, max_length=LENGTH)
    assert network.training
    pyro.set_rng_seed(0)
    assert torch.equal(found, way.decode(network.table, Z, max_length=LENGTH))


@WAYS
def test_it_stays_on_the_device(way):
    """On `meta`, which refuses tensors of the CPU and has no values to look at."""
    network, z = GRUDecoder.example().to("meta"), torch.zeros(3, 2, device="meta")
    found = way.decode_scored(network, z, max_length=4)
    assert found.codes.is_meta and found.codes.shape == (3, 4) and found.log_prob.is_meta


@pytest.mark.parametrize("kind", [GRUDecoder, LSTMDecoder, TransformerDecoder])
@pytest.mark.parametrize("way", [Sampling(), Beam(6)], ids=repr)
def test_networks_of_the_library(kind, way):
    """Steps by rows that a beam exchanges, against the network's pass over whole rows."""
    pyro.set_rng_seed(0)
    network, z = kind.example().double(), torch.randn(5, 2).double()
    for part in network.parameters():
        part.data *= 2
    found = way.decode_scored(network, z, max_length=6)
    exact = CodeSequence(network, z, 6).log_prob(found.codes)
    torch.testing.assert_close(found.log_prob, exact)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Sampling(0.0), r"temperature=0.0; .* Greedy\(\)"),
        (lambda: Sampling(math.inf), "temperature=inf"),
        (lambda: Sampling("hot"), "temperature='hot'"),
        (lambda: Sampling(top_p=0.0), "top_p=0.0"),
        (lambda: Sampling(top_p=1.5), "top_p=1.5"),
        (lambda: Sampling(top_k=0), "top_k=0"),
        (lambda: Beam(0), "width=0"),
        (lambda: Beam(4, -1.0), "length_penalty=-1.0"),
        (lambda: Beam(4, math.nan), "length_penalty=nan"),
        (lambda: Beam(4).alternatives(Table(1), Z, 5, max_length=3), r"n=5.*Beam\(width=5\)"),
        (lambda: Greedy().decode(Table(1), Z, max_length=0), "max_length=0"),
    ],
)
def test_refusals(make, says):
    with pytest.raises(ConfigError, match=says):
        make()


def test_a_network_that_gives_no_logits():
    table = Table(1)
    table.step = lambda state, codes: (torch.zeros(len(codes), 1, CODES), state)
    with pytest.raises(ShapeError, match=r"Table.step gave logits of shape \[4, 1, 7\] for 4"):
        Greedy().decode(table, Z, max_length=3)
