"""Reflections are orthogonal."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.nn.flows import Householder


@pytest.mark.parametrize("num_reflections", [1, 2, 5])
def test_the_matrix_is_orthogonal(num_reflections):
    layer = Householder(4, 2, num_reflections=num_reflections).double()
    context = torch.randn(3, 2).double()
    matrix = layer.condition(context)(torch.eye(4).double()[:, None].expand(4, 3, 4))
    matrix = matrix.transpose(0, 1)  # of each datum
    eye = torch.eye(4).double().expand(3, 4, 4)
    torch.testing.assert_close(matrix @ matrix.mT, eye)
    sign = torch.full((3,), (-1.0) ** num_reflections).double()
    torch.testing.assert_close(torch.linalg.det(matrix), sign)


def test_one_reflection_by_hand():
    layer = Householder(3).double()
    v, z = layer.normals(None)[0], torch.randn(5, 3).double()
    exact = z - 2 * (z @ v)[:, None] * v / (v @ v)
    transform = layer.condition()
    torch.testing.assert_close(transform(z), exact)
    assert (transform.log_abs_det_jacobian(z, exact) == 0).all()


def test_no_reflection():
    with pytest.raises(ConfigError, match="num_reflections=0; it needs a whole number"):
        Householder(3, num_reflections=0)
