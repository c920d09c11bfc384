"""A run is loaded with pair, configuration and history, and runs nothing that was not named."""

import os
import subprocess
import sys
from pathlib import Path

import numpy
import pyro
import pytest
import torch
import yaml

import pyrovae
from pyrovae import fit, log_evidence, models
from pyrovae.cli import main
from pyrovae.cli.run_folder import restore
from pyrovae.errors import CheckpointError, ConfigError, PyrovaeError
from pyrovae.objectives import ELBO
from tests.cli.commands import OWN, SMALL
from tests.cli.tampered import CASES, cls, edited
from tests.train.pairs import QUIET, same, state
from tests.train.saved_pairs import STYLES, X, values

CPU = {"device": "cpu"}


@pytest.mark.parametrize("which", ["best", "last"])
def test_a_run_of_the_command_is_built(which, small_run):
    folder, _ = small_run
    loaded = pyrovae.load(str(folder), which=which, **CPU)
    expected = restore(folder, which, "cpu")
    assert same(state([loaded.pair]), state([expected.pair]))
    assert loaded.model == loaded.pair.model and loaded.guide == loaded.pair.guide
    assert loaded.config == yaml.safe_load((folder / "config.yaml").read_text())
    assert len(loaded.run.history) == 2 and loaded.run.run_dir == folder
    assert repr(loaded).startswith("Loaded(VAE, run=Run(2 epochs")
    assert loaded.pair.generate(3).shape == (3, 1, 8, 8)
    assert repr(loaded.objective()) == repr(expected.objective)
    data = loaded.data()
    assert torch.equal(data.test.x, expected.data.test.x)
    one, other = (
        log_evidence(p.model, p.guide, data.test.x[:20], num_particles=5, seed=0)
        for p in (loaded, expected.pair)
    )
    again = log_evidence(loaded, data.test.x[:20], num_particles=5, seed=0)
    assert torch.equal(one.log_px, other.log_px)
    assert torch.equal(one.log_px, again.log_px)


def test_the_best_is_loaded_again(small_run):
    loaded = pyrovae.load(small_run[0], **CPU)
    expected = state([loaded.pair])
    for parameter in loaded.pair.parameters():
        parameter.data.zero_()
    loaded.run.load_best()
    assert same(expected, state([loaded.pair]))
    assert loaded.run.plot().axes


def test_neither_data_nor_random_state_are_touched(small_run, here):
    torch.manual_seed(3)
    before = torch.get_rng_state(), dict(os.environ), list(sys.path)
    loaded = pyrovae.load(small_run[0], **CPU)
    loaded.data(), loaded.objective()
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == dict(os.environ) and before[2] == sys.path


def test_data_that_are_gone_are_no_hindrance(here):
    torch.manual_seed(0)
    numpy.save("x.npy", torch.randint(0, 17, (40, 1, 8, 8)).numpy())
    words = ["fit", "--data", "arrays", "--data.x", "x.npy", *SMALL, "--run", "r"]
    assert main([*words, "--model.likelihood.total_count", "16", "--device", "cpu"]) == 0
    Path("x.npy").unlink()
    loaded = pyrovae.load("r", **CPU)
    assert loaded.pair.generate(2).shape == (2, 1, 8, 8)
    with pytest.raises(PyrovaeError, match="x.npy"):
        loaded.data()


def test_labels_are_there_where_the_pair_takes_them(here):
    words = [*SMALL, "--model", "ConditionalVAE", "--run", "r", "--device", "cpu"]
    assert main(["fit", "--model.num_classes", "10", *words]) == 0
    loaded = pyrovae.load("r", **CPU)
    assert loaded.data().train.with_labels
    found = log_evidence(loaded, loaded.data().test.subset(5), num_particles=2)
    assert found.log_px.shape == (5,)


def own_run(here, *words):
    (here / "own.py").write_text(OWN)
    quick = ["--epochs", "1", "--batch-size", "600", "--test-particles", "0", "--device", "cpu"]
    assert main(["fit", *quick, "--run", "r", *words]) == 0


def test_ones_own_class_is_given_or_named(here, monkeypatch):
    own_run(here, "--model", "own.py:Wide", "--model.width", "5")
    with pytest.raises(ConfigError, match=r"if it is your own .* trust=\['own.py:Wide'\]$"):
        pyrovae.load("r", **CPU)
    pyro.clear_param_store()
    assert pyrovae.load("r", trust=["own.py:Wide"], **CPU).pair.width == 5
    monkeypatch.syspath_prepend(str(here))
    import own

    for given in ({"model": own.Wide}, {"trust": [own.Wide]}):
        pyro.clear_param_store()
        loaded = pyrovae.load("r", **given, **CPU)
        assert type(loaded.pair) is own.Wide and loaded.pair.width == 5
        assert pyro.param("w").any()
    made = own.Wide((1, 8, 8), 5)
    pyro.clear_param_store()
    assert pyrovae.load("r", made).pair is made
    assert pyro.param("w").any()
    del sys.modules["own"]


