"""The README and the tables of the pages name what there is."""

import inspect
import re
import sys

import pytest
from torch import nn

from pyrovae import models, objectives
from pyrovae import nn as heads

from .pages import DOCS, PAGES, ROOT, python_blocks

sys.path.append(str(DOCS))

import tables  # noqa: E402

README = (ROOT / "README.md").read_text()
TEXTS = {page: page.read_text() for page in PAGES}


def test_a_newcomer_reads_it_in_two_minutes():
    assert len(README.splitlines()) <= 140
    first = python_blocks(ROOT / "README.md")[0].code
    assert len([line for line in first.splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize(("room", "base"), [
    (objectives, objectives.ParticleELBO), (heads, heads.Likelihood), (models, models.Family),
])  # fmt: skip
def test_the_tables_are_complete(room, base):
    for name in room.__all__:
        found = getattr(room, name)
        if isinstance(found, type) and issubclass(found, base) and not inspect.isabstract(found):
            assert f"`{name}`" in README, f"the README does not name {name}"


def test_the_tables_are_those_of_the_docstrings():
    shown = [name for text in TEXTS.values() for name in re.findall(r"<!-- table: (\w+)", text)]
    assert sorted(shown) == sorted(tables.tables())
    assert set(tables.PAGES) <= set(PAGES)
    for page, text in TEXTS.items():
        assert tables.filled(text) == text, f"{page}: run python docs/tables.py"


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


def test_the_home_page_counts_right():
    home = " ".join((DOCS / "index.md").read_text().split())
    for head, what in {
        "families": "families", "objectives": "objectives", "likelihoods": "likelihoods",
        "posteriors": "posteriors", "priors": "priors", "flows": "layers of flows",
    }.items():  # fmt: skip
        num = len(tables.tables()[head].splitlines()) - 2
        assert f"{num} {what}" in home, f"{num} {what}"
