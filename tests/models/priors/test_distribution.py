"""Distributions and flows of other libraries as priors."""

from functools import partial

import pyro.distributions as dist
import pyro.distributions.transforms as T
import pytest
import torch
from torch import distributions as of_torch
from torch import nn

from pyrovae import fit, log_evidence
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.models import (
    VAE,
    Autoencoder,
    ConditionalVAE,
    DistributionPrior,
    FlowPrior,
    HierarchicalVAE,
    LadderVAE,
    PartialVAE,
    SemiSupervisedVAE,
)
from pyrovae.models.priors.distribution import as_prior
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, IWAE, STL, DReG
from tests.zuko_flows import zuko

D, L = 6, 2
ORDER = torch.tensor([1, 0])
X = (torch.rand(20, D, generator=torch.Generator().manual_seed(0)) < 0.5).float()


def transformed(*transforms):
    return dist.TransformedDistribution(
        dist.Normal(torch.zeros(L), torch.ones(L)).to_event(1), list(transforms)
    )


class Own(nn.Module):
    """A user's module that gives a distribution of torch."""

    def __init__(self):
        super().__init__()
        self.loc = nn.Parameter(torch.ones(L))

    def forward(self):
        return of_torch.Normal(self.loc, 1.0)


FLOWS = {
    "NSF": lambda: zuko().flows.NSF(L, hidden_features=(8,)),
    "MAF": lambda: zuko().flows.MAF(L, hidden_features=(8,)),
    "NICE": lambda: zuko().flows.NICE(L, hidden_features=(8,)),
    "GF": lambda: zuko().flows.GF(L, hidden_features=(8,)),
    "GMM": lambda: zuko().flows.GMM(L),
}
PRIORS = {
    **FLOWS,
    "a class of zuko": lambda: zuko().flows.MAF,
    "a partial of zuko": lambda: partial(zuko().flows.NSF, hidden_features=(8,)),
    "a function": lambda: lambda dim: zuko().flows.MAF(dim, hidden_features=(8,)),
    "one's own module": Own,
    "one's own class": lambda: lambda dim: Own(),
    "a distribution": lambda: dist.Laplace(torch.zeros(L), torch.ones(L)),
    "torch's": lambda: of_torch.MultivariateNormal(torch.zeros(L), torch.eye(L)),
    "of numbers": lambda: dist.Normal(0.0, 2.0),
    "a mixture": lambda: of_torch.MixtureSameFamily(
        of_torch.Categorical(torch.ones(3)),
        of_torch.Independent(of_torch.Normal(torch.zeros(3, L), 1.0), 1),
    ),
    "transformed": lambda: transformed(T.affine_coupling(L), T.Permute(ORDER), T.spline(L)),
    "layers": lambda: partial(FlowPrior, layer=T.spline_coupling, num_layers=2),
    "a list of layers": lambda: partial(FlowPrior, layer=[T.affine_coupling, T.permute]),
}
every_prior = pytest.mark.parametrize("name", PRIORS)


def vae_of(name):
    torch.manual_seed(0)
    net = partial(MLP, hidden=8)
    return VAE(D, L, prior=PRIORS[name](), encoder=net, decoder=net)


# Of random splines the density has spikes; zuko inverts a GF by bisection between -10 and 10.
SMOOTH = [n for n in PRIORS if n not in ("GF", "transformed", "layers")]


@pytest.mark.parametrize("name", SMOOTH)
def test_it_integrates_to_one(name):
    prior = vae_of(name).prior
    axis = torch.linspace(-15, 15, 241)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        density = prior().log_prob(grid).exp()
    assert float(density.sum()) * float(axis[1] - axis[0]) ** 2 == pytest.approx(1.0, abs=0.02)


