"""The mixture with its cluster as a latent, against the same mixture summed out."""

from functools import partial

import pyro
import pytest
import torch
from pyro.infer import Trace_ELBO, TraceEnum_ELBO

from pyrovae import SVI, kl_routes
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.evaluate import cluster_accuracy
from pyrovae.models import VAE, FlowPosterior, MixtureVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, IWAE, STL, Beta, DReG
from pyrovae.train.step import compiled
from tests.oracles import z_scores

NET = partial(MLP, hidden=(6,))
X = torch.bernoulli(torch.full((5, 4), 0.4), generator=torch.Generator().manual_seed(0)).double()


@pytest.fixture
def pairs():
    """One with its cluster as a latent, one with the prior summed out; the same parameters."""
    pyro.clear_param_store()
    torch.manual_seed(3)
    own = MixtureVAE((4,), 2, 3, encoder=NET, decoder=NET).double()
    for parameter in own.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    parts = {"encoder": own.encoder, "decoder": own.decoder, "prior": own.prior}
    return own, VAE((4,), 2, **parts)


def _loss_and_gradient(objective, pair, leaves):
    pyro.set_rng_seed(1)
    loss = objective.differentiable_loss(pair.model, pair.guide, X)
    return [loss.detach(), *torch.autograd.grad(loss, leaves)]


@pytest.mark.parametrize("objective", [ELBO(), ELBO(4), IWAE(4), Beta(2.5, 3)], ids=repr)
def test_one_draw_is_the_whole_sum(pairs, objective):
    own, summed_out = pairs
    leaves = list(own.parameters())
    found = [_loss_and_gradient(objective, pair, leaves) for pair in (own, summed_out)]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("objective", [DReG(4), STL(4)], ids=repr)
def test_other_paths_to_the_same_gradient(pairs, objective):
    """These leave out scores of the guide, whose expectation over c is zero: 400 draws of each."""
    own, summed_out = pairs
    leaves = list(own.prior.parameters())
    differences, five_times = [], X.repeat(5, *[1] * (X.dim() - 1))
    for seed in range(80):
        found = []
        for pair in pairs:
            pyro.set_rng_seed(seed)
            loss = objective.differentiable_loss(pair.model, pair.guide, five_times)
            grads = torch.autograd.grad(loss, leaves)
            found.append(torch.cat([g.flatten() for g in grads]))
        differences.append(found[0] - found[1])
    assert (z_scores(torch.stack(differences), 0.0).abs() < 4.5).all()
    assert summed_out is pairs[1]


@pytest.mark.filterwarnings("ignore:.*no sample sites configured for enumeration")
@pytest.mark.parametrize("cls", [Trace_ELBO, TraceEnum_ELBO])
def test_pyros_objectives_find_the_same(pairs, cls):
    found = [
        _loss_and_gradient(objective, pairs[0], list(pairs[0].parameters()))
        for objective in (cls(max_plate_nesting=1), ELBO())
    ]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_the_kl_of_the_cluster_is_sampled(pairs):
    own, _ = pairs
    routes = kl_routes(own.model, own.guide, X)
    assert routes["c"].startswith("sampled") and routes["z"].startswith("sampled")


def test_clusters_are_posteriors(pairs):
    own, _ = pairs
    z = torch.randn(7, 2).double()
    each = torch.stack([own.component(torch.tensor(c)).log_prob(z) for c in range(3)], -1)
    expected = (each + own.prior.logits).softmax(-1)
    torch.testing.assert_close(own.log_clusters_given(z).exp(), expected)
    found = own.clusters(X)
    assert found.shape == (5, 3)
    torch.testing.assert_close(found.sum(-1), torch.ones(5).double())


def test_captured(pairs, monkeypatch):
    own, _ = pairs
    interpreted = partial(compiled.Captured, compiler=None)
    monkeypatch.setattr(compiled, "Captured", interpreted)
    start = {k: v.clone() for k, v in own.state_dict().items()}
    losses = []
    for compile in (False, True):
        own.load_state_dict(start)
        svi = SVI(own.model, own.guide, torch.optim.SGD(own.parameters(), 1e-3), IWAE(3),
                  compile=compile)  # fmt: skip
        pyro.set_rng_seed(5)
        losses.append([float(svi.step(X)) for _ in range(3)])
    torch.testing.assert_close(*map(torch.tensor, losses), rtol=1e-9, atol=0.0)


def test_flow_posterior():
    flow = MixtureVAE((4,), 2, 3, encoder=NET, decoder=NET,
                      posterior=partial(FlowPosterior, context_dim=3)).double()  # fmt: skip
    assert IWAE(4).per_datum(flow.model, flow.guide, X).isfinite().all()


def test_start_finds_the_clusters_of_the_codes():
    """An encoder that hands x on, and three groups of data."""
    made = MixtureVAE((2,), 2, 3, encoder=torch.nn.Linear(2, 4), likelihood=None).double()
    with torch.no_grad():
        made.encoder.weight.copy_(torch.eye(4, 2))
        made.encoder.bias.copy_(torch.tensor([0.0, 0.0, -3.0, -3.0]))
    centres = torch.tensor([[0.0, 5.0], [5.0, 0.0], [-5.0, -5.0]]).double()
    y = torch.tensor([0] * 100 + [1] * 200 + [2] * 100)
    torch.manual_seed(0)
    x = centres[y] + 0.5 * torch.randn(400, 2).double()
    made.start(x)
    assert cluster_accuracy(made.clusters(x).argmax(-1), y) == 1.0
    order = made.clusters(centres).argmax(-1)
    assert ((made.prior.loc[order] - centres).abs() < 0.2).all()
    share = made.prior.logits.softmax(-1)[order]
    torch.testing.assert_close(share, torch.tensor([0.25, 0.5, 0.25]).double(), atol=1e-3, rtol=0)
    found = made.prior.log_scale.exp()
    torch.testing.assert_close(found, torch.full((3, 2), 0.5).double(), atol=0.1, rtol=0)


def test_generates_by_cluster(pairs):
    own, _ = pairs
    assert own.generate(torch.tensor([0, 2, 2])).shape == (3, 4)
    assert own.generate(6, mean=False).shape == (6, 4)
    assert own.reconstruct(X).shape == X.shape
    with pytest.raises(DataError, match="there are 0..2"):
        own.generate(torch.tensor([3]))
    for wrong in (torch.tensor([0.5]), torch.tensor(1), torch.tensor([[1]])):
        with pytest.raises(ShapeError, match=r"whole numbers \[N\]"):
            own.generate(wrong)


def test_refusals(pairs):
    with pytest.raises(ConfigError, match="num_clusters=1"):
        MixtureVAE((4,), 2, 1)
    with pytest.raises(DataError, match="2 data for 3 components"):
        pairs[0].start(X[:2])
