"""Options of all estimators: what they print, and what they refuse."""

import inspect
import math

import pytest
import torch

from pyrovae import objectives
from pyrovae.errors import ConfigError, PyrovaeError, ShapeError
from pyrovae.math import log_mean_exp
from pyrovae.objectives import (
    CIWAE,
    CUBO,
    ELBO,
    EUBO,
    IWAE,
    JVI,
    MIWAE,
    REINFORCE,
    RWS,
    STL,
    TVO,
    VIMCO,
    Beta,
    DReG,
    DReGPIWAE,
    ParticleELBO,
    Renyi,
)
from pyrovae.objectives.options import is_whole

CLASSES = [
    getattr(objectives, name)
    for name in objectives.__all__
    if not inspect.isabstract(getattr(objectives, name))
]
# Of each option a value that is not its default in any class. An option that is not named here
# takes its value from the example of its class.
OTHER = {
    "num_particles": 7,
    "num_groups": 3,
    "group_size": 4,
    "vectorize_particles": False,
    "batch_plate": "rows",
    "max_plate_nesting": 2,
    "closed_form_kl": None,  # the opposite of the default
    "alpha": 0.25,
    "beta": 0.3,
    "free_bits": 0.5,
    "order": 2,
    "baseline": "none",
    "decay": 0.9,
    "wake": 0.5,
    "sleep": 0.25,
    "partition": "log",
    "num_intervals": 3,
    "first_beta": 0.1,
    "side": "right",
    "capacity": 1.5,
    "gamma": 0.7,
    "num_data": 9,
    "sampling": "weighted",
    "site": "a",
    "off_diagonal": 2.0,
    "diagonal": 0.6,
    "variant": "I",
    "lam": 30.0,
    "kernel": "rbf",
    "widths": (0.5, 2.0),
    "latent_dim": 3,
    "hidden": (4,),
}
SIZES = {"num_particles", "num_groups", "group_size"}


def parameters(cls):
    found = dict(inspect.signature(cls.__init__).parameters)
    del found["self"]
    return found


def other(cls, name, default):
    """A value that is not the default: as above, or made from that of the class's example."""
    if name not in OTHER:
        value = getattr(cls.example(), name)
        if value != default:
            return value
        return not value if isinstance(value, bool) else value + 1
    value = (not default) if OTHER[name] is None else OTHER[name]
    return 3.5 if value == default and name == "order" else value


def needed_by(cls):
    """The arguments without a default."""
    empty = inspect.Parameter.empty
    names = [name for name, p in parameters(cls).items() if p.default is empty]
    return {name: other(cls, name, empty) for name in names}


def options(objective):
    return {name: getattr(objective, name) for name in parameters(type(objective))}


@pytest.mark.parametrize("cls", CLASSES)
def test_printed_and_read_again_it_is_equal(cls):
    changed = {name: other(cls, name, p.default) for name, p in parameters(cls).items()}
    needed = {n: changed[n] for n, p in parameters(cls).items() if p.default is p.empty}
    made = [needed, changed]
    made += [{**needed, name: value} for name, value in changed.items()]
    for arguments in made:
        objective = cls(**arguments)
        again = eval(repr(objective), vars(objectives).copy())
        assert type(again) is cls
        assert options(again) == options(objective), repr(objective)
        said = set(inspect.signature(cls).bind(**arguments).arguments) | set(needed)
        assert all(f"{name}=" in repr(objective) for name in said), repr(objective)


@pytest.mark.parametrize("cls", CLASSES)
def test_what_is_as_by_default_is_not_printed(cls):
    needed = {
        n: other(cls, n, p.empty) for n, p in parameters(cls).items() if p.default is p.empty
    }
    words = repr(cls(**needed))
    for name in parameters(cls).keys() - needed.keys() - SIZES:
        assert f"{name}=" not in words, words


def test_words():
    assert repr(IWAE(5)) == "IWAE(num_particles=5)"
    assert repr(ELBO(closed_form_kl=True)) == "ELBO(num_particles=1, closed_form_kl=True)"
    assert repr(REINFORCE(2)) == "REINFORCE(num_particles=2)"
    assert repr(REINFORCE(decay=0.5)) == "REINFORCE(num_particles=1, decay=0.5)"
    assert repr(RWS(2)) == "RWS(num_particles=2)"
    assert repr(CUBO(5)) == "CUBO(num_particles=5)"
    assert repr(TVO(5, partition="log", first_beta=0.1)) == (
        "TVO(num_particles=5, partition='log', first_beta=0.1)"
    )
    assert repr(TVO(5, partition=torch.tensor([0.0, 0.5, 1.0]))) == (
        "TVO(num_particles=5, partition=(0.0, 0.5, 1.0))"
    )
    weights = Beta({"z": torch.tensor(0.5)})
    assert repr(weights) == "Beta(beta={'z': tensor(0.5000)}, num_particles=1)"


