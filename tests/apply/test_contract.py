"""What every use of `pyrovae.apply` keeps, whatever pair and data it is given.

How each is called is said in `calls.py`; a use without a line there fails here.
"""

import dataclasses
import functools
import inspect
import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec

import numpy as np
import pyro
import pytest
import torch
from torch import nn

from pyrovae import Result, apply
from pyrovae.data import Split
from tests.apply.calls import CALLS, NO_USES, conditional_vae, data, labelled, own_pair
from tests.result_contract import check_result

FUNCTIONS = [n for n in apply.__all__ if inspect.isroutine(getattr(apply, n)) and n not in NO_USES]
USES = [name for name in FUNCTIONS if name in CALLS]
SEED = {"seed": 5}
RUNS = [(name, {}) for name in USES] + [(n, CALLS[n].again) for n in USES if CALLS[n].again]


def name_of_run(value):
    return value if isinstance(value, str) else value.get("method", "")


pytestmark = [
    pytest.mark.usefixtures("quick_chains"),
    pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning"),
    pytest.mark.filterwarnings("ignore::pyrovae.errors.ParticleAxisWarning"),
]


def needs(part, name):
    """Leave out a part of the contract that a use cannot keep, with its reason."""
    if part in CALLS[name].cannot:
        pytest.skip(CALLS[name].cannot[part])


def call(name, pair=None, x=None, *, programs=False, **options):
    """What a use gives, called as its line says."""
    line = CALLS[name]
    pair = line.pair() if pair is None else pair
    x = data_of(name) if x is None else x
    if line.labels is not None and isinstance(x, torch.Tensor):
        x = line.labels(x)
    of_data = line.of_data(x.x if isinstance(x, Split) else torch.as_tensor(x))
    first = (pair.model, pair.guide) if programs else (pair,)
    return getattr(apply, name)(*first, x, **{**line.keywords, **of_data, **SEED, **options})


def data_of(name):
    return data(CALLS[name].rows)


@functools.cache
def usual(name):
    """What a use gives its usual call; made once, so that no test before may matter."""
    return call(name)


def content(found):
    """All that a result holds, as texts and arrays that can be compared."""
    if isinstance(found, Result):
        held = {k: v.numpy() for k, v in found.arrays().items()}
        return {"numbers": json.dumps(found.numbers(), sort_keys=True), **held}
    if isinstance(found, nn.Module):
        return {k: v.numpy() for k, v in found.state_dict().items()}
    if isinstance(found, torch.Tensor):
        return {"tensor": found.detach().cpu().numpy()}
    if isinstance(found, np.ndarray | bytes | str | int | float):
        return {"value": np.asarray(found)}
    if isinstance(found, Mapping):
        return {f"{k}.{i}": c for k, v in found.items() for i, c in content(v).items()}
    if dataclasses.is_dataclass(found):
        parts = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
        return content({k: v for k, v in parts.items() if v is not None})
    if isinstance(found, tuple | list):
        return content(dict(enumerate(found)))
    raise TypeError(f"the contract cannot compare a {type(found).__name__}")


def check_same(one, other):
    one, other = content(one), content(other)
    assert one.keys() == other.keys()
    for key, value in one.items():
        np.testing.assert_array_equal(value, other[key], err_msg=key)


def state_of(module):
    return {name: t.clone() for name, t in module.state_dict().items()}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_line(name):
    assert name in CALLS, (
        f"apply.{name} has no line in tests/apply/calls.py: say there how it is called, or in "
        "NO_USES what it is"
    )


@pytest.mark.parametrize("name", apply.__all__)
def test_no_file_has_the_name_of_what_it_gives(name):
    """Once imported it would take the place of it in the package."""
    assert find_spec(f"pyrovae.apply.{name}") is None, f"rename apply/{name}.py, or its folder"


@pytest.mark.parametrize("command", apply.COMMANDS)
def test_every_command_is_a_use(command):
    other_names = getattr(apply, "FUNCTIONS", {})
    assert other_names.get(command, command.replace("-", "_")) in FUNCTIONS


@pytest.mark.parametrize(("name", "options"), RUNS, ids=name_of_run)
def test_equal_seeds_give_equal_results(name, options):
    one = call(name, **options) if options else usual(name)
    torch.rand(3)  # whatever the global stream does
    check_same(one, call(name, **options))


@pytest.mark.parametrize("name", USES)
def test_one_object_or_both_programs(name):
    needs("programs", name)
    check_same(usual(name), call(name, programs=True))


@pytest.mark.parametrize("name", USES)
def test_another_seed_gives_another_result(name):
    needs("draws", name)
    one, other = content(usual(name)), content(call(name, seed=6))
    assert any(not np.array_equal(one[key], other.get(key)) for key in one)


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int64])
def test_numpy(name, dtype):
    needs("arrays", name)
    found = call(name, x=data_of(name).numpy().astype(dtype))
    needs("kinds alike", name)
    check_same(found, usual(name))


@pytest.mark.parametrize("name", USES)
def test_lists_and_splits(name):
    if CALLS[name].labels:
        needs("lists", name)
    x = data_of(name)
    of_split = call(name, x=Split(x))
    needs("lists", name)
    of_list = call(name, x=x.tolist())
    needs("kinds alike", name)
    check_same(of_split, usual(name))
    check_same(of_list, usual(name))


