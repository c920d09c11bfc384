"""The VAE of texts against all strings of a small vocabulary; what it makes and refuses."""

from functools import partial
from itertools import product

import numpy as np
import pyro
import pytest
import torch
from pyro import poutine

from pyrovae import data, draw, fit, nn
from pyrovae.data import Vocabulary
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.models import FlowPosterior, MixturePrior, TextVAE, VampPrior
from pyrovae.models.decoding import Beam, Greedy
from pyrovae.nn import flows
from pyrovae.objectives import ELBO, IWAE, Beta, DReG
from pyrovae.particles import simulate

AB = Vocabulary.of(["ab"])
CODES = (1, 3, 4, 5)  # end, unknown, a, b
NETWORKS = {
    "GRU": (partial(nn.GRUEncoder, width=5), partial(nn.GRUDecoder, width=5)),
    "LSTM": (partial(nn.LSTMEncoder, width=5), partial(nn.LSTMDecoder, width=5)),
    "transformer": (
        partial(nn.TransformerEncoder, width=8), partial(nn.TransformerDecoder, width=8)
    ),
}  # fmt: skip


def pair_of(name="GRU", latent_dim=1, seed=0, **parts):
    pyro.clear_param_store()
    pyro.set_rng_seed(seed)
    encoder, decoder = NETWORKS[name]
    pair = TextVAE(4, latent_dim, vocabulary=AB, encoder=encoder, decoder=decoder, **parts)
    with torch.no_grad():
        for weight in pair.decoder.parameters():
            weight.mul_(2.0)  # so that texts differ in probability, and z tells something
    return pair.double()


def all_rows(length=4):
    """Every row of four codes: texts with an end and padding, and beginnings without an end."""
    rows = set()
    for codes in product(CODES, repeat=length):
        end = codes.index(1) if 1 in codes else length
        rows.add(codes[: end + 1] + (0,) * (length - end - 1))
    return torch.tensor(sorted(rows))


