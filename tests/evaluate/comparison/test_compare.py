"""One table on one pair: figures against exact ones, equal rows, no trace left."""

import csv
import json
import math

import pytest
import torch
from pyro.infer import RenyiELBO, Trace_ELBO, TraceMeanField_ELBO

from pyrovae import compare, plots
from pyrovae.data import LinearGaussian
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.evaluate import Comparison
from pyrovae.objectives import ELBO, EUBO, IWAE, JVI, ParticleELBO, Renyi
from tests.pairs import STYLES

QUICK = {"num_draws": 20, "reference_draws": 20, "repeats": 2, "evidence_particles": 50}


class Twice(ParticleELBO):
    """Takes the best of two sets of particles: a user's own, at twice the cost."""

    def differentiable_loss(self, model, guide, *args, **kwargs):
        both = [self.bound(self.draw(model, guide, *args, **kwargs)) for _ in range(2)]
        return -torch.maximum(*both).sum()

    def bound(self, p):
        return p.log_w.logsumexp(0) - torch.tensor(float(p.num_particles)).log()


class NoNumber(ParticleELBO):
    """Is none."""

    def bound(self, p):
        return p.log_w.mean(0) * float("nan")


class Fixed(ParticleELBO):
    """Cannot have other particles than it was made with."""

    def __init__(self):
        super().__init__(3)

    def bound(self, p):
        return p.log_w.unflatten(0, (3, 1)).mean((0, 1))


@pytest.fixture(scope="module")
def oracle():
    pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    return pair, pair.sample(30, seed=1)


@pytest.fixture(scope="module")
def table(oracle):
    pair, x = oracle
    objectives = {
        "elbo": ELBO(),
        "iwae": IWAE(),
        "renyi": Renyi(0.5),
        "trace": Trace_ELBO(),
        "mean field": TraceMeanField_ELBO(),
        "pyro renyi": RenyiELBO(0.0, 2, vectorize_particles=True, max_plate_nesting=1),
    }
    return compare(
        pair.model,
        pair.guide,
        x,
        objectives,
        num_particles=3,
        truth=pair.log_px(x).detach(),
        num_draws=40,
        reference_draws=40,
        repeats=2,
    )


def test_bounds_and_gaps_are_the_exact_ones(oracle, table):
    pair, x = oracle
    with torch.no_grad():
        _check_bounds(pair, x, table)


def _check_bounds(pair, x, table):
    elbo, iwae = pair.elbo(x).mean(), pair.iwae(x, 3).mean()
    truth = [elbo, iwae, pair.renyi(x, 0.5, 3).mean(), elbo, elbo, iwae]
    log_px = pair.log_px(x).mean()
    for row, bound in zip(table.rows, truth, strict=True):
        z = (row["bound"] - bound) / row["bound_monte_carlo_error"]
        assert abs(z) < 4.5, f"{row['objective']}: z-score {z:.2f}"
        assert row["gap"] == pytest.approx(float(log_px - row["bound"]))
        assert row["decoder_evaluations"] == 3 and row["comparable"]
        assert row["milliseconds"] > 0 and row["peak_bytes"] > 0
        assert not row["guide_is_biased"] and not row["model_is_biased"]
        assert row["guide_variance_x_ms"] == row["guide_variance"] * row["milliseconds"]
        assert 1 < row["ess"] <= 3
    over_data = pair.iwae(x, 3).std() / len(x) ** 0.5
    assert table.rows[1]["bound_error"] == pytest.approx(over_data.item(), rel=0.05)
    assert table.rows[3]["bound_error"] != table.rows[3]["bound_error"]  # Pyro's: NaN
    assert table.facts["log_px"] == pytest.approx(log_px.item())


def test_common_random_numbers(table):
    by_name = {row["objective"]: row for row in table.rows}
    assert by_name["iwae"]["bound"] == pytest.approx(by_name["pyro renyi"]["bound"])
    assert by_name["iwae"]["guide_variance"] == pytest.approx(
        by_name["pyro renyi"]["guide_variance"]
    )
    assert by_name["iwae"]["model_variance"] > by_name["elbo"]["model_variance"]
    assert by_name["iwae"]["guide_snr"] < by_name["elbo"]["guide_snr"]


def test_is_printed_and_written(table, tmp_path):
    printed = str(table)
    assert max(map(len, printed.splitlines())) < 130
    for word in ("(as given)", "equal K (3)", "pyro renyi", "var x ms", "k-hat"):
        assert word in printed
    table.to_csv(tmp_path / "t.csv")
    table.to_json(tmp_path / "t.json")
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["objective"] for row in rows] == [row["objective"] for row in table.rows]
    assert float(rows[1]["bound"]) == table.rows[1]["bound"]
    content = json.loads((tmp_path / "t.json").read_text())
    assert content["rows"][3]["bound_error"] is None
    assert content["num_draws"] == 40


