"""Runs that begin at another run, at the data, or train a part of the pair."""

import json
from pathlib import Path

import pytest
import torch

from pyrovae.cli import main
from pyrovae.train.checkpoint_file import read_checkpoint

BINOMIAL = ["--model.likelihood", "Binomial", "--model.likelihood.total_count", "16"]
NETS = ["--model.encoder", "MLP", "--model.encoder.hidden", "[8]",
        "--model.decoder", "MLP", "--model.decoder.hidden", "[8]"]  # fmt: skip
STILL = ["--lr", "1e-30"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(name, model, *options, epochs=1, particles=2):
    words = ["fit", "--data", "digits", "--model", model, *options, *BINOMIAL, *NETS]
    return main([*words, "--epochs", str(epochs), "--test-particles", str(particles),
                 "--device", "cpu", "--run", name])  # fmt: skip


def tensors(name, checkpoint="best"):
    """By the names that modules use, whatever trains."""
    found, _ = read_checkpoint(Path(name) / f"{checkpoint}.safetensors")
    kinds = ("parameters/", "buffers/")
    return {k.partition("/")[2].replace("$$$", "."): v for k, v in found.items()
            if k.startswith(kinds)}  # fmt: skip


def facts(name):
    return json.loads((Path(name) / "report.json").read_text())


def test_clusters_begin_at_the_codes_of_a_vae(capsys):
    latent = ["--model.latent_dim", "2"]
    assert run("vae", "VAE", *latent, epochs=3) == 0
    options = [*latent, "--model.num_clusters", "10", "--from", "vae", *STILL]
    assert run("random", "MixtureVAE", *options) == 0
    assert run("started", "MixtureVAE", *options, "--start", "400") == 0
    printed = capsys.readouterr().out
    assert "began as vae, but for prior" in printed and "started at 400 data" in printed
    before, after = tensors("vae"), tensors("started")
    networks = [name for name in before if not name.startswith("prior.")]
    assert all(torch.equal(before[name], after[name]) for name in networks)
    assert facts("started")["nll"] < facts("random")["nll"]


def test_a_prior_of_the_codes_is_learned_last():
    codes = ["--model.grid", "[3]"]
    assert run("codes", "VQVAE", *codes, epochs=3) == 0
    learned = [*codes, "--model.prior", "AutoregressiveCodes", "--lr", "1e-2"]
    learned += ["--from", "codes", "--only", "prior"]
    assert run("both", "VQVAE", *learned, epochs=3) == 0
    before, after = tensors("codes"), tensors("both")
    still = [name for name in before if not name.startswith("prior.")]
    assert all(torch.equal(before[name], after[name]) for name in still)
    assert facts("both")["nll"] < facts("codes")["nll"] - 1
    assert facts("both")["reconstruction"] == pytest.approx(facts("codes")["reconstruction"])
    assert main(["evaluate", "both", "--num-particles", "2"]) == 0
    again = json.loads(Path("both/report-test-2.json").read_text())
    assert again["nll"] == pytest.approx(facts("both")["nll"])


def test_a_part_is_resumed():
    only = ["--from", "vae", "--only", "prior", "--lr", "1e-2"]
    prior = ["--model.latent_dim", "2", "--model.prior", "NormalPrior"]
    assert run("vae", "VAE", *prior) == 0
    assert run("whole", "VAE", *prior, *only, epochs=4) == 0
    assert run("parts", "VAE", *prior, *only, epochs=2) == 0
    words = ["fit", "--run", "parts", "--resume", "--epochs", "4"]
    assert main(words) == 0
    whole, parts = tensors("whole", "last"), tensors("parts", "last")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert not torch.equal(whole["prior.loc"], tensors("vae")["prior.loc"])


def test_a_run_resumed_before_its_first_checkpoint_begins_as_it_was_told(capsys):
    latent = ["--model.latent_dim", "2"]
    assert run("vae", "VAE", *latent, epochs=3) == 0
    assert run("more", "VAE", *latent, "--from", "vae", *STILL) == 0
    for kept in ("best", "last"):
        Path(f"more/{kept}.safetensors").unlink()
    assert main(["fit", "--run", "more", "--resume"]) == 0
    assert "began as vae" in capsys.readouterr().out.split("began as vae", 1)[1]
    before, after = tensors("vae"), tensors("more")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_density_for_an_autoencoder():
    latent = ["--model.latent_dim", "2"]
    assert run("plain", "Autoencoder", *latent) == 0
    assert main(["sample", "plain", "--n", "4"]) == 2
    density = ["--model.prior", "MixturePrior", "--model.prior.num_components", "5"]
    options = ["--from", "plain", "--start", "300", "--only", "prior"]
    assert run("dense", "Autoencoder", *latent, *density, *options) == 0
    assert main(["sample", "dense", "--n", "4"]) == 0


def test_features_are_probed(capsys):
    assert run("vae", "VAE", "--model.latent_dim", "4", epochs=5) == 0
    probe = ["evaluate", "vae", "--num-particles", "2", "--probe"]
    assert main([*probe, "100"]) == 0
    assert "accuracy of a classifier of z, 100 labels" in capsys.readouterr().out
    assert 0.2 < json.loads(Path("vae/report-test-2.json").read_text())["probe"] < 1
    assert main([*probe, "101"]) == 2
    assert "multiple of 10" in capsys.readouterr().err


def test_labels_are_not_probed(capsys):
    given = ["--model.latent_dim", "2", "--model.num_classes", "10"]
    assert run("given", "ConditionalVAE", *given) == 0
    assert main(["evaluate", "given", "--num-particles", "2", "--probe", "10"]) == 2
    assert "is called with them" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "said"), [
    (["--start", "100"], "nothing of this VAE starts from data"),
    (["--only", "priors"], "it has encoder, decoder"),
    (["--from", "nowhere"], "no checkpoint best or last"),
    (["--start", "3", "--model.prior", "VampPrior"], "needs 50 or more"),
])  # fmt: skip
def test_refusals(options, said, capsys):
    assert run("out", "VAE", "--model.latent_dim", "2", *options) == 2
    assert said in capsys.readouterr().err
    assert not Path("out/last.safetensors").exists()


def test_another_run_of_which_nothing_fits(capsys):
    assert run("two", "VAE", "--model.latent_dim", "2") == 0
    words = ["fit", *BINOMIAL, "--model.latent_dim", "3", "--from", "two", "--run", "three",
             "--model.encoder", "MLP", "--model.encoder.hidden", "[5,4]",
             "--model.decoder", "MLP", "--model.decoder.hidden", "[5,4]"]  # fmt: skip
    assert main(words) == 2
    assert "nothing of what the pair is made of" in capsys.readouterr().err
