"""The README's code runs as it stands, at a smaller budget, and names what there is."""

import inspect
import re
import shlex
import sys
from pathlib import Path

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae import data, fit, models, objectives
from pyrovae import nn as heads
from pyrovae.cli import main
from pyrovae.objectives import IWAE

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "docs"))

import tables  # noqa: E402

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def _small(block):
    return block.replace("epochs=50", "epochs=1").replace("num_particles=1000", "num_particles=30")


def test_the_first_fit(capsys):
    block = _small(BLOCKS[0])
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
    exec(_small(BLOCKS[1]), names)
    assert not torch.equal(before, decoder.weight)


def test_comparing_and_measuring(capsys):
    names: dict[str, object] = {}
    exec(_small(BLOCKS[0]), names)
    block = BLOCKS[2].replace("test.x[:100]", "test.x[:8]").replace("x[:10]", "x[:2]")
    exec(block.replace("num_particles=8", "num_particles=4, num_draws=5, repeats=2"), names)
    assert "DReG" in capsys.readouterr().out


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