def test_equal_particles_or_equal_evaluations(oracle):
    pair, x = oracle
    call = (pair.model, pair.guide, x[:3])
    at_k = compare(*call, [IWAE(), Twice(), Fixed()], num_particles=4, **QUICK)
    assert [row["num_particles"] for row in at_k.rows] == [4, 4, 3]
    assert [row["decoder_evaluations"] for row in at_k.rows] == [4, 8, 3]
    assert [row["comparable"] for row in at_k.rows] == [True, True, False]
    assert "cannot have 4" in at_k.rows[2]["note"] and "cannot have 4" in str(at_k)

    kwargs = {"equal": "decoder evaluations", **QUICK}
    at_cost = compare(*call, [IWAE(), Twice(5)], num_particles=8, **kwargs)
    assert [row["num_particles"] for row in at_cost.rows] == [8, 4]
    assert [row["decoder_evaluations"] for row in at_cost.rows] == [8, 8]
    odd = compare(*call, [Twice(2)], num_particles=7, **kwargs)
    assert not odd.rows[0]["comparable"] and "not 7" in odd.rows[0]["note"]
    assert odd.facts["rows_at"] == "equal decoder evaluations (7)"
    as_they_are = compare(*call, [IWAE(2), IWAE(2), IWAE(3)], **QUICK)
    assert [row["comparable"] for row in as_they_are.rows] == [True, True, False]
    assert "rows: unequal K, as given" in str(as_they_are)
    names = [row["objective"] for row in as_they_are.rows]
    assert names[1] == "IWAE(num_particles=2) #2" and len(set(names)) == 3


def test_a_bias_is_marked_and_a_reference_taken(oracle):
    pair, x = oracle
    found = compare(
        pair.model,
        pair.guide,
        x[:3],
        {"a": IWAE(8), "b": IWAE(8)},
        references={"a": ELBO()},
        **(QUICK | {"num_draws": 60, "reference_draws": 60}),
    )
    assert found.rows[0]["guide_is_biased"] and not found.rows[1]["guide_is_biased"]
    assert found.rows[0]["reference"].endswith("ELBO(num_particles=1)")
    assert "differs from their reference" in str(found)
    unseen = {**found.rows[1], "guide_snr_is_noise": True}
    assert "~" in str(Comparison([unseen], found.facts)) and "~" not in str(found)
    assert "importance sampling, K = 50" in found.facts["log_px_source"]


@pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")  # few particles, on purpose
def test_kinds_and_what_an_upper_bound_leaves_to_the_model(oracle):
    pair, x = oracle
    found = compare(
        pair.model,
        pair.guide,
        x[:3],
        {"elbo": ELBO(), "eubo": EUBO(), "jvi": JVI(), "own": Twice()},
        num_particles=4,
        references={"eubo": IWAE(4)},
        **QUICK,
    )
    assert [row["kind"] for row in found.rows] == ["lower", "upper", "estimate", "lower"]
    eubo = found.rows[1]
    for ratio in ("snr", "directional_snr"):
        assert math.isnan(eubo[f"model_{ratio}"]) and eubo[f"guide_{ratio}"] > 0
    assert "kind: a lower bound" in str(found) and "-: no ratio" in str(found)
    assert all(row["k_hat_weights"] == 80 and row["k_hat"] < 1 for row in found.rows)


def test_a_single_coordinate_has_no_direction():
    pair = LinearGaussian.random(data_dim=2, latent_dim=1, seed=0)
    pair.eval().requires_grad_(False)
    pair.encoder.loc.requires_grad_()
    pair.decoder.loc.requires_grad_()
    row = compare(pair.model, pair.guide, pair.sample(3, seed=1), [ELBO()], **QUICK).rows[0]
    assert row["guide_parameters"] == 1 and math.isnan(row["guide_directional_snr"])
    assert row["model_parameters"] == 2 and math.isfinite(row["model_directional_snr"])


def test_a_gradient_without_noise_has_a_ratio_that_rounding_allows():
    import pyro
    import pyro.distributions as dist

    def model(x):
        w = pyro.param("w", torch.tensor([0.1, 0.7, 0.3]))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(w, 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(pyro.param("q", torch.tensor(0.2)), 1.0))

    found = compare(model, guide, torch.randn(5, 3), [ELBO()], **QUICK)
    assert 1e5 < found.rows[0]["model_directional_snr"] <= 1.01e7
    assert found.rows[0]["model_snr"] > 1e5 and ">1e6" in str(found)


