"""The command line, through real processes: what works, and one sentence where it cannot."""

import gzip
import json
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from pyrovae.cli import main

SMALL = [
    "--model.latent_dim", "2", "--model.likelihood", "Binomial",
    "--model.encoder", "MLP", "--model.encoder.hidden", "[8]",
    "--model.decoder", "MLP", "--model.decoder.hidden", "[8]",
    "--epochs", "2", "--test-particles", "30",
]  # fmt: skip

OWN = """
import pyro
import pyro.distributions as dist
import torch
from torch import nn

net = nn.Linear(64, 6)
weight = torch.zeros(3, 64)


def model(x):
    w = pyro.param("w", weight)
    with pyro.plate("rows", len(x)):
        z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
        logits = (z @ w).reshape(*z.shape[:-1], 1, 8, 8)
        pyro.sample("x", dist.Binomial(16, logits=logits).to_event(3), obs=x)


def guide(x):
    pyro.module("net", net)
    with pyro.plate("rows", len(x)):
        loc, log_scale = net(x.flatten(1) / 16).chunk(2, -1)
        pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


class Wide(nn.Module):
    def __init__(self, data_shape, width: int = 3):
        super().__init__()
        self.data_shape, self.width = data_shape, width

    def model(self, x):
        assert tuple(x.shape[1:]) == self.data_shape and self.width == 5
        return model(x)

    def guide(self, x):
        return guide(x)
"""


