"""Topic models: exact evidence, recovered topics, and what they print."""

from functools import partial

import pyro
import pytest
import torch

from pyrovae import fit, log_evidence, nn
from pyrovae.errors import ConfigError, DataError, SupportError
from pyrovae.models import SoftmaxDirichlet, TopicModel
from pyrovae.objectives import ELBO

NET = partial(nn.MLP, hidden=(32,))
WORDS = [f"{topic}{i}" for topic in ("sea", "star", "tree") for i in range(5)]


def documents(n=400, seed=0):
    """Of three topics of five words each, mixed by a Dirichlet of 0.3."""
    pyro.set_rng_seed(seed)
    shares = torch.distributions.Dirichlet(torch.full((3,), 0.3)).sample((n,))
    words = torch.block_diag(*[torch.full((1, 5), 0.2)] * 3)
    x = nn.Multinomial()
    p = shares @ words
    made = x(p.clamp(min=1e-9).log().unsqueeze(-2), event_dim=1)
    return x.sized(made, 30.0).sample(), shares


def test_recovers_the_topics_of_a_mixture():
    x, shares = documents()
    pyro.set_rng_seed(1)
    model = TopicModel(15, 3, vocabulary=WORDS, mixing="mixture", encoder=NET, concentration=0.5)
    fit(model, x, epochs=25, lr=2e-2, batch_size=50, device="cpu", progress=False)
    model.eval()
    found = [{word.rstrip("0123456789") for word in words} for words in model.topics(5)]
    assert sorted(map(sorted, found)) == [["sea"], ["star"], ["tree"]]
    order = [found.index({name}) for name in ("sea", "star", "tree")]
    close = (model.shares(x)[:, order] - shares).abs().sum(-1) / 2
    assert close.mean() < 0.15
    probabilities = model.word_probabilities()
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(3))


def test_the_mixture_is_a_mixture():
    pyro.set_rng_seed(0)
    model = TopicModel(4, 3, mixing="mixture").double()
    z = torch.randn(5, 3).double()
    with torch.no_grad():
        expected = z.softmax(-1) @ model.word_probabilities()
        torch.testing.assert_close(model.decode(z).log_shares.exp(), expected)
        product = TopicModel(4, 3, mixing="product").double()
        logits = z.softmax(-1) @ product.decoder.weight
        found = product.decode(z).log_shares
        torch.testing.assert_close(found, logits.log_softmax(-1))
        half = torch.tensor([[0.25, 0.5, 0.25]]).double() @ product.decoder.weight
        torch.testing.assert_close(product.word_probabilities()[1], half.softmax(-1)[0])
        alone = product.decoder.weight.softmax(-1)
        torch.testing.assert_close(product.word_probabilities(share=1.0), alone)


def test_evidence_equals_quadrature():
    """Two topics have one degree of freedom that matters: p(x|n) by a grid over z."""
    pyro.set_rng_seed(0)
    model = TopicModel(4, 2, mixing="product", concentration=0.7).double().eval()
    x = torch.tensor([[2, 0, 1, 0], [0, 3, 0, 1], [1, 1, 1, 1]]).double()
    line = torch.linspace(-8, 8, 161).double()
    z = torch.cartesian_prod(line, line)
    with torch.no_grad():
        prior = model.prior().log_prob(z) + 2 * (line[1] - line[0]).log()
        exact = torch.stack([(model.decode(z).log_prob(row) + prior).logsumexp(0) for row in x])
    found = log_evidence(model, x, num_particles=4000, seed=0)
    assert ((found.log_px - exact) / found.standard_error).abs().max() < 4
    bound = ELBO(num_particles=100).per_datum(model.model, model.guide, x)
    assert (bound.detach() < exact).all()


@pytest.mark.parametrize("concentration", [2.0, [1.0, 3.0, 6.0]])
def test_the_prior_is_nearly_a_dirichlet(concentration):
    prior = SoftmaxDirichlet(3, concentration)
    each = torch.tensor(concentration).expand(3)
    exact = torch.distributions.Dirichlet(each)
    torch.manual_seed(0)
    drawn = prior().sample((20_000,)).softmax(-1)
    torch.testing.assert_close(drawn.mean(0), exact.mean, rtol=0, atol=0.03)
    torch.testing.assert_close(drawn.std(0), exact.stddev, rtol=0, atol=0.04)
    assert float(prior().mean.sum().abs()) < 1e-5
    if isinstance(concentration, float):
        torch.testing.assert_close(prior().variance, torch.full((3,), (1 - 1 / 3) / 2))


def test_what_it_prints():
    model = TopicModel(15, 3, vocabulary=WORDS, encoder=NET)
    x = torch.zeros(2, 15)
    x[0, 3], x[0, 7], x[1, 14] = 2, 5, 1
    assert model.to_text(x) == ["star2 5, sea3 2", "tree4 1"]
    assert model.to_text(torch.ones(1, 15))[0].count(",") == 14
    plain = TopicModel(30, 3, encoder=NET)
    assert plain.to_text(torch.ones(1, 30))[0].endswith("and 10 more")
    assert all(word.isdecimal() for word in plain.topics(4)[0])
    rows = model.figures(x)
    assert rows[0][1] == "p(x|n)" and len(rows) == 4
    assert sum(float(row[1]) for row in rows[1:]) == pytest.approx(1, abs=0.01)


def test_the_vocabulary_is_part_of_what_is_saved():
    one, other = (TopicModel(15, 3, vocabulary=w, encoder=NET) for w in (WORDS, WORDS[::-1]))
    with pytest.raises(RuntimeError, match="vocabulary of the file is another"):
        other.load_state_dict(one.state_dict())
    same = TopicModel(15, 3, vocabulary=tuple(WORDS), encoder=NET)
    same.load_state_dict(one.state_dict())
    assert same.topics(3) == one.topics(3)


def test_refusals():
    for options, message in (
        ({"num_topics": 1}, "give 2 or more"),
        ({"mixing": "sum"}, "give one of product, normalized product, mixture"),
        ({"vocabulary": ["a"]}, "vocabulary of 1 words for data of 15 columns"),
        ({"concentration": 0.0}, "needs a number above 0"),
        ({"concentration": [1.0, 2.0]}, "one for each topic"),
    ):
        with pytest.raises(ConfigError, match=message):
            TopicModel(15, **{"num_topics": 3, "encoder": NET, **options})
    model = TopicModel(15, 3, encoder=NET)
    with pytest.raises(DataError, match="got 1 of 2 rows whose total is 0, the first is row 1"):
        model.model(torch.tensor([[1.0] * 15, [0.0] * 15]))
    with pytest.raises(SupportError, match="whole numbers from 0"):
        model.model(torch.full((2, 15), 0.5))
