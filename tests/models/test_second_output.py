"""A pair of outputs without names is a mean and a log-variance, or is refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pyrovae.errors import ConfigError
from pyrovae.models import VAE
from pyrovae.models.second_output import refuse_positive
from pyrovae.nn import TwoHeads

D, L = 6, 2
SPREAD = torch.linspace(-1, 1, 8 * D).reshape(8, D)


class Encoder(nn.Module):
    """Two heads on a hidden layer; `last` is applied to the second."""

    def __init__(self, last=lambda h: h, dim=L, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Sequential(nn.Linear(D, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.mean, self.second, self.last = nn.Linear(32, dim), nn.Linear(32, dim), last

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), self.last(self.second(h))


POSITIVE = {
    "exp": torch.exp,
    "half exp": lambda h: (0.5 * h).exp(),
    "softplus": F.softplus,
    "softplus and a floor": lambda h: F.softplus(h) + 1e-6,
    "sigmoid": torch.sigmoid,
    "square": lambda h: h**2,
    "abs": torch.abs,
    "relu": F.relu,
    "elu": lambda h: 1 + F.elu(h),
    "clamped": lambda h: h.clamp(min=1e-3),
    "root of exp": lambda h: h.exp().sqrt(),
    "square by hand": lambda h: h * h + 0.01,
    "logaddexp": lambda h: torch.logaddexp(h, torch.zeros_like(h)),
    "shifted tanh": lambda h: 1.01 + h.tanh(),
    "shifted atan": lambda h: h.atan() + 1.6,
    "minus logsigmoid": lambda h: -F.logsigmoid(h),
    "cosh": torch.cosh,
    "hypot": lambda h: torch.hypot(h, torch.ones_like(h)),
    "logsumexp": lambda h: torch.stack([h, torch.zeros_like(h)]).logsumexp(0),
    "rsqrt": lambda h: (h * h + 1).rsqrt(),
    "reciprocal": lambda h: 1 / (1 + h.exp()),
    "norm": lambda h: torch.stack([h, h]).norm(dim=0),
    "softmax": lambda h: h.softmax(-1),
    "maximum": lambda h: torch.maximum(h, -h),
    "log1p": lambda h: torch.log1p(h.exp()),
    "erf": lambda h: 1 + torch.erf(h),
    "erfc": torch.erfc,
    "expm1": lambda h: 1.001 + torch.expm1(h),
    "cos": lambda h: 2 + h.cos(),
    "silu": lambda h: 1 + F.silu(h),
    "scaled softplus": lambda h: 0.5 * F.softplus(h) + 0.1,
    "kept by where": lambda h: torch.where(h > 0, h + 1, h.exp()),
}
ANY_SIGN = {
    "linear": lambda h: h,
    "clamped": lambda h: h.clamp(-10, 10),
    "hardtanh": lambda h: F.hardtanh(h, -7, 7),
    "tanh": lambda h: 5 * h.tanh(),
    "shifted": lambda h: h - 3,
    "log of softplus": lambda h: F.logsigmoid(h),
    "softplus and a shift": lambda h: F.softplus(h) - 3,
    "log of a variance": lambda h: F.softplus(h).log(),
    "cubed": lambda h: h**3 + h,
    "mean of two": lambda h: torch.stack([h, h + 1]).mean(0),
    "scaled": lambda h: 0.1 * h / 3,
}


@pytest.mark.parametrize("x", [torch.zeros(3, D), SPREAD, 100 * SPREAD], ids=["0", "1", "100"])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("last", POSITIVE)
def test_a_positive_second_output_is_refused(last, seed, x):
    encoder = Encoder(POSITIVE[last], seed=seed)
    if last == "relu" and bool((encoder(x)[1] < 0).any()):
        pytest.skip("it is no scale here")
    with pytest.raises(ConfigError, match=r"positive for all data; .*nn\.TwoHeads\(encoder, 'sc"):
        VAE((D,), L, encoder=encoder).encode(x)


@pytest.mark.parametrize("x", [torch.zeros(3, D), SPREAD, 100 * SPREAD], ids=["0", "1", "100"])
@pytest.mark.parametrize("dim", [1, 2, 8])
@pytest.mark.parametrize("last", ANY_SIGN)
def test_a_log_variance_never_is(last, dim, x):
    for seed in range(20):
        encoder = Encoder(ANY_SIGN[last], dim, seed)
        q = VAE((D,), dim, encoder=encoder).encode(x)
        mean, log_variance = encoder(x)
        torch.testing.assert_close(q.mean, mean)
        torch.testing.assert_close(q.variance, log_variance.exp())


def test_heads_that_start_at_zero_are_a_log_variance():
    encoder = Encoder()
    nn.init.zeros_(encoder.second.weight)
    nn.init.zeros_(encoder.second.bias)
    assert VAE((D,), L, encoder=encoder).encode(SPREAD).stddev.eq(1).all()


class WithFactor(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(L))

    def forward(self, h):
        return self.factor * F.softplus(h)


def test_a_learned_factor_of_a_positive_output_changes_nothing():
    with pytest.raises(ConfigError, match="positive for all data"):
        VAE((D,), L, encoder=Encoder(WithFactor())).encode(SPREAD)


@pytest.mark.parametrize("is_frozen", [False, True])
@pytest.mark.parametrize("last", ["linear", "tanh", "clamped", "hardtanh", "scaled"])
def test_a_head_of_large_bias_is_a_log_variance(last, is_frozen):
    encoder = Encoder(ANY_SIGN[last])
    nn.init.constant_(encoder.second.bias, 50.0)
    encoder.requires_grad_(not is_frozen)
    second = encoder(SPREAD)[1]
    assert second.min() > 0
    q = VAE((D,), L, encoder=encoder).encode(SPREAD)
    torch.testing.assert_close(q.variance, second.exp())


def test_positive_outputs_of_frozen_weights_are_refused():
    encoder = Encoder(torch.cosh).requires_grad_(False)
    with pytest.raises(ConfigError, match="positive for all data"):
        VAE((D,), L, encoder=encoder).encode(SPREAD)


class ByParameter(Encoder):
    """A log-variance that is the same for all data."""

    def __init__(self):
        super().__init__()
        self.log_variance = nn.Parameter(torch.ones(L))

    def forward(self, x):
        return super().forward(x)[0], self.log_variance.expand(len(x), L)


def test_a_parameter_is_a_log_variance():
    assert VAE((D,), L, encoder=ByParameter()).encode(SPREAD).variance.eq(torch.e).all()


def test_it_is_looked_at_once():
    encoder = Encoder()
    vae = VAE((D,), L, encoder=encoder)
    vae.encode(SPREAD)
    encoder.last = torch.exp  # as values of a trained encoder may be, by chance
    vae.encode(SPREAD)


class Noisy(nn.Module):
    def forward(self, h):
        return (h + 0.1 * torch.randn_like(h)).tanh()


@pytest.mark.parametrize("last", [ANY_SIGN["clamped"], Noisy()])
def test_looking_changes_nothing(last):
    encoder = Encoder(last)
    nn.init.constant_(encoder.second.bias, 50.0)
    encoder.body.append(nn.BatchNorm1d(32))
    encoder.body.append(nn.Dropout(0.5))
    encoder.train()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    random_state = torch.get_rng_state()
    refuse_positive(encoder, SPREAD, "encoder", torch.ones(8, L))
    assert encoder.training
    assert all(torch.equal(before[name], t) for name, t in encoder.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(parameter.grad is None for parameter in encoder.parameters())


@pytest.mark.parametrize("last", ["exp", "softplus"])
def test_saying_what_it_is_makes_it_right(last):
    encoder = Encoder(POSITIVE[last])
    q = VAE((D,), L, encoder=TwoHeads(encoder, "scale")).encode(SPREAD)
    torch.testing.assert_close(q.stddev, encoder(SPREAD)[1])
