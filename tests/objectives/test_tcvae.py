"""The parts of the KL: they sum to it, and each agrees with a computation by another route."""

import math
from functools import partial

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from scipy import stats
from scipy.special import logsumexp

from pyrovae.data import LinearGaussian
from pyrovae.errors import ConfigError, PlateError, SiteError
from pyrovae.evaluate import elbo_surgery
from pyrovae.models import VAE, FlowPosterior, FullNormal, LowRankNormal
from pyrovae.nn import MLP
from pyrovae.nn import Normal as NormalHead
from pyrovae.objectives import ELBO, TCVAE
from pyrovae.objectives.tcvae import KLTerms
from pyrovae.particles.parameters import trainable
from tests.oracles import z_scores
from tests.pairs import STYLES

NET = partial(MLP, hidden=(6,))


def pair_of(posterior=None, latent_dim=3):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        options = {} if posterior is None else {"posterior": posterior}
        vae = VAE(
            (4,), latent_dim, likelihood=NormalHead(0.7), encoder=NET, decoder=NET, **options
        ).double()
        with torch.no_grad():
            for parameter in vae.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    return vae, torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).double()


def drawn(objective, model, guide, x, seed=3):
    pyro.set_rng_seed(seed)
    return objective.draw(model, guide, x)


def by_hand(p, q, total, sampling):
    """The parts, one pair of data after the other, by scipy; q: normals of each datum."""
    size, z = p.batch_size, p.latents["z"].detach().numpy()
    parts = np.zeros((3, *p.log_q.shape))
    for k in range(p.num_particles):
        for i in range(size):
            joint, alone = np.zeros(size), np.zeros((size, z.shape[-1]))
            for j in range(size):
                share = 1 / (total * size)
                if sampling == "stratified":
                    share = 1 / total if i == j else (total - 1) / total / (size - 1)
                mean, covariance = q[j]
                joint[j] = math.log(share) + stats.multivariate_normal.logpdf(
                    z[k, i], mean, covariance
                )
                alone[j] = math.log(share) + stats.norm.logpdf(
                    z[k, i], mean, np.sqrt(np.diag(covariance))
                )
            own = stats.multivariate_normal.logpdf(z[k, i], *q[i])
            log_q, product = logsumexp(joint), logsumexp(alone, 0).sum()
            prior = stats.norm.logpdf(z[k, i]).sum()
            parts[:, k, i] = own - log_q, log_q - product, product - prior
    return parts


@pytest.mark.parametrize("posterior", [None, FullNormal, LowRankNormal])
@pytest.mark.parametrize("sampling", ["stratified", "weighted"])
@pytest.mark.parametrize("vectorize", [True, False])
def test_the_parts_by_hand(posterior, sampling, vectorize):
    vae, x = pair_of(posterior)
    objective = TCVAE(2.0, 2, num_data=17, sampling=sampling, vectorize_particles=vectorize)
    p = drawn(objective, vae.model, vae.guide, x)
    fn = vae.encode(x)
    full = fn.covariance_matrix if posterior else torch.diag_embed(fn.variance)
    q = [(m.detach().numpy(), c.detach().numpy()) for m, c in zip(fn.mean, full, strict=True)]
    expected = by_hand(p, q, 17, sampling)
    for found, part in zip(objective.terms(p), expected, strict=True):
        torch.testing.assert_close(found.detach(), torch.tensor(part))
    chunked = objective.in_chunks(1)
    if not vectorize:
        for found, part in zip(
            chunked.terms(drawn(chunked, vae.model, vae.guide, x)), expected, strict=True
        ):
            torch.testing.assert_close(found.detach(), torch.tensor(part))


@pytest.mark.parametrize("style", STYLES)
def test_the_parts_sum_to_the_kl(style):
    pair = STYLES[style](torch.float64)
    if pair.local_params:
        pytest.skip("the mode of parameters is no matter here")
    objective = TCVAE(1.0, 3, num_data=9)
    p = drawn(objective, pair.model, pair.guide, *pair.args)
    name = objective.latent(p)
    kl = p.guide_sites[name].log_prob - p.model_sites[name].log_prob
    torch.testing.assert_close(sum(objective.terms(p)), kl)
    # With equal weights it is the ELBO, value and gradient.
    found = []
    for each in (TCVAE(1.0, 3, num_data=9, closed_form_kl=False), ELBO(3)):
        leaves = list(trainable(pair.model, pair.guide, *pair.args).values())
        p = drawn(each, pair.model, pair.guide, *pair.args)
        loss = each.bound(p).sum()
        grads = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
        found.append((loss.detach(), *grads))
    torch.testing.assert_close(found[0], found[1], rtol=1e-8, atol=1e-9)


def test_a_whole_batch_is_exact_and_agrees_with_elbo_surgery():
    vae, x = pair_of()
    objective = TCVAE(1.0, 4000, num_data=len(x))
    p = drawn(objective, vae.model, vae.guide, x)
    parts = KLTerms(*(part.detach() for part in objective.terms(p)))
    surgery = elbo_surgery(vae.model, vae.guide, x, num_particles=4000, seed=1)
    means = surgery.means()
    for found, name in (
        (parts.mutual_information, "mutual_information"),
        (parts.total_correlation + parts.dimension_wise_kl, "marginal_kl"),
    ):
        error = 2**0.5 * surgery.monte_carlo_errors[name]
        assert abs(float(found.mean()) - means[name]) < 4.5 * error
    assert 0 < parts.mutual_information.mean() < math.log(len(x))
    assert parts.total_correlation.mean() > 0 and parts.dimension_wise_kl.mean() > 0


