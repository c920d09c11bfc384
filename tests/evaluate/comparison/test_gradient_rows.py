"""Gradients of rows: those of `gradients`, references drawn once, draws until digits hold."""

import math
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from pyrovae import VAE, gradients
from pyrovae.data import LinearGaussian
from pyrovae.data.base import mix_seed
from pyrovae.evaluate.comparison.bounds import Subject
from pyrovae.evaluate.comparison.effort import RELATIVE, Effort
from pyrovae.evaluate.comparison.gradient_draws import needed_for_precision, needed_for_signal
from pyrovae.evaluate.comparison.gradient_rows import GradientRows
from pyrovae.evaluate.comparison.moments_by_draw import MomentsByDraw
from pyrovae.evaluate.comparison.references import _same, _sketch
from pyrovae.objectives import ELBO, IWAE, RWS, STL, DReG
from pyrovae.particles.parameters import trainable

EVERY = {"elbo": ELBO(3), "stl": STL(3), "iwae": IWAE(3), "dreg": DReG(3), "rws": RWS(3)}


@pytest.fixture(scope="module")
def oracle():
    pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    return pair, pair.sample(10, seed=1)


def rows_of(pair, x, effort, objectives=EVERY, references=None):
    subject = Subject(pair.model, pair.guide, (x,))
    return GradientRows(objectives, references or {}, subject, effort, True)


def quiet(share):
    pass


def test_a_given_number_of_draws_gives_what_gradients_gives(oracle):
    pair, x = oracle
    rows = rows_of(pair, x, Effort(8))
    for name, objective in EVERY.items():
        found = rows.measure(name, 2.0, math.inf, quiet).columns
        alone = gradients(
            pair.model, pair.guide, x, objective, num_draws=8, seed=mix_seed(0, 2), compile=False
        )
        assert found["gradient_draws"] == 8 and found["reference_draws"] == 32
        assert found["reference"] == alone.reference_name
        for group, figures in alone.summary().items():
            for key, value in figures.items():
                same = pytest.approx(value, rel=1e-6, nan_ok=True)
                assert found[f"{group}_{key}"] == same, (name, group, key)


def test_references_of_one_bound_are_drawn_once(oracle):
    pair, x = oracle
    drawn = []

    class Counts(IWAE):
        def reference_loss(self, *args, **options):
            drawn.append("iwae")
            return super().reference_loss(*args, **options)

    class CountsToo(DReG):
        def reference_loss(self, *args, **options):
            drawn.append("dreg")
            return super().reference_loss(*args, **options)

    every = {"a": Counts(3), "b": CountsToo(3), "c": IWAE(4)}
    rows = rows_of(pair, x, Effort(4, 20), every)
    first, second, third = (rows.measure(name, 1.0, math.inf, quiet).columns for name in every)
    assert drawn == ["iwae"] * 2 + ["dreg"] * 2 + ["iwae"] * 20  # two draws each to compare
    assert first["reference_draws"] == second["reference_draws"] == 20
    assert "DReG" not in first["reference"] and "CountsToo" in second["reference"]
    assert third["guide_snr"] != first["guide_snr"]


def test_references_are_one_though_large_weights_are_rounded():
    torch.manual_seed(0)
    vae = VAE(784, latent_dim=10)  # 545 nats a datum: log-weights are rounded at 3e-5
    x = torch.bernoulli(torch.full((20, 784), 0.3))
    drawn = []

    class Counts(DReG):
        def reference_loss(self, *args, **options):
            drawn.append("dreg")
            return super().reference_loss(*args, **options)

    every = {"iwae": IWAE(3), "dreg": Counts(3)}
    rows = GradientRows(every, {}, Subject(vae.model, vae.guide, (x,)), Effort(4, 6), True)
    for name in every:
        assert rows.measure(name, 1.0, math.inf, quiet).columns["reference_draws"] == 6
    assert len(drawn) == 2  # to compare


