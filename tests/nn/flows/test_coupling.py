"""Couplings keep one half, and scale the other by what they saw."""

import torch

from pyrovae.nn.flows import AffineCoupling, SplineCoupling


def test_the_first_half_passes_and_the_rest_sees_it_alone():
    for kind in (AffineCoupling, SplineCoupling):
        for dim in (2, 5):
            layer, z = kind(dim).double(), torch.randn(dim).double()
            matrix = torch.autograd.functional.jacobian(layer.condition(), z)
            kept = dim // 2
            assert torch.equal(matrix[:kept], torch.eye(dim).double()[:kept])
            rest = matrix[kept:, kept:]
            assert torch.equal(rest, rest.diagonal().diag_embed())
            assert (matrix[kept:, :kept] != 0).all()


def test_affine_coupling_by_hand():
    layer = AffineCoupling(4, 2).double()
    context, z = torch.randn(3, 2).double(), torch.randn(5, 3, 4).double()
    shift, log_scale = layer.network(z[..., :2], layer.network.given(context)).chunk(2, -1)
    transform = layer.condition(context)
    y = transform(z)
    torch.testing.assert_close(y[..., 2:], z[..., 2:] * log_scale.exp() + shift)
    torch.testing.assert_close(transform.log_abs_det_jacobian(z, y), log_scale.sum(-1))
