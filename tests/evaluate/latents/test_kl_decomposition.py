"""The cut of the KL against a closed form, the surgery of the ELBO, and the objective's terms."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import SiteError
from pyrovae.evaluate import elbo_surgery, kl_decomposition
from pyrovae.models import VAE, FlowPosterior
from pyrovae.objectives import TCVAE
from tests.pairs import STYLES


def normals(mean, scale):
    """A pair whose posteriors are given, whatever the model."""

    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(x.new_zeros(2), 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(mean(x), scale).to_event(1))

    return model, guide


def test_many_data_of_normal_posteriors():
    weight = torch.tensor([[0.9, 0.2], [0.7, -0.4]]).double()
    scale = torch.tensor([0.6, 0.5]).double()
    x = torch.randn(1500, 2, generator=torch.Generator().manual_seed(0)).double()
    model, guide = normals(lambda x: x @ weight.T, scale)
    found = kl_decomposition(model, guide, x, num_particles=2, seed=0)
    aggregate = weight @ weight.T + torch.diag(scale**2)
    variances = aggregate.diagonal()
    truth = {
        "mutual_information": (aggregate.logdet() - (scale**2).log().sum()) / 2,
        "total_correlation": (variances.log().sum() - aggregate.logdet()) / 2,
        "dimension_wise_kl": ((variances - 1 - variances.log()) / 2).sum(),
    }
    for name, expected in truth.items():
        difference = abs(found.means()[name] - float(expected))
        assert difference < 4.5 * found.standard_errors[name] + 0.005, name
    assert "total_correlation" in str(found)


@pytest.mark.parametrize("options", [{}, {"chunk": 5, "rows": 2}, {"vectorize_particles": False}])
def test_it_is_the_surgery_with_one_part_cut_in_two(options):
    pair = LinearGaussian.random(data_dim=4, latent_dim=3, seed=1)
    x = pair.sample(7, seed=0)
    count = 50 if options else 4000
    found = kl_decomposition(pair.model, pair.guide, x, num_particles=count, seed=0, **options)
    means = found.means()
    surgery = elbo_surgery(pair.model, pair.guide, x, num_particles=4000, seed=1)
    error = sum({**found.monte_carlo_errors, **surgery.monte_carlo_errors}.values())
    information = means["mutual_information"] - surgery.means()["mutual_information"]
    marginal = means["total_correlation"] + means["dimension_wise_kl"]
    assert abs(information) < 4.5 * error
    assert abs(marginal - surgery.means()["marginal_kl"]) < 4.5 * error


def test_it_is_the_objectives_on_a_whole_batch():
    """The same draws have the same terms."""
    pair = LinearGaussian.random(data_dim=4, latent_dim=3, seed=1)
    x = pair.sample(7, seed=0)
    found = kl_decomposition(pair.model, pair.guide, x, num_particles=1, rows=7, seed=5)
    pyro.set_rng_seed(5)
    objective = TCVAE(1.0, num_data=7)
    terms = objective.terms(objective.draw(pair.model, pair.guide, x))
    for name, expected in terms._asdict().items():
        torch.testing.assert_close(getattr(found, name), expected[0].detach())


def test_the_first_latent_of_several():
    pair = STYLES["hierarchy"](torch.float64)
    found = kl_decomposition(pair.model, pair.guide, *pair.args, num_particles=3, seed=0)
    assert found.total_correlation.shape == (4,) and found.total_correlation.isfinite().all()


def test_a_guide_whose_dimensions_are_not_known():
    vae = VAE((4,), 2, posterior=FlowPosterior)
    with pytest.raises(SiteError, match="marginal densities are not known"):
        kl_decomposition(vae.model, vae.guide, torch.zeros(3, 4))