def test_a_file_of_functions_is_named(here):
    own_run(here, "--model", "own.py")
    pyro.clear_param_store()
    loaded = pyrovae.load("r", trust=["own.py"], **CPU)
    assert pyro.param("w").any() and loaded.pair.weight.shape == (3, 64)


def test_what_is_trusted_must_be_there(small_run, run_copy):
    with pytest.raises(ConfigError, match="does not name 'own.py:Wide'.* names nothing of your"):
        pyrovae.load(small_run[0], trust=["own.py:Wide"], **CPU)

    class Local(models.VAE):
        """Not at the top of a module."""

    with pytest.raises(ConfigError, match="is not found by that name .* load.folder, pair."):
        pyrovae.load(small_run[0], model=Local, **CPU)
    with pytest.raises(CheckpointError, match="does not fit the pair"):
        pyrovae.load(small_run[0], models.VAE((1, 8, 8), 2))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("which", ["best", "last"])
def test_a_run_of_a_script_fills_a_pair(style, which, tmp_path):
    made = STYLES[style](0)
    if style == "flows":
        made.guide(X)  # Pyro keeps what a flow drew
    run = fit(made.model, made.guide, X, objective=ELBO(), epochs=1, run_dir=tmp_path, **QUIET)
    expected = values(made)
    pyro.clear_param_store()
    with pytest.raises(CheckpointError, match=r"holds no config.yaml.* load\(folder, pair\)"):
        pyrovae.load(tmp_path)
    other = STYLES[style](1)
    loaded = pyrovae.load(tmp_path, other.model, other.guide, which=which)
    found = values(other)
    assert found.keys() == expected.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert loaded.run.history == run.history and loaded.config is None
    for ask in (loaded.data, loaded.objective):
        with pytest.raises(ConfigError, match="only the runs of `pyrovae fit` have one"):
            ask()


def test_the_pair_of_a_run_of_the_command_may_be_given(small_run):
    built = pyrovae.load(small_run[0], **CPU)
    other = pyrovae.load(small_run[0], which="last", **CPU).pair
    for parameter in other.parameters():
        parameter.data.zero_()
    loaded = pyrovae.load(small_run[0], pair=other)
    assert same(state([built.pair]), state([other])) and loaded.pair is other
    assert loaded.config == built.config and len(loaded.data().train)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"which": "first"}, "which='first', needs 'best' or 'last'"),
        ({"pair": 3, "model": 4}, "pair is given, and model or guide too"),
        ({"model": 3}, "of type int"),
        ({"guide": print}, "NoneType is no model"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options, message, small_run):
    with pytest.raises(ConfigError, match=message):
        pyrovae.load(small_run[0], **options)


def test_a_folder_without_what_is_needed_says_so(run_copy, tmp_path):
    with pytest.raises(CheckpointError, match="is no file or folder"):
        pyrovae.load(tmp_path / "nowhere")
    (run_copy / "best.safetensors").rename(tmp_path / "kept")
    with pytest.raises(CheckpointError, match="holds no best.safetensors; it holds 'last'"):
        pyrovae.load(run_copy)
    pyrovae.load(run_copy, which="last", **CPU)
    (tmp_path / "kept").rename(run_copy / "last.safetensors")
    with pytest.raises(CheckpointError, match="'best' of a run, in the place of 'last'"):
        pyrovae.load(run_copy, which="last", **CPU)
    (run_copy / "last.safetensors").unlink()
    with pytest.raises(CheckpointError, match="it is no run folder"):
        pyrovae.load(run_copy)
    (run_copy / "best.safetensors").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is a link to .*, outside of the run folder"):
        pyrovae.load(run_copy)


@pytest.mark.parametrize("case", CASES)
def test_a_tampered_run_runs_nothing(case, trap):
    edited(CASES[case])
    with pytest.raises(PyrovaeError) as caught:
        loaded = pyrovae.load("run", **CPU)
        loaded.data(), loaded.objective()
    assert len(str(caught.value)) < 1500


def test_a_tampered_part_is_named_for_python(trap):
    edited({"model/encoder": cls("planted.Encoder")})
    with pytest.raises(ConfigError, match=r"name it to load: trust=\['planted.Encoder'\]$"):
        pyrovae.load("run", **CPU)


def test_another_objective_of_ones_own_does_not_matter_to_the_pair(trap):
    edited({"objective": {"name": "planted.Objective"}})
    loaded = pyrovae.load("run", **CPU)
    assert loaded.pair.generate(1).shape == (1, 1, 8, 8)
    with pytest.raises(ConfigError, match=r"trust=\['planted.Objective'\]"):
        loaded.objective()


def test_files_of_the_working_folder_are_not_obeyed(honest, tmp_path):
    for name in ("json", "sitecustomize", "typing"):
        (tmp_path / f"{name}.py").write_text("open('EXECUTED', 'w')\n")
    script = f"import pyrovae; pyrovae.load({str(honest)!r}, device='cpu').data()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "EXECUTED").exists()
