"""Every guide with every prior, and every family: saved, moved, copied, captured and resumed."""

import copy
from functools import partial

import pyro
import pytest
import torch

from pyrovae import SVI, fit, models, nn
from pyrovae.errors import ConfigError, ReparamError, SiteError
from pyrovae.models import (
    VAE,
    VQVAE,
    Autoencoder,
    AutoregressiveCodes,
    ConditionalVAE,
    FactorAnalysis,
    FlatPrior,
    FlowPosterior,
    FlowPrior,
    GumbelSoftmaxVAE,
    HierarchicalVAE,
    LadderVAE,
    MixtureVAE,
    PartialVAE,
    Posterior,
    Prior,
    ProbabilisticPCA,
    Refinement,
    SemiSupervisedVAE,
    TopDownVAE,
    posteriors,
    priors,
)
from pyrovae.nn import flows, quantizers
from pyrovae.objectives import ELBO, IWAE, TCVAE, DReG, StratifiedELBO
from pyrovae.train.step import compiled as compiled_steps
from tests.exported import exported
from tests.objectives.test_contract import CLASSES as OBJECTIVES
from tests.objectives.test_contract import MADE

SHAPE = (1, 4, 4)
NET = partial(nn.MLP, hidden=(8,))
X = torch.randint(0, 17, (24, *SHAPE), generator=torch.Generator().manual_seed(0)).double()
CLASSES = torch.randint(0, 3, (24,), generator=torch.Generator().manual_seed(1))
MASK = torch.rand(X.shape, generator=torch.Generator().manual_seed(2)) < 0.7

LAYERS = exported(flows, flows.FlowLayer)
del LAYERS["Chain"]  # every flow below is one
POSTERIORS = {name: kind.example for name, kind in exported(posteriors, Posterior).items()}
del POSTERIORS["FlowPosterior"]  # it stands here with each layer
POSTERIORS |= {
    name: partial(FlowPosterior, layer=layer.example, num_layers=2, context_dim=4)
    for name, layer in LAYERS.items()
}
PRIORS = {
    **{name: kind.example for name, kind in exported(priors, Prior).items() if kind.is_proper},
    "autoregressive FlowPrior": partial(FlowPrior, layer=flows.MaskedAutoregressive),
}


def _vae(**parts):
    return VAE(SHAPE, 2, encoder=NET, decoder=NET, likelihood=nn.Binomial(16), **parts)


def _autoencoder(**parts):
    return Autoencoder(SHAPE, 2, encoder=NET, decoder=NET, likelihood=nn.Binomial(16), **parts)


def _vq(**parts):
    grid = partial(nn.GridEncoder, channels=8), partial(nn.GridDecoder, channels=8)
    return VQVAE(
        SHAPE, (2, 2), encoder=grid[0], decoder=grid[1], likelihood=nn.Binomial(16), **parts
    )


