"""Bits back: exact round trips, and code lengths against exact truths."""

import math
import os
import subprocess
import sys
from functools import partial
from textwrap import dedent

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
import zuko

from pyrovae import models, nn
from pyrovae.apply.compression import BitsBack
from pyrovae.data.synthetic import DiscreteLatent
from pyrovae.errors import ConfigError, DataError, ShapeError, SupportError
from pyrovae.nn import flows
from tests.oracles import z_scores

from .coding import Recorded, log_weights

SHAPE = (1, 4, 4)
# Levels that untrained pairs find likely: what is rarer than 2^-24 costs 24 bits.
X = torch.rand(16, 150, *SHAPE, generator=torch.Generator().manual_seed(0)).round().sum(0).double()


def _vae(**parts):
    return models.VAE(SHAPE, 3, likelihood=parts.pop("likelihood", nn.BetaBinomial(16)), **parts)


# Name: pair, and bits by which a code length may differ from the log-weight of one datum.
PAIRS = {
    "one layer": (_vae, 0.02),
    "binomial": (lambda: _vae(likelihood=nn.Binomial(16)), 0.02),
    "categorical": (lambda: _vae(likelihood=nn.Categorical(17)), 0.02),
    "logistic": (lambda: _vae(likelihood=nn.DiscretizedLogistic(17)), 0.02),
    "mixture prior": (lambda: _vae(prior=partial(models.MixturePrior, num_components=4)), 0.02),
    "VampPrior": (lambda: _vae(prior=partial(models.VampPrior, num_components=4)), 0.02),
    "mixture guide": (lambda: _vae(posterior=models.MixturePosterior), 0.02),
    "full guide": (lambda: _vae(posterior=models.FullNormal), 0.02),
    "low-rank guide": (lambda: _vae(posterior=models.LowRankNormal), 0.02),
    "flow prior": (lambda: _vae(prior=models.FlowPrior), 0.8),
    "flow guide": (lambda: _vae(posterior=models.FlowPosterior), 0.8),
    "autoregressive guide": (
        lambda: _vae(posterior=partial(models.FlowPosterior, layer=flows.InverseAutoregressive)),
        0.8,
    ),
    "flow guide of zuko": (
        lambda: _vae(posterior=lambda latent_dim, context: zuko.flows.MAF(latent_dim, context)),
        0.8,
    ),
    "hierarchical": (models.HierarchicalVAE.example, 0.05),
    "ladder": (models.LadderVAE.example, 0.1),
    "top-down": (models.TopDownVAE.example, 0.05),
    "clusters": (models.MixtureVAE.example, 0.02),
    "codes": (models.GumbelSoftmaxVAE.example, 0.005),
    "quantised": (models.VQVAE.example, 0.005),
    "conditional": (models.ConditionalVAE.example, 0.02),
    "semi-supervised": (models.SemiSupervisedVAE.example, 0.02),
}


def _made(name):
    torch.manual_seed(1)
    pair = PAIRS[name][0]().double().eval()
    args = (pair.example_y(X),) if pair.takes_labels else ()
    return pair, args


@pytest.mark.parametrize("name", PAIRS)
def test_data_come_back_and_cost_their_log_weight(name):
    pair, args = _made(name)
    coder = Recorded(pair.model, pair.guide, SHAPE, rows=40)
    coded = coder.encode(X, *args)
    assert torch.equal(coder.decode(coded.words, len(X), *args), X)
    gaps = coded.bits + log_weights(pair, X, args, coder.latents)
    assert gaps.max() < PAIRS[name][1]
    assert gaps.quantile(0.02) > -PAIRS[name][1]  # what is rarer than 2^-24 costs less
    usual = gaps[gaps > -PAIRS[name][1]]
    assert abs(usual.mean()) < max(0.002, 4.5 * float(usual.std()) / len(usual) ** 0.5)
    total = 32 * len(coded.words)
    head = 32 * (4 + len(coder.latents) + 1)
    assert abs(total - head - coded.initial_bits - float(coded.bits.sum())) < 64


