"""What the benchmarks compare is one and the same step, and one failure ends no table."""

import subprocess
import sys
from pathlib import Path

import pyro
import pytest
import torch

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

from cases import CASES  # noqa: E402
from gpu_sections import SECTIONS, Rows, Skipped  # noqa: E402
from kneser_ney import KneserNey  # noqa: E402
from products import operations, products_of  # noqa: E402
from sequences import FORMS, D, deep  # noqa: E402
from sequences import check_equal as check_equal_sequences  # noqa: E402
from sides import (  # noqa: E402
    PYRO,
    check_equal,
    hand_side,
    our_side,
    ours,
    prepare,
    pyro_side,
    pyros,
)
from startup import processes, seconds_of  # noqa: E402
from timing import Report, interleaved_ms, ratio, table  # noqa: E402
from transforms import LAYERS, costs  # noqa: E402

from pyrovae.nn import flows  # noqa: E402


@pytest.mark.parametrize("key", CASES)
def test_the_loss_by_hand_is_the_pairs(key):
    case = CASES[key]
    networks, x = case.networks(), case.data()
    with torch.no_grad():
        found = []
        for loss in (pyros(case).loss, ours(case).loss):
            pyro.set_rng_seed(3)
            found.append(float(loss(*case.pair(networks, "p"), x)))
        pyro.set_rng_seed(3)
        assert found == pytest.approx([float(case.loss(networks, x))] * 2, rel=1e-5)


def test_steps_are_compared():
    case = CASES["digits"]
    sides = {
        PYRO: pyro_side(case, "cpu", "one", pyros(case)),
        "ours": our_side(case, "cpu", "two", compile=False),
        "hand": hand_side(case, "cpu", compile=False),
    }
    prepare(sides, warmup=1)
    assert check_equal(sides) < 1e-5
    other = pyro_side(case, "cpu", "three", pyro.infer.Trace_ELBO(num_particles=2))
    prepare({"other": other}, warmup=1)
    with pytest.raises(AssertionError, match="other computes other losses than pyro.infer.SVI"):
        check_equal({PYRO: sides[PYRO], "other": other})


def test_the_products_are_those_of_the_step():
    case = CASES["digits"]
    products, count = products_of(hand_side(case, "cpu", compile=False).step)
    b = case.batch
    weights = [(64, 64), (64, 16), (8, 64), (64, 64)]
    forward_and_weights = sum(2 * 2 * b * m * n for m, n in weights)
    inputs = sum(2 * b * m * n for m, n in weights[1:])  # of the data no gradient is asked
    assert count == 11
    assert operations(products) == forward_and_weights + inputs


def test_a_row_that_fails_is_a_row():
    found = []
    rows = Rows(lambda *row: found.append(row))

    def fail():
        raise ValueError("no such kernel\nand more")

    def skip():
        raise Skipped("needs a CUDA device")

    assert rows("a", fail) is None and rows("b", skip) is None
    assert rows("c", lambda: "fine") == "fine"
    assert [(name, fine) for name, _, fine in found] == [("a", False), ("b", True), ("c", True)]
    assert found[0][1].startswith("ValueError: no such kernel (test_benchmarks.py:")


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_and_pyros_map_alike(name):
    lines = []
    costs(name, "cpu", 1, lines.append)  # compares before it measures
    assert lines[0].startswith(name)


def test_every_layer_is_measured():
    kinds = {name for name in flows.__all__ if name[0].isupper()}
    others = {"Amortised", "Chain", "FlowLayer", "LayerFactory", "LayerTransform", "Sylvester"}
    assert {name.split(",")[0] for name in LAYERS} == kinds - others


def test_sections_cover_every_case():
    assert {f"step, {key}" for key in CASES} <= set(SECTIONS)


def test_ratios_are_of_neighbours():
    times = {"one": [1.0, 10.0, 1.0], "two": [2.0, 20.0, 2.0]}
    assert ratio(times, "two", "one") == 2.0
    assert table(times).splitlines()[2].endswith("  2.00")
    calls = []
    found = interleaved_ms({"step": lambda: calls.append(1)}, warmup=2, repeats=3)
    assert len(found["step"]) == 3 and len(calls) == 2 + 3 + 3


def test_a_report_is_kept(tmp_path, capsys):
    say = Report(str(tmp_path / "folder" / "out.txt"), "unused")
    say("one")
    say("two")
    assert say.path.read_text() == capsys.readouterr().out == "one\ntwo\n"


def test_only_processes_that_succeed_are_timed():
    wall, cpu = seconds_of([sys.executable, "-c", "sum(range(10**6))"])
    assert wall > 0 and cpu > 0
    with pytest.raises(subprocess.CalledProcessError):
        seconds_of([sys.executable, "-c", "import no_such_module"])
    assert {"`import pyro`", "`import pyrovae`", "`pyrovae --help`"} <= processes().keys()


ROWS = [[3, 4, 1], [3, 4, 4, 1], [4, 1], [3, 5, 1]]


@pytest.mark.parametrize("order", [1, 2, 4])
def test_ngrams_are_normalised_after_every_context(order):
    model = KneserNey(ROWS, order, support=[1, 3, 4, 5, 6])
    for context in ([], [3], [4, 4], [6], [5, 6], [3, 4, 4, 4]):
        assert sum(model.prob(context, code) for code in model.support) == pytest.approx(1)
        assert all(model.prob(context, code) > 0 for code in model.support)  # 6 was never seen


def test_a_bigram_by_hand():
    """After 3 came 4 twice and 5 once; 4 of the 7 bigrams occur once, one of them twice."""
    model = KneserNey(ROWS, 2, support=[1, 3, 4, 5])
    grams = {(2, 3): 3, (3, 4): 2, (4, 1): 3, (4, 4): 1, (2, 4): 1, (3, 5): 1, (5, 1): 1}
    once, twice = 4, 1
    discount = once / (once + 2 * twice)
    before = {1: 2, 3: 1, 4: 3, 5: 1}  # how many codes each follows
    low_once, low_twice = 2, 1
    low_discount = low_once / (low_once + 2 * low_twice)
    low = (before[4] - low_discount) / 7 + low_discount * 4 / 7 * (1 / 4)
    assert len(grams) == sum(before.values()) == 7
    expected = (2 - discount) / 3 + discount * 2 / 3 * low
    assert model.prob([3], 4) == pytest.approx(expected)


@pytest.mark.parametrize("form", FORMS)
def test_one_site_for_a_sequence_is_the_loop_of_sites(form):
    pyro.set_rng_seed(0)
    check_equal_sequences(deep(**FORMS[form]), torch.randn(2, 6, D))