PAIRS = {
    # Each guide with the plainest prior, each prior with a guide without, and one with a density.
    **{f"guide {name}": partial(_vae, posterior=q) for name, q in POSTERIORS.items()},
    **{f"prior {name}": partial(_vae, prior=p) for name, p in PRIORS.items()},
    **{f"prior {name}, coupling guide": partial(
           _vae, prior=PRIORS[name], posterior=POSTERIORS["AffineCoupling"])
       for name in ("MixturePrior", "VampPrior", "FlowPrior")},
    "prior MixturePrior, Planar guide": partial(
        _vae, prior=PRIORS["MixturePrior"], posterior=POSTERIORS["Planar"]),
    "refined": partial(_vae, refinement=partial(Refinement, num_steps=1, num_draws=2)),
    "refined, VampPrior": partial(
        _vae, prior=PRIORS["VampPrior"], refinement=partial(Refinement, num_steps=2, num_draws=2)),
    "HierarchicalVAE": lambda: HierarchicalVAE(
        SHAPE, (3, 2), encoder=NET, decoder=NET, upper_encoder=NET, upper_decoder=NET,
        likelihood=nn.Binomial(16)),
    "HierarchicalVAE, flow prior": lambda: HierarchicalVAE(
        SHAPE, (3, 2), encoder=NET, decoder=NET, upper_encoder=NET, upper_decoder=NET,
        likelihood=nn.Binomial(16), prior=FlowPrior),
    "LadderVAE": lambda: LadderVAE(SHAPE, (3, 2), likelihood=nn.Binomial(16)),
    "Autoencoder": lambda: _autoencoder(),
    "denoising Autoencoder, MixturePrior": lambda: _autoencoder(
        corruption=nn.Masking(0.3), prior=PRIORS["MixturePrior"]),
    "contractive Autoencoder, exact": lambda: _autoencoder(contraction=0.5),
    "contractive Autoencoder, estimated": lambda: _autoencoder(
        contraction=0.5, contraction_probes=2, corruption=nn.GaussianNoise(0.3), prior=FlowPrior),
    "ProbabilisticPCA": lambda: ProbabilisticPCA(SHAPE, 2),
    "FactorAnalysis, diagonal guide": lambda: FactorAnalysis(SHAPE, 2, covariance="diagonal"),
    "TopDownVAE": lambda: TopDownVAE(SHAPE, likelihood=nn.Binomial(16)),
    "ConditionalVAE, classes": lambda: ConditionalVAE(
        SHAPE, 2, num_classes=3, encoder=NET, decoder=NET, likelihood=nn.Binomial(16)),
    "ConditionalVAE, images": lambda: ConditionalVAE(
        SHAPE, 2, condition_shape=SHAPE, join=nn.AsChannels, prior_network=NET,
        encoder=partial(nn.ConvEncoder, channels=(4,)), decoder=nn.ConvDecoder,
        likelihood=nn.Binomial(16), posterior=POSTERIORS["AffineCoupling"]),
    "SemiSupervisedVAE": lambda: SemiSupervisedVAE(
        SHAPE, 2, 3, encoder=NET, decoder=NET, classifier=NET, likelihood=nn.Binomial(16)),
    "MixtureVAE": lambda: MixtureVAE(
        SHAPE, 2, 3, encoder=NET, decoder=NET, likelihood=nn.Binomial(16)),
    "PartialVAE": lambda: PartialVAE(
        SHAPE, 2, encoder=NET, decoder=NET, likelihood=nn.Binomial(16)),
    "PartialVAE, VampPrior": lambda: PartialVAE(
        SHAPE, 2, encoder=NET, decoder=NET, likelihood=nn.Binomial(16), join=nn.AsVector,
        prior=PRIORS["VampPrior"]),
    "VQVAE, moving averages": lambda: _vq(quantizer=quantizers.MovingAverageCodebook(6, 3)),
    "VQVAE, learned codebook": lambda: _vq(quantizer=quantizers.LearnedCodebook(6, 3)),
    "VQVAE, finite scalars": lambda: _vq(quantizer=quantizers.FiniteScalar([4, 3])),
    "VQVAE, learned prior": lambda: _vq(
        quantizer=quantizers.FiniteScalar([4, 3]), prior=partial(AutoregressiveCodes, width=8)),
    "GumbelSoftmaxVAE": lambda: GumbelSoftmaxVAE(
        SHAPE, (2, 2), num_codes=5, encoder=NET, decoder=NET, likelihood=nn.Binomial(16)),
}  # fmt: skip

# What is known of each datum beside x, for the families that are called with it.
LABELS = {
    "ConditionalVAE, classes": CLASSES,
    "ConditionalVAE, images": X.flip(-1) / 16,
    "SemiSupervisedVAE": torch.where(torch.arange(len(CLASSES)) % 2 == 0, CLASSES, -1),
    "PartialVAE": MASK,
    "PartialVAE, VampPrior": MASK,
}

# What trains a pair with a discrete latent, which has no path.
OBJECTIVE = {"SemiSupervisedVAE": StratifiedELBO(3)}


def test_nothing_is_left_out():
    public = [getattr(models, name) for name in models.__all__]
    kinds = [kind for kind in public if isinstance(kind, type)]
    made = {type(module) for make in PAIRS.values() for module in make().modules()}
    bases = {models.CodePrior, models.Family, models.Posterior, models.Prior}
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
    name = request.node.callspec.params["make"]
    assert (name in LABELS) == make(0).takes_labels
    return (X, LABELS[name]) if name in LABELS else (X,)


def _bound(pair, batch):
    pyro.set_rng_seed(7)
    return IWAE(3).per_datum(pair.model, pair.guide, *batch)