@pytest.mark.parametrize("name", USES)
def test_functions_of_one_s_own(name):
    needs("own functions", name)
    call(name, pair=own_pair(), programs=True)


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("given", [torch.float32, torch.float64])
def test_float64_pairs(name, given):
    needs("float64", name)
    needs("own functions", name)
    found = call(name, pair=own_pair(torch.float64), x=data_of(name).to(given), programs=True)
    assert content(found)


@pytest.mark.parametrize(("name", "options"), RUNS, ids=name_of_run)
@pytest.mark.parametrize("training", [True, False])
def test_nothing_else_is_changed(name, options, training):
    """Random streams, Pyro's store, parameters, gradients, buffers, modes; data."""
    line = CALLS[name]
    pair, x = line.pair(), data_of(name)
    if line.labels is not None:
        x = line.labels(x)
    modules = [pair] if isinstance(pair, nn.Module) else [pair.net]
    for module in modules:
        module.train(training)
        next(module.modules()).eval()  # one that is in another mode than its children
        for parameter in module.parameters():
            parameter.grad = torch.ones_like(parameter)
    before = [state_of(module) for module in modules]
    modes = [[part.training for part in module.modules()] for module in modules]
    pyro.param("theirs", torch.ones(3))
    rng, numpy_rng = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    whole = x.x.clone() if isinstance(x, Split) else x.clone()
    call(name, pair=pair, x=x, **options)
    assert torch.equal(rng, torch.random.get_rng_state())
    assert np.array_equal(numpy_rng, np.random.get_state()[1])
    assert list(pyro.get_param_store().keys()) == ["theirs"]
    assert torch.equal(whole, x.x if isinstance(x, Split) else x)
    if "programs" in line.cannot:  # it changes the pair
        return
    for module, state, mode in zip(modules, before, modes, strict=True):
        assert [part.training for part in module.modules()] == mode
        after = module.state_dict()
        assert state.keys() == after.keys()
        for key, value in state.items():
            assert torch.equal(value, after[key]), key
        assert all(bool((p.grad == 1).all()) and p.requires_grad for p in module.parameters())


@pytest.mark.parametrize("name", USES)
def test_an_unknown_keyword_gives_the_near_name(name):
    known = inspect.signature(getattr(apply, name)).parameters
    wrong = "sede" if "seed" in known else f"{list(known)[-1]}s"
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        call(name, **{wrong: 3})
    needs("near name", name)
    with pytest.raises(TypeError, match="do you mean 'seed'"):
        call(name, **{wrong: 3})


@pytest.mark.parametrize("name", USES)
def test_one_datum(name):
    needs("one datum", name)
    call(name, x=data(1))


@pytest.mark.parametrize("name", USES)
def test_nan_in_the_data_is_told(name):
    needs("nan", name)
    x = data_of(name)
    x[3, 0, 1, 2] = float("nan")
    with pytest.raises(ValueError, match=r"(?i)nan|not a number|not finite") as caught:
        call(name, x=x)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", USES)
def test_no_data_are_told(name):
    needs("no data", name)
    with pytest.raises(ValueError):
        call(name, x=data()[:0])


@pytest.mark.parametrize("name", USES)
def test_the_finding(name):
    needs("finding", name)
    found = usual(name)
    assert isinstance(found, Result)
    rows = found.cells()
    assert len({len(row) for row in rows}) == 1 and len(rows) > 1
    assert all(isinstance(cell, str) for row in rows for cell in row)
    lines = str(found).splitlines()
    assert len(lines) >= len(rows)  # remarks may follow the table
    for row, line in zip(rows, lines, strict=False):
        assert line == line.rstrip() and row[0] in line and row[-1] in line
    numbers = found.numbers()
    assert numbers and json.loads(json.dumps(numbers)) == json.loads(json.dumps(numbers))
    assert all(isinstance(key, str) for key in numbers)
    for key, array in found.arrays().items():
        assert isinstance(array, torch.Tensor) and array.device.type == "cpu", key
        assert not array.requires_grad, key
    figure = found.plot()
    if figure is not None:
        from matplotlib.figure import Figure

        assert isinstance(figure, Figure)


@pytest.mark.parametrize("name", USES)
def test_its_docstring_says_what_a_user_needs(name):
    use = getattr(apply, name)
    told = inspect.getdoc(use) or ""
    for part in ("Args:", "Raises:", "Source:"):
        assert part in told or part in CALLS[name].cannot, f"apply.{name} has no '{part}'"
    assert ">>>" in told or "example" in CALLS[name].cannot


def test_importing_the_uses_is_light():
    script = (
        "import sys, pyrovae.apply\n"
        "from pyrovae.cli import main\n"
        "assert main(['--help']) == 0\n"
        "assert 'torch' not in sys.modules, 'pyrovae --help imports torch'\n"
        "for name in pyrovae.apply.__all__: getattr(pyrovae.apply, name)\n"
        "assert 'matplotlib' not in sys.modules, 'a use imports matplotlib'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for command, what in apply.COMMANDS.items():
        assert command in done.stdout and what in done.stdout


@pytest.mark.parametrize("name", [n for n in USES if CALLS[n].labels is None])
def test_a_conditional_pair_keeps_its_labels(name):
    needs("programs", name)
    needs("conditional", name)
    call(name, pair=conditional_vae(), x=labelled(data_of(name)))


@pytest.mark.parametrize("name", USES)
def test_results_keep_their_contract(name):
    """They print, show in a notebook, become frames and files, and can be copied."""
    found = usual(name)
    if not isinstance(found, Result):
        pytest.skip(f"gives a {type(found).__name__}")
    check_result(found)
