"""The README's code runs as it stands, at a smaller budget, and names what there is."""

import inspect
import re
import shlex
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import pyrovae
from pyrovae import data, fit, log_evidence, models, objectives
from pyrovae import nn as heads
from pyrovae.cli import main
from pyrovae.objectives import IWAE

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "docs"))

import tables  # noqa: E402

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def block_with(holds):
    """The block of Python that holds some text, at a smaller budget."""
    (block,) = (block for block in BLOCKS if holds in block)
    for full, small in (
        ("epochs=50", "epochs=1"),
        ("num_particles=1000", "num_particles=30"),
        ("test.x[:100]", "test.x[:8]"),
        ("x[:10]", "x[:2]"),
        ("num_particles=8", "num_particles=4, num_draws=5, repeats=2"),
    ):
        block = block.replace(full, small)
    return block


def _short_fit(*args, epochs=1, **options):
    return fit(*args, epochs=min(epochs, 2), progress=False, **options)


def test_the_first_fit(capsys):
    block = block_with("images = vae.generate(64)")
    assert len([line for line in block.splitlines() if line.strip()]) <= 15
    names: dict[str, object] = {}
    exec(block, names)
    assert names["images"].shape == (64, 1, 8, 8)
    assert "log p(x)" in capsys.readouterr().out


def test_the_pair_of_one_s_own():
    x = data.digits(binarize="static").train.x.flatten(1)
    encoder, decoder = nn.Linear(64, 16), nn.Linear(8, 64)
    names = dict(pyro=pyro, dist=dist, fit=fit, IWAE=IWAE, x=x, encoder=encoder, decoder=decoder)
    before = decoder.weight.detach().clone()
    exec(block_with("def guide(x)"), names)
    assert not torch.equal(before, decoder.weight)


def test_what_a_trained_model_is_for(capsys):
    digits = data.digits(binarize="static")
    vae = models.VAE(digits.shape, latent_dim=2)
    few = SimpleNamespace(test=digits.test[:2])
    exec(block_with("apply.complete"), dict(vae=vae, digits=few))
    assert "R-hat" in capsys.readouterr().out


def test_comparing_and_measuring(capsys):
    names: dict[str, object] = {}
    exec(block_with("images = vae.generate(64)"), names)
    exec(block_with("inference_gaps"), names)
    assert "DReG" in capsys.readouterr().out


def test_data_of_one_s_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = torch.rand(30, 2).numpy()
    np.savez("cells.npz", x)
    np.save("images.npy", x)
    loader = DataLoader(TensorDataset(torch.rand(30, 2), torch.arange(30)), 10)
    frame = pd.DataFrame(100 * x, columns=["height", "weight"]).assign(name="someone")
    vae = models.VAE((2,), 2, likelihood=heads.Normal())
    before = [p.detach().clone() for p in vae.parameters()]
    exec(block_with("cells.npz"), dict(np=np, vae=vae, fit=_short_fit, loader=loader, frame=frame))
    assert not any(map(torch.equal, before, vae.parameters()))


def test_counts_with_sizes():
    counts = torch.poisson(torch.full((40, 50), 3.0))
    names = dict(nn=heads, VAE=models.VAE, fit=_short_fit, counts=counts)
    exec(block_with("NegativeBinomial"), names)
    assert names["vae"].generate(400, size=10_000).sum(-1).mean() == pytest.approx(10_000, rel=0.1)


def test_optimisers_and_schedules():
    vae = models.VAE((1, 8, 8), 2)
    digits = data.digits(binarize="static")
    exec(
        block_with('optimizer="adamw"'), dict(torch=torch, vae=vae, fit=_short_fit, digits=digits)
    )


def test_saving_and_loading(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = "--data.binarize dynamic --model VAE --model.latent_dim 2 --epochs 1".split()
    assert main(["fit", *words, "--test-particles", "0", "--run", "runs/mnist"]) == 0
    digits = data.digits(binarize="static")
    names = dict(pyrovae=pyrovae, log_evidence=partial(log_evidence, num_particles=5))
    names |= dict(vae=models.VAE((1, 8, 8), 2), fit=_short_fit, digits=digits)
    exec(block_with("pyrovae.save"), names)
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_runs_that_begin_at_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    block = re.search(r"A run may start from another.*?```\n(.*?)```", README, re.DOTALL)
    for line in block[1].replace("\\\n", "").splitlines():
        words = shlex.split(line)[1:]
        small = {"fit": ["--epochs", "1", "--test-particles", "2"],
                 "evaluate": ["--num-particles", "2"]}.get(words[0], [])  # fmt: skip
        assert main([*words, *small]) == 0, line


@pytest.mark.parametrize(("room", "base"), [
    (objectives, objectives.ParticleELBO), (heads, heads.Likelihood), (models, models.Family),
])  # fmt: skip
def test_the_tables_are_complete(room, base):
    for name in room.__all__:
        found = getattr(room, name)
        if isinstance(found, type) and issubclass(found, base) and not inspect.isabstract(found):
            assert f"`{name}`" in README, f"the README does not name {name}"


def test_the_tables_are_those_of_the_docstrings():
    assert set(re.findall(r"<!-- table: (\w+) -->", README)) == set(tables.tables())
    assert tables.filled(README) == README, "run: python docs/tables.py"


def test_the_tables_are_made_of_docstrings():
    class Mine(nn.Module):
        r"""Maps :math:`|x|` of p(x|z), or ...

        Source:
            A Title (Doe & Roe, 2020), sec. 1, https://a.org/1; as a bound: Poe et al. (2021),
            eq. 2, without an address; Two (Foe, 2022), https://a.org/2. A remark.
        """

        latents = "any; of one size"

    assert tables.first_sentence(Mine) == r"Maps $\vert x\vert $ of p(x\|z), or ..."
    assert tables.sources(Mine) == "[Doe & Roe 2020](https://a.org/1), [Foe 2022](https://a.org/2)"
    assert tables.latents(Mine) == "any; of one size"
    assert tables.section(Mine, "Example") == ""
    with pytest.raises(KeyError):
        tables.filled("<!-- table: of_nothing -->\n<!-- end -->")


def test_its_pictures_and_files_are_there():
    for path in re.findall(r"\]\((?!http)([^)]+)\)|--config (\S+)", README):
        assert (ROOT / "".join(path)).is_file(), path
