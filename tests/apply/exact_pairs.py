"""Linear-Gaussian pairs with guides that are exact, or wrong in one respect."""

import torch

from pyrovae.data.synthetic import DiscreteLatent, LinearGaussian


def linear(weight, scale=0.7, *, spread=1.0, shift=0.0, mean_field=False):
    """A pair whose guide is the posterior but for its standard deviations and its mean.

    Args:
        weight: W [D, L].
        scale: Of the likelihood.
        spread: Factor of the guide's standard deviations.
        shift: Of the guide's mean, in standard deviations.
        mean_field: Only the marginals of the guide are those of the posterior.
    """
    bias = torch.linspace(-1, 1, len(weight)).to(weight)
    exact = LinearGaussian(weight, bias, scale)
    q_weight, q_loc, scale_tril = (tensor.detach() for tensor in exact._affine_posterior())
    sd = (scale_tril @ scale_tril.T).diagonal().sqrt()
    form = {"q_scale": spread * sd} if mean_field else {"q_scale_tril": spread * scale_tril}
    return LinearGaussian(weight, bias, scale, q_weight=q_weight, q_loc=q_loc + shift * sd, **form)


def some_weight(data_dim=5, latent_dim=2, seed=0, dtype=torch.float64):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(data_dim, latent_dim, generator=rng, dtype=torch.float64).to(dtype)


def binary(factor=1.0):
    """One binary latent, whose posterior has affine logits; `factor` multiplies the guide's."""
    prior, weight = torch.tensor([0.3]).double(), torch.tensor([[1.5], [-1.0], [0.5]]).double()
    bias = torch.tensor([-0.5, 0.2, 0.1]).double()
    off, on = (torch.nn.functional.softplus(bias + w * weight[:, 0]).sum() for w in (0, 1))
    logits = prior.logit() + off - on
    return DiscreteLatent(prior, weight, bias, factor * logits, q_weight=factor * weight.T)
