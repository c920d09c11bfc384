"""The options of a sweep: shown in every signature, and checked once."""

import inspect

import pytest
import torch

from pyrovae import evaluate
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, PlateError
from pyrovae.evaluate import AnnealingOptions, SweepOptions
from pyrovae.objectives import ELBO

SWEEPING = ["active_units", "ais", "bdmc", "elbo_parts", "elbo_surgery", "inference_gaps",
            "kl_decomposition", "log_evidence", "posterior_means", "traverse"]  # fmt: skip


@pytest.fixture(scope="module")
def call():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    return oracle.model, oracle.guide, oracle.sample(4, seed=1)


@pytest.mark.parametrize("name", SWEEPING)
def test_the_signature_spells_them_out(name):
    measure = getattr(evaluate, name)
    shown = inspect.signature(measure).parameters
    options = AnnealingOptions if name in ("ais", "bdmc") else SweepOptions
    assert options.__optional_keys__ <= shown.keys() and "options" not in shown
    assert all(shown[n].kind is inspect.Parameter.KEYWORD_ONLY for n in options.__optional_keys__)
    assert shown["chunk"].default is None and shown["batch_plate"].default == "auto"
    assert f"see `{options.__name__}`" in measure.__doc__


@pytest.mark.parametrize("options", [SweepOptions, AnnealingOptions])
def test_every_option_is_explained(options):
    explained = SweepOptions.__doc__ + options.__doc__
    assert all(f"    {name}: " in explained for name in options.__optional_keys__)


@pytest.mark.parametrize("name", SWEEPING)
def test_unknown_names_and_values_are_refused(call, name):
    measure = getattr(evaluate, name)
    message = f"^{name}\\(\\) got an unexpected .* 'chunks'; do you mean 'chunk'\\?.*chunk, rows"
    with pytest.raises(TypeError, match=message):
        measure(*call, chunks=3)
    with pytest.raises(ConfigError, match="chunk is 0"):
        measure(*call, chunk=0)
    with pytest.raises(ConfigError, match="mode is 'train'"):
        measure(*call, mode="train")


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"num_particle": 5}, "'num_particle'; do you mean 'num_particles'? Besides"),
        ({"k": 5}, "'k'; Besides"),
        ({"chunk_size": 5, "sed": 1}, "'chunk_size', 'sed'; do you mean 'chunk', 'seed'? Besides"),
    ],
)
def test_the_nearest_of_all_keywords_is_named(call, given, hint):
    with pytest.raises(TypeError) as raised:
        evaluate.log_evidence(*call, **given)
    assert hint in str(raised.value) and "see pyrovae.evaluate.SweepOptions" in str(raised.value)


@pytest.mark.parametrize("name", ["gradients", "compare"])
def test_no_seed_is_a_fresh_one(call, name):
    measure = {
        "gradients": lambda seed: evaluate.gradients(
            *call, ELBO(), num_draws=2, reference_draws=2, seed=seed
        ).mean["linear_gaussian.encoder$$$loc"],
        "compare": lambda seed: torch.tensor(evaluate.compare(
            *call, [ELBO()], num_draws=2, reference_draws=2, repeats=1, seed=seed,
            evidence_particles=5,
        ).rows[0]["bound"]),
    }[name]  # fmt: skip
    torch.manual_seed(3)
    first, second = measure(None), measure(None)
    torch.manual_seed(3)
    assert torch.equal(measure(None), first) and not torch.equal(first, second)
    assert torch.equal(measure(0), measure(0))


@pytest.mark.parametrize("name", ["elbo_surgery", "kl_decomposition", "posterior_means"])
def test_terms_by_datum_need_a_plate(call, name):
    with pytest.raises(PlateError, match="batch_plate is None"):
        getattr(evaluate, name)(*call, batch_plate=None)


def test_a_plate_may_be_named_anywhere(call):
    for name in ("elbo_surgery", "kl_decomposition"):
        measure = getattr(evaluate, name)
        by_name = measure(*call, batch_plate="batch", seed=0)
        assert torch.equal(by_name.mutual_information, measure(*call, seed=0).mutual_information)


def test_traversals_go_by_blocks_too(call, capfd):
    found = evaluate.traverse(*call, rows=2, progress=True, seed=0)
    assert "4" in capfd.readouterr().err
    assert torch.equal(found.information.argsort(descending=True), torch.arange(2))
