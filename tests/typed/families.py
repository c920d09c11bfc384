"""Families with their parts: heads, priors, posteriors, flows, networks."""

from functools import partial
from typing import assert_type

import torch
from torch import Tensor, nn

import pyrovae
from pyrovae import data, models
from pyrovae.data import Dataset, Split
from pyrovae.evaluate import cluster_accuracy
from pyrovae.models import FlowPosterior, MixturePrior, VampPrior
from pyrovae.nn import MLP, Bernoulli, Binomial, ConvDecoder, ConvEncoder, LearnedNormal
from pyrovae.nn.flows import AffineCoupling, Planar, chain

digits = data.digits()
assert_type(digits, Dataset)
assert_type(digits.test, Split)
images: Tensor = digits.train.x[:60]
labels: Tensor = digits.train.y
few = Dataset("few", digits.train[:60], digits.val[:10], digits.test[:10], digits.info)

vae = models.VAE(
    (1, 8, 8),
    latent_dim=3,
    encoder=partial(MLP, hidden=(20,), activation=nn.SiLU),
    decoder=MLP,
    likelihood=Binomial(16),
    prior=partial(MixturePrior, num_components=3),
)
run = pyrovae.fit(
    vae.model, vae.guide, few, objective=pyrovae.IWAE(2), epochs=1, progress=False, device="cpu"
)
generated: Tensor = vae.generate(3)
again: Tensor = vae.reconstruct(images[:4])
print(vae.encode(images[:4]).mean.shape, vae.decode(torch.zeros(2, 3)).mean.shape)

own_encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 6))
own = pyrovae.VAE((1, 8, 8), 3, encoder=own_encoder, likelihood=Bernoulli())
conv = models.VAE((1, 8, 8), 2, encoder=ConvEncoder, decoder=ConvDecoder, prior=VampPrior)
flow = models.VAE(
    (64,), 2, posterior=partial(FlowPosterior, layer=chain(AffineCoupling, Planar), num_layers=2)
)
normal = models.VAE((64,), 2, likelihood=LearnedNormal())
labelled = models.ConditionalVAE((1, 8, 8), 2, num_classes=10, likelihood=Binomial(16))
some: Tensor = labelled.generate(torch.tensor([1, 2]))

found = pyrovae.log_evidence(vae.model, vae.guide, few.test, num_particles=5)
units = pyrovae.active_units(vae.model, vae.guide, few.test)
print(found, units, cluster_accuracy(labels[:60], digits.train.y[:60]))
for batch in data.batches(few, 20, device="cpu").epoch(0):
    x: Tensor = batch[0]