@every_prior
def test_its_parameters_train_and_its_draws_have_the_shape(name):
    vae = vae_of(name)
    before = {key: tensor.clone() for key, tensor in vae.state_dict().items()}
    fit(vae.model, vae.guide, X, objective=IWAE(2), epochs=1, batch_size=10, device="cpu",
        progress=False)  # fmt: skip
    still = [key for key, p in vae.named_parameters() if torch.equal(p, before[key])]
    assert not still
    assert vae.generate(3).shape == (3, D)
    assert vae.generate(0).shape == (0, D)


@every_prior
def test_a_new_pair_loads_it(name):
    vae = vae_of(name)
    with torch.no_grad():
        for p in vae.parameters():
            p.add_(0.1)
    other = vae_of(name)
    other.load_state_dict(vae.state_dict())
    z = torch.randn(5, L)
    torch.testing.assert_close(other.prior().log_prob(z), vae.prior().log_prob(z))


@pytest.mark.parametrize("name", FLOWS)
def test_the_density_is_zukos_own(name):
    torch.manual_seed(0)
    flow = FLOWS[name]()
    z = torch.randn(7, L)
    torch.testing.assert_close(DistributionPrior(L, flow)().log_prob(z), flow().log_prob(z))


@pytest.mark.parametrize("objective", [ELBO(), IWAE(3), DReG(3), STL()], ids=repr)
def test_every_objective_takes_a_flow_as_prior(objective):
    vae = vae_of("MAF")
    loss = objective(vae.model, vae.guide)(X)
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is not None for p in vae.prior.parameters())


def test_evidence_of_a_prior_that_is_a_standard_normal_in_disguise():
    """A flow of shifts by zero: the evidence is that of a standard normal."""
    plain = VAE(D, L, encoder=partial(MLP, hidden=8), decoder=partial(MLP, hidden=8))
    same = VAE(D, L, prior=transformed(torch.distributions.AffineTransform(0.0, 1.0)),
               encoder=plain.encoder, decoder=plain.decoder)  # fmt: skip
    found = [
        log_evidence(pair.model, pair.guide, X, num_particles=10, seed=1).log_px
        for pair in (plain, same)
    ]
    torch.testing.assert_close(*found)


FAMILIES = {
    "VAE": lambda prior: VAE(D, L, prior=prior),
    "Autoencoder": lambda prior: Autoencoder(D, L, prior=prior),
    "ConditionalVAE": lambda prior: ConditionalVAE(D, L, num_classes=3, prior=prior),
    "PartialVAE": lambda prior: PartialVAE(D, L, prior=prior),
    "SemiSupervisedVAE": lambda prior: SemiSupervisedVAE(D, L, 3, prior=prior),
    "HierarchicalVAE": lambda prior: HierarchicalVAE(D, (3, L), prior=prior),
    "LadderVAE": lambda prior: LadderVAE(D, (3, L), prior=prior),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_takes_it(family):
    pair = FAMILIES[family](Own())
    assert isinstance(pair.prior, DistributionPrior)
    assert "prior.source.loc" in dict(pair.named_parameters())


class Wrong(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self):
        return self.output


@pytest.mark.parametrize(
    ("prior", "error", "said"),
    [
        (dist.Normal(torch.zeros(3), 1.0), ShapeError, r"event shape \[\]; .* event shape \[2\]"),
        (dist.Normal(torch.zeros(4, L), 1.0).to_event(1), ShapeError, r"batch shape \[4\]"),
        (Wrong(torch.zeros(L)), ConfigError, "gave a Tensor when it was called"),
        (lambda dim: 3, ConfigError, "gave a int"),
        (3, ConfigError, "gave a int"),
        ("normal", ConfigError, "gave a str"),
        (transformed(T.planar(L)), ConfigError, "a transform without an inverse"),
        (partial(FlowPrior, layer=T.planar), ConfigError, "only score their own draws"),
        (partial(FlowPrior, layer=T.conditional_spline), ConfigError, "needs a context"),
    ],
)
def test_what_is_no_prior_is_refused(prior, error, said):
    with pytest.raises(error, match=said):
        as_prior(prior, L)
