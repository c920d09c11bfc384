"""Batches of like lengths: each row once, little padding, and the same batches again."""

import pytest
import torch

from pyrovae.data import Split, batches, like_lengths
from pyrovae.errors import ConfigError, DataError


def _rows(n=103, longest=20, seed=0):
    drawn = torch.Generator().manual_seed(seed)
    lengths = (torch.rand(n, generator=drawn) ** 2 * longest).long() + 1
    x = torch.arange(4, n + 4).unsqueeze(1).expand(-1, longest + 1)  # a row's code is its number
    return torch.where(torch.arange(longest + 1) < lengths.unsqueeze(1), x, 0), lengths


def test_each_row_comes_once_and_whole():
    x, _ = _rows()
    source = like_lengths(x, 8, device="cpu")
    for epoch in range(3):
        found = [batch for (batch,) in source.epoch(epoch)]
        assert len(found) == len(source) == 13 and source.num_data == 103
        padded = [torch.nn.functional.pad(b, (0, 21 - b.shape[1])) for b in found]
        assert torch.equal(torch.cat(padded).sort(0).values, x.sort(0).values)
        assert sorted(map(len, found)) == [7, *[8] * 12] and source.smallest == 7
        numbers = torch.cat([source.row_numbers(epoch, i) for i in range(13)])
        assert torch.equal(x[numbers], torch.cat(padded))


def test_there_are_few_widths_and_little_padding():
    x, _ = _rows(2000)
    source = like_lengths(x, 16, num_widths=4, device="cpu")
    shapes = [tuple(batch.shape) for (batch,) in source.epoch(0)]
    assert len({width for _, width in shapes}) <= 4
    assert shapes[0][1] == 21  # a run is known by its first batch
    codes = sum(rows * width for rows, width in shapes)
    assert codes < 0.6 * x.numel() and codes > (x > 0).sum()


def test_a_batch_is_a_function_of_seed_epoch_and_index():
    x, _ = _rows()
    y = torch.arange(len(x))
    split = Split(x, y).labelled()
    one, other = (like_lengths(split, 8, seed=5, device="cpu") for _ in range(2))
    list(other.epoch(0))
    whole = list(one.epoch(2))
    for start in (0, 5, 13):
        again = list(other.epoch(2, start))
        assert len(again) == 13 - start
        for a, b in zip(again, whole[start:], strict=True):
            assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
    assert all((x[n, 0] == b[:, 0]).all() for b, n in whole)
    orders = [torch.cat([y for _, y in s.epoch(e)]) for s, e in ((one, 0), (one, 1))]
    orders.append(torch.cat([y for _, y in like_lengths(split, 8, seed=6, device="cpu").epoch(0)]))
    assert not torch.equal(orders[0], orders[1]) and not torch.equal(orders[0], orders[2])


def test_each_row_comes_equally_soon():
    x, lengths = _rows(400)
    source = like_lengths(x, 10, device="cpu")
    firsts = torch.zeros(400)
    for epoch in range(1, 401):
        firsts[source.row_numbers(epoch, 0)] += 1
    short, long = firsts[lengths <= 5].mean(), firsts[lengths > 10].mean()
    assert abs(float(short) - 10) < 1.5 and abs(float(long) - 10) < 1.5  # 400 / 40 batches


def test_only_whole_batches():
    x, _ = _rows()
    source = like_lengths(x, 8, drop_last=True, device="cpu")
    assert [len(b) for (b,) in source.epoch(0)] == [8] * 12 and len(source) == 12


def test_it_is_a_source_of_batches():
    source = like_lengths(_rows()[0], 8, device="cpu")
    assert batches(source, 8) is source


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: like_lengths(x, 0), ConfigError, "batch_size=0"),
        (lambda x: like_lengths(x.float(), 2), DataError, "needs rows of codes"),
        (lambda x: like_lengths(x[:0], 2), DataError, "needs rows of codes"),
        (lambda x: like_lengths([1, 2], 2), DataError, "got list"),
        (lambda x: like_lengths(x, 200, drop_last=True), DataError, "no whole batch"),
        (lambda x: list(like_lengths(x, 8, device="cpu").epoch(0, 99)), DataError, "start=99"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(_rows()[0])