def test_saved_and_loaded(make, batch, tmp_path):
    one, other = make(0), make(1)
    assert not torch.equal(_bound(one, batch), _bound(other, batch))
    torch.save(one.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(_bound(one, batch), _bound(other, batch))


def test_copied_after_use_and_moved(make, batch):
    pair = make(0)
    ELBO(2)(pair.model, pair.guide)(*batch).backward()
    twin = copy.deepcopy(pair)
    assert torch.equal(_bound(pair, batch), _bound(twin, batch))
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(0.1)
    assert not torch.equal(_bound(pair, batch), _bound(twin, batch))
    x, *labels = batch
    single = _bound(copy.deepcopy(pair).float(), (x.float(), *labels))
    assert single.dtype == torch.float32 and single.isfinite().all()
    away = copy.deepcopy(pair).to("meta")
    left = [n for n, t in [*away.named_parameters(), *away.named_buffers()] if not t.is_meta]
    assert left == []
    if isinstance(getattr(pair, "prior", None), FlatPrior):
        with pytest.raises(ConfigError, match="fit_density"):
            pair.generate(2)
    else:
        of = labels[0][:2] if isinstance(pair, ConditionalVAE) else 2
        assert pair.generate(of).shape == (2, *SHAPE)
    assert pair.reconstruct(*batch).shape == x.shape


@pytest.mark.filterwarnings("ignore::pyrovae.errors.GradientWarning")
def test_captured(make, batch, monkeypatch, request):
    objective = OBJECTIVE.get(request.node.callspec.params["make"], DReG(2))
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


def test_resumed(make, batch, tmp_path):
    ends = []
    for folder, spans in (("whole", [4]), ("cut", [2, 4])):
        for epochs in spans:
            pair = make(0)
            fit(
                pair.model, pair.guide, batch, objective=ELBO(), epochs=epochs, batch_size=8,
                lr=1e-3, seed=3, run_dir=tmp_path / folder, resume=True, device="cpu",
            )  # fmt: skip
        ends.append([t.detach().clone() for t in (*pair.parameters(), *pair.buffers())])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


FAMILIES = [name for name in PAIRS if not name.startswith(("guide ", "prior ", "refined"))]
PATHS = {cls.__name__ for cls in OBJECTIVES if cls.latents == "reparameterised"}
# What cannot be asked of a family, and is refused by an error that says why.
REFUSED = {
    "Autoencoder": {"TCVAE", "DIPVAE", "InfoVAE"},  # no density, and nothing to draw codes from
    "contractive Autoencoder, exact": {"TCVAE", "DIPVAE", "InfoVAE"},
    "contractive Autoencoder, estimated": {"TCVAE", "DIPVAE"},
    "denoising Autoencoder, MixturePrior": {"TCVAE", "DIPVAE"},
    "ConditionalVAE, images": {"TCVAE", "DIPVAE"},  # a flow, whose marginals are not known
    "SemiSupervisedVAE": PATHS | {"TCVAE", "InfoVAE"},  # a class has no path, z depends on it
    "MixtureVAE": {"InfoVAE", "TCVAE"},  # the cluster is summed out where all weigh the same
    "VQVAE, moving averages": {"TCVAE", "InfoVAE"},
    "VQVAE, learned codebook": {"TCVAE", "InfoVAE"},
    "VQVAE, finite scalars": {"TCVAE", "InfoVAE"},
    "VQVAE, learned prior": {"TCVAE", "InfoVAE"},
    "GumbelSoftmaxVAE": {"TCVAE", "DIPVAE"},
}


@pytest.mark.filterwarnings("ignore::pyrovae.errors.GradientWarning")
@pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")
@pytest.mark.parametrize("name", FAMILIES)
def test_every_objective_that_applies(name):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    pair = PAIRS[name]().double()
    batch = (X, LABELS[name]) if name in LABELS else (X,)
    refused = set()
    for cls in OBJECTIVES:
        made = MADE.get(cls.__name__, [lambda cls=cls: cls(num_particles=3)])
        for make in made if cls is not TCVAE else [lambda: TCVAE(beta=2.0, num_data=len(X))]:
            try:
                loss = make().differentiable_loss(pair.model, pair.guide, *batch)
            except (ConfigError, ReparamError, SiteError):
                refused.add(cls.__name__)
                continue
            assert loss.isfinite(), make()
            if loss.requires_grad:
                loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in pair.parameters())
    assert refused == REFUSED.get(name, set())
