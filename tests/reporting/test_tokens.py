"""Text has bits and perplexity per token in the place of bits per dimension."""

import math

import pytest

from pyrovae import perplexity
from pyrovae.data import Split
from pyrovae.models import TextVAE
from pyrovae.models.capabilities import CountsTokens
from pyrovae.reporting import report, with_figures
from tests.evaluate.token_pairs import Strings


def test_the_rows_are_those_of_perplexity():
    pair = Strings()
    x = pair.every()
    assert isinstance(pair, CountsTokens)
    plain = report(pair, x, num_particles=50)
    found = with_figures(plain, pair, Split(x))
    alone = perplexity(pair, x, num_particles=50, seed=0)
    assert found.facts["perplexity"] == pytest.approx(alone.perplexity)
    bits = alone.numbers()["bits_per_token"]
    assert found.facts["bits_per_token"] == pytest.approx(bits)
    rows = {what: (value, remark) for what, value, _, remark in found.rows}
    assert rows["bits/letter"] == (f"{bits:.4f}", "of the NLL over 3.55 letters a datum")
    assert rows["perplexity"] == (f"{math.exp(alone.nll_per_token):.3f}", "per letter")
    assert "bits/dim" not in rows and found.facts["bits_per_dim"] is None
    page = found.to_html()
    assert "perplexity" in page and "bits per dimension" not in page


def test_text_has_the_rows_without_bits_per_dimension():
    pair = TextVAE.example()
    x = pair.example_x()
    plain = report(pair, x, num_particles=5)
    names = [row[0].strip() for row in with_figures(plain, pair, Split(x)).rows]
    assert "bits/dim" not in [row[0] for row in plain.rows]  # of whole numbers there is none
    place = names.index("too high by")
    assert names[place + 1 : place + 3] == [f"bits/{pair.token}", "perplexity"]
