"""Where particles and data lie, by hand-made tensors and small traces."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from pyrovae.errors import PlateError, ScaleError
from pyrovae.particles.layout import Layout
from pyrovae.particles.plates import batch_axis, nesting
from pyrovae.particles.scales import common_scale
from pyrovae.particles.traces import sample_sites


def _sites(program, side="model"):
    trace = poutine.trace(program).get_trace()
    return [(side, name, site) for name, site in sample_sites(trace).items()]


def _normal(name="z", shape=()):
    return pyro.sample(name, dist.Normal(torch.zeros(shape), 1.0))


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


def test_nesting_is_the_leftmost_plate():
    def program():
        _normal("outside")
        with pyro.plate("a", 2, dim=-1), pyro.plate("b", 3, dim=-4):
            _normal()

    sites = _sites(program)
    assert nesting(site for _, _, site in sites) == 4
    assert nesting([]) == 0


class TestBatchAxis:
    def test_one_plate(self):
        def program():
            with pyro.plate("data", 3, dim=-2):
                _normal()

        assert batch_axis(_sites(program), "auto") == (-2, 3)
        assert batch_axis(_sites(program), "data") == (-2, 3)
        assert batch_axis(_sites(program), None) == (None, 1)

    def test_nested_plates_do_not_compete(self):
        def program():
            with pyro.plate("data", 3, dim=-1):
                _normal("g")
                with pyro.plate("members", 2, dim=-2):
                    _normal("z")

        assert batch_axis(_sites(program), "auto") == (-1, 3)
        with pytest.raises(PlateError, match="site 'g' of the model is outside plate 'members'"):
            batch_axis(_sites(program), "members")

    def test_the_particle_plate_is_not_over_data(self):
        def program():
            with pyro.plate("num_particles_vectorized", 5, dim=-2), pyro.plate("data", 3, dim=-1):
                _normal()

        assert batch_axis(_sites(program), "auto") == (-1, 3)

    def test_errors_name_the_site(self):
        def program():
            _normal("lonely")
            with pyro.plate("data", 3):
                _normal("a")
                _normal("b")

        with pytest.raises(PlateError, match="site 'lonely' of the guide is outside plate 'data'"):
            batch_axis(_sites(program, "guide"), "auto")
        with pytest.raises(PlateError, match="in no plate"):
            batch_axis(_sites(_normal), "auto")
        with pytest.raises(PlateError, match="no sample sites"):
            batch_axis([], "auto")

    def test_sizes_that_differ(self):
        def program(size):
            with pyro.plate("data", size):
                _normal()

        both = _sites(lambda: program(3), "guide") + _sites(lambda: program(4))
        with pytest.raises(PlateError, match="site 'z' of the model.*size 4.*size 3 of 3"):
            batch_axis(both, "auto")

    def test_subsamples_that_differ(self):
        """Equal minibatches of unequal data sets: the scales would differ."""

        def program(size):
            with pyro.plate("data", size, subsample_size=2):
                _normal()

        both = _sites(lambda: program(4), "guide") + _sites(lambda: program(8))
        with pytest.raises(PlateError, match="size 2 of 8.*size 2 of 4"):
            batch_axis(both, "auto")


class TestCommonScale:
    layout = Layout(None, -1, 1, 3)

    def _scaled(self, scale, side="model", size=3):
        def program():
            with pyro.plate("data", size):
                _normal()

        return _sites(poutine.scale(program, scale=scale), side)

    def test_a_number(self):
        assert common_scale(self._scaled(0.5), self.layout) == 0.5
        assert common_scale([], self.layout) == 1.0

    def test_a_scalar_tensor_keeps_its_kind(self):
        scale = common_scale(self._scaled(torch.tensor([0.5])), self.layout)
        assert torch.equal(scale, torch.tensor(0.5))

    def test_one_per_datum(self):
        weights = torch.tensor([1.0, 2.0, 3.0])
        assert torch.equal(common_scale(self._scaled(weights), self.layout), weights)
        behind = Layout(-3, -2, 3, 3)
        assert torch.equal(common_scale(self._scaled(weights[:, None], size=1), behind), weights)

    def test_one_per_member_is_refused(self):
        with pytest.raises(ScaleError, match=r"shape \[3\].*one per datum"):
            common_scale(self._scaled(torch.ones(3)), Layout(None, -2, 2, 3))

    @pytest.mark.parametrize("other", [0.5001, torch.tensor(0.7), torch.tensor([0.5, 0.5, 0.6])])
    def test_unequal(self, other):
        both = self._scaled(0.5, "guide") + self._scaled(other)
        with pytest.raises(ScaleError, match="site 'z' of the model is scaled by.*by 0.5;"):
            common_scale(both, self.layout)

    def test_equal_up_to_rounding(self):
        both = self._scaled(1 / 3, "guide") + self._scaled(torch.tensor(1 / 3))
        assert common_scale(both, self.layout) == pytest.approx(1 / 3)


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
