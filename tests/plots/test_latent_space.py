"""Latents of any dimension are points in the plane."""

import numpy as np
import pytest
import torch

from pyrovae import plots


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_latents_of_any_dimension(dims):
    z, y = torch.randn(30, dims), torch.arange(30) % 3
    axes = plots.latent_space(z, y).axes[0]
    points = np.concatenate([c.get_offsets() for c in axes.collections])
    assert points.shape == (30, 2)
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["0", "1", "2"]
    if dims == 2:
        by_class = torch.cat([z[y == c] for c in range(3)])
        np.testing.assert_allclose(points, by_class.numpy(), rtol=1e-6)
    assert plots.latent_space(z).axes[0].collections
