"""The printed table: what each mark and note stands for."""

import math

import pytest

from pyrovae.evaluate import Comparison

FACTS = {
    "num_data": 3, "log_px": -5.0, "log_px_error": 0.01, "log_px_source": "a book",
    "rows_at": "equal K (4)", "num_draws": 10, "device": "a machine",
}  # fmt: skip


def row(**changes):
    group = {
        "variance": 2.0, "snr": 0.5, "snr_floor": 0.01, "snr_is_noise": False,
        "directional_snr": 1.5, "is_biased": False, "variance_x_ms": 6.0,
    }  # fmt: skip
    return {
        "objective": "one", "kind": "lower", "num_particles": 4, "decoder_evaluations": 4.0,
        "comparable": True, "note": "", "bound": -5.25, "bound_error": 0.5,
        "bound_monte_carlo_error": 0.02, "not_finite": 0, "gap": 0.25, "gap_error": 0.03,
        "ess": 3.5, "k_hat": 0.2, "k_hat_weights": 40.0, "k_hat_limit": 0.38,
        "milliseconds": 3.0, "peak_bytes": 2_500_000,
        **{f"guide_{key}": value for key, value in group.items()},
    } | changes  # fmt: skip


def printed(*rows):
    text = str(Comparison(rows, FACTS))
    assert max(map(len, text.splitlines())) < 130
    return text


def cells(text, name="one"):
    return [line.split() for line in text.splitlines() if line.startswith(name)]


def test_a_plain_row():
    text = printed(row())
    assert "3 data, log p(x) -5.000 +- 0.010 (a book)" in text
    assert "rows: equal K (4); 10 draws each" in text
    first, second = cells(text)
    assert first == ["one", "lower", "4", "4", "-5.250", "0.500", "0.020", "0.250", "0.030",
                     "3.5", "0.20", "3.00", "2.5"]  # fmt: skip
    assert second == ["one", "2", "0.5", "1.5", "6"]
    assert "k-hat: of 40 weights per datum" in text
    for mark in ("!", "?:", "*:", "~:", "b:", "-:", "kind:"):
        assert mark not in text


@pytest.mark.parametrize(
    ("changes", "cell", "note"),
    [
        ({"kind": "upper", "gap": -0.25}, "upper", "kind: a lower bound is below log p(x)"),
        ({"kind": "estimate", "gap": -9.0}, "estimate", "kind: a lower bound is below"),
        ({"gap": -0.25}, "lower?", "other side of log p(x) by over 4.5 Monte Carlo errors"),
        ({"kind": "upper"}, "upper?", "K is too small for an upper bound"),
        ({"comparable": False, "note": "3 of 4"}, "4!", "! one: 3 of 4"),
        ({"k_hat": 0.5, "kind": "upper", "gap": -9.0}, "0.50*", "tail is too heavy for so many"),
        ({"bound": math.nan, "not_finite": 2}, "nan", "one: 2 of 10 draws of its value are not"),
        ({"bound": math.inf, "not_finite": 2}, "inf", "one: 2 of 10"),
        ({"guide_is_biased": True}, "0.5b", "b: the mean of these gradients differs"),
        ({"guide_snr_is_noise": True}, "~0.5", "~: within twice what noise"),
        ({"guide_snr": math.inf}, ">1e6", "weights per datum"),
        ({"guide_directional_snr": 3e7}, ">1e6", "weights per datum"),
        ({"guide_variance": 0.0, "guide_snr": math.nan}, "-", "-: no ratio"),
        ({"guide_variance": math.nan, "guide_snr": math.nan}, "nan", "weights per datum"),
    ],
)
def test_marks_and_their_notes(changes, cell, note):
    text = printed(row(**changes))
    assert any(cell in line for line in cells(text)), text
    assert note in text


def test_a_difference_within_the_errors_is_no_contradiction():
    assert "lower?" not in printed(row(gap=-0.1, gap_error=0.03))
    assert "lower?" not in printed(row(gap=math.nan, gap_error=math.nan))


def test_long_names_and_no_weights():
    text = printed(row(objective="x" * 50, k_hat=math.nan, k_hat_weights=math.nan), row())
    assert "x" * 33 + "..." in text and "x" * 34 not in text
    spans = printed(row(), row(k_hat_weights=1000.0))
    assert "k-hat: of 40 to 1000 weights" in spans
    none = printed(row(k_hat=math.nan, k_hat_weights=math.nan, k_hat_limit=math.nan))
    assert "k-hat: of" not in none


def test_groups_are_those_of_the_pair():
    shared = {k.replace("guide", "shared"): v for k, v in row().items() if k.startswith("guide")}
    assert Comparison([row()], FACTS).groups == ["guide"]
    assert Comparison([row(**shared)], FACTS).groups == ["guide", "shared"]
    assert "shared: variance" in printed(row(**shared))


def test_digits_are_those_that_hold():
    errors = {
        "guide_variance_error": 0.3,
        "guide_snr_error": 0.02,
        "guide_directional_snr_error": 4.0,
    }
    text = printed(
        row(guide_variance=2.345, guide_snr=0.5678, guide_directional_snr=15.6, **errors)
    )
    assert cells(text)[1] == ["one", "2.3", "0.57", "16", "6"]
    assert "digits: the last one is the first that a standard error changes" in text
    vague = printed(row(bound_monte_carlo_error=0.25, gap_error=3.0, gap=40.123))
    assert cells(vague)[0][4:9] == ["-5.25", "0.50", "0.25", "40.1", "3.0"]
    nothing = printed(row(guide_directional_snr=15.6, guide_directional_snr_error=math.inf))
    assert cells(nothing)[1][3] == "20"


def test_what_is_not_precise_or_not_finished_is_said():
    text = printed(row(unreached="gradient: 64 draws in its time"), row(objective="two"))
    assert "not so precise: one: gradient: 64 draws in its time" in text
    gone = {
        f"guide_{key}": math.nan for key in ("variance", "snr", "directional_snr", "variance_x_ms")
    }
    text = printed(row(), row(objective="two", unfinished="no gradients yet", **gone))
    assert cells(text, "two ")[1] == ["two", "-", "-", "-", "-"]
    assert "two: interrupted: no gradients yet" in text


def test_adaptive_numbers_of_draws_are_named():
    many = [
        row(num_draws=64, gradient_draws=n, reference_draws=r) for n, r in ((32, 0), (96, 512))
    ]
    text = str(Comparison(many, FACTS | {"is_adaptive": True}))
    words = "draws: 64 of a bound, 32 to 96 of a gradient, 512 of a reference, the same seeds"
    assert words in text and "16 to 1,024 of each" in text
