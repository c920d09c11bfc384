"""Every remedy exists: its lines of Python run, and `pyrovae fit` takes its options."""

import re
from functools import partial

import pyro
import pytest
import torch

import pyrovae.train
from pyrovae import VAE, VQVAE
from pyrovae.cli.build import build
from pyrovae.cli.config import parse
from pyrovae.cli.fit_options import fit_parser, training_options
from pyrovae.evaluate.diagnosis.remedies import ALL, fewer_units
from pyrovae.nn import MLP
from pyrovae.nn.quantizers import MovingAverageCodebook

REMEDIES = [*ALL, fewer_units(3)]


def test_there_are_some():
    assert len(REMEDIES) > 15 and len({remedy.sentence for remedy in REMEDIES}) == len(REMEDIES)
    assert all(remedy.sentence.endswith(".") for remedy in REMEDIES)


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda r: r.sentence[:40])
def test_its_python_runs(remedy, monkeypatch):
    fit = pyrovae.train.fit

    def quick(*args, **options):
        return fit(*args, **{**options, "epochs": 1, "batch_size": 20, "device": "cpu"})

    monkeypatch.setattr(pyrovae.train, "fit", quick)
    pyro.set_rng_seed(0)
    x = torch.randint(0, 2, (40, 6)).float()
    vae = VAE(6, 2, encoder=partial(MLP, hidden=(4,)), decoder=partial(MLP, hidden=(4,)))
    names = {"model": vae.model, "guide": vae.guide, "x": x, "val": x, "vae": vae}
    if "vae.start" in remedy.python:
        names["vae"] = VQVAE(6, (2,), quantizer=MovingAverageCodebook(4, 2))
    exec(remedy.python, names)
    # What changes the pair is an argument of a family.
    for family, argument in re.findall(r"# (\w+)\(\.\.\., (\w+)=\)", remedy.python):
        quantizer = {"grid": (2,)} if family == "VQVAE" else {"latent_dim": 2}
        getattr(pyrovae, family)(6, **quantizer, **{argument: names[argument]})


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda r: r.sentence[:40])
def test_its_options_are_taken(remedy, tmp_path):
    words = ["--data", "digits", *remedy.command.split(), "--run", str(tmp_path)]
    if "--model " not in remedy.command:
        words += ["--model", "VAE"]
        words += [] if "latent_dim" in remedy.command else ["--model.latent_dim", "4"]
    if "--model.likelihood" not in remedy.command:
        words += ["--model.likelihood", "Binomial", "--model.likelihood.total_count", "16"]
    parser = fit_parser()
    config = parse(parser, words)
    training_options(config)
    setup = build(parser, config, seed=0)
    assert callable(setup.pair.model)
