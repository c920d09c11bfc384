"""What families make and look at is in evaluation mode; what they train is as the user left it."""

import pyro
import pytest
import torch
from torch import nn

from pyrovae import fit
from pyrovae.models import (
    VAE,
    VQVAE,
    Autoencoder,
    ConditionalVAE,
    GumbelSoftmaxVAE,
    HierarchicalVAE,
    LadderVAE,
    MixtureVAE,
    NormalPrior,
    PartialVAE,
    SemiSupervisedVAE,
    TopDownVAE,
)
from pyrovae.nn import Masking, Normal
from pyrovae.objectives import ELBO
from pyrovae.particles.tracing import record

D, N = 6, 9
X = torch.randn(N, D, generator=torch.Generator().manual_seed(0))
Y = torch.arange(N) % 3
MASK = torch.rand(N, D, generator=torch.Generator().manual_seed(1)) < 0.8
MASK[:, 0] = True


class Noisy(nn.Module):
    """With dropout and batch statistics, on inputs of any shape."""

    def __init__(self, in_shape, out_shape):
        super().__init__()
        self.out_shape = out_shape
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(torch.Size(in_shape).numel(), 8), nn.BatchNorm1d(8),
            nn.Dropout(0.5), nn.Linear(8, torch.Size(out_shape).numel()),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x).reshape(-1, *self.out_shape)


NETS = {"encoder": Noisy, "decoder": Noisy, "likelihood": Normal()}
UPPER = {"upper_encoder": Noisy, "upper_decoder": Noisy}


def noisy_norm(width):
    return nn.Sequential(nn.BatchNorm1d(width), nn.Dropout(0.5))


# Families with their arguments, and what each can do: method -> a call that gives a tensor.
FAMILIES = {
    "VAE": (
        lambda: VAE((D,), 2, prior=NormalPrior, **NETS),
        {
            "encode": lambda m: m.encode(X).mean,
            "decode": lambda m: m.decode(torch.zeros(N, 2)).mean,
            "generate": lambda m: m.generate(4),
            "reconstruct": lambda m: m.reconstruct(X),
            "start": lambda m: m.start(X) or m.prior.loc,
        },
    ),
    "Autoencoder": (
        lambda: Autoencoder((D,), 2, corruption=Masking(0.5), prior=NormalPrior, **NETS),
        {
            "encode": lambda m: m.encode(X).mean,
            "decode": lambda m: m.decode(torch.zeros(N, 2)).mean,
            "generate": lambda m: m.generate(4),
            "reconstruct": lambda m: m.reconstruct(X),
            "start": lambda m: m.start(X) or m.prior.loc,
        },
    ),
    "ConditionalVAE": (
        lambda: ConditionalVAE((D,), 2, num_classes=3, prior_network=Noisy, **NETS),
        {
            "encode": lambda m: m.encode(X, Y).mean,
            "decode": lambda m: m.decode(torch.zeros(N, 2), Y).mean,
            "prior_given": lambda m: m.prior_given(Y).mean,
            "generate": lambda m: m.generate(Y),
            "reconstruct": lambda m: m.reconstruct(X, Y),
        },
    ),
    "SemiSupervisedVAE": (
        lambda: SemiSupervisedVAE((D,), 2, 3, classifier=Noisy, **NETS),
        {
            "encode": lambda m: m.encode(X, Y).mean,
            "decode": lambda m: m.decode(torch.zeros(N, 2), Y).mean,
            "predict": lambda m: m.predict(X).probs,
            "generate": lambda m: m.generate(Y),
            "reconstruct": lambda m: m.reconstruct(X),
        },
    ),
    "MixtureVAE": (
        lambda: MixtureVAE((D,), 2, 3, **NETS),
        {
            "encode": lambda m: m.encode(X).mean,
            "decode": lambda m: m.decode(torch.zeros(N, 2)).mean,
            "clusters": lambda m: m.clusters(X),
            "generate": lambda m: m.generate(Y),
            "reconstruct": lambda m: m.reconstruct(X),
            "start": lambda m: m.start(X) or m.prior.loc,
        },
    ),
    "PartialVAE": (
        lambda: PartialVAE((D,), 2, **NETS),
        {
            "encode": lambda m: m.encode(X, MASK).mean,
            "decode": lambda m: m.decode(torch.zeros(N, 2)).mean,
            "generate": lambda m: m.generate(4),
            "reconstruct": lambda m: m.reconstruct(X, MASK),
            "impute": lambda m: m.impute(X, MASK, num_particles=5),
            "imputations": lambda m: m.imputations(X, MASK, 2, num_particles=5),
        },
    ),
    "HierarchicalVAE": (
        lambda: HierarchicalVAE((D,), (3, 2), **UPPER, **NETS),
        {
            "encode": lambda m: torch.cat([q.mean for q in m.encode(X).values()], -1),
            "decode": lambda m: m.decode(torch.zeros(N, 3)).mean,
            "generate": lambda m: m.generate(4),
            "reconstruct": lambda m: m.reconstruct(X),
        },
    ),
    "LadderVAE": (
        lambda: LadderVAE((D,), (3, 2), feature_dims=4, normalization=noisy_norm, **UPPER, **NETS),
        {
            "encode": lambda m: torch.cat([q.mean for q in m.encode(X).values()], -1),
            "encode_top": lambda m: m.encode_top(X).mean,
            "decode": lambda m: m.decode(torch.zeros(N, 3)).mean,
            "generate": lambda m: m.generate(4),
            "reconstruct": lambda m: m.reconstruct(X),
        },
    ),
    "TopDownVAE": (
        lambda: TopDownVAE(
            (1, 4, 4), channels=(4,), groups=(1,), likelihood=Normal(),
            activation=lambda: nn.Sequential(nn.SiLU(), nn.Dropout(0.5)),
        ),
        {
            "encode": lambda m: m.encode(torch.ones(2, 1, 4, 4))["z1"].mean,
            "decode": lambda m: m.decode(torch.ones(2, 4, 2, 2)).mean,
            "generate": lambda m: m.generate(4),
            "reconstruct": lambda m: m.reconstruct(torch.ones(2, 1, 4, 4)),
        },
    ),
    "VQVAE": (
        lambda: VQVAE((D,), (4,), **NETS),
        {
            "encode": lambda m: m.encode(X),
            "decode": lambda m: m.decode(torch.zeros(N, 4, dtype=torch.long)).mean,
            "generate": lambda m: m.generate(4),
            "reconstruct": lambda m: m.reconstruct(X),
            "perplexity": lambda m: m.perplexity(X),
        },
    ),
    "GumbelSoftmaxVAE": (
        lambda: GumbelSoftmaxVAE((D,), (4,), num_codes=5, **NETS),
        {
            "encode": lambda m: m.encode(X),
            "decode": lambda m: m.decode(torch.zeros(N, 4, dtype=torch.long)).mean,
            "generate": lambda m: m.generate(4),
            "reconstruct": lambda m: m.reconstruct(X),
        },
    ),
}  # fmt: skip
CASES = [(name, method) for name, (_, calls) in FAMILIES.items() for method in calls]


