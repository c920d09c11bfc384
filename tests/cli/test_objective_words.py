"""Words of a command line made into objectives, and one sentence where they cannot be."""

import pytest
from pyro.infer import TraceEnum_ELBO

from pyrovae.cli.objective_words import make_objective
from pyrovae.errors import ConfigError
from pyrovae.objectives import IWAE, MIWAE, Renyi


def test_names_and_arguments():
    assert repr(make_objective("IWAE", 5)) == repr(IWAE(5))
    assert repr(make_objective("IWAE(num_particles=3)", 5)) == repr(IWAE(3))
    assert repr(make_objective("Renyi(alpha=-.5)", 5)) == repr(Renyi(-0.5, 5))
    assert repr(make_objective("MIWAE(num_groups=2, group_size=3)", 5)) == repr(MIWAE(2, 3))
    assert isinstance(make_objective("TraceEnum_ELBO", 5), TraceEnum_ELBO)
    assert isinstance(make_objective("pyrovae.objectives.IWAE", 5), IWAE)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("MIWAE", "num_groups and group_size must be given; write its arguments as "
         "'MIWAE(num_groups=4, group_size=4)'"),
        ("MIWAE(num_groups=2)", "--objectives MIWAE(num_groups=2): group_size must be given"),
        ("CIWAE", "beta must be given; write its arguments as 'CIWAE(beta=0.5)'"),
        ("Renyi", "'Renyi(alpha=0.5)'"),
        ("Renyi(order=2)", "there is no argument order; Renyi takes alpha, num_particles, "),
        ("CIWAE(beta=2)", "CIWAE got beta=2, needs 0 <= beta <= 1"),
        ("IWAE(num_particles=0)", "IWAE got num_particles=0, needs >= 1; give a whole "
         "number of particles per datum; write its arguments as 'IWAE(num_particles=8)'"),
        ("Nope", "--objectives Nope: there is no such objective"),
        ("nowhere.py:Mine", "--objectives nowhere.py: there is no such file"),
        ("nowhere.at.all", "--objectives nowhere.at.all: cannot import"),
        ("own.py", "--objectives own.py: name what to take from the file, own.py:NAME"),
        ("math.nothing", "--objectives math.nothing: math defines no 'nothing'"),
        ("Renyi(", "cannot read its arguments"),
        ("Renyi(0.5)", "cannot read its arguments"),
        ("collections.OrderedDict", "is the class OrderedDict; name a class of pyro.infer.ELBO"),
        ("math.pi", "is a float; name a class"),
    ],
)  # fmt: skip
def test_refusals(words, sentence):
    with pytest.raises(ConfigError) as caught:
        make_objective(words, 5)
    assert sentence in str(caught.value)
    assert "--objective " not in str(caught.value)
