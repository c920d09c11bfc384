"""Counts in batches: latents tell the type, not the batch, and shares are near the true ones."""

from functools import partial

import pyro
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from pyrovae import data, fit, log_evidence, nn
from pyrovae.errors import ConfigError, DataError, SupportError
from pyrovae.models import VAE, CountVAE, GivenSizes, LatentSizeCountVAE
from pyrovae.objectives import ELBO

NET = partial(nn.MLP, hidden=(24,))
CELLS = data.Cells.simulate(900, num_genes=40, num_types=3, size=300.0, effect=0.8, seed=1)
TRAIN, TEST = slice(0, 600), slice(600, 900)


def trained(pair, *batch, epochs=30):
    fit(pair, tuple(t[TRAIN] for t in batch), epochs=epochs, lr=5e-3, batch_size=50, seed=0,
        device="cpu", progress=False)  # fmt: skip
    return pair.eval()


def told(codes, labels):
    """Share of labels of test data that a classifier finds in codes [N, L]."""
    judge = LogisticRegression(max_iter=500).fit(codes[TRAIN], labels[TRAIN])
    return judge.score(codes[TEST], labels[TEST])


@pytest.fixture(scope="module")
def with_batch():
    pyro.set_rng_seed(0)
    return trained(CountVAE((40,), 3, num_batches=2, encoder=NET, decoder=NET),
                   CELLS.x, CELLS.batch)  # fmt: skip


def test_latents_tell_the_type_and_not_the_batch(with_batch):
    q = with_batch.encode(CELLS.x, CELLS.batch)
    codes = q.sample()  # means are shifted by less than q is wide, and a classifier sees that
    assert told(codes, CELLS.type) > 0.9 and told(q.mean.detach(), CELLS.type) > 0.97
    assert told(codes, CELLS.batch) < 0.615  # half is chance, give or take 4 standard errors
    pyro.set_rng_seed(0)
    head = nn.NegativeBinomial("learned", shape=(40,), size_factor="total")
    without = trained(VAE((40,), 3, encoder=NET, decoder=NET, likelihood=head), CELLS.x)
    assert told(without.encode(CELLS.x).sample(), CELLS.batch) > 0.85


def test_expression_recovers_the_shares(with_batch):
    x, batch, kind = CELLS.x[TEST], CELLS.batch[TEST], CELLS.type[TEST]
    truth = CELLS.shares[kind]
    found = with_batch.expression(x, batch, batch=0)
    torch.testing.assert_close(found.sum(-1), torch.ones(len(x)))

    def error(shares):
        return float((shares - truth).abs().sum(-1)[batch == 1].mean() / 2)

    assert error(found) < 0.5 * error(with_batch.expression(x, batch))
    assert error(found) < 0.5 * error(x / x.sum(-1, keepdim=True))
    both = with_batch.expression(x, batch, batch=[0, 1])
    alone = [with_batch.expression(x, batch, batch=b) for b in (0, 1)]
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)
    assert with_batch.expression((x, batch)).equal(with_batch.expression(x, batch))


def test_dispersion_by_batch_and_an_encoder_without_batches():
    pyro.set_rng_seed(0)
    decoder = partial(nn.ClassDispersion, num_classes=2, network=NET)
    for head in (nn.NegativeBinomial, nn.ZeroInflatedNegativeBinomial):
        vae = CountVAE((40,), 2, 2, likelihood=head(size_factor="total"), decoder=decoder,
                       encoder=NET, join=nn.DataAlone)  # fmt: skip
        with torch.no_grad():
            vae.decoder.log_theta.copy_(torch.randn(2, 40))
        made = vae.decode(torch.zeros(2, 2), torch.tensor([1, 0])).of_size(torch.zeros(2))
        counts = made.base_dist
        counts = counts.counts if hasattr(counts, "counts") else counts
        assert torch.equal(counts.log_inverse_dispersion, vae.decoder.log_theta.flip(0))
        y = torch.zeros(3).long()
        assert vae.encode(CELLS.x[:3], y).mean.equal(vae.encode(CELLS.x[:3], 1 - y).mean)
        ELBO().differentiable_loss(vae.model, vae.guide, CELLS.x, CELLS.batch).backward()
        assert (vae.decoder.log_theta.grad != 0).all()


