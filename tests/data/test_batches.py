"""Device-resident minibatches: each is a function of its place alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrovae.data import Batches, Split
from pyrovae.errors import ConfigError, DataError


def collect(batches, epoch, start=0):
    return [tuple(t.clone() for t in batch) for batch in batches.epoch(epoch, start)]


def equal(a, b):
    return len(a) == len(b) and all(
        len(s) == len(t) and all(map(torch.equal, s, t)) for s, t in zip(a, b, strict=True)
    )


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 40),
    size=st.integers(1, 12),
    seed=st.integers(-(2**40), 2**40),
    epoch=st.integers(0, 1000),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
)
def test_an_epoch_visits_every_datum_once(n, size, seed, epoch, shuffle, drop_last):
    if drop_last and size > n:
        size = n
    x = torch.arange(float(n))
    options = {"shuffle": shuffle, "seed": seed, "drop_last": drop_last, "device": "cpu"}
    batches = Batches(x, size, **options)
    seen = [b[0] for b in collect(batches, epoch)]
    assert len(seen) == len(batches) and batches.num_data == n
    assert all(len(b) == size for b in seen[:-1])
    values = torch.cat(seen).tolist()
    if drop_last:
        assert len(seen[-1]) == size and len(set(values)) == len(values) == n - n % size
    else:
        assert sorted(values) == x.tolist()
    if not shuffle:
        assert values == x.tolist()[: len(values)]


def grey(n=64):
    return Split(torch.rand(n, 3, generator=torch.Generator().manual_seed(0)), torch.arange(n))


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_batch_depends_on_its_place_alone(shuffle):
    split = Split(grey().x, grey().y, dynamic=True).labelled()
    one = Batches(split, 10, shuffle=shuffle, seed=3, device="cpu")
    two = Batches(split, 10, shuffle=shuffle, seed=3, device="cpu")
    whole = collect(one, 5)
    for _ in range(3):
        torch.rand(7)  # the global random state plays no part
    list(two.epoch(2))
    assert equal(whole[4:], collect(two, 5, start=4))  # a resumed run
    assert equal([whole[6]], [two.batch(5, 6)]) and equal([whole[1]], [two.batch(5, 1)])
    assert equal(whole, collect(one, 5))
    assert collect(one, 5, start=len(one)) == []


def test_interleaved_epochs_do_not_disturb_each_other():
    batches = Batches(Split(grey().x, dynamic=True), 10, device="cpu")
    first, second = collect(batches, 0), collect(batches, 1)
    pairs = list(zip(batches.epoch(0), batches.epoch(1), strict=True))
    assert equal(first, [a for a, _ in pairs]) and equal(second, [b for _, b in pairs])


def test_the_global_random_state_is_left_alone():
    before = torch.random.get_rng_state()
    list(Batches(Split(grey().x, dynamic=True), 10, device="cpu").epoch(0))
    assert torch.equal(before, torch.random.get_rng_state())


def test_epochs_and_seeds_give_other_orders():
    x = torch.arange(100.0)
    orders = [
        torch.cat([b for (b,) in Batches(x, 10, seed=s, device="cpu").epoch(e)])
        for s, e in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    assert len({tuple(order.tolist()) for order in orders}) == 4


def test_dynamic_draws_are_binary_fresh_and_right_in_the_mean():
    p = torch.tensor([0.0, 0.1, 0.6, 1.0]).expand(100, 4)
    batches = Batches(Split(p, dynamic=True), 20, shuffle=False, device="cpu")
    epochs = [torch.cat([x for (x,) in batches.epoch(e)]) for e in range(200)]
    assert not torch.equal(epochs[0], epochs[1])
    assert not torch.equal(epochs[0][:20], epochs[0][20:40])  # nor are two batches alike
    draws = torch.cat(epochs)
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    z = (draws.mean(0) - p[0]) / (p[0] * (1 - p[0]) / len(draws)).sqrt().clamp_min(1e-9)
    assert z.abs().max() < 4


def test_labels_come_only_when_asked_for_and_stay_with_their_rows():
    split = grey()
    (x,) = Batches(split, 8, device="cpu").batch(0, 0)
    assert x.shape == (8, 3)
    for x, y in Batches(split.labelled(), 8, device="cpu").epoch(0):
        assert torch.equal(x, split.x[y])
    for x, y in Batches((split.x, split.y), 8, device="cpu").epoch(0):
        assert torch.equal(x, split.x[y])


def test_shuffled_batches_are_copies():
    x = torch.zeros(6)
    Batches(x, 3, device="cpu").batch(0, 0)[0].add_(1)
    assert (x == 0).all()


@pytest.mark.parametrize(
    ("kind", "make", "message"),
    [
        (ConfigError, lambda: Batches(torch.zeros(3), 0), "batch_size=0"),
        (DataError, lambda: Batches(torch.zeros(0, 2), 1), r"tensors with \[0\] rows"),
        (DataError, lambda: Batches((torch.zeros(3), torch.zeros(2)), 1), r"\[3, 2\] rows"),
        (
            DataError,
            lambda: Batches((torch.zeros(3), [1, 2, 3]), 1),
            "something other than tensors",
        ),
        (DataError, lambda: Batches((), 1), "something other than tensors"),
        (DataError, lambda: Batches(torch.zeros(3), 4, drop_last=True), "no whole batch of 4"),
        (DataError, lambda: Batches(torch.zeros(3), 2).batch(0, 2), "batch 2 .* has 2"),
        (DataError, lambda: Batches(torch.zeros(3), 2).batch(0, -1), "batch -1"),
        (DataError, lambda: Batches(torch.zeros(3), 2).epoch(0, 3), "start=3"),
    ],
)
def test_refusals(kind, make, message):
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_the_gpu_the_order_is_the_cpu_one_and_draws_are_seeded():
    x = torch.arange(50.0) / 100
    cpu, gpu = Batches(x, 7, device="cpu"), Batches(x, 7, device="cuda")
    for (a,), (b,) in zip(cpu.epoch(3), gpu.epoch(3), strict=True):
        assert b.is_cuda and torch.equal(a, b.cpu())
    split = Split(x, dynamic=True)
    one, two = Batches(split, 7, device="cuda"), Batches(split, 7, device="cuda")
    assert equal(collect(one, 3)[2:], collect(two, 3, start=2))
