"""Every measurement draws particles one by one where it must, and warns once."""

import warnings

import pytest
import torch

from pyrovae import evaluate
from pyrovae.data import Split
from pyrovae.objectives import IWAE, DReG
from tests.particles.axis_pairs import (
    PAIRS,
    Net,
    Pair,
    warnings_of,
)


def _of_pair(call):
    """A measurement of a pair, as a number that a seed repeats."""
    return lambda pair, **how: call(pair.model, pair.guide, pair.x, **how)


OBJECTIVE = IWAE(2)


MEASUREMENTS = {
    "log_evidence": _of_pair(
        lambda *c, **h: evaluate.log_evidence(*c, num_particles=9, seed=0, **h).log_px
    ),
    "elbo_parts": _of_pair(
        lambda *c, **h: evaluate.elbo_parts(*c, num_particles=4, seed=0, **h).elbo
    ),
    "kl_decomposition": _of_pair(
        lambda *c, **h: (
            evaluate.kl_decomposition(*c, num_particles=4, seed=0, **h).total_correlation
        )
    ),
    "elbo_surgery": _of_pair(
        lambda *c, **h: evaluate.elbo_surgery(*c, num_particles=4, seed=0, **h).kl
    ),
    "active_units": _of_pair(
        lambda *c, **h: evaluate.active_units(*c, num_particles=4, seed=0, **h).variance["z"]
    ),
    "posterior_means": _of_pair(
        lambda *c, **h: evaluate.posterior_means(*c, num_particles=4, seed=0, **h)
    ),
    "ais": _of_pair(
        lambda *c, **h: evaluate.ais(*c, num_particles=3, num_temperatures=4, seed=0, **h).log_px
    ),
    "bdmc": lambda pair, **how: evaluate.bdmc(
        pair.model, pair.guide, pair.x, num_particles=3, num_temperatures=4, seed=0, **how
    ).lower,
    "inference_gaps": _of_pair(
        lambda *c, **h: evaluate.inference_gaps(
            *c, num_particles=9, num_steps=2, step_particles=2, seed=0, **h
        ).elbo
    ),
    "gradients": _of_pair(
        lambda *c, **h: evaluate.gradients(*c, OBJECTIVE, num_draws=3, seed=0, **h).mean[
            "net$$$last.bias"
        ]
    ),
    "compare": _of_pair(
        lambda *c, **h: torch.tensor(
            evaluate.compare(
                *c, [OBJECTIVE, DReG(2)], num_draws=2, evidence_particles=9, repeats=1, **h
            ).rows[1]["bound"]
        )
    ),
    "compare_training": lambda pair, **how: torch.tensor(
        evaluate.compare_training(
            lambda: Pair(type(pair.net)(pair.net.reshape)), pair.x, [OBJECTIVE], epochs=1,
            seeds=(0,), test=pair.x, num_particles=9, device="cpu", progress=False, **how,
        ).rows[0]["nll"]
    ),
    "traverse": _of_pair(lambda *c, **h: evaluate.traverse(*c, seed=0, **h).images),
    "probe": lambda pair, **how: torch.tensor(
        evaluate.probe(
            pair.model, pair.guide, *2 * [Split(pair.x, torch.tensor([0, 1, 0, 1]))], **how
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MEASUREMENTS)
class TestMeasurements:
    def test_asked_and_by_itself_are_the_same(self, name):
        measure = MEASUREMENTS[name]
        asked = measure(PAIRS["flatten"](), vectorize_particles=False)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always" if name == "compare" else "default")
            by_itself = measure(PAIRS["flatten"]())
        torch.testing.assert_close(by_itself, asked, rtol=0.0, atol=0.0)
        # `compare_training` makes a pair for each objective.
        assert 1 <= len(warnings_of(caught)) <= (3 if name == "compare_training" else 1)

    def test_a_pair_that_can_do_both(self, name):
        able = Pair(Net(lambda z: z))
        both = [
            MEASUREMENTS[name](able, vectorize_particles=how).double() for how in (True, False)
        ]
        # Other noise, at few particles: near each other, not equal.
        assert (both[0] - both[1]).abs().max() < 6.0
