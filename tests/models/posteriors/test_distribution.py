"""Distributions and flows of other libraries as posteriors."""

from functools import partial

import pyro.distributions as dist
import pyro.distributions.transforms as T
import pytest
import torch
from torch import distributions as of_torch
from torch import nn

from pyrovae import fit, log_evidence
from pyrovae.errors import ConfigError, ReparamError, ShapeError
from pyrovae.models import (
    VAE,
    ConditionalVAE,
    DistributionPosterior,
    FlowPosterior,
    HierarchicalVAE,
    LadderVAE,
    MixtureVAE,
    PartialVAE,
    SemiSupervisedVAE,
)
from pyrovae.models.posteriors.distribution import as_posterior
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, IWAE, STL, DReG
from tests.zuko_flows import zuko

D, L = 6, 2
X = (torch.rand(20, D, generator=torch.Generator().manual_seed(0)) < 0.5).float()


class Own(nn.Module):
    """A user's module that makes a distribution of torch of a context."""

    def __init__(self, dim, context):
        super().__init__()
        self.loc = nn.Linear(context, dim)

    def forward(self, context):
        return of_torch.Normal(self.loc(context), 1.0)


def of_pyro(dim, context):
    base = dist.Normal(torch.zeros(dim), torch.ones(dim)).to_event(1)
    transforms = [T.conditional_affine_coupling(dim, context), T.spline(dim)]
    return dist.ConditionalTransformedDistribution(base, transforms)


POSTERIORS = {
    "MAF": lambda: zuko().flows.MAF,
    "NSF, a function": lambda: lambda dim, context: zuko().flows.NSF(dim, context),
    "a context of one's own": lambda: partial(
        DistributionPosterior, make=partial(zuko().flows.MAF, hidden_features=(8,)), context_dim=5
    ),
    "GMM": lambda: zuko().flows.GMM,
    "one's own": lambda: Own,
    "Pyro's conditional flow": lambda: of_pyro,
    "conditional layers": lambda: partial(FlowPosterior, layer=T.conditional_spline),
    "layers without a context": lambda: partial(FlowPosterior, layer=T.affine_coupling),
    "layers of zuko": lambda: partial(
        FlowPosterior, layer=zuko().flows.autoregressive.MaskedAutoregressiveTransform
    ),
}
every_posterior = pytest.mark.parametrize("name", POSTERIORS)


def vae_of(name):
    torch.manual_seed(0)
    net = partial(MLP, hidden=8)
    return VAE(D, L, posterior=POSTERIORS[name](), encoder=net, decoder=net)


# Of random splines the density has spikes.
SMOOTH = [n for n in POSTERIORS if n not in ("Pyro's conditional flow", "conditional layers")]


@pytest.mark.parametrize("name", SMOOTH)
def test_it_integrates_to_one(name):
    vae = vae_of(name)
    axis = torch.linspace(-15, 15, 241)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        density = vae.encode(X[:1]).log_prob(grid).exp()
    assert float(density.sum()) * float(axis[1] - axis[0]) ** 2 == pytest.approx(1.0, abs=0.02)


@every_posterior
@pytest.mark.parametrize("objective", [ELBO(), IWAE(3), DReG(3), STL()], ids=repr)
def test_every_objective_trains_it(name, objective):
    vae = vae_of(name)
    if name == "GMM" and isinstance(objective, DReG | STL):
        with pytest.raises(ReparamError, match="no reparameterised sampler"):
            objective(vae.model, vae.guide)(X)
        return
    loss = objective(vae.model, vae.guide)(X)
    loss.backward()
    assert loss.isfinite()
    parts = [*vae.encoder.parameters(), *vae.posterior.parameters()]
    assert all(p.grad is not None for p in parts)


@every_posterior
def test_its_parameters_are_trained_saved_and_loaded(name):
    vae = vae_of(name)
    before = {key: tensor.clone() for key, tensor in vae.state_dict().items()}
    fit(vae.model, vae.guide, X, objective=IWAE(2), epochs=1, batch_size=10, device="cpu",
        progress=False)  # fmt: skip
    assert not [key for key, p in vae.named_parameters() if torch.equal(p, before[key])]
    other = vae_of(name)
    other.load_state_dict(vae.state_dict())
    z = torch.randn(20, L)
    with torch.no_grad():
        torch.testing.assert_close(other.encode(X).log_prob(z), vae.encode(X).log_prob(z))
    assert bool((log_evidence(vae.model, vae.guide, X, num_particles=5).log_px < 0).all())


def test_the_density_is_zukos_own():
    torch.manual_seed(0)
    flow = zuko().flows.MAF(L, 5, hidden_features=(8,))
    posterior = DistributionPosterior(L, flow, context_dim=5)
    context, z = torch.randn(7, 5), torch.randn(3, 7, L)
    torch.testing.assert_close(posterior(context).log_prob(z), flow(context).log_prob(z))
    assert posterior.num_parameters == 5


def test_a_flow_without_an_inverse_says_so():
    def make(dim, context):
        base = dist.Normal(torch.zeros(dim), torch.ones(dim)).to_event(1)
        return dist.ConditionalTransformedDistribution(base, [T.conditional_planar(dim, context)])

    assert not as_posterior(make, L).scores_any
    assert as_posterior(of_pyro, L).scores_any


def test_layers_without_a_context_ask_the_encoder_for_none():
    plain = FlowPosterior(L, layer=T.affine_coupling)
    assert (plain.context_dim, plain.num_parameters) == (0, 2 * L)
    assert FlowPosterior(L, layer=T.conditional_spline, context_dim=7).num_parameters == 11


FAMILIES = {
    "VAE": lambda q: VAE(D, L, posterior=q).posterior,
    "ConditionalVAE": lambda q: ConditionalVAE(D, L, num_classes=3, posterior=q).posterior,
    "PartialVAE": lambda q: PartialVAE(D, L, posterior=q).posterior,
    "SemiSupervisedVAE": lambda q: SemiSupervisedVAE(D, L, 3, posterior=q).posterior,
    "MixtureVAE": lambda q: MixtureVAE(D, L, 3, posterior=q).posterior,
    "HierarchicalVAE": lambda q: HierarchicalVAE(D, (3, L), posterior=q).encoders[1].form,
    "LadderVAE": lambda q: LadderVAE(D, (3, L), posterior=q).top.form,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_takes_it(family):
    assert isinstance(FAMILIES[family](Own), DistributionPosterior)


@pytest.mark.parametrize(
    ("posterior", "error", "said"),
    [
        (Own(L, 5), ConfigError, r"posterior=Own\(...\) does not say how large its context is"),
        (lambda dim: Own(dim, 5), ConfigError, "function of latent_dim and context"),
        (lambda dim, context: Own(dim, 5), ConfigError, r"for a context of shape \[2, 64\]"),
        (lambda dim, context: Own(dim + 1, context), ShapeError, r"event shape \[\]; it needs"),
        (lambda dim, context: nn.Linear(context, dim), ConfigError, "gave a Tensor for a context"),
        (lambda dim, context: 3, ConfigError, "got a int"),
        (dist.Normal(0.0, 1.0), ConfigError, "does not say how large"),
        (3, ConfigError, "does not say how large"),
    ],
)
def test_what_is_no_posterior_is_refused(posterior, error, said):
    with pytest.raises(error, match=said):
        as_posterior(posterior, L)


def test_an_encoder_of_another_size_is_told_which_it_needs():
    vae = VAE(D, L, posterior=Own, encoder=nn.Linear(D, 16))
    with pytest.raises(ShapeError, match=r"needs 64 values per datum, \[N, 64\], the context"):
        vae.encode(X)
