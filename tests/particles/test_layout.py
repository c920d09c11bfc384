"""Where particles and data lie in hand-made tensors."""

import pytest
import torch

from pyrovae.particles.layout import Layout


@pytest.mark.parametrize(
    ("layout", "shape", "reduced"),
    [
        (Layout(None, -1, 1, 3), (3,), (1, 3)),
        (Layout(-2, -1, 2, 3), (5, 3), (5, 3)),
        (Layout(-3, -1, 3, 3), (5, 4, 3), (5, 3)),  # a nested plate of 4, left of the data
        (Layout(-3, -2, 3, 3), (5, 3, 4), (5, 3)),  # ... and right of them
        (Layout(-3, -1, 3, 3), (3,), (1, 3)),  # a site that does not vary by particle
        (Layout(None, -1, 2, 3), (4, 3), (1, 3)),
        (Layout(-2, None, 2, 1), (5, 3), (5, 1)),  # a joint bound
        (Layout(None, None, 1, 1), (3,), (1, 1)),
        (Layout(None, None, 0, 1), (), (1, 1)),
        (Layout(-1, None, 1, 1), (5,), (5, 1)),
    ],
)
def test_reduce_sums_all_but_particles_and_data(layout, shape, reduced):
    tensor = torch.randn(shape).double()
    out = layout.reduce(tensor)
    assert out.shape == reduced
    torch.testing.assert_close(out.sum(), tensor.sum())


def test_reduce_keeps_each_particle_and_datum_apart():
    tensor = torch.arange(5 * 4 * 3).double().reshape(5, 4, 3)
    torch.testing.assert_close(Layout(-3, -1, 3, 3).reduce(tensor), tensor.sum(1))
    torch.testing.assert_close(Layout(-3, -2, 3, 4).reduce(tensor), tensor.sum(2))


@pytest.mark.parametrize(
    ("layout", "shape", "event_dim", "arranged"),
    [
        (Layout(None, -1, 1, 3), (3, 7), 1, (1, 3, 7)),
        (Layout(-2, -1, 2, 3), (5, 3, 7, 2), 2, (5, 3, 7, 2)),
        (Layout(-3, -1, 3, 3), (5, 4, 3, 7), 1, (5, 3, 4, 7)),
        (Layout(-3, -2, 3, 3), (5, 3, 4, 7), 1, (5, 3, 4, 7)),
        (Layout(-3, -1, 3, 3), (3, 7), 1, (1, 3, 1, 7)),
        (Layout(None, -1, 2, 3), (4, 3), 0, (1, 3, 4)),
        (Layout(-2, None, 2, 1), (5, 3, 7), 1, (5, 1, 3, 7)),
        (Layout(-2, None, 2, 1), (5, 1), 0, (5, 1, 1)),
        (Layout(None, None, 1, 1), (3, 7), 1, (1, 1, 3, 7)),
    ],
)
def test_arrange_brings_particles_and_data_to_the_front(layout, shape, event_dim, arranged):
    tensor = torch.randn(shape)
    out = layout.arrange(tensor, event_dim)
    assert out.shape == arranged
    assert sorted(out.flatten().tolist()) == sorted(tensor.flatten().tolist())


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        (Layout(None, -1, 1, 3), (1, 3)),
        (Layout(-2, -1, 2, 3), (5, 3)),
        (Layout(-3, -1, 3, 3), (5, 3, 4)),
        (Layout(-3, -2, 3, 3), (5, 3, 4)),
        (Layout(None, -2, 2, 3), (1, 3, 4)),
        (Layout(-4, -2, 4, 3), (5, 3, 4, 2)),
        (Layout(-2, None, 2, 1), (5, 1, 3)),
        (Layout(None, None, 1, 1), (1, 1, 3)),
    ],
)
@pytest.mark.parametrize("event", [(), (7,), (7, 2)])
def test_restore_undoes_arrange(layout, shape, event):
    value = torch.randn(*shape, *event)
    native = layout.restore(value, len(event))
    assert native.dim() == layout.rank + len(event)
    assert torch.equal(layout.arrange(native, len(event)), value)


def test_arrange_moves_axes_and_does_not_mix_them():
    value = torch.arange(5 * 4 * 3 * 2).reshape(5, 4, 3, 2)
    out = Layout(-3, -1, 3, 3).arrange(value, 1)
    assert torch.equal(out[1, 2, 3], value[1, 3, 2])


@pytest.mark.parametrize(
    ("layout", "shape", "event_dim", "spread"),
    [
        (Layout(None, -1, 1, 3), (3, 7), 1, (3, 1)),
        (Layout(-2, -1, 2, 3), (5, 3, 7, 2), 2, (5, 3, 1, 1)),
        (Layout(-3, -1, 3, 3), (5, 4, 3, 7), 1, (5, 1, 3, 1)),
        (Layout(-3, -2, 3, 3), (5, 3, 4), 0, (5, 3, 1)),
        (Layout(None, -2, 3, 3), (3, 1, 7), 1, (3, 1, 1)),
        (Layout(-2, None, 2, 1), (5, 1, 7), 1, (5, 1, 1)),
        (Layout(None, None, 0, 1), (7,), 1, (1,)),
    ],
)
def test_spread_lays_weights_along_a_value(layout, shape, event_dim, spread):
    num_particles = 5 if layout.particle_dim is not None else 1
    weights = torch.rand(num_particles, layout.batch_size)
    value = torch.randn(shape)
    laid = layout.spread(weights, value, event_dim)
    assert laid.shape == spread
    arranged = layout.arrange(laid * value, event_dim)
    flat = arranged.flatten(2) if arranged.dim() > 2 else arranged.unsqueeze(-1)
    expected = layout.arrange(value, event_dim).reshape(flat.shape) * weights.unsqueeze(-1)
    torch.testing.assert_close(flat, expected)
