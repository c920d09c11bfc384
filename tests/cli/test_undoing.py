"""`--option none` undoes what a file gives."""

from pathlib import Path

import pytest
import yaml

from pyrovae.cli.config import parse
from pyrovae.cli.fit_options import fit_parser

GIVEN = {
    "patience": 3, "clip_norm": 1.0, "memory": 10**9, "num_labelled": 10, "quadrants": 1,
    "start": 5, "from": "other", "only": ["prior"], "device": "cpu", "data_root": "there",
    "run": "there", "lr": 0.1, "weight_decay": 0.1, "ema": 0.9, "optimizer": "sgd",
    "lr_of": ["encoder=0.1"], "kl_cycles": 2,
}  # fmt: skip


def test_every_option_that_may_be_left_out_is_listed_here():
    optional = {
        action.dest
        for action in fit_parser()._actions
        if action.default is None and action.dest not in ("help", "config", "==SUPPRESS==")
    }
    assert optional == set(GIVEN)


@pytest.mark.parametrize("option", GIVEN)
@pytest.mark.parametrize("word", ["none", "null"])
def test_an_option(option, word, here):
    content = {"model": {"name": "VAE", "latent_dim": 2}, option: GIVEN[option]}
    Path("file.yaml").write_text(yaml.safe_dump(content))
    words = ["--config", "file.yaml"]
    assert parse(fit_parser(), words)[option] == GIVEN[option]
    words += [f"--{option.replace('_', '-')}", word]
    assert parse(fit_parser(), words)[option] is None


def test_switches_and_parts(here):
    content = {"model": {"name": "VAE", "latent_dim": 2, "likelihood": "Normal"},
               "drop_last": True, "labels": True}  # fmt: skip
    Path("file.yaml").write_text(yaml.safe_dump(content))
    words = ["--config", "file.yaml"]
    found = parse(fit_parser(), words)
    assert found.drop_last and found.labels and found.model.likelihood is not None
    words += ["--drop-last", "false", "--labels=false", "--model.likelihood", "none"]
    found = parse(fit_parser(), words)
    assert not found.drop_last and not found.labels and found.model.likelihood is None
    assert parse(fit_parser(), ["--model.latent_dim", "2", "--labels", "true"]).labels
