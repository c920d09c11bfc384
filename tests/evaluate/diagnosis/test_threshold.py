"""The threshold of probabilistic PCA: a direction collapses exactly if lambda <= beta sigma^2."""

import pytest
import torch

from pyrovae import ProbabilisticPCA, diagnose

SPECTRUM = (4.0, 2.0, 1.0, 0.5, 0.3, 0.2)


def data_of(spectrum, n=400, seed=0):
    """Data whose covariance has exactly this spectrum, in a random basis."""
    torch.manual_seed(seed)
    d = len(spectrum)
    white = torch.linalg.qr(torch.randn(n, d, dtype=torch.float64))[0]
    white = white - white.mean(0)
    white = torch.linalg.qr(white)[0] * n**0.5
    basis = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64))[0]
    return white * torch.tensor(spectrum, dtype=torch.float64).sqrt() @ basis.T


def solved(beta, scale, learn_scale, latents, covariance="diagonal", spectrum=SPECTRUM):
    x = data_of(spectrum)
    pair = ProbabilisticPCA(
        len(spectrum), latents, covariance=covariance, init_scale=scale, learn_scale=learn_scale
    ).double()
    return pair, x, pair.solve(x, beta)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
@pytest.mark.parametrize(
    ("beta", "variance", "used"),
    [(1.0, 0.5, 3), (1.0, 0.25, 5), (1.0, 1.5, 2), (3.0, 0.5, 2), (4.0, 1.05, 0), (0.1, 1.0, 6)],
)
def test_a_fixed_noise(beta, variance, used, covariance):
    pair, x, lengths = solved(beta, variance**0.5, False, 6, covariance)
    exact = (torch.tensor(SPECTRUM).double() - beta * variance).clamp(min=0)
    torch.testing.assert_close(lengths, exact, rtol=0, atol=1e-6)
    found = diagnose(pair, x, seed=0, num_particles=2)
    site = found["z"]
    assert site.num_used == used == int((exact > 1e-9).sum())
    if covariance == "diagonal":  # E log of the posterior's precision, at the optimum
        gains = 0.5 * (torch.tensor(SPECTRUM).double() / (beta * variance)).clamp(min=1).log()
        if beta == 1:
            torch.testing.assert_close(site.kl_by_unit, gains, rtol=0, atol=1e-6)
    assert site.used.tolist() == (lengths > 1e-9).tolist()
    assert (found.collapsed == ("z",)) == (used == 0)


def test_next_to_the_threshold():
    for variance, used in ((0.97, 3), (1.0, 2), (1.03, 2)):
        pair, x, _ = solved(1.0, variance**0.5, False, 6)
        assert diagnose(pair, x, seed=0, num_particles=2)["z"].num_used == used


def test_a_learned_noise():
    """sigma^2 = T / (D - beta k) for k used directions, T the sum of the other eigenvalues."""
    for beta, variance, lengths in ((1.0, 0.5, (3.5, 1.5)), (1.5, 2 / 3, (3.0, 1.0))):
        pair, x, found = solved(beta, 1.0, True, 2)
        torch.testing.assert_close(found, torch.tensor(lengths).double(), rtol=0, atol=1e-6)
        assert pair.variance()[0].item() == pytest.approx(variance, abs=1e-6)
        assert diagnose(pair, x, seed=0, num_particles=2)["z"].num_used == 2


@pytest.mark.parametrize("learn_scale", [False, True])
def test_trained(learn_scale):
    """Trained to the optimum, the same units are given up."""
    beta, options = 1.5, {"covariance": "diagonal", "init_scale": 0.7, "learn_scale": learn_scale}
    spectrum = (4.0, 2.0, 0.4, 0.3, 0.2)
    x = data_of(spectrum)
    torch.manual_seed(1)
    pair = ProbabilisticPCA(5, 3, **options).double()
    optimizer = torch.optim.LBFGS(
        [p for p in pair.parameters() if p.requires_grad], max_iter=500, tolerance_grad=1e-9,
        tolerance_change=1e-12, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss():
        optimizer.zero_grad()
        value = -pair.elbo(x, beta=beta).mean()
        value.backward()
        return value

    optimizer.step(loss)
    variance = pair.variance()[0].item()
    exact = (torch.tensor(spectrum).double() - beta * variance).clamp(min=0)[:3]
    weight = pair.decoder.weight.detach()
    lengths = torch.linalg.eigvalsh(weight.T @ weight).flip(0)
    torch.testing.assert_close(lengths, exact, rtol=0, atol=1e-3)
    if learn_scale:
        assert variance == pytest.approx(0.9 / (5 - beta * 2), abs=1e-3)
    found = diagnose(pair, x, seed=0, num_particles=2)
    assert found["z"].num_used == 2
    units = weight.square().sum(0).argsort(descending=True)[:2]
    assert sorted(units.tolist()) == found["z"].used.nonzero().flatten().tolist()


def test_the_noise_is_named_where_it_is_the_cause():
    pair, x, _ = solved(1.0, 2.1, False, 6)
    found = diagnose(pair, x, seed=0)
    assert found.codes == ("collapsed", "noise-too-wide")
    first = found.verdicts[0].remedies[0]
    assert "LearnedNormal" in first.python
    assert "No direction of the data has a variance above 4" in found.verdicts[1].sentence
