"""Latents of any dimension are points in the plane, and classes that are apart stay apart."""

import numpy as np
import pytest
import torch

from pyrovae import plots


def points_of(axes):
    return np.concatenate([c.get_offsets() for c in axes.collections])


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_latents_of_any_dimension(dims):
    torch.manual_seed(0)
    z, y = torch.randn(40, dims), torch.arange(40) % 3
    axes = plots.latent_space(z, y, title="z").axes[0]
    points = points_of(axes)
    assert points.shape == (40, 2) and axes.get_title() == "z"
    assert [t.get_text() for t in axes.texts] == ["0", "1", "2"]
    by_class = torch.cat([z[y == c] for c in range(3)])
    if dims < 5:
        np.testing.assert_allclose(points[:, :dims], by_class.numpy(), rtol=1e-6)
    assert axes.get_xlabel().startswith("t-SNE of 5 dimensions" if dims == 5 else "unit 0")
    assert plots.latent_space(z).axes[0].collections


def test_ten_classes_that_differ_in_many_dimensions_are_apart():
    """Where two principal components hold a fifth of the variance."""
    torch.manual_seed(0)
    y = torch.arange(300) % 10
    z = 4 * torch.eye(10)[y] + 0.5 * torch.randn(300, 10)
    axes = plots.latent_space(z, y).axes[0]
    assert "nearest neighbours of the same class: 100 % in 10 dimensions, 100 % in" in (
        axes.get_xlabel()
    )
    means = np.stack([c.get_offsets().mean(0) for c in axes.collections])
    spread = max(np.linalg.norm(c.get_offsets() - m, axis=1).max()
                 for c, m in zip(axes.collections, means, strict=True))  # fmt: skip
    gaps = np.linalg.norm(means[:, None] - means[None], axis=2)[~np.eye(10, dtype=bool)]
    assert gaps.min() > spread
    again = plots.latent_space(z, y).axes[0]
    np.testing.assert_array_equal(points_of(axes), points_of(again))


def test_classes_that_are_mixed_say_so():
    torch.manual_seed(0)
    words = plots.latent_space(torch.randn(300, 5), torch.arange(300) % 10).axes[0].get_xlabel()
    assert 5 < float(words.split("class: ")[1].split(" %")[0]) < 15


def test_collapsed_latents_values_and_few_points():
    collapsed = plots.latent_space(torch.ones(50, 6), torch.arange(50) % 2).axes[0]
    assert collapsed.get_xlabel().startswith("unit 0")
    few = torch.zeros(5, 4)
    few[:, 2] = torch.arange(5)
    few[:, 1] = 0.1 * torch.arange(5)
    axes = plots.latent_space(few).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("unit 2", "unit 1")
    scale = plots.latent_space(torch.randn(50, 2), torch.rand(50))
    assert scale.axes[1].get_ylabel() == "y"
    assert len(points_of(plots.latent_space(torch.randn(50, 2), most=20).axes[0])) == 20
