"""Small hierarchies, and data for them."""

from functools import partial

import torch

from pyrovae.models import HierarchicalVAE, LadderVAE, TopDownVAE
from pyrovae.nn import MLP, LearnedNormal

SMALL = partial(MLP, hidden=(5,))
NETS = dict(encoder=SMALL, decoder=SMALL, upper_encoder=SMALL, upper_decoder=SMALL)
MAKE = {
    "hierarchical": lambda **o: HierarchicalVAE((5,), (3, 2), **{**NETS, **o}),
    "three": lambda **o: HierarchicalVAE((5,), (2, 3, 1), **{**NETS, **o}),
    "ladder": lambda **o: LadderVAE((5,), (3, 2), feature_dims=4, **{**NETS, **o}),
    "top_down": lambda **o: TopDownVAE(
        (1, 3, 4), channels=(4, 3), groups=(1, 1), latent_channels=1, **o
    ),
}
FAMILIES = ["hierarchical", "ladder", "top_down"]
BATCH = 4


def made(name, seed=0, dtype=torch.float64, **options):
    """A small one, moved off the start where the top-down one's posterior is its prior."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        vae = MAKE[name](**{"likelihood": LearnedNormal(), **options}).to(dtype)
        with torch.no_grad():
            for parameter in vae.parameters():
                parameter += 0.2 * torch.randn_like(parameter)
    return vae


def x_of(vae, rows=BATCH, seed=3):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(rows, *vae.data_shape, generator=rng, dtype=torch.float64)