def test_the_closed_form_of_a_linear_gaussian():
    """Of endless data the aggregate is a normal: its correlation and marginal KL are known."""
    torch.manual_seed(0)
    weight = torch.tensor([[0.9, 0.2], [0.7, -0.4]]).double()
    scale, size = torch.tensor([0.6, 0.5]).double(), 3000

    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(x.new_zeros(2), 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x @ weight.T, scale).to_event(1))

    x = torch.randn(size, 2).double()
    objective = TCVAE(1.0, num_data=size)
    parts = objective.terms(drawn(objective, model, guide, x))
    aggregate = weight @ weight.T + torch.diag(scale**2)
    variances = aggregate.diagonal()
    truth = (
        (aggregate.logdet() - (scale**2).log().sum()) / 2,
        (variances.log().sum() - aggregate.logdet()) / 2,
        ((variances - 1 - variances.log()) / 2).sum(),
    )
    for found, expected in zip(parts, truth, strict=True):
        # The data are a sample too, of which the estimate is that far off beside its own noise.
        assert (
            abs(z_scores(found[0], float(expected))) < 4.5
            or abs(float(found.mean() - expected)) < 0.02
        )


def test_the_stratified_estimate_is_unbiased_for_the_aggregate():
    """Over all batches of the data that hold the datum, the mean of q(z) is the true one."""
    from itertools import combinations

    vae, x = pair_of()
    whole = TCVAE(1.0, num_data=len(x))
    p = drawn(whole, vae.model, vae.guide, x)
    z, fn = p.latents["z"][0, 0].detach(), vae.encode(x)
    densities = fn.log_prob(z).detach().exp()
    estimates = []
    for others in combinations(range(1, len(x)), 2):
        part = TCVAE(1.0, num_data=len(x))
        rows = [0, *others]
        found = drawn(part, vae.model, vae.guide, x[rows])
        shares = part._log_shares(found, found.log_q).exp()[0]
        estimates.append(shares @ densities[rows])
    torch.testing.assert_close(torch.stack(estimates).mean(), densities.mean())
    exact = p.log_q[0, 0] - whole.terms(p).mutual_information[0, 0]
    torch.testing.assert_close(exact.exp().detach(), densities.mean())


def test_each_weight_weighs_its_part():
    vae, x = pair_of()
    weights = {"alpha": 0.3, "beta": 5.0, "gamma": torch.tensor(2.0)}
    objective = TCVAE(num_data=10, num_particles=2, **weights)
    p = drawn(objective, vae.model, vae.guide, x)
    information, correlation, by_dimension = objective.terms(p)
    expected = p.log_lik - 0.3 * information - 5 * correlation - 2 * by_dimension
    torch.testing.assert_close(objective.bound(p), expected.mean(0))
    assert not objective.is_lower_bound
    assert TCVAE(1.0).is_lower_bound and TCVAE(4.0, alpha=4.0, gamma=4.0).is_lower_bound


def test_the_plate_tells_how_many_data_there_are():
    pair = STYLES["subsampled_plate"](torch.float64)
    found = [
        TCVAE(3.0, num_data=total) for total in (None, round(pair.scale * pair.batch_size), 1000)
    ]
    values = []
    for objective in found:
        pyro.set_rng_seed(1)
        values.append(objective.per_datum(pair.model, pair.guide, *pair.args))
    torch.testing.assert_close(values[0], values[1])
    assert not torch.allclose(values[0], values[2])


def test_one_datum_has_no_correlation():
    vae, x = pair_of()
    for sampling in ("stratified", "weighted"):
        objective = TCVAE(50.0, num_data=100, sampling=sampling)
        p = drawn(objective, vae.model, vae.guide, x[:1])
        torch.testing.assert_close(
            objective.terms(p).mutual_information, torch.zeros(1, 1).double()
        )
        assert objective.bound(p).isfinite().all()


def test_what_it_refuses():
    vae, x = pair_of()
    with pytest.raises(ConfigError, match=r"give num_data=len\(x\)"):
        TCVAE(2.0).per_datum(vae.model, vae.guide, x)
    with pytest.raises(ConfigError, match="num_data=5 and a batch of 6"):
        TCVAE(2.0, num_data=5).per_datum(vae.model, vae.guide, x)
    with pytest.raises(ConfigError, match="sampling='other'"):
        TCVAE(2.0, sampling="other")
    with pytest.raises(ConfigError, match="beta=-1"):
        TCVAE(-1.0)
    with pytest.raises(SiteError, match="TCVAE got site='y', and the latents of the pair that"):
        TCVAE(2.0, num_data=9, site="y").per_datum(vae.model, vae.guide, x)
    with pytest.raises(PlateError, match="batch_plate=None"):
        TCVAE(2.0, num_data=9, batch_plate=None).per_datum(vae.model, vae.guide, x)
    flow, x = pair_of(FlowPosterior)
    with pytest.raises(SiteError, match="'z' is a TransformedDistribution.*FactorVAE"):
        TCVAE(2.0, num_data=9).per_datum(flow.model, flow.guide, x)
    hierarchy = STYLES["hierarchy"](torch.float64)
    with pytest.raises(SiteError, match="the guide draws 'z1' before it"):
        TCVAE(2.0, num_data=9, site="z2").per_datum(
            hierarchy.model, hierarchy.guide, *hierarchy.args
        )


def test_a_scale_alone_tells_no_number_of_data():
    pair = STYLES["subsampled_plate"](torch.float64)
    whole = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = whole.sample(6, seed=1)
    scaled = poutine.scale(whole.model, 100.0), poutine.scale(whole.guide, 100.0)
    with pytest.raises(ConfigError, match="no subsampled plate"):
        TCVAE(2.0).per_datum(*scaled, x)
    assert TCVAE(2.0).per_datum(pair.model, pair.guide, *pair.args).isfinite().all()
