"""Transforms of torch, Pyro and zuko as layers, against autograd and by saving them."""

import io
from copy import deepcopy

import pyro.distributions.transforms as T
import pytest
import torch
from torch import nn
from torch.distributions import AffineTransform, ComposeTransform, ExpTransform, SigmoidTransform

from pyrovae.errors import ConfigError, InverseError
from pyrovae.nn.flows import AffineCoupling, FlowLayer, Permutation, as_layer, stacked
from tests.zuko_flows import zuko

L, C, B = 4, 3, 5
ORDER = torch.tensor([2, 0, 3, 1])

SOURCES = {
    "affine_autoregressive": T.affine_autoregressive,
    "affine_coupling": T.affine_coupling,
    "block_autoregressive": T.block_autoregressive,
    "conditional_affine_autoregressive": T.conditional_affine_autoregressive,
    "conditional_affine_coupling": T.conditional_affine_coupling,
    "conditional_householder": T.conditional_householder,
    "conditional_neural_autoregressive": T.conditional_neural_autoregressive,
    "conditional_planar": T.conditional_planar,
    "conditional_radial": T.conditional_radial,
    "conditional_spline": T.conditional_spline,
    "conditional_spline_autoregressive": T.conditional_spline_autoregressive,
    "elu": T.elu,
    "householder": T.householder,
    "leaky_relu": T.leaky_relu,
    "neural_autoregressive": T.neural_autoregressive,
    "permute": T.permute,
    "planar": T.planar,
    "polynomial": T.polynomial,
    "radial": T.radial,
    "spline": T.spline,
    "spline_autoregressive": T.spline_autoregressive,
    "spline_coupling": T.spline_coupling,
    "sylvester": T.sylvester,
    "a class": T.Planar,
    "a transform that is there": lambda: T.affine_coupling(L),
    "an inverse": lambda: T.affine_autoregressive(L).inv,
    "a permutation": lambda: T.Permute(ORDER),
    "elements": lambda: ExpTransform(),
    "an affine map": lambda: AffineTransform(torch.ones(L), 2 * torch.ones(L)),
    "a composition": lambda: ComposeTransform([T.affine_coupling(L), T.Permute(ORDER)]),
    "a composition of modules": lambda: T.ComposeTransformModule([T.planar(L), T.spline(L)]),
    "a list": lambda: [T.affine_coupling, Permutation, AffineCoupling],
    "a list of transforms": lambda: [T.spline(L), T.Permute(ORDER), ExpTransform()],
    "one's own": lambda: lambda dim: Shift(dim),
    "zuko's": lambda: zuko().flows.autoregressive.MaskedAutoregressiveTransform(L, C),
    "zuko's class": lambda: zuko().flows.autoregressive.MaskedAutoregressiveTransform,
    "zuko's coupling": lambda: zuko().flows.coupling.GeneralCouplingTransform(L, C),
}
NAMES = list(SOURCES)


class Shift(T.Transform, nn.Module):
    """A user's own transform."""

    domain = codomain = torch.distributions.constraints.real_vector
    bijective = True

    def __init__(self, dim):
        T.Transform.__init__(self)
        nn.Module.__init__(self)
        self.by = nn.Parameter(torch.ones(dim))

    def __hash__(self):
        return id(self)

    def _call(self, x):
        return x + self.by

    def _inverse(self, y):
        return y - self.by

    def log_abs_det_jacobian(self, x, y):
        return torch.zeros(x.shape[:-1])


def made(name) -> FlowLayer:
    source = SOURCES[name]
    is_factory = source.__name__ != "<lambda>"
    return as_layer(source if is_factory else source(), L, C)


def context():
    return torch.randn(B, C, generator=torch.Generator().manual_seed(1))