def trained_a_little(name):
    torch.manual_seed(0)
    made = FAMILIES[name][0]()
    made.train()
    return made


def flags(module):
    return [inner.training for inner in module.modules()]


@pytest.mark.parametrize(("name", "method"), CASES)
def test_looked_at_as_after_eval_and_put_back(name, method):
    call, results = FAMILIES[name][1][method], []
    for mode in ("training", "mixed", "evaluation"):
        made = trained_a_little(name)
        if mode != "training":
            made.eval()
        if mode == "mixed":
            made.decoder.train()
        before, kept = flags(made), {k: v.clone() for k, v in made.named_buffers()}
        pyro.set_rng_seed(1)
        results.append(call(made).detach().clone())
        assert flags(made) == before
        if method != "start":
            assert all(torch.equal(v, kept[k]) for k, v in made.named_buffers())
    assert torch.equal(results[0], results[2]) and torch.equal(results[1], results[2])


@pytest.mark.parametrize("name", [n for n in FAMILIES if n not in ("TopDownVAE", "LadderVAE")])
def test_one_datum_is_reconstructed(name):
    made = trained_a_little(name)
    given = {"ConditionalVAE": (Y[:1],), "PartialVAE": (MASK[:1],)}.get(name, ())
    assert made.reconstruct(X[:1], *given).shape == (1, D)


def test_no_family_is_forgotten():
    """Whatever a family has of these methods is tried above."""
    known = {"encode", "encode_top", "decode", "generate", "reconstruct", "impute", "imputations",
             "clusters", "predict", "prior_given", "perplexity"}  # fmt: skip
    for name, (make, calls) in FAMILIES.items():
        assert known & set(dir(make())) <= calls.keys(), name


def test_an_error_puts_networks_back_too():
    vae = trained_a_little("VAE")
    with pytest.raises(ValueError, match="batch of shape"):
        vae.reconstruct(torch.zeros(2, 3))
    assert all(flags(vae))


def test_programs_train_networks_in_the_mode_that_they_have():
    """Dropout is there in a training step, in a guide of one's own too."""
    vae = trained_a_little("VAE")

    def guide(x):
        vae.declare("encoder", "posterior")
        with pyro.plate("data", len(x)):
            pyro.sample("z", vae.encode(x))

    for program in (vae.guide, guide):
        means = []
        for seed in (0, 1):
            pyro.set_rng_seed(seed)
            means.append(record(program, (X,), {}).nodes["z"]["fn"].mean)
        assert not torch.allclose(*means)
    statistics = vae.encoder.layers[2].running_mean.clone()
    fit(vae.model, guide, X, objective=ELBO(), epochs=1, device="cpu", progress=False)
    assert not torch.equal(vae.encoder.layers[2].running_mean, statistics)
    assert all(flags(vae))
