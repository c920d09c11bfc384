"""The forms of Sylvester flows against matrices written out."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.nn.flows import HouseholderSylvester, OrthogonalSylvester, TriangularSylvester

FORMS = [
    TriangularSylvester,
    HouseholderSylvester,
    OrthogonalSylvester,
    lambda dim, context_dim: OrthogonalSylvester(dim, context_dim, num_columns=2),
    lambda dim, context_dim: OrthogonalSylvester(dim, context_dim, num_columns=1),
]
L, B = 4, 3


def away(form):
    layer = form(L, 2).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter))
    return layer, torch.randn(B, 2).double(), torch.randn(5, B, L).double()


def columns(layer, context):
    """Q [B, L, M], from what it makes of unit vectors."""
    m = layer.b.shape[0]
    eye = torch.eye(m).double()[:, None].expand(m, B, m)
    return layer.basis(context).vector(eye).permute(1, 2, 0)


@pytest.mark.parametrize("form", FORMS)
def test_map_and_log_det_by_hand(form):
    """z + Q R h(R~ Q'z + b), and the sum of log |1 + h' r~_ii r_ii|."""
    layer, context, z = away(form)
    q = columns(layer, context)
    both = layer.off_diagonals(context)
    r = both.triu(1) + torch.diag_embed(layer.diagonal(context).tanh())
    r_inner = both.tril(-1).mT + torch.diag_embed(layer.inner_diagonal(context).tanh())
    inner = torch.einsum("bnm,blm,kbl->kbn", r_inner, q, z) + layer.b(context)
    exact = z + torch.einsum("blm,bmn,kbn->kbl", q, r, inner.tanh())
    transform = layer.condition(context)
    y = transform(z)
    torch.testing.assert_close(y, exact)
    slopes = 1 - inner.tanh() ** 2
    products = r.diagonal(dim1=-2, dim2=-1) * r_inner.diagonal(dim1=-2, dim2=-1)
    log_det = (1 + slopes * products).abs().log().sum(-1)
    torch.testing.assert_close(transform.log_abs_det_jacobian(z, y), log_det)


@pytest.mark.parametrize("form", FORMS)
def test_the_columns_are_orthonormal(form):
    layer, context, z = away(form)
    q = columns(layer, context)
    eye = torch.eye(q.shape[-1]).double().expand(B, -1, -1)
    torch.testing.assert_close(q.mT @ q, eye)
    torch.testing.assert_close(
        layer.basis(context).coordinates(z), torch.einsum("blm,kbl->kbm", q, z)
    )


def test_columns_do_not_turn_around():
    """Along a path on which a factor's diagonal passes zero, Q moves by little."""
    layer = OrthogonalSylvester(2).double()
    found = []
    for first in (-1e-6, 1e-6):
        with torch.no_grad():
            layer.columns.bias.copy_(torch.tensor([first, 0.3, 1.0, 0.2]))
        basis = layer.basis(None)
        found.append(basis.vector(torch.eye(2).double()))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("num_columns", [0, 5])
def test_a_wrong_number_of_columns(num_columns):
    with pytest.raises(ConfigError, match="for dim=4; it needs between 1 and 4"):
        OrthogonalSylvester(4, num_columns=num_columns)
