"""Text, sequences, series, tables, counts and spectrograms against all measurements.

A measurement of a family gives finite numbers, or refuses with a sentence that says why.
"""

import math
from functools import cache, partial

import pytest
import torch

import pyrovae
from pyrovae import apply, models
from pyrovae.errors import PyrovaeError
from pyrovae.objectives import ELBO, IWAE, DReG
from tests.evaluate.token_pairs import Series

FAMILIES = (
    "TextVAE", "SequenceToSequence", "SpeechVAE", "DeepMarkovModel", "VariationalRNN",
    "CountVAE", "TopicModel", "TableVAE",
)  # fmt: skip
FEW = {"num_particles": 2, "seed": 0}
ANNEALED = {"num_particles": 2, "num_temperatures": 2, "num_leapfrog": 1, "seed": 0}
DRAWS = {"num_draws": 2, "reference_draws": 2}


@cache
def case(name):
    """A pair, and what it is called with."""
    torch.manual_seed(0)
    pair = getattr(models, name).example()
    x = pair.example_x(6)
    return pair, (x, pair.example_y(x)) if pair.takes_labels else (x,)


def compared(pair, *batch):
    objectives = [ELBO(), IWAE(2), DReG(2)]
    options = {"num_particles": 2, "repeats": 1, "evidence_particles": 3}
    return pyrovae.compare(pair, batch, objectives, **DRAWS, **options)


MEASURES = {
    "elbo_parts": lambda p, *b: pyrovae.elbo_parts(p, *b, **FEW),
    "log_evidence": lambda p, *b: pyrovae.log_evidence(p, *b, **FEW),
    "active_units": lambda p, *b: pyrovae.active_units(p, *b, **FEW),
    "elbo_surgery": lambda p, *b: pyrovae.elbo_surgery(p, *b, **FEW),
    "diagnose": lambda p, *b: pyrovae.diagnose(p, *b, num_particles=3, seed=0),
    "entropies": lambda p, *b: pyrovae.entropies(p, *b, **FEW),
    "traverse": lambda p, *b: pyrovae.traverse(p, *b, seed=0),
    "ais": lambda p, *b: pyrovae.ais(p, *b, **ANNEALED),
    "bdmc": lambda p, *b: pyrovae.bdmc(p, *b, **ANNEALED),
    "inference_gaps": lambda p, *b: pyrovae.inference_gaps(p, *b, num_steps=1, **FEW),
    "gradients": lambda p, *b: pyrovae.gradients(p, b, ELBO(), **DRAWS),
    "compare": compared,
    "report": lambda p, *b: pyrovae.report(p, b, num_particles=2),
    "sample_quality": lambda p, *b: pyrovae.sample_quality(p, *b, train=b[0], nearest=2, seed=0),
    "perplexity": lambda p, *b: pyrovae.perplexity(p, *b, **FEW),
    "predictive_check": lambda p, *b: apply.predictive_check(p, *b, replicates=20, seed=0),
}

STEPS = ("DeepMarkovModel", "VariationalRNN")
TEXTS = ("TextVAE", "SequenceToSequence")
OWN_STEPS = "depend on their own earlier steps"
REFUSED = {
    **{("entropies", name): "does not become a sum|has no entropy|is masked" for name in FAMILIES},
    **{("traverse", name): "units of one latent vector" for name in STEPS},
    **{("inference_gaps", name): "cannot be optimised per datum" for name in STEPS},
    **{(m, "VariationalRNN"): OWN_STEPS for m in ("bdmc", "sample_quality", "predictive_check")},
    ("bdmc", "CountVAE"): "given the total of the data's counts",
    **{(m, name): "are codes" for m in ("sample_quality", "predictive_check") for name in TEXTS},
    **{("perplexity", name): "has no method num_tokens" for name in FAMILIES
       if not hasattr(getattr(models, name), "num_tokens")},
}  # fmt: skip
"""Which refuse, and a part of the sentence that says why."""


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")
def test_gives_numbers_or_says_why_not(measure, family):
    pair, batch = case(family)
    run = partial(MEASURES[measure], pair, *batch)
    why = REFUSED.get((measure, family))
    if why is not None:
        with pytest.raises(PyrovaeError, match=why):
            run()
        return
    found = run()
    assert len(found.to_json()) > 50 and len(str(found)) > 50
    rows = [found.facts] if measure == "report" else found.records()
    numbers = [value for row in rows for value in row.values() if isinstance(value, float)]
    assert sum(math.isfinite(v) for v in numbers) >= len(numbers) / 2


@pytest.mark.parametrize("family", TEXTS)
def test_codes_are_no_numbers(family):
    pair, batch = case(family)
    found = pyrovae.diagnose(pair, *batch, num_particles=3, seed=0)
    assert "explains" not in str(found) and all(row["moved"] is None for row in found.records())
    assert "share of the codes" in str(pyrovae.traverse(pair, *batch, seed=0))


def test_padding_and_missing_values_do_not_count():
    pair = Series(exact=True)
    x, mask = pair.sample(400)
    whole = pyrovae.diagnose(pair, x, mask, seed=0)
    padded = x.where(mask[..., None], 1000.0)
    assert str(pyrovae.diagnose(pair, padded, mask, seed=0)) == str(whole)
    assert "explains 8" in str(whole) and "narrow" not in str(whole)


def test_active_units_of_a_latent_of_two_axes():
    pair = Series(exact=True)
    x, mask = pair.sample(2000)
    found = pyrovae.active_units(pair, x, mask).variance["z"].reshape(5, 2)
    cov = torch.linalg.inv(torch.eye(2) + pair.weight.T @ pair.weight / pair.noise**2)
    of_mean = (1 - cov.diagonal()).detach()  # Var E[z|x] = 1 - E Var[z|x], where there is a step
    share = mask.double().mean(0)[:, None]
    torch.testing.assert_close(found, share * of_mean, rtol=0.12, atol=0.01)
