"""Every public measurement of a pair runs its networks in evaluation mode, and puts them back."""

import importlib
import inspect
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import pyrovae
from pyrovae import apply, evaluate
from pyrovae.data import Split
from pyrovae.evaluate import Evidence
from pyrovae.models import VAE, Autoencoder, MixturePrior
from pyrovae.nn import Binomial, Corruption, Normal
from pyrovae.objectives import ELBO, IWAE

report = importlib.import_module("pyrovae.reporting")
N, D = 12, 6
X = torch.randn(N, D, generator=torch.Generator().manual_seed(0))
SPLIT = Split(X, torch.arange(N) % 2)
NO_MEASUREMENT = {  # run networks as they are, or not
    "SVI", "buffers", "check", "draw", "fit", "load", "save", "trainable", "made_of", "rebuilt",
}  # fmt: skip


def noisy(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs[0], 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(8, torch.Size(outputs).numel()),
    )  # fmt: skip


def pair_of(**parts):
    torch.manual_seed(0)
    vae = VAE((D,), 2, encoder=noisy, decoder=noisy, likelihood=Normal(), **parts)
    with torch.no_grad():
        for _ in range(5):  # running statistics of these data
            vae.encoder(X), vae.decoder(torch.randn(N, 2))
    return vae


CALLS: dict[str, Callable] = {
    "active_units": lambda f, m, g, **o: f(m, g, X, seed=0, **o).variance["z"],
    "ais": lambda f, m, g, **o: f(
        m, g, X, num_particles=2, num_temperatures=2, num_leapfrog=2, seed=0, **o
    ).log_px,
    "bdmc": lambda f, m, g, **o: f(
        m, g, X, num_particles=2, num_temperatures=2, num_leapfrog=2, seed=0, **o
    ).lower,
    "compare": lambda f, m, g, **o: _of_comparison(
        f(m, g, X, [ELBO(), IWAE(2)], num_draws=3, repeats=1, evidence_particles=30, **o)
    ),
    "diagnose": lambda f, m, g, **o: f(m, g, X, seed=0, **o).parts.elbo,
    "elbo_parts": lambda f, m, g, **o: f(m, g, X, num_particles=4, seed=0, **o).elbo,
    "elbo_surgery": lambda f, m, g, **o: f(m, g, X, num_particles=2, seed=0, **o).marginal_kl,
    "gradients": lambda f, m, g, **o: torch.cat(
        [v.flatten() for v in f(m, g, X, IWAE(2), num_draws=3, **o).mean.values()]
    ),
    "inference_gaps": lambda f, m, g, **o: f(
        m, g, X, num_steps=2, num_particles=8, seed=0, **o
    ).elbo_optimised,
    "khat_map": lambda f, m, g, **o: f(m, g, X, num_particles=30, seed=0, **o).means,
    "kl_decomposition": lambda f, m, g, **o: f(
        m, g, X, num_particles=2, seed=0, **o
    ).mutual_information,
    "log_evidence": lambda f, m, g, **o: f(m, g, X, num_particles=30, seed=0, **o).log_px,
    "perplexity": lambda f, m, g, **o: f(
        m, g, X, num_tokens=lambda x: x.new_ones(len(x)), num_particles=30, seed=0, **o
    ).evidence.log_px,
    "posterior_means": lambda f, m, g, **o: f(m, g, X, seed=0, **o),
    "sample_quality": lambda f, m, g, **o: torch.tensor(
        [row.frechet for row in f(m, g, X, train=X.flip(0), features="raw", seed=0, **o).rows]
    ),
    "traverse": lambda f, m, g, **o: f(m, g, X, seed=0, **o).images,
    "report": lambda f, m, g, **o: torch.tensor(
        [v for v in f(m, g, SPLIT, num_particles=30, **o).facts.values()
         if isinstance(v, int | float)]
    ),
}  # fmt: skip
# What they give is no number of the networks, or not of these; see the tests below.
WORDS = {"entropies", "kl_routes", "why_no_evidence", "probe", "pictures", "word_perplexity"}


def _of_comparison(table):
    rows = [[row["bound"], row["guide_variance"], row["ess"]] for row in table.rows]
    return torch.tensor([*rows, [table.facts["log_px"]] * 3])


def _measurements(*modules):
    """What is public and takes a pair, by name."""
    every = {}
    for module in modules:
        names = getattr(module, "__all__", [n for n in vars(module) if n[0] != "_"])
        every |= {name: getattr(module, name) for name in names}
    return {
        name: thing
        for name, thing in every.items()
        if inspect.isfunction(thing)
        and {"model", "guide"} <= inspect.signature(thing).parameters.keys()
        and name not in NO_MEASUREMENT
    }


MEASUREMENTS = _measurements(pyrovae, evaluate, report)
# Their results are those of tests/apply/test_contract.py. What is coded is always coded in
# evaluation mode, since both directions must compute the same; `fit_background` trains.
USES = _measurements(apply).items() | {("fit_density", apply.fit_density)}
# `forecast` runs a method of the pair, which takes evaluation mode by itself.
NO_MODE = {
    "fit_background", "compress", "compress_file", "decompress", "decompress_file", "forecast",
}  # fmt: skip


