"""MAF is IAF read backwards."""

import torch

from pyrovae.nn.flows import InverseAutoregressive, MaskedAutoregressive


def test_is_the_inverse_of_iaf():
    one = InverseAutoregressive(4, 2, gated=False).double()
    other = MaskedAutoregressive(4, 2).double()
    other.load_state_dict(one.state_dict())
    context, z = torch.randn(3, 2).double(), torch.randn(5, 3, 4).double()
    y = one.condition(context)(z)
    torch.testing.assert_close(other.condition(context)(y), z)


def test_one_pass_to_score_and_one_for_each_dimension_to_draw():
    layer = MaskedAutoregressive(4)
    passes = []
    layer.network.register_forward_hook(lambda *_: passes.append(1))
    flow = layer.condition()
    y = flow(torch.randn(5, 4))
    assert len(passes) == 4
    fresh = layer.condition()
    given = y.clone()
    fresh.log_abs_det_jacobian(fresh.inv(given), given)
    assert len(passes) == 5
