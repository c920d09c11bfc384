"""k-hat over the latent space: a guide that is good in the middle and bad far out."""

import pyro
import pyro.distributions as dist
import torch

from pyrovae.evaluate import khat_map, log_evidence


def model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z, 0.3).to_event(1), obs=x)


def guide(x):
    """The exact posterior, but too narrow far out, so that k-hat rises there."""
    loc, scale = x / 1.09, 0.3 / 1.09**0.5
    narrow = torch.where(x.norm(dim=-1, keepdim=True) > 1.5, 0.3, 1.0)
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(loc, scale * narrow).to_event(1))


def test_the_region_is_found():
    x = 1.5 * torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    found = khat_map(model, guide, x, num_particles=400, seed=1)
    assert torch.allclose(found.means, (x / 1.09).double(), atol=1e-6)
    evidence = log_evidence(model, guide, x, num_particles=400, seed=1)
    assert torch.equal(found.evidence.k_hat, evidence.k_hat)
    far = x.norm(dim=1) > 1.5
    near, out = found.evidence.k_hat[~far], found.evidence.k_hat[far]
    assert near.max() < 0.5 < float(out.median())
    rows = found.records()
    assert [row["data"] for row in rows] == [*(f"quarter {i}" for i in range(1, 5)), "all"]
    assert rows[0]["k_hat_above_0.7"] == 0.0 < rows[3]["k_hat_above_0.7"]
    assert rows[0]["distance"] < rows[3]["distance"] and len(found.cells()) == 6


def test_one_picture_with_both():
    x = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    found = khat_map(model, guide, x, num_particles=100, seed=1)
    figure = found.plot()
    assert len(figure.axes) == 4  # two panels, two bars
    assert set(found.arrays()) == {"means", "k_hat", "shortfalls"}
    points = figure.axes[0].collections[0].get_offsets()
    assert len(points) == 60
