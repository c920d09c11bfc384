"""Every objective on every family: finite, or refused by an error that says why."""

import pyro
import pytest

from pyrovae.errors import ConfigError, ReparamError, SiteError
from pyrovae.objectives import TCVAE
from tests.models.matrix import PAIRS, batch_for
from tests.objectives.test_contract import CLASSES as OBJECTIVES
from tests.objectives.test_contract import MADE

NAMES = [name for name in PAIRS if not name.startswith(("guide ", "prior ", "refined"))]
PATHS = {cls.__name__ for cls in OBJECTIVES if cls.latents == "reparameterised"}
# Objectives that a pair refuses by an error that says why. Of a family that is not listed here
# only the plainest objectives are known to apply.
REFUSED = {
    **dict.fromkeys(
        [
            "VAE",
            "HierarchicalVAE",
            "HierarchicalVAE, flow prior",
            "LadderVAE",
            "TopDownVAE",
            "ProbabilisticPCA",
            "FactorAnalysis",
            "FactorAnalysis, diagonal guide",
            "ConditionalVAE",
            "CountVAE",
            "LatentSizeCountVAE",
            "TopicModel",
            "TopicModel, mixture",
            "SequenceToSequence",
            "TextVAE",
            "PartialVAE",
            "PartialVAE, VampPrior",
            "TableVAE",
        ],
        set(),
    ),
    "Autoencoder": {"TCVAE", "DIPVAE", "InfoVAE"},  # no density, and nothing to draw codes from
    "contractive Autoencoder, exact": {"TCVAE", "DIPVAE", "InfoVAE"},
    "contractive Autoencoder, estimated": {"TCVAE", "DIPVAE"},
    "denoising Autoencoder, MixturePrior": {"TCVAE", "DIPVAE"},
    "ConditionalVAE, images": {"TCVAE", "DIPVAE"},  # a flow, whose marginals are not known
    "SemiSupervisedVAE": PATHS | {"TCVAE", "InfoVAE"},  # a class has no path, z depends on it
    "MixtureVAE": {"InfoVAE", "TCVAE"},  # the cluster is summed out where all weigh the same
    "VQVAE": {"TCVAE", "InfoVAE"},
    "VQVAE, learned codebook": {"TCVAE", "InfoVAE"},
    "VQVAE, finite scalars": {"TCVAE", "InfoVAE"},
    "VQVAE, learned prior": {"TCVAE", "InfoVAE"},
    "GumbelSoftmaxVAE": {"TCVAE", "DIPVAE"},
    **dict.fromkeys(
        [
            "DeepMarkovModel",  # marginal densities of a chain are not known
            "DeepMarkovModel, combined steps",
            "DeepMarkovModel, flow on independent steps",
            "VariationalRNN",
        ],
        {"TCVAE", "DIPVAE"},
    ),
}


@pytest.mark.filterwarnings("ignore::pyrovae.errors.GradientWarning")
@pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")
@pytest.mark.parametrize("name", NAMES)
def test_every_objective_that_applies(name):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    pair = PAIRS[name]().double()
    batch = batch_for(name, pair)
    refused = set()
    for cls in OBJECTIVES:
        made = MADE.get(cls.__name__, [lambda cls=cls: cls(num_particles=3)])
        for make in (
            made if cls is not TCVAE else [lambda: TCVAE(beta=2.0, num_data=len(batch[0]))]
        ):
            try:
                loss = make().differentiable_loss(pair.model, pair.guide, *batch)
            except (ConfigError, ReparamError, SiteError):
                refused.add(cls.__name__)
                continue
            assert loss.isfinite(), make()
            if loss.requires_grad:
                loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in pair.parameters())
    assert refused == REFUSED[name] if name in REFUSED else not refused & {"ELBO", "IWAE"}