def some_z():
    return torch.rand(2, B, L, generator=torch.Generator().manual_seed(2)) / 2 + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_log_determinant_is_that_of_the_jacobian(name):
    layer, z = made(name), some_z()
    transform = layer.condition(context())
    y = transform(z)
    log_det = transform.log_abs_det_jacobian(z, y)
    assert y.shape == z.shape
    assert log_det.shape == z.shape[:-1]
    given = context()[0]
    jacobian = torch.autograd.functional.jacobian(
        lambda one: layer.condition(given)(one[None])[0], z[1, 0]
    )
    exact = torch.linalg.slogdet(jacobian)[1]
    torch.testing.assert_close(log_det[1, 0], exact, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_inverse_that_it_says(name):
    layer, z = made(name), some_z()
    y = layer.condition(context())(z).detach()
    again = layer.condition(context())
    if not layer.scores_any:
        with pytest.raises(InverseError, match="has no inverse"):
            again.inv(y)
        return
    back = again.inv(y)
    torch.testing.assert_close(back, z, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_copied_moved_and_saved_after_use(name):
    layer, z = made(name), some_z()
    y = layer.condition(context())(z).detach()
    copied = deepcopy(layer)
    torch.testing.assert_close(copied.condition(context())(z), y)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.add_(0.1)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    copied.load_state_dict(torch.load(file))
    torch.testing.assert_close(copied.condition(context())(z), y)
    if name == "an inverse":  # Pyro's starts from zeros of torch's default dtype
        return
    layer.double()
    twice = layer.condition(context().double())(z.double())
    torch.testing.assert_close(twice, y.double(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_its_parameters_are_registered_and_get_gradients(name):
    layer = made(name)
    transform, z = layer.condition(context()), some_z().requires_grad_()
    y = transform(z)
    (y.square().sum() + transform.log_abs_det_jacobian(z, y).sum()).backward()
    named = dict(layer.named_parameters())
    without = [name for name, p in named.items() if p.grad is None]
    assert not [n for n in without if "unnormalized" not in n], without  # tails of a spline


def test_a_draw_leaves_nothing_in_the_transform():
    own = T.affine_coupling(L)
    layer = as_layer(own, L)
    layer.condition()(some_z())
    assert own._cached_x_y == (None, None)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (T.planar(7), "failed on vectors of shape"),
        (T.batchnorm, "BatchNorm transform normalises by the batch"),
        (T.matrix_exponential, "MatrixExponential cuts off a series"),
        (T.conditional_matrix_exponential, "ConditionalMatrixExponential cuts off a series"),
        (T.conditional_generalized_channel_permute, "failed on vectors"),
        (T.SimplexToOrderedTransform(torch.zeros(1)), "layer"),
        (lambda dim: 3, "gave a int; it has to give a transform"),
        (3, "3 is no layer"),
        ("affine", "'affine' is no layer"),
        (nn.Linear(C, L), "Linear gave a Tensor, and a layer gives a transform"),
        (AffineCoupling(3, C), "of dim=4 and context_dim=3 got a AffineCoupling of dim=3"),
        (torch.distributions.SoftmaxTransform(), "failed on vectors|maps vectors"),
    ],
)
def test_what_is_no_layer_is_refused(source, said):
    with pytest.raises(ConfigError, match=said):
        as_layer(source, L, C)


def test_a_conditional_transform_needs_a_context():
    with pytest.raises(ConfigError, match="ConditionalSpline needs a context"):
        as_layer(T.conditional_spline(L, C), L, 0)


def test_a_flow_that_gives_distributions_is_told_where_it_belongs():
    with pytest.raises(ConfigError, match="can be a prior or a posterior"):
        as_layer(zuko().flows.MAF(L, C), L, C)


def test_layers_that_are_there_are_not_repeated():
    one = T.affine_coupling(L)
    assert len(list(stacked(one, None, Permutation)(L, 0).parameters())) == len(
        list(one.parameters())
    )
    assert len(stacked(T.planar, None, Permutation)(L, 0).layers) == 7
    assert len(stacked([T.planar, T.radial], None, Permutation)(L, 0).layers) == 2
    with pytest.raises(ConfigError, match="share their weights"):
        stacked(one, 3, None)


def test_elements_may_have_a_narrower_range():
    layer = as_layer(SigmoidTransform(), L)
    transform = layer.condition()
    assert transform.codomain.event_dim == 1
    assert bool(transform.codomain.check(torch.full((L,), 0.5)))
    assert not bool(transform.codomain.check(torch.full((L,), 1.5)))


@pytest.mark.parametrize(
    "make",
    [lambda: torch.ones(L, requires_grad=True), lambda: nn.Parameter(torch.ones(L))],
    ids=["tensor", "parameter"],
)
@pytest.mark.parametrize("kind", ["one tensor", "one transform", "one memory"])
def test_a_tensor_in_two_places_is_one_parameter(make, kind):
    s = make()
    one = AffineTransform(s, 1.0)
    other = {
        "one tensor": AffineTransform(s, 1.0),
        "one transform": one,
        "one memory": AffineTransform(s.detach().requires_grad_(), 1.0),
    }[kind]
    layer = as_layer(ComposeTransform([one, other]), L)
    (parameter,) = layer.parameters()
    transform = layer.condition()
    transform(torch.zeros(1, L)).sum().backward()
    torch.optim.SGD(layer.parameters(), lr=0.25).step()
    torch.testing.assert_close(parameter.detach(), torch.full((L,), 0.5))
    torch.testing.assert_close(layer.condition()(torch.zeros(L)), torch.ones(L))
    copied = deepcopy(layer)
    copied.load_state_dict(layer.state_dict())
    assert len(list(copied.double().parameters())) == 1


def test_a_parameter_of_another_network_stays_that_one():
    network = nn.Linear(L, L)
    layer = as_layer(AffineTransform(network.bias, 1.0), L)
    assert next(layer.parameters()) is network.bias
