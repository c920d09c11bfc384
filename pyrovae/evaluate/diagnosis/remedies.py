"""What helps against what a diagnosis finds, each with how this library does it.

The lines of Python take a pair `model, guide`, data `x`, and validation data `val`. What changes
the pair itself ends in the argument that a family takes, here for a `VAE`.
"""

from .verdict import Remedy

LEARNED_NOISE = Remedy(
    "Learn the standard deviation of p(x|z). Where it is fixed and large, it plays the part of a "
    "large KL weight.",
    "from pyrovae.nn import LearnedNormal\nlikelihood = LearnedNormal()  # VAE(..., likelihood=)",
    "--model.likelihood LearnedNormal",
)
WIDER_NOISE = Remedy(
    "Learn the standard deviation of p(x|z). Where it is learned already, train for more epochs.",
    LEARNED_NOISE.python,
    LEARNED_NOISE.command,
)
WARM_UP = Remedy(
    "Let the weight of the KL rise from zero in the first epochs, so that the decoder learns to "
    "use the latent before it costs anything.",
    "import torch\n"
    "from pyrovae.objectives import ELBO, Beta\n"
    "from pyrovae.train import Anneal, fit\n"
    "weight = torch.tensor(0.0)\n"
    "fit(model, guide, x, val=val, objective=Beta(weight), val_objective=ELBO(),\n"
    "    callbacks=[Anneal(weight, 0.0, 1.0, epochs=20)])",
    "--objective Beta --objective.beta 1.0 --kl-warmup 20",
)
CYCLES = Remedy(
    "Let the weight of the KL rise from zero several times, which can bring back a latent that "
    "was given up.",
    "import torch\n"
    "from pyrovae.objectives import ELBO, Beta\n"
    "from pyrovae.train import CyclicAnneal, fit\n"
    "weight = torch.tensor(0.0)\n"
    "fit(model, guide, x, val=val, objective=Beta(weight), val_objective=ELBO(),\n"
    "    callbacks=[CyclicAnneal(weight, cycles=4)])",
    "--objective Beta --objective.beta 1.0 --kl-cycles 4",
)
FREE_BITS = Remedy(
    "Give each latent some nats that cost nothing. Look afterwards whether the decoder uses them.",
    "from pyrovae.objectives import Beta\n"
    "from pyrovae.train import fit\n"
    "fit(model, guide, x, objective=Beta(1.0, free_bits=1.0))",
    "--objective Beta --objective.beta 1.0 --objective.free_bits 1.0",
)
LESS_WEIGHT = Remedy(
    "Lower the weight of the KL. Below one, what is trained is no bound on log p(x).",
    "from pyrovae.objectives import Beta\n"
    "from pyrovae.train import fit\n"
    "fit(model, guide, x, objective=Beta(0.5))",
    "--objective Beta --objective.beta 0.5",
)
WEAKER_DECODER = Remedy(
    "Take a smaller decoder. One that models the data by itself needs no latent.",
    "from functools import partial\n"
    "from pyrovae.nn import MLP\n"
    "decoder = partial(MLP, hidden=(64,))  # VAE(..., decoder=)",
    "--model.decoder MLP --model.decoder.hidden [64]",
)
SLOWER_DECODER = Remedy(
    "Train the decoder at a lower rate than the encoder, so that the encoder is not left behind.",
    'from pyrovae.train import fit\nfit(model, guide, x, lr={"decoder": 1e-4, "": 1e-3})',
    "--lr 0.001 --lr-of decoder=0.0001",
)
TIGHTER_BOUND = Remedy(
    "Train a tighter bound, with a gradient for the encoder that stays good at many particles.",
    "from pyrovae.objectives import DReG\n"
    "from pyrovae.train import fit\n"
    "fit(model, guide, x, objective=DReG(num_particles=16))",
    "--objective DReG --objective.num_particles 16",
)
LADDER = Remedy(
    "Take a ladder, whose guide and model share the way down, so that upper layers see the data.",
    "from pyrovae import LadderVAE  # LadderVAE(data_shape, latent_dims=(16, 8))",
    "--model LadderVAE --model.latent_dims [16,8]",
)
FLEXIBLE_PRIOR = Remedy(
    "Take a prior that can follow the aggregate posterior.",
    "from functools import partial\n"
    "from pyrovae.models import MixturePrior\n"
    "prior = partial(MixturePrior, num_components=50)  # VAE(..., prior=)",
    "--model.prior MixturePrior",
)
MORE_WEIGHT = Remedy(
    "Raise the weight of the KL.",
    "from pyrovae.objectives import Beta\n"
    "from pyrovae.train import fit\n"
    "fit(model, guide, x, objective=Beta(2.0))",
    "--objective Beta --objective.beta 2.0",
)
NOISE_FLOOR = Remedy(
    "Fix the standard deviation, at the resolution of the data or above.",
    "from pyrovae.nn import Normal\nlikelihood = Normal(scale=0.1)  # VAE(..., likelihood=)",
    "--model.likelihood Normal --model.likelihood.scale 0.1",
)
STOP_EARLY = Remedy(
    "Stop when the validation no longer rises, and keep the parameters of the best epoch.",
    "from pyrovae.train import EarlyStopping, fit\n"
    "run = fit(model, guide, x, val=val, callbacks=[EarlyStopping(10)])\n"
    "run.load_best()",
    "--patience 10",
)
WEIGHT_DECAY = Remedy(
    "Let the weights decay.",
    'from pyrovae.train import fit\nfit(model, guide, x, optimizer="adamw", weight_decay=0.01)',
    "--optimizer adamw --weight-decay 0.01",
)
SMALLER_ENCODER = Remedy(
    "Take a smaller encoder: it is mostly the guide that is fitted too closely.",
    "from functools import partial\n"
    "from pyrovae.nn import MLP\n"
    "encoder = partial(MLP, hidden=(64,))  # VAE(..., encoder=)",
    "--model.encoder MLP --model.encoder.hidden [64]",
)
LONGER = Remedy(
    "Train for more epochs. A run that has a folder is continued.",
    "from pyrovae.train import fit\nfit(model, guide, x, epochs=200)",
    "--resume --epochs 200",
)
SLOWER = Remedy(
    "Lower the learning rate.",
    "from pyrovae.train import fit\nfit(model, guide, x, lr=1e-4)",
    "--lr 0.0001",
)
CLIP = Remedy(
    "Clip the norm of the gradient.",
    "from pyrovae.train import fit\nfit(model, guide, x, clip_norm=10.0)",
    "--clip-norm 10",
)
START_CODES = Remedy(
    "Put the codebook on encodings of the data before training.",
    "vae.start(x)",
    "--model VQVAE --start 1000",
)
FEWER_CODES = Remedy(
    "Take fewer codes.",
    "from pyrovae.nn.quantizers import MovingAverageCodebook\n"
    "quantizer = MovingAverageCodebook(16, 16)  # VQVAE(..., quantizer=)",
    "--model VQVAE --model.quantizer MovingAverageCodebook --model.quantizer.num_codes 16 "
    "--model.quantizer.dim 16",
)

ALL = tuple(value for value in list(vars().values()) if isinstance(value, Remedy))
"""All remedies."""


def fewer_units(count: int) -> Remedy:
    """Of a latent that uses so many units only."""
    return Remedy(
        "The unused units change nothing; a smaller latent is cheaper and easier to read.",
        f"latent_dim = {count}  # VAE(data_shape, latent_dim)",
        f"--model.latent_dim {count}",
    )
