"""Groups on the way down: resolution, leading axes, a start at zero."""

import pytest
import torch

from pyrovae.nn.top_down import TopDownGroup, TopDownPosterior


def moved(module):
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return module


@pytest.mark.parametrize("lead", [(), (5,), (3, 5)])
@pytest.mark.parametrize("above", [None, 6])
def test_a_group_under_any_leading_axes(lead, above):
    group = moved(TopDownGroup(4, 2, (7, 5), above=above))
    shape = (4, 7, 5) if above is None else (6, 4, 3)
    state = torch.randn(*lead, *shape)
    at, params = group(state)
    assert at.shape == (*lead, 4, 7, 5) and params.shape == (*lead, 4, 7, 5)
    one_by_one = [group(row) for row in state.reshape(-1, *shape)]
    torch.testing.assert_close(at.reshape(-1, 4, 7, 5), torch.stack([a for a, _ in one_by_one]))
    assert group.absorb(at, torch.randn(*lead, 2, 7, 5)).shape == at.shape


def test_one_state_serves_many_draws():
    group = moved(TopDownGroup(4, 2, (3, 3)))
    state, z = torch.randn(4, 3, 3), torch.randn(6, 5, 2, 3, 3)
    found = group.absorb(state, z)
    assert found.shape == (6, 5, 4, 3, 3)
    torch.testing.assert_close(found[2, 3], group.absorb(state, z[2, 3]))


def test_a_finer_resolution_adds_a_learned_image():
    group = TopDownGroup(4, 2, (4, 4), above=3, scale=0.0)  # its residual block adds nothing
    state, image = torch.randn(3, 2, 2), torch.randn(4, 4, 4)
    plain, _ = group(state)
    torch.testing.assert_close(plain[:, ::2, ::2], plain[:, 1::2, 1::2])  # each pixel fourfold
    with torch.no_grad():
        group.enter[0].usual.copy_(image)
    torch.testing.assert_close(group(state)[0], plain + image)


def test_the_prior_and_the_posterior_start_at_zero():
    group, posterior = TopDownGroup(4, 2, (3, 3)), TopDownPosterior(4, 5, 2)
    state, params = group(torch.randn(6, 4, 3, 3))
    assert not params.any()
    assert not posterior(state, torch.randn(6, 5, 3, 3)).any()


def test_a_posterior_of_many_states_and_one_datum_each():
    posterior = moved(TopDownPosterior(4, 5, 2))
    state, features = torch.randn(3, 6, 4, 3, 3), torch.randn(6, 5, 3, 3)
    found = posterior(state, features)
    assert found.shape == (3, 6, 4, 3, 3)
    torch.testing.assert_close(found[1], posterior(state[1], features))
    top = posterior(state[0, 0], features)  # the state at the top is the same for all data
    torch.testing.assert_close(top[2], posterior(state[0, 0], features[2]))
