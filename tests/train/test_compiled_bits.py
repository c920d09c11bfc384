"""Compiled steps, by torch's compiler and with kept buffers, are the same to the last bit."""

import pyro
import pytest
import torch
from torch import nn

from pyrovae.capture import code_products as products
from pyrovae.capture import stored_code
from pyrovae.train import Callback, calls, fit
from tests.train.pairs import pair

_WIDTH, _ROWS = 144, 64  # so that a product is large enough for oneDNN


class Stop(Callback):
    """Ends the run after a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, loop):
        if loop.step >= self.step:
            loop.request_stop()


def run_of(layers, **options):
    pyro.clear_param_store()
    torch.manual_seed(1)
    encoder = nn.Sequential(nn.Linear(6, _WIDTH), nn.Tanh())
    for _ in range(layers):
        encoder.extend([nn.Linear(_WIDTH, _WIDTH), nn.Tanh()])
    encoder.append(nn.Linear(_WIDTH, 4))
    decoder = nn.Linear(2, 6)
    x = torch.randn(4 * _ROWS, 6, generator=torch.Generator().manual_seed(2))
    run = fit(
        *pair(encoder, decoder), x, batch_size=_ROWS, epochs=3, compile=True, progress=False,
        device="cpu", **options,
    )  # fmt: skip
    figures = [(e["train"], e["grad_norm"], e["kl[z]"]) for e in run.history]
    return figures, [p.detach().clone() for net in (encoder, decoder) for p in net.parameters()]


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, 6])  # of more than 16 parameters Adam is one operation
def test_in_series_one_by_one_with_new_buffers_and_resumed(tmp_path, monkeypatch, layers):
    monkeypatch.setattr(calls, "_SECONDS", 10.0)  # as long a series as may be
    taken = []
    original = products._by_onednn
    monkeypatch.setattr(products, "_by_onednn", lambda a, b: _noted(original(a, b), taken))
    figures, leaves = run_of(layers)
    assert any(taken) == products.prefers_onednn() and len(taken) > 0

    def check(found):
        assert found[0] == figures
        assert all(torch.equal(a, b) for a, b in zip(found[1], leaves, strict=True))

    check(run_of(layers, steps_per_call=1))
    run_of(layers, run_dir=tmp_path, callbacks=[Stop(6)])  # in the middle of the second epoch
    check(run_of(layers, run_dir=tmp_path, resume=True))
    monkeypatch.setattr(stored_code, "add_kept_buffers", lambda *_: None)
    check(run_of(layers))


def _noted(value, seen):
    seen.append(value)
    return value
