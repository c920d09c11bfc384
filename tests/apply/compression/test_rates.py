"""Rates of a compressed file, on numbers known by hand."""

import math

import pytest

from pyrovae.apply.compression.rates import Compression, Decompression
from pyrovae.apply.compression.totals import Totals

TOTALS = Totals(count=10, numbers=8, raw_bytes=80, file_bytes=20, net_bits=120.0,
                initial_bits=9.0, seconds=2.0, verify_seconds=0.0)  # fmt: skip


def test_rates():
    found = Compression(TOTALS, model_bytes=30, elbo=-8 * math.log(2))
    assert found.net_rate == 1.5
    assert found.gross_rate == 2.0
    assert found.rate_with_model == 5.0
    assert found.minus_elbo_rate == pytest.approx(1.0)
    assert found.with_model_bytes(80).rate_with_model == 10.0
    assert "1 : 4.00" in str(found) and "5 data/s" in str(found)
    assert "minus the ELBO" in str(found) and "decoding" not in str(found)
    assert found.numbers()["gross_bits_per_dim"] == 2.0


def test_without_an_elbo():
    found = Compression(TOTALS, model_bytes=30)
    assert found.minus_elbo_rate is None and "ELBO" not in str(found)


def test_decompression():
    found = Decompression(5, 10, 0.5)
    assert "10 data/s" in str(found) and found.numbers()["num_in_file"] == 10
