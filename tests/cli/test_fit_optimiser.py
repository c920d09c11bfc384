"""Optimiser, rates, schedule and average as options of `pyrovae fit`."""

import json

import pytest
import yaml

from pyrovae import train
from pyrovae.cli import fit as command
from pyrovae.cli import main
from pyrovae.train.checkpoint_file import read_checkpoint
from tests.cli.commands import SMALL, fit

FIT = ["--data", "digits", *SMALL, "--batch-size", "500", "--test-particles", "0"]


@pytest.fixture
def given(monkeypatch):
    """What the command gives to `fit`, which is called all the same."""
    seen = {}

    def remember(*args, **options):
        seen.update(options)
        return train.fit(*args, **options)

    monkeypatch.setattr(command, "fit", remember)
    return seen


def test_options_reach_fit_and_stay_in_the_configuration(tmp_path, given):
    words = [
        "--optimizer", "nadam", "--weight-decay", "0.1", "--lr", "0.01", "--lr-of",
        "encoder=1e-4", "decoder.layers.0=0", "--schedule", "cosine(warmup=0.5)", "--ema", "0.9",
    ]  # fmt: skip
    assert fit(*FIT, *words, "--run", tmp_path / "r") == 0
    assert given["optimizer"] == "nadam" and given["weight_decay"] == 0.1 and given["ema"] == 0.9
    assert given["lr"] == {"": 0.01, "encoder": 1e-4, "decoder.layers.0": 0.0}
    kept = yaml.safe_load((tmp_path / "r" / "config.yaml").read_text())
    assert kept["lr_of"] == ["encoder=1e-4", "decoder.layers.0=0"]
    assert kept["schedule"] == "cosine(warmup=0.5)"
    _, meta = read_checkpoint(tmp_path / "r" / "last.safetensors")
    assert meta["ema"] == 0.9 and meta["optimizer"]["kind"] == "NAdam"
    assert [group["given"]["lr"] for group in meta["optimizer"]["groups"]] == [1e-4, 0.0, 0.01]


def rates(folder):
    return [json.loads(line)["lr"] for line in (folder / "history.jsonl").read_text().splitlines()]


def test_a_run_is_resumed_with_all_of_them(tmp_path):
    words = [*FIT, "--optimizer", "sgd(momentum=0.9)", "--lr", "1e-6", "--ema", "0.5",
             "--schedule", "StepLR(step_size=1, gamma=0.5)"]  # fmt: skip
    for folder, epochs in (("whole", [3]), ("parts", [1, 3])):
        for number in epochs:
            more = ["--resume"] if number > epochs[0] else []
            assert fit(*words, "--epochs", number, "--run", tmp_path / folder, *more) == 0
    assert rates(tmp_path / "parts") == rates(tmp_path / "whole") == [1e-6, 5e-7, 2.5e-7]
    one, other = (
        read_checkpoint(tmp_path / f / "last.safetensors")[0] for f in ("whole", "parts")
    )
    assert all((one[name] == other[name]).all() for name in one if not name.startswith("rng"))


def test_what_may_change_in_a_resumed_run(tmp_path, capsys):
    run = [*FIT, "--epochs", "1", "--run", tmp_path / "r", "--lr-of", "encoder=1e-3"]
    assert fit(*run) == 0
    more = ["--resume", "--run", str(tmp_path / "r"), "--epochs", "2"]
    assert main(["fit", *more, "--lr-of", "encoder=1e-4", "--schedule", "linear"]) == 0
    capsys.readouterr()
    for option, value in (("--ema", "0.9"), ("--optimizer", "sgd"), ("--weight-decay", "0.1")):
        assert main(["fit", *more, option, value]) == 2
        assert f"settings differ in {option[2:].replace('-', '_')}" in capsys.readouterr().err


def test_without_options_it_is_the_default_of_fit(tmp_path, given):
    assert fit(*FIT, "--run", tmp_path / "r") == 0
    assert (given["optimizer"], given["lr"], given["weight_decay"]) == ("adam", None, None)
    assert fit(*FIT, "--run", tmp_path / "s", "--adam-eps", "1e-4", "--weight-decay", "0.1") == 0
    _, meta = read_checkpoint(tmp_path / "s" / "last.safetensors")
    (group,) = meta["optimizer"]["groups"]
    assert meta["optimizer"]["kind"] == "AdamW"
    held = {key: group["given"][key] for key in ("eps", "lr", "weight_decay")}
    assert held == {"eps": 1e-4, "lr": 1e-3, "weight_decay": 0.1}


BAD = {
    "--lr nan": "--lr nan: it needs a number above 0",
    "--lr inf": "--lr inf: it needs a",
    "--lr 0": "--lr 0: it needs a number above 0",
    "--adam-eps inf": "--adam-eps inf: it needs a",
    "--adam-eps nan": "it needs a",
    "--adam-eps -1": "it needs a",
    "--weight-decay inf": "--weight-decay inf: it needs a",
    "--weight-decay -0.1": "it needs a",
    "--clip-norm inf": "--clip-norm inf: it needs a",
    "--ema 1": "--ema 1: it needs a number from 0 to below 1",
    "--ema nan": "it needs a",
    "--ema -0.5": "it needs a",
    "--ema inf": "it needs a",
    "--ema yes": "it needs a",
    "--optimizer adamm": "did you mean 'adam'",
    "--optimizer muon": "choose one of adam, adamw",
    "--optimizer LBFGS": "is unknown",
    "--optimizer sgd(": "cannot read its options",
    "--optimizer sgd(speed=1)": "takes no speed; it takes lr, momentum",
    "--optimizer sgd(nesterov=True)": "Nesterov momentum requires",
    "--optimizer adam(betas=(0.9,))": "cannot be made",
    "--optimizer adam(lr=0.1) --lr 0.2": "give lr once",
    "--optimizer sgd --adam-eps 1e-4": "an option of adam and adamw",
    "--schedule cosin": "did you mean 'cosine'",
    "--schedule 3": "is unknown: choose one of constant",
    "--schedule cosine(warmup=2)": "warmup is a share",
    "--schedule cosine(warmup='a')": "correct its arguments",
    "--schedule piecewise": "correct its arguments",
    "--schedule StepLR": "step_size",
    "--schedule plateau(mode='best')": "mode best is unknown",
    "--schedule OneCycleLR(max_lr=0.1,total_steps=3)": "give total_steps=6",
    "--lr-of encoder": "--lr-of encoder: give each part with a finite number",
    "--lr-of =1": "--lr-of =1: give each part",
    "--lr-of encoder=fast": "finite number",
    "--lr-of encoder=nan": "finite number",
    "--lr-of encoder=-1": "finite number",
    "--lr-of encoder=1 encoder=2": "each part once",
    "--lr-of encodr=1": "did you mean 'encoder'",
}


@pytest.mark.parametrize("words", BAD)
def test_what_does_not_fit_is_one_sentence(words, here, capsys):
    assert main(["fit", *FIT, "--run", "r", *words.split(" ")]) == 2
    error = capsys.readouterr().err
    assert BAD[words] in error and len(error.splitlines()) == 1
    assert not (here / "r").exists()
