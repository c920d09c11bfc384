"""A captured measurement is the eager one, to rounding, from the same random stream."""

import sys
import warnings
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae.capture import CapturedCall, onednn
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import CaptureWarning, ConfigError, SupportError
from pyrovae.evaluate import elbo_parts, log_evidence
from pyrovae.evaluate.sweep import Sweep
from pyrovae.models import VAE
from pyrovae.nn import MLP
from tests.pairs import STYLES

FIELDS = ("log_px", "standard_error", "ess", "k_hat", "log_px_psis", "log_px_at")
MLP64 = partial(MLP, hidden=(64,), activation=nn.Tanh)
MODULE = sys.modules["pyrovae.evaluate.collect"]


@pytest.fixture
def calls(monkeypatch):
    """The graph as torch interprets it, without the compiler's seconds; those that were made."""
    made = []

    def interpreted(*args, compiler):
        made.append(CapturedCall(*args, compiler=None))
        return made[-1]

    monkeypatch.setattr(MODULE, "CapturedCall", interpreted)
    return made


@pytest.fixture
def gaussian():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    return oracle, oracle.sample(37, seed=1)


def counting(program, sizes):
    def run(x):
        sizes.append(len(x))
        return program(x)

    return run


def assert_same(one, other, dtype=torch.float64):
    close = (
        {"rtol": 1e-9, "atol": 1e-9} if dtype == torch.float64 else {"rtol": 1e-3, "atol": 1e-3}
    )
    for name in FIELDS:
        expected = getattr(one, name)
        torch.testing.assert_close(getattr(other, name), expected, **close, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("style", sorted(STYLES.keys() - {"subsampled_plate"}))
def test_every_style_of_pair(calls, style, dtype):
    with pyro.settings.context(module_local_params=style == "pyro_module_local"):
        pair = STYLES[style](dtype)
        measure = partial(log_evidence, pair.model, pair.guide, *pair.args, seed=3)
        options = {"num_particles": 60, "chunk": 50}
        assert_same(measure(**options), measure(compile=True, **options), dtype)
        assert [call.refusal for call in calls] == [""]


@pytest.mark.parametrize("num_particles", [1, 7, 50])
@pytest.mark.parametrize("chunk", [16, 37, 100, None])
def test_all_shapes_of_chunks(calls, gaussian, num_particles, chunk):
    oracle, x = gaussian
    options = {"num_particles": num_particles, "chunk": chunk, "seed": 2}
    plain = log_evidence(oracle.model, oracle.guide, x, **options)
    assert_same(plain, log_evidence(oracle.model, oracle.guide, x, compile=True, **options))
    assert [call.refusal for call in calls] == [""]


def test_python_runs_for_the_graph_once_and_for_the_validation_of_each_block(calls, gaussian):
    oracle, x = gaussian
    for rows, runs in ((36, 0), (37, 10)):
        sizes = []
        log_evidence(
            counting(oracle.model, sizes), oracle.guide, x[:rows], num_particles=100, chunk=90,
            rows=9, compile=True,
        )  # fmt: skip
        # Nesting, particle axis, first draw, capture (3), the draw meanwhile; then each block's
        # validation.
        assert len(sizes) == 7 + 3 + runs, "ten draws of a block of fewer rows are eager"


def test_every_parallel_draw_has_the_size_of_the_chunk():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    for num_particles, chunk, expected in ((5000, 2551, 125), (4999, 2551, 157), (100, 600, 25)):
        x = oracle.sample(16, seed=1)
        sweep = Sweep(
            oracle.model, oracle.guide, x, num_particles=num_particles, chunk=chunk, rows=16
        )
        assert sweep.shape == (16, expected)


def test_compiled_for_real(gaussian):
    oracle, x = gaussian
    measure = partial(log_evidence, oracle.model, oracle.guide, x, num_particles=200, chunk=300)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(measure(seed=5), measure(seed=5, compile=True))


def test_the_parts_of_the_bound_too(calls, gaussian):
    oracle, x = gaussian
    options = {"num_particles": 40, "chunk": 64, "seed": 4}
    plain = elbo_parts(oracle.model, oracle.guide, x, **options)
    fast = elbo_parts(oracle.model, oracle.guide, x, compile=True, **options)
    assert [call.refusal for call in calls] == [""]
    torch.testing.assert_close(fast.elbo, plain.elbo)
    torch.testing.assert_close(dict(fast.kl_by_site), dict(plain.kl_by_site))
    torch.testing.assert_close(dict(fast.kl_per_dim), dict(plain.kl_per_dim))
    assert fast.routes == plain.routes == {"z": "closed form"}
    assert fast.standard_errors == pytest.approx(plain.standard_errors)


def test_every_block_is_validated(calls):
    vae, x = VAE((6,), 2), torch.bernoulli(torch.full((40, 6), 0.5))
    x[33, 2] = 0.5  # of the third block
    for compile in (False, True):
        with pytest.raises(SupportError, match="0 or 1"):
            log_evidence(vae.model, vae.guide, x, num_particles=30, rows=15, compile=compile)


def test_arguments_that_are_not_cut(calls):
    def model(x, weight, name):
        assert name == "as it is"
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            pyro.sample("x", dist.Normal(z * weight["w"].sum(), 1.0), obs=x)

    def guide(x, weight, name):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x / 2, 0.7))

    rest = ({"w": torch.tensor([0.5, 0.5])}, "as it is")
    measure = partial(log_evidence, model, guide, torch.randn(40), *rest, num_particles=50)
    options = {"rows": 10, "chunk": 100, "seed": 0}
    assert_same(measure(**options), measure(**options, compile=True), torch.float32)
    assert [call.refusal for call in calls] == [""]