def run(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "pyrovae", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small run on the digits, made by the command."""
    folder = tmp_path_factory.mktemp("cli")
    done = run("fit", "--data", "digits", *SMALL, "--run", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stdout


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG")


def test_fit_leaves_a_run_folder_and_a_table(trained):
    folder, printed = trained
    for row in ("ELBO", "reconstruction", "KL z", "NLL", "bits/dim", "active units", "ESS",
                "Pareto k-hat", "trained", "measured in"):  # fmt: skip
        assert row in printed
    names = {path.name for path in folder.iterdir()}
    assert {"config.yaml", "history.jsonl", "last.safetensors", "best.safetensors"} <= names
    for name in ("curves", "reconstructions", "samples", "latents"):
        assert is_png(folder / f"{name}.png")
    lines = (folder / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
    facts = json.loads((folder / "report.json").read_text())
    assert facts["nll"] > 0 and facts["nll"] < -facts["elbo"] + 1
    assert facts["reconstruction"] - facts["kl"] == pytest.approx(facts["elbo"])


@pytest.mark.parametrize("words", [[], ["--steps-per-call", 2]], ids=["", "two in a call"])
def test_a_compiled_fit_is_the_same_fit(trained, tmp_path, words):
    folder, _ = trained
    words = ["--data", "digits", *SMALL, "--compile", *words]
    done = run("fit", *words, "--run", "fast", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "after compiling for" in done.stdout
    for one, other in zip(_history(folder), _history(tmp_path / "fast"), strict=True):
        assert one["train"] == pytest.approx(other["train"], rel=1e-5)


def _history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_evaluate_sample_and_reconstruct(trained):
    folder, _ = trained
    done = run("evaluate", folder, "--num-particles", 40, "--limit", 50, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "K = 40" in done.stdout
    assert json.loads((folder / "report-test-40.json").read_text())["num_data"] == 50

    assert run("sample", folder, "--n", 9, cwd=folder).returncode == 0
    assert is_png(folder / "sample.png")
    made = run("reconstruct", folder, "--n", 5, "--out", "r.npz", cwd=folder)
    assert made.returncode == 0, made.stderr
    arrays = np.load(folder / "r.npz")
    assert arrays["x"].shape == arrays["reconstruction"].shape == (5, 1, 8, 8)


def test_the_library_is_silent_and_the_help_is_short(capsys):
    assert main(["fit", "--data", "mnist", "--objective", "Renyi", "--help"]) == 0
    printed = capsys.readouterr().out
    for option in ("--data.binarize", "--model.latent_dim", "--objective.alpha", "--epochs"):
        assert option in printed
    assert "quantized" not in printed, "lists every torch module"
    assert len(printed.splitlines()) < 240
    assert main(["--help"]) == 0
    assert "reconstruct" in capsys.readouterr().out


def fit_here(*words):
    return main(["fit", *map(str, words)])


def test_yaml_holds_the_configuration_and_words_go_over_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {
        "data": {"name": "digits", "binarize": "dynamic"},
        "model": {"latent_dim": 3, "posterior": "FullNormal"},
        "objective": {"name": "IWAE", "num_particles": 4},
        "epochs": 5,
        "test_particles": 0,
    }
    Path("c.yaml").write_text(yaml.safe_dump(config))
    assert fit_here("--config", "c.yaml", "--epochs", 1, "--run", "r") == 0
    kept = yaml.safe_load(Path("r/config.yaml").read_text())
    assert kept["epochs"] == 1
    assert kept["objective"]["num_particles"] == 4
    assert kept["data"]["binarize"] == "dynamic"
    assert len(Path("r/history.jsonl").read_text().splitlines()) == 1
    assert fit_here("--config", "r/config.yaml", "--epochs", 2, "--run", "r", "--resume") == 0
    assert len(Path("r/history.jsonl").read_text().splitlines()) == 2
    assert fit_here("--epochs", 3, "--run", "r", "--resume") == 0, "it knows its configuration"
    assert len(Path("r/history.jsonl").read_text().splitlines()) == 3


PRIORS = {
    "NormalPrior": [],
    "MixturePrior": ["--model.prior.num_components", "5"],
    "VampPrior": ["--model.prior.num_components", "5", "--model.prior.learn_weights", "true"],
    "FlowPrior": [
        "--model.prior.layer", "AffineCoupling", "--model.prior.layer.hidden", "[8]",
        "--model.prior.mixing", "null", "--model.prior.base", "NormalPrior",
    ],
}  # fmt: skip


@pytest.mark.parametrize("prior", PRIORS)
def test_priors_by_name(prior, tmp_path, capsys):
    run = str(tmp_path / "r")
    words = [*SMALL, "--model.prior", prior, *PRIORS[prior], "--objective", "IWAE"]
    assert fit_here("--data", "digits", *words, "--run", run) == 0
    assert fit_here("--epochs", 3, "--run", run, "--resume") == 0
    assert main(["evaluate", run, "--num-particles", "30"]) == 0
    route = "closed form" if prior == "NormalPrior" else "sampled: no closed form between Normal"
    assert route in capsys.readouterr().out
    assert main(["sample", run, "--n", "4"]) == 0


@pytest.mark.parametrize(
    "name", ["own.py", "own.py:Wide", "own.Wide"], ids=["functions", "class_in_file", "import"]
)
def test_own_models_by_file_and_import_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(OWN)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    monkeypatch.delitem(sys.modules, "pyrovae_user_own", raising=False)
    extra = ["--model.width", "5"] if "Wide" in name else []
    words = ["--model", name, *extra, "--epochs", 1, "--test-particles", 30, "--run", "r"]
    assert fit_here(*words, "--objective", "Trace_ELBO") == 0
    assert is_png(Path("r/reconstructions.png"))
    assert main(["sample", "r", "--n", "4"]) == 2, "a run folder by itself runs nothing"
    assert main(["sample", "r", "--n", "4", "--model", name]) == 0


def test_flows_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [
        *SMALL, "--model.posterior", "FlowPosterior", "--model.posterior.num_layers", 2,
        "--model.posterior.layer", "SplineCoupling", "--model.posterior.layer.order", "linear",
        "--model.posterior.mixing", "Permutation", "--model.posterior.mixing.order", "reversed",
    ]  # fmt: skip
    assert fit_here(*words, "--epochs", 1, "--run", "r") == 0
    posterior = yaml.safe_load(Path("r/config.yaml").read_text())["model"]["posterior"]
    layer = posterior["init_args"]["layer"]
    assert layer["class_path"] == "pyrovae.nn.flows.SplineCoupling"
    assert layer["init_args"]["order"] == "linear"
    assert fit_here("--epochs", 2, "--run", "r", "--resume") == 0
    assert main(["sample", "r", "--n", "4"]) == 0


@pytest.mark.parametrize("objective", ["ELBO", "Beta", "TraceMeanField_ELBO", "RenyiELBO"])
def test_any_objective(objective, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    extra = {
        "Beta": ["--objective.beta", "2.0", "--kl-warmup", "1"],
        "RenyiELBO": ["--objective.alpha", "0.5", "--objective.num_particles", "2"],
    }.get(objective, [])
    assert fit_here(*SMALL, "--objective", objective, *extra, "--run", "r") == 0


def refused(capsys, *words):
    """Runs a command that must end with code 2 and one sentence; returns the sentence."""
    assert main([str(word) for word in words]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("pyrovae")
    assert len(error.splitlines()) == 1, error
    assert "Traceback" not in error
    return error


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestBadInput:
    def test_nothing_and_unknown_commands(self, capsys):
        assert main([]) == 2
        capsys.readouterr()
        assert "no command 'train'" in refused(capsys, "train")

    def test_a_real_process_prints_no_traceback(self, here):
        done = run("fit", "--objective", "IWEA", cwd=here)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert "no such objective" in done.stderr and "IWAE" in done.stderr

    def test_unknown_names(self, capsys, here):
        assert "digits" in refused(capsys, "fit", "--data", "mnits")
        assert "VAE" in refused(capsys, "fit", "--model", "VEA")
        assert "cannot import" in refused(capsys, "fit", "--model", "nowhere.Model")
        assert "no such file" in refused(capsys, "fit", "--model", "nowhere.py")
        Path("empty.py").write_text("x = 1\n")
        assert "defines no 'Model'" in refused(capsys, "fit", "--model", "empty.py:Model")
        assert "no callable 'model'" in refused(capsys, "fit", "--model", "empty.py")

    def test_unknown_options_and_values(self, capsys, here):
        assert "--epoch" in refused(capsys, "fit", *SMALL, "--epoch", "3")
        assert "epochs" in refused(capsys, "fit", *SMALL, "--epochs", "many")
        assert "latent_dim" in refused(capsys, "fit", "--epochs", "1")
        words = ["fit", "--model.latent_dim", "2", "--model.likelihood"]
        assert "Binomal: there is no such class" in refused(capsys, *words, "Binomal")
        words += ["Binomial", "--model.likelihood.total_count"]
        assert "total_count=0" in refused(capsys, *words, "0")
        assert "--model.likelihood.total_count many" in refused(capsys, *words, "many")
        assert "batch" in refused(capsys, "fit", *SMALL, "--batch-size", "0", "--run", "r")
        assert "kl-warmup" in refused(capsys, "fit", *SMALL, "--kl-warmup", "1", "--run", "r")

    def test_missing_and_broken_configuration(self, capsys, here):
        assert "none.yaml" in refused(capsys, "fit", "--config", "none.yaml")
        Path("bad.yaml").write_text("a: [1\n")
        assert "not YAML" in refused(capsys, "fit", "--config", "bad.yaml")
        Path("odd.yaml").write_text("epoch: 3\n")
        assert "epoch" in refused(capsys, "fit", "--config", "odd.yaml", *SMALL)

    def test_missing_data(self, capsys, here, monkeypatch):
        monkeypatch.delenv("PYROVAE_DATA", raising=False)
        assert "PYROVAE_DATA" in refused(capsys, "fit", "--data", "mnist", *SMALL)
        words = ["fit", "--data", "arrays", "--data.x", "none.npz", *SMALL]
        assert "none.npz" in refused(capsys, *words)

    @pytest.mark.torchvision
    def test_a_folder_without_the_files(self, capsys, here):
        words = ["fit", "--data", "mnist", "--data-root", "nowhere", *SMALL]
        assert "nowhere" in refused(capsys, *words)

    @pytest.mark.torchvision
    def test_truncated_idx_file(self, capsys, here):
        raw = here / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for stem, count in (("train", 60), ("t10k", 10)):
            images = struct.pack(">IIII", 2051, count, 28, 28) + bytes(count * 784)
            labels = struct.pack(">II", 2049, count) + bytes(count)
            (raw / f"{stem}-images-idx3-ubyte").write_bytes(images)
            (raw / f"{stem}-labels-idx1-ubyte").write_bytes(labels)
        (raw / "train-images-idx3-ubyte").write_bytes(images[:5000])
        words = ["fit", "--data", "mnist", "--data-root", here, "--data.binarize", "dynamic"]
        assert "train-images-idx3-ubyte" in refused(capsys, *words, *SMALL)
        with gzip.open(raw / "x.gz", "wb") as file:
            file.write(b"x")

    def test_nan_and_shapes(self, capsys, here):
        x = np.zeros((40, 6), np.float32)
        x[7, 2] = np.nan
        np.savez("nan.npz", x=x)
        words = ["fit", "--data", "arrays", "--data.x", "nan.npz", *SMALL]
        assert "row 7" in refused(capsys, *words)
        np.savez("flat.npz", x=np.zeros((40, 6), np.float32))
        words = ["fit", "--data", "arrays", "--data.x", "flat.npz", "--model.latent_dim", 2]
        error = refused(capsys, *words, "--model.encoder", "ConvEncoder", "--run", "r")
        assert "(C, H, W)" in error

    def test_grey_levels_under_bernoulli(self, capsys, here):
        error = refused(capsys, "fit", "--model.latent_dim", 2, "--epochs", 1, "--run", "r")
        assert "Bernoulli" in error and "Binomial(total_count=16)" in error

    def test_run_folders(self, capsys, here, trained):
        folder, _ = trained
        assert "already holds a run" in refused(capsys, "fit", *SMALL, "--run", folder)
        assert "no run folder" in refused(capsys, "evaluate", here)
        assert "no run folder" in refused(capsys, "sample", "nowhere")
        assert "--out" in refused(capsys, "sample", folder, "--out", "x.jpg")

    def test_corrupted_checkpoint(self, capsys, here, trained):
        folder, _ = trained
        copy = here / "copy"
        copy.mkdir()
        (copy / "config.yaml").write_text((folder / "config.yaml").read_text())
        assert "no checkpoint" in refused(capsys, "evaluate", copy)
        whole = (folder / "last.safetensors").read_bytes()
        for broken in (whole[: len(whole) // 2], b"", b"\xff" * 100, whole[:200] + whole[400:]):
            (copy / "last.safetensors").write_bytes(broken)
            assert "last.safetensors" in refused(capsys, "evaluate", copy)
        (copy / "last.safetensors").write_bytes(whole)
        (copy / "config.yaml").write_text(
            (folder / "config.yaml").read_text().replace("latent_dim: 2", "latent_dim: 3")
        )
        assert "does not fit" in refused(capsys, "evaluate", copy)

    def test_a_folder_that_is_no_run_is_left_alone(self, capsys, here):
        folder = here / "mine"
        folder.mkdir()
        (folder / "thesis.txt").write_text("years of work")
        for extra in ([], ["--overwrite"], ["--resume"]):
            error = refused(capsys, "fit", *SMALL, "--run", folder, *extra)
            assert "holds files and no run" in error
        assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
        assert "is a file" in refused(capsys, "fit", *SMALL, "--run", folder / "thesis.txt")

    def test_a_refused_run_leaves_the_earlier_one_whole(self, capsys, here, trained):
        folder, _ = trained
        kept = {path.name: path.read_bytes() for path in folder.iterdir()}
        words = ["fit", "--model.latent_dim", 2, "--epochs", 1, "--run", folder]
        assert "Bernoulli" in refused(capsys, *words, "--overwrite")
        error = refused(
            capsys, "fit", *SMALL, "--model.latent_dim", 5, "--run", folder, "--resume"
        )
        assert "settings differ in model" in error
        error = refused(capsys, "fit", "--objective", "IWAE", "--run", folder, "--resume")
        assert "settings differ in objective" in error
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept

    def test_values_out_of_range(self, capsys, here):
        assert "latent_dim" in refused(capsys, "fit", *SMALL[2:], "--model.latent_dim", "-4")
        for option, value in (("lr", "-1"), ("seed", "-1"), ("epochs", "0")):
            assert f"--{option}" in refused(capsys, "fit", *SMALL, f"--{option}={value}")
        error = refused(capsys, "fit", *SMALL, "--run", "r", "--device", "gpu7")
        assert "device gpu7" in error

    def test_own_files_that_do_not_run(self, capsys, here):
        Path("bad.py").write_text("def model(:\n")
        assert "bad.py cannot be run" in refused(capsys, "fit", "--model", "bad.py")
        Path("lost.py").write_text("import nowhere_to_be_found\n")
        assert "nowhere_to_be_found" in refused(capsys, "fit", "--model", "lost.py")
        assert "lost.py:NAME" in refused(capsys, "fit", "--data", "lost.py", *SMALL)


def test_a_model_may_observe_flattened_data(here):
    Path("flat.py").write_text(
        OWN.replace(".reshape(*z.shape[:-1], 1, 8, 8)", "").replace(
            "logits=logits).to_event(3), obs=x", "logits=logits).to_event(1), obs=x.flatten(1)"
        )
    )
    words = ["--model", "flat.py", "--epochs", 1, "--test-particles", 10, "--run", "r"]
    assert fit_here(*words) == 0
    assert is_png(Path("r/reconstructions.png"))
    assert main(["reconstruct", "r", "--n", "4", "--model", "flat.py"]) == 0


def test_precision_and_memory_are_kept_with_the_run(here):
    words = ["--objective", "IWAE", "--objective.num_particles", "20", "--test-particles", "0"]
    options = ["--precision", "bf16", "--memory", "20000000", "--epochs", "1", "--device", "cpu"]
    assert fit_here("--data", "digits", *SMALL, *words, *options, "--run", "r") == 0
    kept = yaml.safe_load(Path("r/config.yaml").read_text())
    assert (kept["precision"], kept["memory"]) == ("bf16", 20_000_000)
    more = ["--epochs", "2", "--memory", "30000000"]
    assert fit_here("--run", "r", "--resume", *more) == 0
    assert fit_here("--run", "r", "--resume", "--epochs", "3", "--precision", "full") != 0
    assert fit_here("--data", "digits", *SMALL, "--precision", "half", "--run", "other") != 0


def test_an_interrupted_run_can_be_resumed(here):
    words = ["fit", "--data", "digits", *SMALL, "--epochs", "100000", "--run", "r"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pyrovae", *words],
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore the signal, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 120
        while not Path("r/last.safetensors").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "--resume" in error and "Traceback" not in error
    done = len(Path("r/history.jsonl").read_text().splitlines())
    assert fit_here("--run", "r", "--resume", "--epochs", done + 1) == 0


def test_a_last_batch_is_dropped_where_asked(tmp_path, capsys):
    words = [
        "fit", "--data", "digits", "--data.binarize", "static", "--model", "VAE",
        "--model.latent_dim", "2", "--epochs", "1", "--batch-size", "400",
        "--test-particles", "0", "--device", "cpu",
    ]  # fmt: skip
    for name, extra, steps in (("all", [], 3), ("whole", ["--drop-last"], 2)):
        main([*words, *extra, "--run", str(tmp_path / name)])
        assert f"trained {steps} steps" in capsys.readouterr().out
