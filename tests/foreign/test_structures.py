"""The structures of Pyro's examples: equal training, right bounds or a right refusal."""

import inspect
import warnings
from functools import cache, partial

import pyro
import pyro.optim
import pytest
import torch
from torch import Tensor

from pyrovae import SVI, compare, fit, log_evidence, trainable
from pyrovae.capture import Captured
from pyrovae.errors import CaptureWarning, ParticleAxisWarning, PlateError, PyrovaeError
from pyrovae.objectives import ELBO, IWAE, DReG
from pyrovae.train.step import compiled

from . import weights
from .pairs import STRUCTURES

K = 3
pytestmark = [
    pytest.mark.filterwarnings("ignore::pyrovae.errors.ParticleAxisWarning"),
    pytest.mark.filterwarnings("ignore:.*enumerat:UserWarning:pyro"),
]
every = pytest.mark.parametrize("name", STRUCTURES)


def trained(name, svi_class, steps=4, **options):
    """Losses and parameters of a short run."""
    pyro.clear_param_store()
    structure = STRUCTURES[name]
    pair = structure.make()
    # A bias before a batch normalisation has a gradient of rounding alone, which a small eps would
    # make as large as any other.
    optim = pyro.optim.Adam({"lr": 1e-2, "eps": 1e-4})
    pyro.set_rng_seed(5)
    svi = svi_class(pair.model, pair.guide, optim, structure.loss(), **options)
    losses = [svi.step(*pair.args) for _ in range(steps)]
    leaves = {n: leaf.detach().clone() for n, leaf in trainable(*pair.call).items()}
    return losses, leaves, svi


@cache
def trained_by_pyro(name):
    """The same by Pyro's own SVI."""
    return trained(name, pyro.infer.SVI)[:2]


def rows_of(pair) -> tuple[tuple[Tensor, ...], tuple]:
    """The tensors that have a row for each datum, and the other arguments."""
    size = len(pair.args[0])
    rows = tuple(a for a in pair.args if isinstance(a, Tensor) and len(a) == size)
    return rows, pair.args[len(rows) :]


def objective(cls, structure, **options):
    plate = {"batch_plate": None} if structure.joint else {}
    return cls(K, **plate, **options)


def refuses(refusal, call):
    """Whether an error that says so comes of a call."""
    kind, match = refusal
    with pytest.raises(kind, match=match) as caught:
        call()
    assert isinstance(caught.value, PyrovaeError), caught.value
    assert "\n" not in str(caught.value)


@every
def test_training_equals_pyros(name):
    losses, leaves = trained_by_pyro(name)
    again, others, _ = trained(name, SVI)
    assert again == losses
    assert others.keys() == leaves.keys() and leaves
    assert all(torch.equal(others[n], leaf) for n, leaf in leaves.items())


