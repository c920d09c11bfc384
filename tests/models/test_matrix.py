"""Every guide with every prior, and every family: saved, moved, copied, captured and resumed."""

import copy
from functools import partial

import pyro
import pytest
import torch

from pyrovae import SVI, fit, models
from pyrovae.errors import ConfigError
from pyrovae.evaluate.gradients.draws import Leaves
from pyrovae.evaluate.gradients.gradients import estimator_of
from pyrovae.models import ConditionalVAE, FlatPrior, SequenceToSequence
from pyrovae.objectives import ELBO, IWAE
from pyrovae.particles.isolation import isolated
from pyrovae.particles.modes import in_mode
from pyrovae.particles.own_parameters import own_parameters
from pyrovae.particles.parameters import trainable
from pyrovae.train.step import compiled as compiled_steps
from tests.models.matrix import LAYERS, PAIRS, batch_for, objective_for

# torch.vmap has no rule for an operation of the first; one draw of the second fills the cache.
SEED_BY_SEED = {"guide LowRankNormal", "ConditionalVAE, images"}


def test_nothing_is_left_out():
    public = [getattr(models, name) for name in models.__all__]
    kinds = [kind for kind in public if isinstance(kind, type)]
    made = {type(module) for make in PAIRS.values() for module in make().modules()}
    bases = {models.CodePrior, models.Family, models.Posterior, models.Prior, models.StepPosterior}
    assert set(kinds) - bases <= made
    assert set(LAYERS.values()) <= made


@pytest.fixture(params=PAIRS)
def make(request):
    def build(seed):
        pyro.clear_param_store()
        pyro.set_rng_seed(seed)
        return PAIRS[request.param]().double()

    return build


@pytest.fixture
def batch(request, make):
    return batch_for(request.node.callspec.params["make"], make(0))


def _bound(pair, batch):
    pyro.set_rng_seed(7)
    return IWAE(3).per_datum(pair.model, pair.guide, *batch)


def test_saved_and_loaded(make, batch, tmp_path):
    one, other = make(0), make(1)
    assert not torch.equal(_bound(one, batch), _bound(other, batch))
    torch.save(one.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(_bound(one, batch), _bound(other, batch))


def _step(pair, batch, objective):
    SVI(pair.model, pair.guide, torch.optim.SGD(pair.parameters(), 1e-4), objective).step(*batch)


def _in_single(tensor):
    return tensor.float() if tensor.is_floating_point() else tensor


@pytest.mark.filterwarnings("ignore::pyrovae.errors.GradientWarning")
def test_copied_after_training_and_moved(make, batch):
    pair = make(0)
    objective = objective_for(pair)
    _step(pair, batch, objective)
    twin = copy.deepcopy(pair)
    assert torch.equal(_bound(pair, batch), _bound(twin, batch))
    before = {n: p.detach().clone() for n, p in pair.named_parameters()}
    _step(twin, batch, objective)
    assert all(torch.equal(p, before[n]) for n, p in pair.named_parameters())
    assert any(not torch.equal(p, before[n]) for n, p in twin.named_parameters())
    x, *labels = batch
    single = _bound(copy.deepcopy(pair).float(), [_in_single(t) for t in batch])
    assert single.dtype == torch.float32 and single.isfinite().all()
    away = copy.deepcopy(pair).to("meta")
    left = [n for n, t in [*away.named_parameters(), *away.named_buffers()] if not t.is_meta]
    assert left == []
    if isinstance(getattr(pair, "prior", None), FlatPrior):
        with pytest.raises(ConfigError, match="fit_density"):
            pair.generate(2)
    else:
        of = labels[0][:2] if isinstance(pair, ConditionalVAE | SequenceToSequence) else 2
        assert pair.generate(of).shape == (2, *x.shape[1:])
    assert pair.reconstruct(*batch).shape == x.shape


@pytest.mark.filterwarnings("ignore::pyrovae.errors.GradientWarning")
def test_captured(make, batch, monkeypatch):
    objective = objective_for(make(0))
    interpreted = partial(compiled_steps.Captured, compiler=None)
    monkeypatch.setattr(compiled_steps, "Captured", interpreted)
    losses = []
    for compile in (False, True):
        pair = make(0)
        optim = torch.optim.SGD(pair.parameters(), 1e-4)
        svi = SVI(pair.model, pair.guide, optim, objective, compile=compile)
        pyro.set_rng_seed(5)
        losses.append([float(svi.step(*batch)) for _ in range(3)])
    torch.testing.assert_close(*map(torch.tensor, losses), rtol=1e-9, atol=0.0)


@pytest.mark.filterwarnings("ignore::pyrovae.errors.GradientWarning")
def test_measured_by_a_graph(make, batch, request):
    pair, objective = make(0), IWAE(2)
    call = (pair.model, pair.guide, *batch)
    with in_mode("evaluation", pair.model, pair.guide), isolated(), own_parameters():
        leaves = Leaves(list(trainable(*call).values()))
        drawn = [
            leaves.source(estimator_of(objective, call), "the gradient", compile)
            for compile in ("auto", False)
        ]
        with leaves.kept_grads():
            graph, plain = (
                torch.cat([chunk.values for chunk in draws(range(4), 1000)]) for draws in drawn
            )
    assert not drawn[0].refusal
    is_random, made = not bool((plain == plain[0]).all()), drawn[0]._graph
    assert made is not None
    if request.node.callspec.params["make"] not in SEED_BY_SEED and is_random:
        assert made.is_together or made.traced.changed
    torch.testing.assert_close(graph, plain, rtol=1e-9, atol=1e-9 * float(plain.abs().max()))


def test_resumed(make, batch, tmp_path):
    ends = []
    for folder, spans in (("whole", [2]), ("cut", [1, 2])):
        for epochs in spans:
            pair = make(0)
            fit(
                pair.model, pair.guide, batch, objective=ELBO(), epochs=epochs, batch_size=8,
                lr=1e-3, seed=3, run_dir=tmp_path / folder, resume=True, device="cpu",
            )  # fmt: skip
        ends.append([t.detach().clone() for t in (*pair.parameters(), *pair.buffers())])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))