def test_gradients_that_differ_in_a_small_group_alone_are_told_apart():
    parts = [slice(0, 4), slice(4, 9)]

    def sketch_of(values):
        chunks = [SimpleNamespace(values=values)]
        leaves = SimpleNamespace(kept_grads=nullcontext)
        pair = SimpleNamespace(
            parts=parts, leaves=leaves, seeds=lambda *_: [0, 1], source=lambda *_: lambda _: chunks
        )
        return _sketch(pair, None, "")

    values = torch.randn(2, 9, generator=torch.Generator().manual_seed(0))
    values[:, 4:] *= 1e-6
    other = values.clone()
    other[:, 4:] *= 1.01
    assert _same(sketch_of(values), sketch_of(values * (1 + 1e-5)))
    assert not _same(sketch_of(values), sketch_of(other))


def test_draws_end_where_two_digits_hold(oracle):
    pair, x = oracle
    rows = rows_of(pair, x, Effort())
    for name in ("elbo", "iwae"):
        found = rows.measure(name, 1.0, math.inf, quiet)
        columns, exact = found.columns, gradients(
            pair.model, pair.guide, x, EVERY[name], num_draws=250, reference_draws=500, seed=9
        ).summary()  # fmt: skip
        assert not found.shortages and found.is_whole
        assert 16 <= columns["gradient_draws"] < 512 and 16 <= columns["reference_draws"] <= 1024
        for group, figures in exact.items():
            error, value = (columns[f"{group}_variance{end}"] for end in ("_error", ""))
            assert error <= RELATIVE * value
            own = figures["variance"] * math.sqrt(2 / 250)
            assert abs(value - figures["variance"]) < 4.5 * math.hypot(error, own), name
            error, value = (columns[f"{group}_directional_snr{end}"] for end in ("_error", ""))
            assert abs(value - figures["directional_snr"]) < 4 * error + 0.1 * value, name


def test_time_ends_draws_and_is_said(oracle):
    pair, x = oracle
    found = rows_of(pair, x, Effort()).measure("iwae", 1.0, 0.0, quiet)
    assert found.columns["gradient_draws"] == found.columns["reference_draws"] == 16
    assert any("16 draws in its time" in words for words in found.shortages)


def test_an_exact_reference_and_one_of_another_objective(oracle):
    pair, x = oracle
    exact = {n: torch.ones_like(p) for n, p in trainable(pair.model, pair.guide, x).items()}
    rows = rows_of(pair, x, Effort(4), references={"elbo": exact, "iwae": ELBO(2)})
    assert rows.measure("elbo", 1.0, math.inf, quiet).columns["reference_draws"] == 0
    found = rows.measure("iwae", 1.0, math.inf, quiet).columns["reference"]
    assert found == "mean of 16 draws of ELBO(num_particles=2)"


def test_moments_are_those_of_all_draws_and_their_errors_cover():
    generator = torch.Generator().manual_seed(0)
    parts = [slice(0, 3), slice(3, 40)]
    target = torch.ones(40, dtype=torch.float64)
    off = []
    for _ in range(200):
        values = torch.randn(40, 40, generator=generator).double() + 0.5
        moments = MomentsByDraw(parts, target)
        for chunk in values.split([1, 1, 30, 8]):
            moments = moments.with_draws(chunk, 1.0)
        torch.testing.assert_close(moments.mean, values.mean(0))
        torch.testing.assert_close(moments.variance, values.var(0))
        for part, error in zip(parts, moments.variance_error, strict=True):
            total = float(values.var(0)[part].sum())
            size = part.stop - part.start
            off.append(abs(total - size) < 1.96 * error * total)
    assert 0.89 < sum(off) / len(off) < 0.98
    constant = MomentsByDraw(parts).with_draws(torch.full((1, 40), 0.1), 1.0)
    for _ in range(5):
        constant = constant.with_draws(torch.full((2, 40), 0.1), 1.0)
    assert not constant.variance.any() and needed_for_signal(constant) == constant.count


def test_needs():
    def seen(signal):
        return needed_for_signal(SimpleNamespace(count=32, signal=[signal, math.nan]))

    assert seen(3.0) == seen(math.inf) == 32 and seen(0.6) == math.inf and 64 < seen(2.0) < 96

    def precise(variance, ratio):
        moments = SimpleNamespace(
            count=32, variance_error=[variance], directional_snr=[(2.0, 2 * ratio), (0.0, 1.0)]
        )
        return needed_for_precision(moments)

    assert precise(0.09, 0.05) == 32 and precise(0.2, 0.05) == pytest.approx(128)
    assert precise(math.nan, 0.4) == pytest.approx(512)