def test_with_one_latent_the_evidence_is_that_of_quadrature():
    """log p(x|y), the size summed out too."""
    pyro.set_rng_seed(0)
    head = nn.NegativeBinomial(20.0, size_factor="total")
    vae = LatentSizeCountVAE((2,), 1, log_sizes=[[1.0, 0.5], [1.5, 0.3]], likelihood=head,
                             encoder=NET, decoder=NET).double()  # fmt: skip
    with torch.no_grad():  # a guide that is wide enough: the prior of z, about the total of l
        for weight in (*vae.encoder.parameters(), *vae.size_encoder.parameters()):
            weight.zero_()
    grid = torch.linspace(-5, 5, 51).double()
    y = torch.tensor([1])
    x = torch.cartesian_prod(torch.arange(20.0), torch.arange(20.0)).double()
    given = vae.condition(y, y.shape)
    z = torch.cartesian_prod(grid, grid)
    log_size = 1.5 + 0.3 * z[:, 1]
    weights = -0.5 * (z**2).sum(-1)
    weights = weights - weights.logsumexp(0)
    with torch.no_grad():
        made = vae._sized(z[:, :1], given.expand(len(z), 2), log_size)
        exact = torch.cat([(made.log_prob(some.unsqueeze(1)) + weights).logsumexp(1)
                           for some in x.split(50)])  # fmt: skip
    assert exact.exp().sum().item() == pytest.approx(1, abs=1e-3)  # all but larger counts
    places = [20, 64, 84]
    few = x[places]
    found = log_evidence(vae, few, y.expand(3), num_particles=20_000, seed=0)
    z_score = (found.log_px - exact[places]) / found.standard_error
    assert z_score.abs().max() < 4


def test_latent_sizes_follow_the_totals():
    pyro.set_rng_seed(0)
    whole = data.counts(CELLS.x, CELLS.batch)
    vae = LatentSizeCountVAE((40,), 3, **whole.supplies, encoder=NET, decoder=NET)
    logs = whole.train.x.sum(-1).log()
    expected = [[logs[whole.train.y == b].mean(), logs[whole.train.y == b].std()] for b in (0, 1)]
    torch.testing.assert_close(torch.tensor(whole.supplies["log_sizes"]), torch.tensor(expected))
    trained(vae, CELLS.x, CELLS.batch, epochs=10)
    q = vae.encode_size(CELLS.x, CELLS.batch)
    total = CELLS.x.sum(-1).log()
    assert ((q.mean - total).abs() < 0.4).float().mean() > 0.9
    made = vae.generate(torch.tensor([0] * 400 + [1] * 400), mean=False).sum(-1)
    assert 1.5 < made[:400].median() / made[400:].median() < 2.7  # twice, as simulated
    kept = vae.generate(torch.zeros(5).long(), size=50.0).sum(-1)
    torch.testing.assert_close(kept, torch.full((5,), 50.0), rtol=1e-4, atol=0)
    assert vae.reconstruct(CELLS.x, CELLS.batch, mean=False).shape == CELLS.x.shape


def test_refusals(with_batch):
    x, batch = CELLS.x[:4], CELLS.batch[:4]
    for head in (nn.Poisson(), nn.Bernoulli()):
        with pytest.raises(ConfigError, match="has no size factor; give one of counts"):
            CountVAE((40,), 2, 2, likelihood=head)
    with pytest.raises(DataError, match="got 1 of 4 rows whose total is 0, the first is row 2"):
        with_batch.model(x * torch.tensor([1, 1, 0, 1])[:, None], batch)
    with pytest.raises(SupportError, match="NegativeBinomial"):
        with_batch.model(-x, batch)
    with pytest.raises(DataError, match="the class 2, and num_classes=2 allows"):
        with_batch.expression(x, batch, batch=2)
    with pytest.raises(ConfigError, match="got no batch"):
        with_batch.expression(x, batch, batch=[])
    vae = trained(CountVAE((40,), 2, 3, encoder=NET, decoder=NET), CELLS.x, CELLS.batch, epochs=1)
    for call in (vae.encode, vae.expression, vae.reconstruct):
        with pytest.raises(DataError, match=r"trained on the classes \[0, 1\] and is asked for"):
            call(x, torch.full((4,), 2))
    with pytest.raises(DataError, match=r"asked for \[2\]"):
        vae.expression(x, batch, batch=[0, 2])
    for sizes in ([[1.0, 0.0]], [1.0, 2.0], [[1.0, 2.0, 3.0]]):
        with pytest.raises(ConfigError, match="needs a pair"):
            LatentSizeCountVAE((40,), 2, sizes)
    with pytest.raises(ConfigError, match="multinomial likelihood, which is given the totals"):
        LatentSizeCountVAE((40,), 2, [[1.0, 1.0]], likelihood=nn.Multinomial())
    pyro.clear_param_store()
    sized = GivenSizes(LatentSizeCountVAE((40,), 2, [[1.0, 1.0]], encoder=NET, decoder=NET))
    with pytest.raises(ConfigError, match="has latent sizes, and GivenSizes gives them"):
        sized.model(x, 0 * batch, x.sum(-1))
    assert CountVAE((40,), 2, 2, likelihood=nn.Multinomial()).expression(x, batch).shape == (4, 40)