def _by_class(classes=6, size=5):
    """A pair of plain functions with one class z a datum, its exact guide, and log p(x)."""
    rng = torch.Generator().manual_seed(3)
    logits = torch.randn(classes, size, generator=rng, dtype=torch.float64)
    weights = torch.randn(classes, generator=rng, dtype=torch.float64).log_softmax(-1)

    def log_joint(x):
        return weights + dist.Bernoulli(logits=logits).log_prob(x[:, None]).sum(-1)

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Categorical(logits=weights))
            pyro.sample("x", dist.Bernoulli(logits=logits[z]).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Categorical(logits=log_joint(x)))

    return model, guide, lambda x: log_joint(x).logsumexp(-1)


def test_with_the_exact_posterior_each_datum_costs_its_evidence():
    model, guide, log_px = _by_class()
    x = torch.rand(300, 5, generator=torch.Generator().manual_seed(0)).round().double()
    coder = BitsBack(model, guide, (5,))
    coded = coder.encode(x)
    assert torch.equal(coder.decode(coded.words, len(x)), x)
    torch.testing.assert_close(coded.bits, -log_px(x) / math.log(2), rtol=0, atol=1e-3)


def test_the_mean_code_length_is_minus_the_elbo_and_above_the_evidence():
    pair = DiscreteLatent.random(data_dim=6, latent_dim=4, seed=0)
    x = pair.sample(3000, seed=1)
    bits = BitsBack(pair.model, pair.guide, (6,)).encode(x).bits
    exact = pair.elbo(x).detach() / math.log(2)
    assert z_scores(bits + exact, 0.0).abs() < 4
    assert bits.mean() > -float(pair.log_px(x).detach().mean()) / math.log(2)


def test_the_latents_of_a_datum_do_not_depend_on_those_before():
    """Without scrambling, z would be popped from what the z before it pushed: the same again."""

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Bernoulli(torch.full((8,), 0.5)).to_event(1))
            pyro.sample("x", dist.Bernoulli(0.3 + 0.4 * z[:, :1]).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Bernoulli(torch.full((8,), 0.5)).to_event(1))

    x = torch.rand(300, 1, generator=torch.Generator().manual_seed(0)).round()
    coder = Recorded(model, guide, (1,), rows=1)
    coder.encode(x)
    z = 2 * coder.latents["z"].double() - 1
    assert (z_scores(z, 0.0).abs() < 4).all()
    assert (z_scores(z[1:] * z[:-1], 0.0).abs() < 4).all()


def _store_pair():
    def model(x):
        weight = pyro.param("coding.weight", lambda: torch.randn(4, 2))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=z @ weight.T).to_event(1), obs=x)

    def guide(x):
        loc = pyro.param("coding.loc", lambda: torch.randn(4, 2))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x @ loc, 0.5).to_event(1))

    return model, guide


def test_plain_functions_with_params_of_the_store():
    pyro.clear_param_store()
    torch.manual_seed(0)
    model, guide = _store_pair()
    x = torch.rand(50, 4).round()
    guide(x)
    model(x)
    state = torch.get_rng_state()
    coder = BitsBack(model, guide, (4,))
    coded = coder.encode(x)
    assert torch.equal(coder.decode(coded.words, 50), x.double())
    assert pyro.param("coding.weight").dtype == torch.float32
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_default_dtype() == torch.float32
    pyro.clear_param_store()


def test_a_pair_that_runs_in_float32_alone_is_coded_there():
    weight = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2, dtype=torch.float32), 1.0).to_event(1))
            logits = torch.matmul(z.float(), weight) + 0 * torch.matmul(x, weight.T).sum()
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(torch.matmul(x, weight.T), 1.0).to_event(1))

    x = torch.rand(20, 4, generator=torch.Generator().manual_seed(1)).round()
    coder = BitsBack(model, guide, (4,))
    assert torch.equal(coder.decode(coder.encode(x).words, 20), x.double())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_rows(count):
    pair, _ = _made("one layer")
    coder = BitsBack(pair.model, pair.guide, SHAPE, rows=1)
    coded = coder.encode(X[:count].byte())
    assert coded.bits.shape == (count,)
    assert torch.equal(coder.decode(coded.words, count), X[:count])


def test_initial_bits_are_those_of_one_datum():
    pair, _ = _made("one layer")
    one, many = (
        BitsBack(pair.model, pair.guide, SHAPE).encode(x).initial_bits for x in (X[:1], X)
    )
    assert one <= many <= one + 64


