"""What every objective keeps on every style of pair, vectorised or not, in both precisions."""

import inspect
import re
from contextlib import nullcontext

import pyro
import pytest
import torch
from torch import nn

from pyrovae import objectives
from pyrovae.objectives import (
    DIPVAE,
    ELBO,
    IWAE,
    JVI,
    PIWAE,
    REINFORCE,
    RWS,
    STL,
    TCVAE,
    TVO,
    Beta,
    Capacity,
    DReG,
    FactorVAE,
    InfoVAE,
    ParticleELBO,
    PathELBO,
    Renyi,
)
from pyrovae.objectives.batch import BatchELBO
from pyrovae.objectives.fixed_draws import FixedDrawsELBO
from pyrovae.particles.parameters import trainable
from tests.pairs import STYLES

# Few particles, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")


class _Discriminator(nn.Module):
    """Of any number of dimensions: the pairs have latents of several sizes."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(9)
            self.net = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()

    def forward(self, z):
        return self.net(torch.stack([z.square().mean(-1), z.prod(-1)], -1))


def _factor_vae(**options):
    objective = FactorVAE(3.0, 2, 2, hidden=(), **options)
    objective.discriminator = _Discriminator()
    return objective


def _example(cls):
    """Makes the example that the class gives, with other options of drawing."""

    def make(**drawing):
        objective = cls.example()
        for name, value in drawing.items():
            setattr(objective, name, value)
        return objective

    return make


# A new estimator enters by its own `example`. These are tested with other options.
VARIANTS = {
    "ELBO": [
        lambda **k: ELBO(1, **k),
        lambda **k: ELBO(3, **k),
        lambda **k: ELBO(3, closed_form_kl=True, **k),
    ],
    "IWAE": [lambda **k: IWAE(1, **k), lambda **k: IWAE(3, **k)],
    "Renyi": [lambda a=a, **k: Renyi(a, 3, **k) for a in (-1.0, 0.0, 0.5, 1 - 1e-6, 1.0, 2.0)],
    "JVI": [lambda **k: JVI(3, **k), lambda **k: JVI(4, order=2, **k)],
    "REINFORCE": [
        lambda **k: REINFORCE(1, **k),
        lambda **k: REINFORCE(3, baseline="leave-one-out", **k),
        lambda **k: REINFORCE(2, baseline="none", **k),
    ],
    "RWS": [lambda **k: RWS(1, **k), lambda **k: RWS(3, wake=0.5, **k)],
    "TVO": [
        lambda **k: TVO(3, **k),
        lambda **k: TVO(3, partition="log", num_intervals=3, **k),
        lambda **k: TVO(3, partition=[0, 0.1, 1], side="right", **k),
        lambda **k: TVO(4, partition="adaptive", **k),
    ],
    "STL": [lambda **k: STL(1, **k), lambda **k: STL(3, **k), lambda **k: STL(3, 0.0, **k)],
    "DReG": [lambda a=a, **k: DReG(3, a, **k) for a in (0.0, -1.0, 2.0)],
    "Beta": [lambda **k: Beta(0.3, 2, **k), lambda **k: Beta(torch.tensor(0.0), **k)],
    "Capacity": [
        lambda **k: Capacity(2.0, 3.0, 2, **k),
        lambda **k: Capacity(torch.tensor(0.2), 3.0, 2, closed_form_kl=False, **k),
    ],
    "TCVAE": [
        lambda **k: TCVAE(4.0, 1, num_data=50, **k),
        lambda **k: TCVAE(4.0, 3, alpha=0.5, num_data=9, sampling="weighted", **k),
    ],
    "DIPVAE": [lambda v=v, **k: DIPVAE(5.0, 2.0, 2, variant=v, **k) for v in ("I", "II")],
    "InfoVAE": [
        lambda **k: InfoVAE(0.5, 9.0, 2, **k),
        lambda **k: InfoVAE(1.0, 9.0, 2, kernel="rbf", widths=(0.5, 2.0), **k),
    ],
    "FactorVAE": [_factor_vae],
}
# Follow another gradient than that of their value on purpose: their own tests prove it.
OTHER_GRADIENT = (PathELBO, PIWAE, FixedDrawsELBO)
# A term of the whole batch is of another value on a part of it.
OF_THE_BATCH = (BatchELBO,)

CLASSES = [
    getattr(objectives, name)
    for name in objectives.__all__
    if not inspect.isabstract(getattr(objectives, name))
]
MADE = {cls.__name__: VARIANTS.get(cls.__name__, [_example(cls)]) for cls in CLASSES}
OBJECTIVES = [
    pytest.param(make, id=f"{name}{i}")
    for name, made in MADE.items()
    for i, make in enumerate(made)
]


def some_each(others, count):
    """Every form with some of the others, which follow one another, so that all are met alike."""
    names = [*others]
    return [
        pytest.param(*form.values, name, id=f"{form.id}-{name}")
        for i, form in enumerate(OBJECTIVES)
        for j in range(count)
        for name in [names[(count * i + j) % len(names)]]
    ]


def in_turn(others, first=0):
    """Every class with every one of the others, and the forms of a class in turn.

    A class with more forms than there are others goes through the others again for the rest.

    Args:
        others: What objectives are tried on, such as `STYLES`.
        first: Which form of a class comes first; others pair the forms otherwise.
    """
    names = [*others]
    return [
        pytest.param(made[k], names[j % len(names)], id=f"{name}{k}-{names[j % len(names)]}")
        for i, (name, made) in enumerate(MADE.items())
        for j in range(max(len(names), len(made)))
        for k in [(first + i + j) % len(made)]
    ]


def _pair(style, dtype):
    return STYLES[style](dtype)


def _mode(pair):
    return pyro.settings.context(module_local_params=True) if pair.local_params else nullcontext()


def _seeded(call, *args):
    pyro.set_rng_seed(11)
    return call(*args)


# Three ways, three forms: a class with up to three forms meets every style in each of them.
WAYS = {
    "f64": (True, torch.float64),
    "f32": (True, torch.float32),
    "f64, sequential": (False, torch.float64),
}


@pytest.mark.parametrize(
    ("make", "style", "way"),
    [
        pytest.param(*param.values, way, id=f"{way}-{param.id}")
        for first, way in enumerate(WAYS)
        for param in in_turn(STYLES, first)
    ],
)
def test_contract(make, style, way):
    vectorize, dtype = WAYS[way]
    pair = _pair(style, dtype)
    objective = make(vectorize_particles=vectorize)
    call = (pair.model, pair.guide, *pair.args)
    with _mode(pair):
        leaves = trainable(*call)
        assert all(leaf.is_leaf and leaf.requires_grad for leaf in leaves.values())

        per_datum = _seeded(objective.per_datum, *call)
        assert per_datum.shape == (pair.batch_size,)
        assert per_datum.dtype == dtype
        assert per_datum.isfinite().all()

        loss = _seeded(objective.loss, *call)
        sign = 1 if objective.is_upper_bound else -1
        torch.testing.assert_close(loss, sign * pair.scale * per_datum.sum())
        assert not loss.requires_grad

        differentiable = _seeded(objective.differentiable_loss, *call)
        torch.testing.assert_close(differentiable.detach(), loss)
        names = list(leaves)
        grads = torch.autograd.grad(differentiable, [leaves[n] for n in names], allow_unused=True)

        returned = _seeded(objective.loss_and_grads, *call)
        torch.testing.assert_close(returned, loss)
        for name, grad in zip(names, grads, strict=True):
            kept = leaves[name].grad
            assert (kept is None) == (grad is None), name
            if grad is not None:
                assert grad.isfinite().all()
                torch.testing.assert_close(kept, grad)

        if dtype == torch.float64 and not isinstance(objective, OTHER_GRADIENT):
            _check_directional_derivative(
                objective, call, leaves, dict(zip(names, grads, strict=True))
            )


def _check_directional_derivative(objective, call, leaves, grads):
    """The gradient along a random direction against central differences at equal noise."""
    rng = torch.Generator().manual_seed(23)
    step = 1e-5
    start = {n: leaf.detach().clone() for n, leaf in leaves.items()}
    ways = {n: torch.randn(v.shape, generator=rng, dtype=v.dtype) for n, v in start.items()}
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            for name, leaf in leaves.items():
                leaf.copy_(start[name] + sign * step * ways[name])
        values.append(_seeded(objective.loss, *call))
    with torch.no_grad():
        for name, leaf in leaves.items():
            leaf.copy_(start[name])
    numeric = (values[0] - values[1]) / (2 * step)
    exact = sum((grads[n] * ways[n]).sum() for n in leaves if grads[n] is not None)
    torch.testing.assert_close(exact, numeric, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_is_an_elbo_for_pyro(cls):
    """`pyro.infer.SVI` and `ELBO.__call__` accept it."""
    make = MADE[cls.__name__][-1]
    pair = STYLES["pyro_module"](torch.float32)
    objective = make()
    assert isinstance(objective, ParticleELBO)
    assert type(objective).__name__ in repr(objective)
    svi = pyro.infer.SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 1e-3}), objective)
    first = svi.evaluate_loss(*pair.args)
    losses = [svi.step(*pair.args) for _ in range(3)]
    assert isinstance(first, float)
    assert all(isinstance(loss, float) for loss in losses)

    module = STYLES["pyro_module_local"](torch.float32)
    with pyro.settings.context(module_local_params=True):
        both = module.model.__self__
        make()(module.model, module.guide)(*module.args).backward()
        moved = {name for name, p in both.named_parameters() if p.grad is not None}
        expected = {name for name, _ in both.named_parameters()}
        if objective.is_upper_bound:  # minimised over the guide: the model would only fit worse
            expected = {name for name in expected if name.startswith("encoder")}
        assert moved == expected


@pytest.mark.parametrize("make", OBJECTIVES)
def test_subsampled_plate_agrees_with_the_whole(make):
    """Mean over many subsamples equals the unsubsampled loss."""
    if isinstance(make(), OF_THE_BATCH):
        pytest.skip("its value is that of a batch")
    # A scale in the wrong place is tens of standard errors away; the whole varies much less.
    sub = STYLES["subsampled_plate"](torch.float64)
    objective = make()
    x = sub.args[0]
    whole_pair = STYLES["module_functions"](torch.float64)

    def draws(model, guide, seed, count):
        pyro.set_rng_seed(seed)
        return torch.stack([objective.loss(model, guide, x) for _ in range(count)])

    a, b = draws(sub.model, sub.guide, 1, 80), draws(whole_pair.model, whole_pair.guide, 2, 30)
    standard_error = (a.var() / len(a) + b.var() / len(b)).sqrt()
    assert standard_error < 0.015 * b.mean().abs()
    z = (a.mean() - b.mean()) / standard_error
    assert abs(z) < 4.5, f"z-score {z:.2f}: {a.mean():.3f} against {b.mean():.3f}"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_says_what_a_table_shows(cls):
    """What it is in one sentence, which latents it takes, and where it comes from."""
    example = cls.example()
    assert type(example) is cls and example.num_particles <= 4
    first, _, rest = inspect.getdoc(cls).partition("\n\n")
    assert first.endswith(".") and "\n" not in first
    source = " ".join(rest.partition("Source:")[2].partition("Example:")[0].split())
    assert re.search(r"\(\D+, (19|20)\d\d\)", source) and "https://" in source
    assert cls.latents