def test_what_is_not_finite_is_shown(oracle, tmp_path):
    pair, x = oracle
    found = compare(pair.model, pair.guide, x[:3], [NoNumber(3), ELBO(3)], **QUICK)
    assert [row["not_finite"] for row in found.rows] == [20, 0]
    assert "NoNumber(num_particles=3): 20 of 20 draws of its value are not finite" in str(found)
    found.to_json(tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_text())["rows"][0]["bound"] is None
    for rows in (found.rows, found.rows[:1]):
        plots.comparison(Comparison(rows, found.facts)).savefig(tmp_path / "t.png")


@pytest.mark.parametrize("style", ["param_functions", "subsampled_plate", "scaled_pair"])
def test_styles_and_nothing_is_changed(style):
    pair = STYLES[style](torch.float32)
    objectives = [ELBO(2), Trace_ELBO(2)]
    memory = [dict(vars(objective)) for objective in objectives]
    state = torch.get_rng_state()
    found = compare(pair.model, pair.guide, pair.args, objectives, **QUICK)
    assert torch.equal(torch.get_rng_state(), state)
    assert [vars(objective) for objective in objectives] == memory
    bounds = [row["bound"] for row in found.rows]
    assert bounds[0] == pytest.approx(bounds[1], rel=0.1)  # per datum, whatever the scale
    if style == "subsampled_plate":
        assert "unknown" in found.facts["log_px_source"]
        assert found.rows[0]["gap"] != found.rows[0]["gap"]


def test_refusals(oracle):
    pair, x = oracle
    call = (pair.model, pair.guide, x)
    with pytest.raises(ConfigError, match="no objectives"):
        compare(*call, [])
    with pytest.raises(ConfigError, match="is no objective"):
        compare(*call, [IWAE])
    with pytest.raises(ConfigError, match="num_particles=0"):
        compare(*call, [IWAE()], num_particles=0)
    with pytest.raises(ConfigError, match="max_seconds=-1"):
        compare(*call, [IWAE()], max_seconds=-1)
    with pytest.raises(ConfigError, match="num_draws=1, .* two draws or more"):
        compare(*call, [IWAE()], num_draws=1)
    with pytest.raises(ConfigError, match="equal='cost'"):
        compare(*call, [IWAE()], equal="cost")
    with pytest.raises(ConfigError, match="references for \\['other'\\]"):
        compare(*call, [IWAE()], references={"other": ELBO()})
    with pytest.raises(ConfigError, match="truth='exact'"):
        compare(*call, [IWAE()], truth="exact", **QUICK)
    with pytest.raises(ShapeError, match="one value per datum"):
        compare(*call, [IWAE()], truth=torch.zeros(3), **QUICK)


def test_it_says_what_it_is_doing_and_prints_rows_as_they_are_done(oracle, capsys):
    pair, x = oracle
    every = {"a": ELBO(2), "b": IWAE(2)}
    options = QUICK | {"evidence_particles": None, "progress": True}
    found = compare(pair.model, pair.guide, x[:3], every, **options)
    shown = capsys.readouterr().err
    for words in ("bounds:", "log p(x)", "times", "gradients of a", "gradients of b", "6 parts"):
        assert words in shown, words
    assert "bound -" in shown and ", gap 0." in shown  # what is known so far
    first, second = found.rows
    lines = [line for line in shown.replace("\r", "\n").splitlines() if " ms, SNR of the" in line]
    assert [line.split(":")[0].strip() for line in lines] == ["a", "b"]
    assert f"{first['bound']:.3f}" in lines[0] and f"{second['bound']:.3f}" in lines[1]
    compare(pair.model, pair.guide, x[:3], every, **(options | {"progress": False}))
    assert not capsys.readouterr().err


def test_without_a_number_of_draws_it_draws_until_digits_hold(oracle):
    pair, x = oracle
    x = x[:12]
    every = {"elbo": ELBO(), "iwae": IWAE()}
    options = {"num_particles": 3, "truth": pair.log_px(x).detach()}
    found = compare(pair.model, pair.guide, x, every, max_seconds=None, **options)
    rows = found.rows
    assert len({row["num_draws"] for row in rows}) == 1  # so that differences are paired
    for row in rows:
        tolerance = max(0.01, 0.02 * abs(row["gap"]))
        assert row["bound_monte_carlo_error"] <= tolerance and not row["unreached"]
        for group in found.groups:
            assert row[f"{group}_variance_error"] <= 0.1 * row[f"{group}_variance"]
    text = str(found)
    assert "draws: until +- MC is below 0.01 nats or 2% of the gap" in text
    assert "of a bound, " in text and "of a reference, the same seeds for all" in text
    assert max(map(len, text.splitlines())) < 130
    again = compare(
        pair.model, pair.guide, x, every, num_draws=rows[0]["num_draws"], reference_draws=4,
        repeats=1, **options,
    )  # fmt: skip
    for one, other in zip(rows, again.rows, strict=True):
        assert one["bound"] == pytest.approx(other["bound"], rel=1e-9)
    assert "until" not in str(again)
