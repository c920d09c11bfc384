"""Priors, flows, objectives and pairs of the user's own, by name."""

import sys
from pathlib import Path

import pytest
import yaml

from pyrovae.cli import main
from tests.cli.commands import OWN, SMALL, fit, is_png

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
    assert fit("--data", "digits", *words, "--run", run) == 0
    assert fit("--epochs", 3, "--run", run, "--resume") == 0
    assert main(["evaluate", run, "--num-particles", "30"]) == 0
    route = "closed form" if prior == "NormalPrior" else "sampled: no closed form between Normal"
    assert route in capsys.readouterr().out
    assert main(["sample", run, "--n", "4"]) == 0


@pytest.mark.parametrize(
    "name", ["own.py", "own.py:Wide", "own.Wide"], ids=["functions", "class_in_file", "import"]
)
def test_own_models_by_file_and_import_path(name, here, monkeypatch):
    Path("own.py").write_text(OWN)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    monkeypatch.delitem(sys.modules, "pyrovae_user_own", raising=False)
    extra = ["--model.width", "5"] if "Wide" in name else []
    words = ["--model", name, *extra, "--epochs", 1, "--test-particles", 30, "--run", "r"]
    assert fit(*words, "--objective", "Trace_ELBO") == 0
    assert is_png(Path("r/reconstructions.png"))
    assert main(["sample", "r", "--n", "4"]) == 2, "a run folder by itself runs nothing"
    assert main(["sample", "r", "--n", "4", "--model", name]) == 0


def test_flows_by_name(here):
    words = [
        *SMALL, "--model.posterior", "FlowPosterior", "--model.posterior.num_layers", 2,
        "--model.posterior.layer", "SplineCoupling", "--model.posterior.layer.order", "linear",
        "--model.posterior.mixing", "Permutation", "--model.posterior.mixing.order", "reversed",
    ]  # fmt: skip
    assert fit(*words, "--epochs", 1, "--run", "r") == 0
    posterior = yaml.safe_load(Path("r/config.yaml").read_text())["model"]["posterior"]
    layer = posterior["init_args"]["layer"]
    assert layer["class_path"] == "pyrovae.nn.flows.SplineCoupling"
    assert layer["init_args"]["order"] == "linear"
    assert fit("--epochs", 2, "--run", "r", "--resume") == 0
    assert main(["sample", "r", "--n", "4"]) == 0


@pytest.mark.parametrize("objective", ["ELBO", "Beta", "TraceMeanField_ELBO", "RenyiELBO"])
def test_any_objective(objective, here):
    extra = {
        "Beta": ["--objective.beta", "2.0", "--kl-warmup", "1"],
        "RenyiELBO": ["--objective.alpha", "0.5", "--objective.num_particles", "2"],
    }.get(objective, [])
    assert fit(*SMALL, "--objective", objective, *extra, "--run", "r") == 0


def test_a_model_may_observe_flattened_data(here):
    Path("flat.py").write_text(
        OWN.replace(".reshape(*z.shape[:-1], 1, 8, 8)", "").replace(
            "logits=logits).to_event(3), obs=x", "logits=logits).to_event(1), obs=x.flatten(1)"
        )
    )
    words = ["--model", "flat.py", "--epochs", 1, "--test-particles", 10, "--run", "r"]
    assert fit(*words) == 0
    assert is_png(Path("r/reconstructions.png"))
    assert main(["reconstruct", "r", "--n", "4", "--model", "flat.py"]) == 0
