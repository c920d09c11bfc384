"""Shapes are drawn where and how their factors say."""

import math

import pytest
import torch

from pyrovae.data import ShapeGrid, batches, shapes
from pyrovae.errors import ConfigError, DataError

FINE = ShapeGrid(size=64, antialias=True)


def moments(image):
    """Area, centre and covariance of an image [H, W], in pixels; y is down."""
    weight = image.double() / 16
    place = torch.arange(len(image)).double() + 0.5
    area = weight.sum()
    x, y = (weight.sum(0) @ place) / area, (weight.sum(1) @ place) / area
    dx, dy = place - x, place - y
    cross = float(dy @ weight @ dx / area)
    spread = [[float(weight.sum(0) @ dx**2 / area), cross],
              [cross, float(weight.sum(1) @ dy**2 / area)]]  # fmt: skip
    return float(area), float(x), float(y), torch.tensor(spread)


@pytest.mark.parametrize("scale", [0, 3])
def test_areas_and_centres_are_the_formulas(scale):
    radius = 0.24 * 64 * (0.5 + 0.5 * scale / 3)
    centre = [0.24 * 64 + 64 * (1 - 0.48) * i / 11 for i in (2, 7)]
    for shape, unit_area in ((0, 2.0), (1, math.pi / 2)):
        (image,) = FINE.draw(torch.tensor([[shape, scale, 1, 2, 7]]))
        area, x, y, _ = moments(image[0])
        assert area == pytest.approx(unit_area * radius**2, rel=0.01)
        assert [x, y] == pytest.approx(centre, abs=0.05)
    (heart,) = FINE.draw(torch.tensor([[2, scale, 0, 2, 7]]))
    area, x, _, _ = moments(heart[0])
    assert area == pytest.approx(math.pi / 1.38**2 * radius**2, rel=0.02)  # a sheared circle
    assert x == pytest.approx(centre[0], abs=0.05)


@pytest.mark.parametrize("orientation", range(6))
def test_orientation_turns_counter_clockwise(orientation):
    (image,) = FINE.draw(torch.tensor([[1, 3, orientation, 5, 5]]))
    _, _, _, spread = moments(image[0])
    values, axes = torch.linalg.eigh(spread)
    long = axes[:, 1] * axes[:, 1][0].sign()
    angle = math.degrees(math.atan2(-long[1], long[0]))  # y is down
    assert angle == pytest.approx(15 * orientation, abs=0.5)
    assert float((values[1] / values[0]).sqrt()) == pytest.approx(2, rel=0.01)


def test_hearts_stand_upright():
    (heart,) = FINE.draw(torch.tensor([[2, 3, 0, 5, 5]]))
    ink = heart[0].sum(1).nonzero().flatten()
    top, bottom = int(ink[0]), int(ink[-1])
    assert (heart[0, top + 2] > 0).sum() > (heart[0, bottom - 2] > 0).sum()
    notch = heart[0, :, round(0.24 * 64 + 64 * 0.52 * 5 / 11)]
    assert notch[top] == 0 < heart[0, top].sum(), "two lobes"


def test_x_is_right_and_y_is_down():
    """By whole pixels: a shape moves, and nothing else changes."""
    grid = ShapeGrid(size=40, radius=0.2, num_positions=13)  # steps of 24 / 12 = 2 pixels
    start, right, down = grid.draw(
        torch.tensor([[2, 2, 1, 3, 4], [2, 2, 1, 5, 4], [2, 2, 1, 3, 7]])
    )
    assert torch.equal(start.roll(4, 2), right) and torch.equal(start.roll(6, 1), down)