def test_every_measurement_is_here_and_takes_a_mode():
    assert MEASUREMENTS.keys() == CALLS.keys() | WORDS
    for name, measure in [*MEASUREMENTS.items(), *USES]:
        parameters = inspect.signature(measure).parameters
        if name in NO_MODE:
            assert "mode" not in parameters
        else:
            assert parameters["mode"].default == "evaluation", name


def _flags(network):
    return [module.training for module in network.modules()]


@pytest.mark.parametrize("name", CALLS)
def test_measured_as_after_eval_and_put_back(name):
    measure, call = MEASUREMENTS[name], CALLS[name]
    vae = pair_of()
    vae.encoder[1].eval()  # some parts are, some are not
    flags = _flags(vae)
    state = {key: value.clone() for key, value in vae.state_dict().items()}
    found = call(measure, vae.model, vae.guide)
    assert _flags(vae) == flags
    assert all(torch.equal(value, state[key]) for key, value in vae.state_dict().items())
    vae.train()
    as_is = call(measure, vae.model, vae.guide, mode="as is")
    assert all(torch.equal(value, state[key]) for key, value in vae.state_dict().items())
    vae.eval()
    kept = call(measure, vae.model, vae.guide, mode="as is")
    torch.testing.assert_close(found, kept, rtol=0, atol=0, equal_nan=True)
    assert not torch.allclose(as_is, kept, rtol=1e-3, equal_nan=True)


def test_a_class_is_told_from_what_the_encoder_says_in_evaluation_mode():
    vae = pair_of()
    found = evaluate.probe(vae.model, vae.guide, SPLIT, SPLIT)
    assert all(_flags(vae))
    vae.eval()
    assert found == evaluate.probe(vae.model, vae.guide, SPLIT, SPLIT, mode="as is")


def test_pictures_leave_networks_as_they_are():
    vae, x = pair_of(), (torch.rand(8, 1, 3, 2) * 2).round()
    conv = VAE((1, 3, 2), 2, encoder=lambda i, o: nn.Sequential(nn.Flatten(), noisy((6,), o)),
               decoder=noisy, likelihood=Binomial(2))  # fmt: skip
    statistics = conv.encoder[1][1].running_mean.clone()
    made = report.pictures(conv.model, conv.guide, Split(x))
    assert {"reconstructions", "samples", "latents", "traversals"} == made.keys()
    assert all(_flags(conv)) and torch.equal(conv.encoder[1][1].running_mean, statistics)
    assert vae.training


class Loud(Corruption):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1e6


def test_words_are_of_the_pair_that_is_measured():
    pair = Autoencoder((D,), 2, likelihood=Normal(), corruption=Loud())
    assert list(pyrovae.kl_routes(pair.model, pair.guide, X)) == ["z"]
    assert list(pyrovae.kl_routes(pair.model, pair.guide, X, mode="as is")) == ["corrupted", "z"]
    assert "improper" in evaluate.why_no_evidence(pair.model, pair.guide, X)
    assert pair.training


def test_codes_are_those_of_clean_data():
    pair = Autoencoder((D,), 2, encoder=noisy, decoder=noisy, likelihood=Normal())
    found = apply.fit_density(pair, X, lambda dim: MixturePrior(dim, num_components=1))
    codes = pair.encode(X).mean
    assert all(_flags(pair.encoder))
    torch.testing.assert_close(found.loc[0], codes.mean(0), rtol=1e-3, atol=1e-4)


def test_an_objective_keeps_the_mode_of_its_own_networks():
    seen = []

    class Watches(ELBO):
        def __init__(self):
            super().__init__()
            self.judge = nn.Dropout()

        def bound(self, p):
            seen.append(self.judge.training)
            self.judge(p.log_w)
            seen.append(self.judge.training)
            return super().bound(p)

    vae = pair_of()
    objective = Watches()
    evaluate.compare(vae.model, vae.guide, X, [objective], num_draws=2, repeats=1, truth=0.0)
    evaluate.gradients(vae.model, vae.guide, X, objective, num_draws=2)
    assert len(seen) > 8 and all(seen)


def test_trained_runs_are_compared_in_evaluation_mode():
    def nll(mode):
        table = pyrovae.compare_training(
            pair_of, X, [ELBO()], epochs=1, seeds=(0,), test=X, num_particles=30, mode=mode,
            device="cpu", progress=False,
        )  # fmt: skip
        return table.rows[0]["nll"]

    vae = pair_of()
    pyrovae.fit(vae.model, vae.guide, X, objective=ELBO(), epochs=1, device="cpu", progress=False)
    vae.eval()
    found: Evidence = pyrovae.log_evidence(vae.model, vae.guide, X, num_particles=30, seed=0)
    assert nll("evaluation") == pytest.approx(-found.mean(), abs=1e-5)
    assert nll("as is") != pytest.approx(-found.mean(), abs=0.05)