def test_random_bits_never_run_out(monkeypatch):
    monkeypatch.setattr("pyrovae.apply.compression.bits_back._SEEDS", 2)
    pair, _ = _made("one layer")
    coder = BitsBack(pair.model, pair.guide, SHAPE)
    assert torch.equal(coder.decode(coder.encode(X).words, len(X)), X)


def test_the_grid_hardly_matters():
    pair, _ = _made("one layer")
    coarse, fine = (
        BitsBack(pair.model, pair.guide, SHAPE, grid=g).encode(X) for g in (0.25, 2.0**-20)
    )
    assert abs(float((coarse.bits - fine.bits).mean())) < 4 * 2 * float(fine.bits.std()) / 150**0.5
    assert fine.initial_bits > coarse.initial_bits


@pytest.mark.slow
def test_another_process_decodes_the_same_words(tmp_path):
    pair, _ = _made("flow guide")
    coder = BitsBack(pair.float().model, pair.guide, SHAPE)
    np.save(tmp_path / "words.npy", coder.encode(X).words)
    np.save(tmp_path / "x.npy", X.numpy())
    torch.save(pair.state_dict(), tmp_path / "state.pt")
    script = """
    import sys, numpy as np, torch
    from pathlib import Path
    from pyrovae import models, nn
    from pyrovae.apply.compression import BitsBack
    torch.manual_seed(7)
    folder = Path(sys.argv[1])
    pair = models.VAE((1, 4, 4), 3, likelihood=nn.BetaBinomial(16), posterior=models.FlowPosterior)
    pair.load_state_dict(torch.load(folder / "state.pt"))
    x = BitsBack(pair.model, pair.guide, (1, 4, 4)).decode(np.load(folder / "words.npy"), 150)
    assert np.array_equal(x, np.load(folder / "x.npy"))
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", dedent(script), str(tmp_path)]
    subprocess.run(command, check=True, env=environment)


def test_networks_come_back_as_they_were():
    pair = models.VAE(SHAPE, 3, likelihood=nn.BetaBinomial(16)).train()
    before = {name: (p.data_ptr(), p.dtype) for name, p in pair.named_parameters()}
    BitsBack(pair.model, pair.guide, SHAPE).encode(X[:5])
    assert before == {name: (p.data_ptr(), p.dtype) for name, p in pair.named_parameters()}
    assert pair.training and pair.encoder.training


def test_damaged_words_are_refused():
    model, guide, _ = _by_class()
    x = torch.rand(5, 5, generator=torch.Generator().manual_seed(0)).round().double()
    coder = BitsBack(model, guide, (5,))
    words = coder.encode(x).words
    for place in range(len(words)):
        for bit in (0, 7, 23, 31):
            damaged = words.copy()
            damaged[place] ^= np.uint32(1 << bit)
            try:
                found = coder.decode(damaged, 5)
            except DataError:
                continue
            assert torch.equal(found, x)  # of a word that says little, such as a size
    for length in range(len(words)):
        with pytest.raises(DataError):
            coder.decode(words[:length], 5)
    with pytest.raises(DataError, match="no 6 data of this pair"):
        coder.decode(words, 6)


def test_another_pair_is_refused():
    words = BitsBack(*_programs("one layer"), SHAPE).encode(X[:20]).words
    other = models.VAE(SHAPE, 3, likelihood=nn.BetaBinomial(16))
    with pytest.raises(DataError, match="did not come back"):
        BitsBack(other.model, other.guide, SHAPE).decode(words, 20)


def test_what_is_no_data_of_the_pair_is_told():
    coder = BitsBack(*_programs("one layer"), SHAPE)
    with pytest.raises(ShapeError, match=r"\[150, 16\].*\[n, 1, 4, 4\]"):
        coder.encode(X.flatten(1))
    with pytest.raises(ShapeError, match="at least 1"):
        coder.encode(X[:0])
    with pytest.raises(SupportError, match="whole numbers in 0..16"):
        coder.encode(X + 0.5)
    with pytest.raises(ConfigError, match="grid=0"):
        BitsBack(*_programs("one layer"), SHAPE, grid=0)


def _programs(name):
    pair, _ = _made(name)
    return pair.model, pair.guide