def test_every_image_of_the_default_grid_is_another():
    grid = ShapeGrid()
    x = grid.draw(grid.factors())
    assert x.shape == (10_368, 1, 32, 32) and x.dtype == torch.float32
    assert x.unique().tolist() == [0, 1]
    assert len(torch.unique(x.flatten(1).bool(), dim=0)) == len(x)
    full = ShapeGrid(turn=1.0, num_orientations=4, num_positions=1, antialias=True)
    squares = full.draw(torch.tensor([[0, 3, i, 0, 0] for i in range(4)]))
    assert all(torch.equal(squares[0], other) for other in squares[1:])


def test_a_binary_pixel_is_half_covered():
    factors = ShapeGrid().sample(50, seed=0)
    grey, binary = (ShapeGrid(antialias=a).draw(factors) for a in (True, False))
    assert set(grey.unique().tolist()) <= set(map(float, range(17))) and grey.max() == 16
    assert torch.equal(binary, (grey >= 8).float())


def test_draws_at_given_factors_are_those_of_the_grid():
    grid = ShapeGrid(num_positions=3)
    factors = grid.factors()
    rows = torch.randperm(len(factors), generator=torch.Generator().manual_seed(0))[:300]
    assert torch.equal(grid.draw(factors[rows]), grid.draw(factors)[rows])
    assert grid.draw(factors[:0]).shape == (0, 1, 32, 32)
    drawn = grid.sample(2000, seed=1)
    assert torch.equal(drawn, grid.sample(2000, seed=1))
    assert drawn.amax(0).tolist() == [c - 1 for c in grid.sizes.values()]
    assert not drawn.amin(0).any()


def test_the_set_holds_the_grid_once():
    data = shapes(num_positions=4, num_scales=2, val_size=50, test_size=70, seed=3)
    assert data.info["factors"] == {"shape": 3, "scale": 2, "orientation": 6, "x": 4, "y": 4}
    assert [len(s) for s in (data.train, data.val, data.test)] == [456, 50, 70]
    y = torch.cat([data.train.y, data.val.y, data.test.y])
    assert y.dtype == torch.int64 and len(torch.unique(y, dim=0)) == 3 * 2 * 6 * 4 * 4
    grid = ShapeGrid(num_positions=4, num_scales=2)
    assert torch.equal(data.test.x, grid.draw(data.test.y))
    again, other = (shapes(num_positions=4, num_scales=2, val_size=50, test_size=70, seed=s)
                    for s in (3, 4))  # fmt: skip
    assert torch.equal(again.train.x, data.train.x) and not torch.equal(other.val.y, data.val.y)
    assert len(next(batches(data, 10, device="cpu").epoch(0))) == 1, "factors are not fed"


@pytest.mark.parametrize(("unit", "most"), [(False, 16), (True, 1)])
def test_grey_levels(unit, most):
    data = shapes(num_positions=2, antialias=True, unit=unit, val_size=10, test_size=10)
    assert data.train.x.max() == most and data.info["levels"] == 17
    assert data.info["unit"] is unit
    assert shapes(num_positions=2, val_size=10, test_size=10).info["levels"] == 2


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"num_scales": 0}, {"radius": 0.5}, {"turn": 0.0}, {"turn": 1.5}]
)
def test_what_makes_no_grid_is_refused(options):
    with pytest.raises(ConfigError, match="counts of 1 or more, radius in"):
        ShapeGrid(**options)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        (torch.zeros(3, 4).long(), r"needs whole numbers \[N, 5\]"),
        (torch.zeros(3, 5), "needs whole numbers"),
        (torch.tensor([[0, 0, 0, 0, 0], [0, 4, 0, 0, 0]]), "scale 4 in row 1.* 0 to 3"),
        (torch.tensor([[-1, 0, 0, 0, 0]]), "shape -1 in row 0"),
    ],
)
def test_factors_that_the_grid_lacks_are_refused(factors, message):
    with pytest.raises(DataError, match=message):
        ShapeGrid().draw(factors)


def test_a_split_that_leaves_nothing_is_refused():
    with pytest.raises(DataError, match="shapes: 1000 rows for val and 2000 for test out of 288"):
        shapes(num_positions=2)