def test_networks_in_training_mode_keep_their_statistics(calls, gaussian):
    oracle, x = gaussian
    norm = nn.Sequential(nn.BatchNorm1d(5), nn.Dropout(0.5)).double()

    def guide(x):
        noise = norm(x).mean(-1, keepdim=True)
        loc, scale = oracle.posterior(x).mean, 0.9
        with pyro.plate("batch", len(x)):
            pyro.sample("z", dist.Normal(loc + 0.1 * noise, scale).to_event(1))

    before = norm[0].running_mean.clone()
    options = {"num_particles": 50, "chunk": 100, "seed": 0}
    plain = log_evidence(oracle.model, guide, x, **options)
    assert_same(plain, log_evidence(oracle.model, guide, x, **options, compile=True))
    assert torch.equal(norm[0].running_mean, before) and norm[0].num_batches_tracked == 0
    assert [call.refusal for call in calls] == [""]


def test_a_branch_on_the_data_runs_eagerly_with_its_line(calls, gaussian):
    oracle, x = gaussian

    def guide(x):
        return oracle.guide(x if x.mean() > -100 else -x)

    options = {"num_particles": 50, "chunk": 64, "seed": 0}
    plain = log_evidence(oracle.model, oracle.guide, x, **options)
    with pytest.warns(CaptureWarning, match=r"test_collect.py:\d+, in guide, `return") as caught:
        found = log_evidence(oracle.model, guide, x, **options, compile=True)
    assert len(caught) == 1
    assert torch.equal(found.log_px, plain.log_px)


def test_particles_one_by_one_are_not_unrolled(calls, gaussian):
    oracle, x = gaussian
    options = {"num_particles": 20, "vectorize_particles": False, "seed": 0}
    with pytest.warns(CaptureWarning, match="vectorize_particles=False.*20 particles"):
        log_evidence(oracle.model, oracle.guide, x[:3], **options, compile=True)
    log_evidence(oracle.model, oracle.guide, x[:3], **options, compile="auto")
    assert calls == []


def test_auto_compiles_where_the_draws_ahead_take_long(calls, gaussian, monkeypatch):
    oracle, x = gaussian
    clock = iter(range(10_000))  # a second passes at each look
    monkeypatch.setattr(MODULE, "perf_counter", lambda: next(clock))
    options = {"num_particles": 50, "chunk": 90, "rows": 9, "seed": 0}  # 5 draws a block
    plain = log_evidence(oracle.model, oracle.guide, x, compile=False, **options)
    for rows, count in ((9, 1), (18, 6), (36, 16)):
        for worth, runs in ((count - 0.5, True), (count, False)):
            monkeypatch.setattr(MODULE, "_WORTH", worth)
            calls.clear()
            sizes = []
            found = log_evidence(counting(oracle.model, sizes), oracle.guide, x[:rows], **options)
            # Four draws of a second each have been made when `count` are ahead.
            assert bool(calls) is runs
            torch.testing.assert_close(found.log_px, plain.log_px[:rows], rtol=1e-9, atol=1e-9)
            if rows == 36:
                assert (len(sizes) < 22) is runs


def test_auto_on_ranks_goes_by_the_number_of_draws(calls, gaussian, monkeypatch):
    oracle, x = gaussian
    monkeypatch.setattr(MODULE, "_LONG", 10)
    monkeypatch.setattr(MODULE, "_is_timed", lambda sweep: False)
    measure = partial(log_evidence, oracle.model, oracle.guide, compile="auto")
    measure(x[:9], num_particles=50, chunk=90, rows=9)
    assert calls == []
    measure(x[:18], num_particles=50, chunk=90, rows=9)
    assert len(calls) == 1


def test_auto_is_silent_where_it_cannot_compile(calls, gaussian, monkeypatch):
    oracle, x = gaussian
    monkeypatch.setattr(MODULE, "_WORTH", 0.0)

    def guide(x):
        return oracle.guide(x if x.mean() > -100 else -x)

    options = {"num_particles": 50, "chunk": 64, "seed": 0}
    plain = log_evidence(oracle.model, oracle.guide, x, compile=False, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = log_evidence(oracle.model, guide, x, **options)
    assert calls[0].refusal and torch.equal(found.log_px, plain.log_px)


def test_another_word_is_refused(gaussian):
    oracle, x = gaussian
    with pytest.raises(ConfigError, match="compile is 'yes', and must be True, False or 'auto'"):
        log_evidence(oracle.model, oracle.guide, x, compile="yes")


def test_products_and_densities_take_faster_forms(monkeypatch):
    """The graph as it is handed to inductor, run by torch's interpreter."""
    given = []

    def kept(graph, tensors):
        given.append(graph)
        return graph

    monkeypatch.setattr(MODULE, "compile_graph", kept)
    pyro.set_rng_seed(0)
    vae = VAE((1, 8, 8), 3, encoder=MLP64, decoder=MLP64)
    x = torch.rand(8, 1, 8, 8).round()
    found = [
        log_evidence(
            vae.model, vae.guide, x, num_particles=300, rows=4, chunk=400, seed=1, compile=compile
        )
        for compile in (False, True)
    ]
    operations = [node.target for node in given[0].graph.nodes]
    # That of the hidden layer and the logits; the other products are small.
    assert operations.count(onednn.linear) == 1 and torch.ops.aten.prod.dim_int in operations
    assert torch.ops.aten.binary_cross_entropy_with_logits.default not in operations
    torch.testing.assert_close(found[1].log_px, found[0].log_px, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found[1].ess, found[0].ess, rtol=1e-4, atol=1e-4)
