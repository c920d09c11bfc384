"""The names of the package: looked up when they are first used, and known to type checkers."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pyrovae
from pyrovae import models, objectives

SOURCE = Path(pyrovae.__file__).read_text()


def _run(script):
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_loads_no_library():
    loaded = _run("import sys, pyrovae; print(*sys.modules)").split()
    assert "pyrovae" in loaded
    assert not {"torch", "pyro", "numpy", "scipy", "sklearn", "matplotlib"} & set(loaded)
    assert [name for name in loaded if name.startswith("pyrovae.")] == []


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["fitt"], []])
def test_the_command_answers_without_torch(words):
    script = f"import sys, pyrovae.cli as cli; cli.main({words}); print('torch' in sys.modules)"
    assert _run(script).splitlines()[-1] == "False"


def test_every_name_is_there():
    for name in pyrovae.__all__:
        assert getattr(pyrovae, name).__name__.rpartition(".")[2] == name


@pytest.mark.parametrize("package", [models, objectives])
def test_models_and_objectives_are_at_the_top(package):
    for name in package.__all__:
        assert getattr(pyrovae, name) is getattr(package, name)


def test_no_name_has_two_meanings():
    modules = pyrovae._modules() - set(pyrovae.__all__)
    names = [*pyrovae.__all__, *modules, *models.__all__, *objectives.__all__]
    assert sorted(names) == sorted(set(names))


def test_a_new_family_is_one_line_in_its_package(monkeypatch):
    class NewVAE(models.VAE):
        pass

    monkeypatch.setattr(models, "NewVAE", NewVAE, raising=False)
    monkeypatch.setattr(models, "__all__", [*models.__all__, "NewVAE"])
    assert "NewVAE" in dir(pyrovae)
    assert pyrovae.NewVAE is NewVAE
    monkeypatch.delitem(vars(pyrovae), "NewVAE")


def test_the_type_checkers_list_is_that_of_the_package():
    (block,) = (
        node
        for node in ast.parse(SOURCE).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    places = {}
    for line in block.body:
        for alias in line.names:
            if line.module is None:
                assert alias.name == alias.asname, "a module without `as` is private"
            elif alias.name != "*":
                places.setdefault(line.module, []).append(alias.name)
    assert {place: sorted(names) for place, names in pyrovae._PLACES.items()} == {
        place: sorted(names) for place, names in places.items()
    }
    assert {line.module for line in block.body if line.names[0].name == "*"} == set(pyrovae._WHOLE)


FRESH = """
import os, sys
import pyro  # once for all: each statement runs in a process that has not seen the package
for statement, value in {pairs!r}:
    child = os.fork()
    if child == 0:
        names = {{}}
        exec(statement, names)
        os._exit(0 if eval(value, names) else 3)
    assert os.waitpid(child, 0)[1] == 0, statement
assert not any(name.startswith("pyrovae") for name in sys.modules)
"""

LATE = "not {'scipy', 'sklearn', 'matplotlib', 'pandas', 'jsonargparse'} & set(sys.modules)"

SLOW = "not {'scipy', 'sklearn', 'matplotlib', 'pandas', 'torchvision'} & set(sys.modules)"

STATEMENTS = [
    (
        "import sys\nfrom pyrovae import fit, log_evidence, compare, gradients, ais, SVI, save",
        LATE,
    ),
    ("import sys, pyrovae.plots, pyrovae.reporting, pyrovae.cli.fit, pyrovae.cli.compare", SLOW),
    ("import sys\nfrom pyrovae import apply, data, evaluate, models, nn, objectives, train", LATE),
    ("from pyrovae import fit", "fit.__module__ == 'pyrovae.train.fit'"),
    ("import pyrovae", "pyrovae.data.arrays and pyrovae.plots.image_grid"),
    ("import pyrovae.models", "pyrovae.models.VAE is pyrovae.VAE"),
    ("import pyrovae.train.callbacks as c", "issubclass(c.EarlyStopping, c.Callback)"),
    ("from pyrovae import evaluate", "evaluate.kl_decomposition"),
    ("import pyrovae", "pyrovae.math.log_mean_exp and pyrovae.errors.PlateError"),
    ("from pyrovae import VAE, IWAE", "IWAE(5).num_particles == 5"),
    ("from pyrovae import *", "fit and SVI and models.VAE and 'math' not in globals()"),
    ("import pyrovae", "all(hasattr(pyrovae, n) for n in dir(pyrovae)) and 'VAE' in dir(pyrovae)"),
    ("import pyrovae", "not hasattr(pyrovae, '__wrapped__')"),
]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_fresh_process_finds():
    _run(FRESH.format(pairs=STATEMENTS))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Vae", "pyrovae has no 'Vae'; do you mean 'VAE'?"),
        ("iwae", "pyrovae has no 'iwae'; do you mean 'IWAE'?"),
        ("log_evidenc", "pyrovae has no 'log_evidenc'; do you mean 'log_evidence'?"),
        ("Dreg", "pyrovae has no 'Dreg'; do you mean 'DReG'?"),
        ("modles", "pyrovae has no 'modles'; do you mean 'models'?"),
        ("MLP", "pyrovae has no 'MLP'; it is pyrovae.nn.MLP"),
        ("Bernoulli", "pyrovae has no 'Bernoulli'; it is pyrovae.nn.Bernoulli"),
        ("Spline", "pyrovae has no 'Spline'; it is pyrovae.nn.flows.Spline"),
        ("EarlyStopping", "pyrovae has no 'EarlyStopping'; it is pyrovae.train.EarlyStopping"),
        ("PlateError", "pyrovae has no 'PlateError'; it is pyrovae.errors.PlateError"),
        ("xyzzy", "pyrovae has no 'xyzzy'"),
        ("a.b", "pyrovae has no 'a.b'"),
        ("_private", "pyrovae has no '_private'"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(name, message):
    with pytest.raises(AttributeError) as raised:
        getattr(pyrovae, name)
    assert str(raised.value) == message


def test_the_hint_is_given_once():
    done = subprocess.run(
        [sys.executable, "-c", "import pyrovae; pyrovae.Vae"], capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == (
        "AttributeError: pyrovae has no 'Vae'; do you mean 'VAE'?"
    )