@every
def test_compiled_training_equals_pyros(name, monkeypatch):
    # The graph as torch interprets it: the same operations without the compiler's seconds.
    monkeypatch.setattr(compiled, "Captured", partial(Captured, compiler=None))
    losses, leaves = trained_by_pyro(name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        again, others, svi = trained(name, SVI, compile=True)
    assert again == pytest.approx(losses, rel=1e-4, abs=1e-4)
    for n, leaf in leaves.items():
        torch.testing.assert_close(others[n], leaf, rtol=1e-3, atol=1e-3)
    said = [w for w in caught if issubclass(w.category, CaptureWarning)]
    refusal = svi._compiled.captured.refusal
    assert bool(said) == bool(refusal)
    assert bool(refusal) != STRUCTURES[name].compiles, refusal


@every
class TestObjectives:
    """Against log-weights from Pyro's traces."""

    def expected(self, name, seed, many):
        """The ELBO and the importance-weighted bound of the batch, and the traces."""
        pyro.clear_param_store()
        structure = STRUCTURES[name]
        pair = structure.make()
        weights.one_by_one(pair, 1)  # autoguides make their parameters
        pyro.set_rng_seed(seed)
        if many:
            guide, model, dim = weights.at_once(pair, K)
            runs = [(guide, model)]
            log_w = weights.log_w_at_once(guide, model, dim, structure.plate)
            elbo = weights.elbo(runs) / K
        else:
            runs = weights.one_by_one(pair, K)
            log_w = weights.log_w(runs, structure.plate)
            elbo = weights.elbo(runs)
        iwae = weights.scale(runs) * (log_w.logsumexp(0) - torch.tensor(float(K)).log()).sum()
        return {"elbo": elbo, "iwae": iwae, "dreg": iwae}

    def found(self, name, cls, seed, gradient=False, **options):
        pyro.clear_param_store()
        structure = STRUCTURES[name]
        pair = structure.make()
        weights.one_by_one(pair, 1)
        pyro.set_rng_seed(seed)
        made = objective(cls, structure, **options)
        call = made.loss_and_grads if gradient else made.loss
        return -call(*pair.call)

    @pytest.mark.parametrize("many", [False, True], ids=["one by one", "at once"])
    @pytest.mark.parametrize("which", ["elbo", "iwae", "dreg"])
    def test_value_or_refusal(self, name, which, many):
        structure = STRUCTURES[name]
        cls = {"elbo": ELBO, "iwae": IWAE, "dreg": DReG}[which]
        how = {} if many else {"vectorize_particles": False}
        refusal = getattr(structure, which)
        if refusal is not None:
            refuses(refusal, lambda: self.found(name, cls, 3, gradient=True, **how))
            return
        expected = self.expected(name, 3, many and not structure.one_by_one)[which]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = self.found(name, cls, 3, **how)
        torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-4)
        noted = any(issubclass(w.category, ParticleAxisWarning) for w in caught)
        assert noted == (many and structure.one_by_one)
        assert self.found(name, cls, 3, gradient=True, **how).isfinite()

    @pytest.mark.parametrize("cls", [ELBO, IWAE])
    def test_one_particle_under_one_draw_of_the_global_latents(self, name, cls):
        structure = STRUCTURES[name]
        if not structure.joint or (cls is IWAE and structure.iwae):
            return
        pair = structure.make()
        weights.one_by_one(pair, 1)
        with pytest.raises(PlateError, match="batch_plate=None.*batch_plate="):
            cls(K).loss(*pair.call)
        pyro.set_rng_seed(3)
        try:
            found = -cls(1, batch_plate="data").loss(*pair.call)
        except PyrovaeError as error:  # discrete ones outside, or no plate in the guide
            assert "batch_plate=None" in str(error)
            return
        pyro.set_rng_seed(3)
        expected = weights.elbo(weights.one_by_one(pair, 1)).detach()
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@every
class TestMeasurements:
    def test_evidence(self, name):
        structure = STRUCTURES[name]
        pair = structure.make()
        rows, others = rows_of(pair)
        plate = {"batch_plate": None} if structure.joint else {}

        def measure():
            return log_evidence(
                pair.model, pair.guide, rows, *others, num_particles=30, seed=0, **plate
            )

        if structure.measured is not None:
            refuses(structure.measured, measure)
            return
        found = measure().log_px
        assert found.shape == (1 if structure.joint else len(rows[0]),)
        assert found.isfinite().all()

    def test_compare(self, name):
        structure = STRUCTURES[name]
        pair = structure.make()
        rows, others = rows_of(pair)
        objectives = [structure.loss()]
        for which, cls in (("elbo", ELBO), ("iwae", IWAE)):
            if getattr(structure, which) is None:
                objectives.append(objective(cls, structure))
        truth = "evidence" if structure.measured is None else 0.0
        table = compare(
            pair.model, pair.guide, rows, objectives, args=others, num_draws=2, repeats=1,
            reference_draws=2, truth=truth, evidence_particles=9,
        )  # fmt: skip
        assert len(table.rows) == len(objectives)
        assert all(torch.tensor(row["bound"]).isfinite() for row in table.rows)

    def test_fit(self, name):
        structure = STRUCTURES[name]
        if structure.fits is None:
            return
        pair = structure.make()
        before = {n: leaf.detach().clone() for n, leaf in trainable(*pair.call).items()}
        data = structure.fits(pair)
        run = fit(
            pair.model, pair.guide, data[0] if len(data) == 1 else data, epochs=2, seed=0,
            objective=structure.loss(), batch_size=len(data[0]), device="cpu", progress=False,
        )  # fmt: skip
        assert all(torch.tensor(entry["train"]).isfinite() for entry in run.history)
        after = trainable(*pair.call)
        assert any(not torch.equal(after[n], leaf) for n, leaf in before.items())


def test_annealing_is_no_part_of_the_evidence():
    pair, plain = (STRUCTURES[name].make() for name in ("dmm, annealed", "dmm"))
    found, expected = (
        log_evidence(one.model, one.guide, one.args[:4], *one.args[4:], num_particles=9, seed=0)
        for one in (pair, plain)
    )
    torch.testing.assert_close(found.log_px, expected.log_px)


def test_every_structure_says_what_it_is():
    for structure in STRUCTURES.values():
        assert structure.plate is None or not structure.joint
        assert inspect.isroutine(structure.make)
