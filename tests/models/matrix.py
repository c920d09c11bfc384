"""Pairs: every guide with a prior, every prior with a guide, and every family."""

from functools import partial

import torch

from pyrovae import data, models, nn
from pyrovae.models import (
    VAE,
    VQVAE,
    Autoencoder,
    AutoregressiveCodes,
    ConditionalVAE,
    FactorAnalysis,
    FlowPosterior,
    FlowPrior,
    HierarchicalVAE,
    PartialVAE,
    Posterior,
    Prior,
    Refinement,
    TopicModel,
    posteriors,
    priors,
)
from pyrovae.models.capabilities import HasStrata
from pyrovae.nn import flows, quantizers
from pyrovae.objectives import DReG, StratifiedELBO
from tests.exported import exported

SHAPE = (1, 4, 4)
NET = partial(nn.MLP, hidden=(8,))
X = models.Family.example_x().double()
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
FAMILIES = exported(models, models.Family)


def _vae(**parts):
    return VAE(SHAPE, 2, encoder=NET, decoder=NET, likelihood=nn.Binomial(16), **parts)


def _autoencoder(**parts):
    return Autoencoder(SHAPE, 2, encoder=NET, decoder=NET, likelihood=nn.Binomial(16), **parts)


def _text_vae(network, **parts):
    small = {"width": 8, "num_layers": 1}
    encoder, decoder = getattr(nn, f"{network}Encoder"), getattr(nn, f"{network}Decoder")
    return models.TextVAE(
        6, 2, vocabulary=data.Vocabulary.of(["abcd"]), encoder=partial(encoder, **small),
        decoder=partial(decoder, **small), **parts,
    )  # fmt: skip


def _vq(**parts):
    grid = partial(nn.GridEncoder, channels=8), partial(nn.GridDecoder, channels=8)
    return VQVAE(
        SHAPE, (2, 2), encoder=grid[0], decoder=grid[1], likelihood=nn.Binomial(16), **parts
    )


def _deep(**parts):
    net = partial(nn.MLP, hidden=(6,))
    encoder = partial(nn.RecurrentSteps, hidden=4, direction="backward")
    return models.DeepMarkovModel((5, 2), 2, transition=net, decoder=net, encoder=encoder, **parts)


PAIRS = {
    # Each guide with the plainest prior, each prior with a guide without, and one with a density.
    **{f"guide {name}": partial(_vae, posterior=q) for name, q in POSTERIORS.items()
       if name != "DiagonalNormal"},
    **{f"prior {name}": partial(_vae, prior=p) for name, p in PRIORS.items()
       if name != "StandardNormal"},
    **{f"prior {name}, coupling guide": partial(
           _vae, prior=PRIORS[name], posterior=POSTERIORS["AffineCoupling"])
       for name in ("MixturePrior", "VampPrior", "FlowPrior")},
    "prior MixturePrior, Planar guide": partial(
        _vae, prior=PRIORS["MixturePrior"], posterior=POSTERIORS["Planar"]),
    "refined": partial(_vae, refinement=partial(Refinement, num_steps=1, num_draws=2)),
    "refined, VampPrior": partial(
        _vae, prior=PRIORS["VampPrior"], refinement=partial(Refinement, num_steps=2, num_draws=2)),
    # Each family as it says itself, and with other parts.
    **{name: cls.example for name, cls in FAMILIES.items()},
    "HierarchicalVAE, flow prior": lambda: HierarchicalVAE(
        SHAPE, (3, 2), encoder=NET, decoder=NET, upper_encoder=NET, upper_decoder=NET,
        likelihood=nn.Binomial(16), prior=FlowPrior),
    "denoising Autoencoder, MixturePrior": lambda: _autoencoder(
        corruption=nn.Masking(0.3), prior=PRIORS["MixturePrior"]),
    "contractive Autoencoder, exact": lambda: _autoencoder(contraction=0.5),
    "contractive Autoencoder, estimated": lambda: _autoencoder(
        contraction=0.5, contraction_probes=2, corruption=nn.GaussianNoise(0.3), prior=FlowPrior),
    "FactorAnalysis, diagonal guide": lambda: FactorAnalysis(SHAPE, 2, covariance="diagonal"),
    "ConditionalVAE, images": lambda: ConditionalVAE(
        SHAPE, 2, condition_shape=SHAPE, join=nn.AsChannels, prior_network=NET,
        encoder=partial(nn.ConvEncoder, channels=(4,)), decoder=nn.ConvDecoder,
        likelihood=nn.Binomial(16), posterior=POSTERIORS["AffineCoupling"]),
    "PartialVAE, VampPrior": lambda: PartialVAE(
        SHAPE, 2, encoder=NET, decoder=NET, likelihood=nn.Binomial(16), join=nn.AsVector,
        prior=PRIORS["VampPrior"]),
    "TopicModel, product": lambda: TopicModel(SHAPE, 3, mixing="product", encoder=NET),
    "TopicModel, mixture": lambda: TopicModel(
        SHAPE, 3, mixing="mixture", concentration=0.3, encoder=NET),
    "TextVAE, transformers": lambda: _text_vae("Transformer", prior=PRIORS["MixturePrior"]),
    "TextVAE, classes": lambda: _text_vae(
        "LSTM", num_classes=3, word_dropout=0.4, posterior=POSTERIORS["AffineCoupling"]),
    "VQVAE, learned codebook": lambda: _vq(quantizer=quantizers.LearnedCodebook(6, 3)),
    "VQVAE, finite scalars": lambda: _vq(quantizer=quantizers.FiniteScalar([4, 3])),
    "VQVAE, learned prior": lambda: _vq(
        quantizer=quantizers.FiniteScalar([4, 3]), prior=partial(AutoregressiveCodes, width=8)),
    "DeepMarkovModel, combined steps": lambda: _deep(
        posterior=partial(models.CombinedSteps, hidden=4), missing=True),
    "DeepMarkovModel, flow on independent steps": lambda: _deep(posterior=partial(
        models.FlowSteps, base=models.IndependentSteps, context_dim=3)),
}  # fmt: skip

# What is known of each datum besides x, where the pair is not the example of its family.
LABELS = {"ConditionalVAE, images": X.flip(-1) / 16, "PartialVAE, VampPrior": MASK}


def batch_for(name, pair):
    """Data of a pair of this name: x, and y where it is called with one."""
    x = pair.example_x()
    x = x.double() if x.is_floating_point() else x
    if not pair.takes_labels:
        return (x,)
    return x, LABELS[name] if name in LABELS else pair.example_y(x)


def objective_for(pair):
    """One that trains all of a pair: a discrete latent has no path."""
    return StratifiedELBO(pair.num_strata) if isinstance(pair, HasStrata) else DReG(2)
