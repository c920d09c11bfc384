"""What a VAE refuses: data, networks and parts that do not fit."""

import math
from functools import partial

import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae.errors import ConfigError, ShapeError, SupportError
from pyrovae.models import VAE, FullNormal, StandardNormal
from pyrovae.nn import (
    MLP,
    Bernoulli,
    Binomial,
    Categorical,
    Likelihood,
    Normal,
    PredictedNormal,
)
from pyrovae.objectives import IWAE

BATCH, LATENT = 3, 2
X = torch.randn(BATCH, 5, generator=torch.Generator().manual_seed(0))


def _small(**options):
    options = {"likelihood": Normal(0.7), "encoder": partial(MLP, hidden=(7,)), **options}
    return VAE((5,), LATENT, decoder=partial(MLP, hidden=(7,)), **options)


class TestErrors:
    @pytest.mark.parametrize("program", ["model", "guide", "reconstruct"])
    @pytest.mark.parametrize("shape", [(3, 4), (3, 5, 1), (5,)])
    def test_data_of_another_shape(self, program, shape):
        vae = _small()
        with pytest.raises(ShapeError, match=rf"VAE\.{program} was built for data of shape \[5\]"):
            getattr(vae, program)(torch.zeros(shape))

    @pytest.mark.parametrize(
        ("likelihood", "x", "way_out"),
        [
            (Bernoulli(), [0.0, 0.5, 1.0, 0.2, 0.9], "ContinuousBernoulli()"),
            (Bernoulli(), [0.0, 0.5, 1.0, 0.2, 0.9], 'binarize="dynamic"'),
            (Bernoulli(), [0.0, 7.0, 16.0, 3.0, 1.0], "Binomial(total_count=16)"),
            (Binomial(16), [0.0, 255.0, 16.0, 3.0, 1.0], "DiscretizedLogistic(levels=256)"),
            (Categorical(4), [-1.3, 0.0, 2.2, 0.1, 1.0], "Normal()"),
        ],
    )
    def test_data_outside_the_support_name_what_would_fit(self, likelihood, x, way_out):
        vae = VAE((5,), LATENT, likelihood=likelihood)
        with pytest.raises(SupportError) as caught:
            IWAE(2).loss(vae.model, vae.guide, torch.tensor([x]))
        assert way_out in str(caught.value)

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_data_that_are_not_finite(self, value):
        vae, x = _small(), X.clone()
        x[0, 0] = value
        with pytest.raises(SupportError, match="infinite or not a number"):
            vae.model(x)

    @pytest.mark.parametrize("width", [LATENT, 2 * LATENT - 1, 2 * LATENT + 1])
    def test_an_encoder_of_another_width(self, width):
        """Three outputs for two latents would pass as one scale that both share."""
        vae = _small(encoder=nn.Linear(5, width))
        with pytest.raises(ShapeError, match=rf"encoder gave shape \[3, {width}\].*needs 4"):
            vae.guide(X)

    def test_a_decoder_of_another_width(self):
        vae = VAE((5,), LATENT, likelihood=PredictedNormal(), decoder=nn.Linear(LATENT, 5))
        with pytest.raises(ShapeError, match=r"the decoder gave shape \[3, 5\].*needs 10 values"):
            vae.model(X)

    @pytest.mark.parametrize("part", [{"prior": StandardNormal(1)}, {"posterior": FullNormal(3)}])
    def test_parts_for_another_latent_dim(self, part):
        with pytest.raises(ShapeError, match=f"the {next(iter(part))} has latent_dim=. and the"):
            _small(**part)

    def test_a_factory_that_gives_no_module(self):
        with pytest.raises(ConfigError, match="must return a torch.nn.Module"):
            _small(encoder=lambda in_shape, out_shape: torch.zeros)


class Cauchy(Likelihood):
    needs = "finite numbers"

    def accepts(self, values):
        return True

    def distribution(self, params):
        return dist.Cauchy(params[0], 0.2, validate_args=False)


X5 = torch.zeros(3, 5)


def test_a_likelihood_without_a_mean_says_so():
    vae = VAE(5, latent_dim=2, likelihood=Cauchy())
    for make in (lambda **how: vae.generate(3, **how), lambda **how: vae.reconstruct(X5, **how)):
        with pytest.raises(ConfigError, match="a Cauchy, has no mean.* mean=False"):
            make()
        assert make(mean=False).isfinite().all()