def exact(pair, x, y=None):
    """log p(x) by quadrature over a z of one number [N]."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    z = torch.tensor(nodes).reshape(-1, 1, 1)
    log_w = torch.tensor(np.log(weights / weights.sum()))
    with torch.no_grad():
        return (pair.decode(z.expand(-1, len(x), -1), y).log_prob(x) + log_w[:, None]).logsumexp(0)


@pytest.mark.parametrize("name", NETWORKS)
def test_probabilities_of_all_texts_sum_to_one(name):
    pair, x = pair_of(name), all_rows()
    assert len(x) == 40 + 81  # texts of up to three codes, and what is longer
    given_z = pair.decode(torch.tensor([[0.3]], dtype=torch.float64).expand(len(x), 1))
    for log_p in (given_z.log_prob(x), exact(pair, x)):
        torch.testing.assert_close(log_p.exp().sum(), torch.ones((), dtype=torch.float64))
        assert (log_p > -torch.inf).all() and log_p.std() > 0.3


def test_a_beginning_has_the_probability_of_all_texts_that_begin_so():
    pair = pair_of()
    z = torch.tensor([[0.3]], dtype=torch.float64)
    x = all_rows()
    total = pair.decode(z).log_prob(torch.tensor([[4, 5]])).exp()
    continued = x[(x[:, 0] == 4) & (x[:, 1] == 5)]
    parts = pair.decode(z.expand(len(continued), 1)).log_prob(continued).exp().sum()
    torch.testing.assert_close(total[0], parts)


def test_draws_have_these_probabilities():
    pair, x = pair_of(), all_rows()
    n = 20_000
    pyro.set_rng_seed(1)
    drawn = simulate(pair.model, torch.zeros(n, 4, dtype=torch.int64))["x"]
    p = exact(pair, x).exp()
    counts = (drawn.unsqueeze(1) == x).all(-1).sum(0)
    assert int(counts.sum()) == n  # each is one of the rows
    z = (counts - n * p) / (n * p * (1 - p)).sqrt()
    assert z.abs().max() < 4.5, z


def test_bounds_against_the_exact_evidence():
    pair, x = pair_of(), all_rows()[::5]
    truth = exact(pair, x)
    pyro.set_rng_seed(2)
    p = draw(pair.model, pair.guide, x, num_particles=4000)
    with torch.no_grad():
        weights = (p.log_w - truth).exp()
        z = (weights.mean(0) - 1) / (weights.std(0) / 4000**0.5)
        assert z.abs().max() < 4, z
        elbo = p.log_w.mean(0)
        error = p.log_w.std(0) / 4000**0.5
        assert (elbo < truth + 3 * error).all() and (elbo < truth - 0.01).any()
        # Each bound is below the truth in expectation, and they rise to it.
        gaps = [(truth - IWAE(k).per_datum(pair.model, pair.guide, x)).mean().item()
                for k in (1, 10, 3000)]  # fmt: skip
    assert gaps[0] > gaps[1] > abs(gaps[2]) and abs(gaps[2]) < 0.02, gaps


@pytest.mark.parametrize("objective", [ELBO(3), IWAE(3), DReG(3)])
@pytest.mark.parametrize("name", NETWORKS)
def test_padding_changes_no_bound(name, objective):
    pair = pair_of(name, 2, posterior=partial(FlowPosterior, layer=flows.AffineCoupling))
    short = AB.encode(["ab", "", "b"], 3)
    bounds = []
    for x in (short, AB.encode(["ab", "", "b"], 4)):
        pyro.set_rng_seed(3)
        bounds.append(objective.per_datum(pair.model, pair.guide, x))
    torch.testing.assert_close(*bounds, rtol=1e-10, atol=1e-10)
    z = torch.full((1, 2), 0.4, dtype=torch.float64)
    for row, codes in enumerate((3, 1, 2)):  # each by itself, without any padding
        alone = short[row : row + 1, :codes]
        found = [(pair.encode(x).base_dist.mean, pair.decode(z).log_prob(x))
                 for x in (alone, short[row : row + 1])]  # fmt: skip
        torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)


def _log_lik(pair, x, z):
    """log p(x|z) as a step of training computes it, for z [K, B, L]."""
    pyro.clear_param_store()
    with pyro.plate("particles", len(z), dim=-2):
        trace = poutine.trace(poutine.condition(pair.model, {"z": z})).get_trace(x)
    site = trace.nodes["x"]
    return site["fn"].log_prob(site["value"]).detach()


def test_word_dropout_trains_a_mixture_over_what_is_hidden():
    pair = pair_of(word_dropout=0.3)
    x = AB.encode(["ab", "b?a", ""], 4)
    z = torch.full((4000, 3, 1), 0.5, dtype=torch.float64)
    pyro.set_rng_seed(4)
    log_lik = _log_lik(pair, x, z)
    expected = torch.zeros(3, dtype=torch.float64)
    begin = torch.full((3, 1), 2)
    for hidden in product([False, True], repeat=3):
        inputs = torch.where(torch.tensor(hidden), 3, x[:, :-1])
        logits = pair.decoder(torch.cat([begin, inputs], 1), z[0]).log_softmax(-1)
        each = logits.gather(-1, x.unsqueeze(-1)).squeeze(-1)
        within = (x == 1).long().cumsum(1) - (x == 1).long() == 0
        log_p = torch.where(within, each, 0.0).sum(1)
        expected += log_p.exp() * 0.3 ** sum(hidden) * 0.7 ** (3 - sum(hidden))
    p = log_lik.exp()
    assert (p[:, :2].std(0) > 0).all() and p[:, 2].std() < 1e-12  # an empty text has no inputs
    error = (p.std(0) / 4000**0.5).clamp_min(1e-12)
    assert ((p.mean(0) - expected).abs() / error < 4).all()


def test_word_dropout_is_of_training_alone():
    hiding, plain = pair_of(word_dropout=1.0), pair_of()
    x, z = AB.encode(["ab", "b"], 4), torch.full((2, 2, 1), 0.5, dtype=torch.float64)
    assert not torch.isclose(_log_lik(hiding, x, z), _log_lik(plain, x, z)).any()
    hiding.eval()
    assert torch.equal(_log_lik(hiding, x, z), _log_lik(plain, x, z))


def test_classes_are_seen_by_both_networks():
    pair = pair_of(num_classes=3)
    x = all_rows()
    for label in range(3):
        y = torch.full((len(x),), label)
        total = exact(pair, x, y).exp().sum()
        torch.testing.assert_close(total, torch.ones((), dtype=torch.float64))
    some, y = x[:3], torch.tensor([0, 1, 2])
    assert not torch.isclose(exact(pair, some, y), exact(pair, some, y.roll(1))).any()
    assert not torch.isclose(pair.encode(some, y).mean, pair.encode(some, y.roll(1)).mean).any()
    assert IWAE(3).per_datum(pair.model, pair.guide, some, y).isfinite().all()
    ELBO().differentiable_loss(pair.model, pair.guide, some[:2], y[:2])  # notes the classes
    assert pair.generate(5).shape == pair.generate_classes(torch.tensor([0, 1, 1, 0, 1])).shape
    with pytest.raises(DataError, match="asked for \\[2\\]"):
        pair.generate(torch.tensor([2]))
    assert [row[1] for row in pair.figures(some, y)][0] == "p(x|y)"
    assert not hasattr(pair_of(), "generate_classes")


def test_what_is_made_reads_as_text():
    pair = pair_of()
    made = pair.generate(50)
    assert made.shape == (50, 4) and len(set(pair.to_text(made))) > 3
    assert set("".join(pair.to_text(made))) <= set("ab\ufffd")
    x = AB.encode(["ab", "b"], 3)
    assert pair.reconstruct(x).shape == (2, 3)
    again = [pair.reconstruct(x, latent="mean") for _ in range(2)]
    assert torch.equal(*again)
    assert pair.num_tokens(x).tolist() == [3, 2] and pair.token == "character"
    assert pair.figures(AB.encode(["a?"]), None)[0][3] == {"unknown_share": 0.5}
    assert pair.encode(x.tolist()).mean.shape == pair.encode(x.numpy()).mean.shape == (2, 1)


def test_a_mixture_prior_starts_at_the_codes():
    pair = pair_of(latent_dim=2, prior=partial(MixturePrior, num_components=2))
    pair.start(TextVAE.example_x().clamp_max(5)[:, :4])
    assert pair.generate(3).shape == (3, 4)


def test_trained_by_batches_of_like_lengths_and_resumed(tmp_path):
    words = data.text([w for w in ("ab", "ba", "abab", "b", "aab") for _ in range(8)], seed=0)
    ends = []
    for folder, spans in (("whole", [2]), ("cut", [1, 2])):
        for epochs in spans:
            pyro.set_rng_seed(0)
            encoder, decoder = NETWORKS["GRU"]
            pair = TextVAE(words.train.shape, 2, **words.supplies, word_dropout=0.3,
                           encoder=encoder, decoder=decoder)  # fmt: skip
            source = data.like_lengths(words, 8, num_widths=2, device="cpu")
            assert len({x.shape[1] for (x,) in source.epoch(0)}) == 2
            fit(pair.model, pair.guide, source, objective=Beta(1.0, free_bits=0.5), epochs=epochs,
                seed=3, lr=1e-2, run_dir=tmp_path / folder, resume=True, device="cpu")  # fmt: skip
        ends.append([t.detach().clone() for t in pair.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def test_saved_with_its_vocabulary():
    pair = pair_of()
    other = TextVAE(4, 1, vocabulary=Vocabulary.of(["abc"]), encoder=NETWORKS["GRU"][0],
                    decoder=NETWORKS["GRU"][1])  # fmt: skip
    with pytest.raises(RuntimeError, match="vocabulary of the file is another one.* 'c'"):
        other.load_state_dict(pair.state_dict())


class OwnDecoder(torch.nn.Module):
    """Sees z and the code before alone, and closes nothing."""

    def __init__(self, latent_dim=1, codes=6):
        super().__init__()
        self.table = torch.nn.Embedding(codes, codes)
        self.of_z = torch.nn.Linear(latent_dim, codes)

    def forward(self, inputs, z):
        return self.table(inputs) + self.of_z(z).unsqueeze(1)

    def begin(self, z):
        return (z,)

    def step(self, state, codes):
        return self.table(codes) + self.of_z(state[0]), state


def test_a_decoder_of_ones_own():
    pyro.set_rng_seed(0)
    pair = TextVAE(4, 1, vocabulary=AB, decoder=OwnDecoder()).double()
    total = exact(pair, all_rows()).exp().sum()
    torch.testing.assert_close(total, torch.ones((), dtype=torch.float64))
    assert not (pair.generate(200) == 2).any()
    assert "decoder.decoder.table.weight" in dict(pair.named_parameters())


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: TextVAE((2, 4), 1, vocabulary=AB), ConfigError, "rows of codes"),
        (lambda: TextVAE(4, 1, vocabulary={"entries": 3}), ConfigError, "is no vocabulary"),
        (lambda: TextVAE(4, 1, vocabulary=AB, word_dropout=1.5), ConfigError, "word_dropout=1.5"),
        (lambda: TextVAE(4, 1, vocabulary=AB, word_dropout="a"), ConfigError, "word_dropout='a'"),
        (lambda: TextVAE(4, 1, vocabulary=AB, prior=VampPrior), ConfigError, "VampPrior learns"),
        (lambda: TextVAE(4, 1, vocabulary=AB, decoder=torch.nn.Linear(1, 6)), ConfigError,
         "has no begin and no step"),
        (lambda: TextVAE(4, 1, vocabulary=AB, decoder=OwnDecoder(codes=7)).model(AB.encode(["a"])),
         ShapeError, "a logit for each of the 6 codes"),
        (lambda: pair_of().model(AB.encode(["abab"])), ShapeError, "at most 4 codes"),
        (lambda: pair_of().guide(torch.tensor([[4, 9, 1]])), DataError,
         "code 9 at place 1 of row 0, and the vocabulary has the codes 0 to 5"),
        (lambda: pair_of().encode(torch.tensor([[4.0, 1.0], [4.7, 1.0]])), DataError,
         "got 4.7 at place 0 of row 1; codes are whole numbers"),
        (lambda: pair_of().encode(torch.tensor([[float("nan"), 1.0]])), DataError, "got nan"),
        (lambda: pair_of().guide(torch.tensor([[4, 0, 1]])), DataError, "only after the end"),
        (lambda: pair_of().guide(torch.tensor([[4, 1, 4]])), DataError, "after the end"),
        (lambda: pair_of().guide(torch.tensor([[4, 1], [0, 0]])), DataError,
         "row 1 .* is padding alone"),
        (lambda: pair_of().model(AB.encode(["a"]), torch.tensor([0])), ConfigError, "has none"),
        (lambda: pair_of(num_classes=2).model(AB.encode(["a"])), ConfigError, "needs the classes"),
        (lambda: pair_of(num_classes=2).start(AB.encode(["a"])), ConfigError, "leave num_classes"),
        (lambda: pair_of().generate(-1), ConfigError, "n=-1"),
        (lambda: pair_of().generate(1, decoding="greedy"), ConfigError, "decoding='greedy'; give"),
        (lambda: pair_of().generate(1, decoding=Greedy), ConfigError, "such as Greedy()"),
        (lambda: pair_of(num_classes=2).decode(torch.zeros(3, 1), torch.tensor([0, 1])),
         ShapeError, r"a class for each of the data, \[3\]"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("decoded", ["GRU", "transformer"])
def test_completions_are_draws_given_the_beginning(decoded):
    pair, rows, count = pair_of(decoded), all_rows(), 2000
    rows = rows[rows[:, 0] == 4]  # those that begin with an a
    p = exact(pair, rows).softmax(0)
    pyro.set_rng_seed(1)
    made = pair.complete(["a"] * count, num_particles=100)
    share = (made[:, None] == rows).all(-1).double().mean(0)
    assert share.sum() == pytest.approx(1)
    assert ((share - p).abs() < 4.5 * (p * (1 - p) / count).sqrt() + 1e-9).all()


def test_completions_by_a_flow_are_drawn_from_the_prior():
    pair = pair_of(posterior=partial(FlowPosterior, layer=flows.Planar))
    assert not pair.posterior.scores_any
    rows = all_rows()
    rows, count = rows[(rows[:, 0] == 5) & (rows[:, 1] == 4)], 2000
    p = exact(pair, rows).softmax(0)
    pyro.set_rng_seed(2)
    made = pair.complete(["ba"] * count, num_particles=300)
    share = (made[:, None] == rows).all(-1).double().mean(0)
    assert ((share - p).abs() < 4.5 * (p * (1 - p) / count).sqrt() + 1e-9).all()


def test_completions_of_several_lengths():
    pair = pair_of(num_classes=2, latent_dim=2)
    texts = ["", "a", "ab", "abb"]
    for decoding in (None, Greedy(), Beam(3)):
        made = pair.complete(texts, torch.tensor([0, 1, 1, 0]), decoding=decoding)
        found = pair.to_text(made)
        assert all(text.startswith(start) for text, start in zip(found, texts, strict=True))
        pair.vocabulary.check(made, "made")
    assert pair.complete([], torch.zeros(0).long()).shape == (0, 4)
    with pytest.raises(DataError, match="a beginning of 4 codes, and whole texts have 4"):
        pair.complete("abba", torch.tensor([0]))
    with pytest.raises(ConfigError, match="needs the classes y"):
        pair.complete("a")
