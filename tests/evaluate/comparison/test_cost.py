"""Counts of decoder evaluations and bytes, where they are known."""

from time import sleep

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import RenyiELBO, Trace_ELBO, TraceEnum_ELBO, config_enumerate

from pyrovae.evaluate.comparison.cost import decoder_evaluations, interleaved_ms, peak_bytes
from pyrovae.objectives import ELBO, IWAE
from tests.pairs import STYLES


@pytest.mark.parametrize("style", ["module_functions", "nested_plate", "subsampled_plate"])
@pytest.mark.parametrize(
    ("objective", "count"),
    [
        (ELBO(), 1),
        (IWAE(7), 7),
        (IWAE(3, vectorize_particles=False), 3),
        (Trace_ELBO(2), 2),
        (RenyiELBO(0.0, 4, vectorize_particles=True, max_plate_nesting=2), 4),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else type(value).__name__,
)
def test_decoder_evaluations(style, objective, count):
    pair = STYLES[style](torch.float32)
    assert decoder_evaluations(objective, pair.model, pair.guide, *pair.args) == count


def test_what_is_enumerated_is_counted():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Categorical(torch.ones(5) / 5))
            pyro.sample("x", dist.Normal(z.float(), 1.0), obs=x)

    def guide(x):
        logits = pyro.param("logits", torch.zeros(5))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Categorical(logits=logits))

    elbo = TraceEnum_ELBO(max_plate_nesting=1)
    assert decoder_evaluations(elbo, model, config_enumerate(guide), torch.ones(3)) == 5


def test_bytes_of_live_tensors():
    x, w = torch.ones(100, 100), torch.ones(100, 100, requires_grad=True)
    one = x.numel() * x.element_size()

    def chain():
        with torch.no_grad():
            y = x + 1
            y = y * 2  # two at once, then one
            y.add_(1)
            y.view(-1).sum()

    assert 2 * one <= peak_bytes(chain, "cpu") < 2.01 * one

    def kept():
        (w.exp().sin().exp().sum()).backward()  # three results are kept for the way back
        w.grad = None

    assert 3 * one <= peak_bytes(kept, "cpu") < 6 * one


def test_memory_is_linear_in_k():
    pair = STYLES["family"](torch.float32)
    x = pair.args[0].repeat(50, 1)
    sizes = [
        peak_bytes(lambda k=k: IWAE(k).loss_and_grads(pair.model, pair.guide, x), "cpu")
        for k in (20, 40, 80)
    ]
    assert (sizes[2] - sizes[1]) / (sizes[1] - sizes[0]) == pytest.approx(2, rel=0.1)


def test_times_are_taken_in_turn():
    calls, shares = [], []
    steps = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    times = interleaved_ms(steps, device="cpu", repeats=3, told=shares.append)
    assert "".join(calls) == 6 * "ab" and shares[-1] == 1  # three of them do not count
    assert [len(values) for values in times.values()] == [3, 3]


def test_times_are_taken_until_they_are_known():
    def waits(milliseconds):
        at = iter(milliseconds * 30)
        return lambda: sleep(1e-3 * next(at))

    even = interleaved_ms({"a": waits([8])}, device="cpu")["a"]
    uneven = interleaved_ms({"a": waits([1, 9])}, device="cpu")["a"]
    late = interleaved_ms({"a": waits([1, 9])}, device="cpu", seconds=0.0)["a"]
    assert len(late) == 5 <= len(even) <= len(uneven) == 20