def test_a_users_estimator():
    class Own(ParticleELBO):
        def __init__(self, temperature, hidden=1, **options):
            super().__init__(**options)
            self.temperature, self._hidden = temperature, hidden

        def bound(self, p):
            return log_mean_exp(p.log_w)

    assert repr(Own(2.0, 5, num_particles=3)) == "Own(num_particles=3, temperature=2.0)"


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("number", [0, -1, 2.5, math.nan, "3", None, True])
def test_sizes_that_are_no_whole_number(cls, number):
    needed = {
        n: other(cls, n, p.empty) for n, p in parameters(cls).items() if p.default is p.empty
    }
    for name in parameters(cls).keys() & SIZES:
        with pytest.raises(ShapeError, match=rf"^{cls.__name__} got .*{name}={number}.*needs >= "):
            cls(**{**needed, name: number})


@pytest.mark.parametrize("depth", [-1, math.inf, 1.5])
def test_a_nesting_that_is_no_number_of_dims(depth):
    with pytest.raises(ConfigError, match=f"IWAE got max_plate_nesting={depth}.*leave it out"):
        IWAE(2, max_plate_nesting=depth)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Renyi(math.inf), "Renyi got alpha=inf, needs a finite.*VRMax"),
        (lambda: DReG(2, -math.inf), "DReG got alpha=-inf, needs a finite.*VRMax"),
        (lambda: STL(2, math.nan), "STL got alpha=nan, needs a finite"),
        (lambda: CUBO(order=math.inf), "CUBO got order=inf, needs a finite"),
        (lambda: CIWAE(1.5), "CIWAE got beta=1.5, needs 0 <= beta <= 1.*objectives.Beta"),
        (lambda: CIWAE(math.nan), "CIWAE got beta=nan"),
        (lambda: Beta(-1.0), r"Beta got beta=-1.0, needs finite weights >= 0"),
        (lambda: Beta({"z": math.nan}), r"Beta got beta=\{'z': nan\}, needs finite"),
        (lambda: Beta(1.0, free_bits=-1.0), "Beta got free_bits=-1.0, needs nats >= 0"),
        (lambda: RWS(wake=math.inf), "RWS got wake=inf.*needs weights >= 0 and finite"),
        (lambda: REINFORCE(decay=math.nan), r"REINFORCE got decay=nan, needs .*\[0, 1\)"),
        (lambda: JVI(order=3), "JVI got order=3, needs 1 or 2.*num_particles"),
        (lambda: TVO(side="both"), "TVO got side='both', needs 'left'.*'right'"),
        (lambda: TVO(num_intervals=1.5), "TVO got num_intervals=1.5, needs >= 1.*whole number"),
        (lambda: TVO(partition=[]), "TVO got the betas .*rise from 0 to 1, or name"),
    ],
)
def test_refusals_say_what_came_what_is_needed_and_the_way_out(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


@pytest.mark.parametrize(
    ("objective", "refused", "words"),
    [
        (REINFORCE(3, baseline="leave-one-out"), 1, "REINFORCE got .*num_particles=1.*'average'"),
        (VIMCO(3), 1, "VIMCO got num_particles=1, needs >= 2.*REINFORCE"),
        (JVI(5), 1, "JVI got num_particles=1 at order 1, needs >= 2.*IWAE"),
        (JVI(5, order=2), 2, "JVI got num_particles=2 at order 2, needs >= 3"),
        (MIWAE(2, 2), 5, "MIWAE got num_particles=5.*2 groups evenly; take a multiple of 2"),
        (DReGPIWAE(2, 2), 1, "DReGPIWAE got num_particles=1.*multiple of 2"),
        (EUBO(30), 0, "EUBO got num_particles=0, needs >= 1"),
    ],
)
def test_particles_that_are_set_later_are_checked_like_the_first(objective, refused, words):
    before = objective.num_particles
    with pytest.raises(ShapeError, match=words):
        objective.num_particles = refused
    assert objective.num_particles == before
    objective.num_particles = 6
    assert objective.num_particles == 6


@pytest.mark.parametrize("cls", CLASSES)
def test_every_refusal_of_a_number_of_particles_is_an_error_of_ours(cls):
    needed = {
        n: other(cls, n, p.empty) for n, p in parameters(cls).items() if p.default is p.empty
    }
    for number in (1, 2, 3):
        try:
            cls(**needed).num_particles = number
        except PyrovaeError:
            continue


def test_whole_numbers():
    assert is_whole(3, 3) and not is_whole(2, 3) and not is_whole(True, 0)
    assert not is_whole(3.0, 0) and is_whole(torch.tensor(3).item(), 0)
