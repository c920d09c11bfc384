"""One optimiser over all leaves, from every kind of optimiser a user brings."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch import nn

from pyrovae.errors import ConfigError, ParameterError
from pyrovae.particles import parameters
from pyrovae.train import SVI
from pyrovae.train.optim.joint import JointOptimizer
from tests.train.pairs import batch, networks, pair


def leaves(nets):
    return [p for net in nets for p in net.parameters()]


def train(svi, steps=5, seed=3):
    pyro.set_rng_seed(seed)
    return [svi.step(batch()) for _ in range(steps)]


def test_a_torch_optimiser_is_accepted():
    nets = networks()
    optim = torch.optim.Adam(leaves(nets), lr=1e-2)
    ours = train(SVI(*pair(*nets), optim, Trace_ELBO()))
    pyro.clear_param_store()
    wrapped = SVI(*pair(*networks()), pyro.optim.Adam({"lr": 1e-2}), Trace_ELBO())
    assert ours == train(wrapped)


def test_a_torch_optimiser_that_lacks_a_leaf_is_an_error():
    nets = networks()
    optim = torch.optim.Adam(nets[0].parameters(), lr=1e-2)
    with pytest.raises(ParameterError, match=r"decoder\$\$\$weight.*would not train"):
        SVI(*pair(*nets), optim, Trace_ELBO()).step(batch())


def test_a_torch_optimiser_over_the_leaves_of_param_statements():
    def model(x):
        scale = pyro.param("scale", torch.tensor(2.0), constraint=dist.constraints.positive)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, scale))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x[:, 0])

    def guide(x):
        loc = pyro.param("loc", torch.tensor(0.5))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0))

    found = parameters.trainable(model, guide, batch())
    svi = SVI(model, guide, torch.optim.SGD(found.values(), lr=1e-2), Trace_ELBO())
    svi.step(batch())
    assert pyro.param("scale") != 2.0 and pyro.param("loc") != 0.5


def test_clip_norm_is_one_norm_over_all_leaves():
    steps = {}
    for clip_norm in (None, 0.5):
        pyro.clear_param_store()
        nets = networks()
        before = [p.detach().clone() for p in leaves(nets)]
        svi = SVI(*pair(*nets), pyro.optim.SGD({"lr": 1.0}), Trace_ELBO(), clip_norm=clip_norm)
        train(svi, steps=1)
        steps[clip_norm] = [b - p.detach() for b, p in zip(before, leaves(nets), strict=True)]
    free, clipped = (torch.cat([s.flatten() for s in steps[c]]) for c in (None, 0.5))
    assert free.norm() > 1
    torch.testing.assert_close(clipped.norm(), torch.tensor(0.5), rtol=1e-5, atol=0)
    torch.testing.assert_close(clipped / clipped.norm(), free / free.norm(), rtol=1e-4, atol=1e-6)


def test_clip_args_of_a_wrapper():
    optim = pyro.optim.Adam({"lr": 1.0}, {"clip_norm": 0.5, "clip_value": 0.1})
    joint = JointOptimizer(optim)
    assert (joint.clip_norm, joint.clip_value) == (0.5, 0.1)
    leaf = nn.Parameter(torch.zeros(4))
    joint = JointOptimizer(pyro.optim.SGD({"lr": 1.0}, {"clip_value": 0.1}))
    joint.cover({"leaf": leaf})
    leaf.grad = torch.tensor([1.0, -1.0, 0.05, 0.0])
    joint.step()
    torch.testing.assert_close(leaf.detach(), torch.tensor([-0.1, 0.1, -0.05, 0.0]))


def test_clip_args_as_a_function_is_an_error():
    optim = pyro.optim.Adam({"lr": 1.0}, lambda module, name: {"clip_norm": 0.5})
    with pytest.raises(ConfigError, match="clip_norm to SVI"):
        JointOptimizer(optim)


def test_a_leaf_of_two_names_is_stepped_once():
    leaf = nn.Parameter(torch.tensor(2.0))
    joint = JointOptimizer(pyro.optim.SGD({"lr": 0.1}))
    joint.cover({"one": leaf, "other": leaf})
    joint.cover({"one": leaf, "other": leaf, "third": leaf})
    leaf.grad = torch.tensor(3.0)
    assert list(joint.leaves) == ["one"]
    assert joint.gradient_norm() == 3.0
    joint.step()
    torch.testing.assert_close(leaf.detach(), torch.tensor(1.7))


def test_leaves_that_appear_later_are_taken_in():
    one, other = (nn.Parameter(torch.tensor(1.0)) for _ in range(2))
    joint = JointOptimizer(pyro.optim.SGD({"lr": 0.1}))
    joint.cover({"one": one})
    joint.cover({"one": one, "other": other})
    one.grad = other.grad = torch.tensor(1.0)
    joint.step()
    assert one == other != 1.0

    scheduled = JointOptimizer(
        pyro.optim.ExponentialLR(
            {"optimizer": torch.optim.Adam, "optim_args": {"lr": 0.1}, "gamma": 0.5}
        )
    )
    scheduled.cover({"one": one})
    with pytest.raises(ParameterError, match="first step"):
        scheduled.cover({"other": other})


def test_stepping_nothing_is_an_error():
    with pytest.raises(ParameterError, match="declares no parameters"):
        JointOptimizer(pyro.optim.SGD({"lr": 0.1})).step()
