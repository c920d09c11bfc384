"""Side effects of the programs' Python."""

import numpy as np
import pyro
import torch
from torch import nn

from .case import DATA, LATENT, X, case, net, sound_guide, sound_model


@case("PV501", "warning", "x", line='pyro.sample("x"')
def counter_in_a_closure(mended):
    inner, calls = net(LATENT, DATA), []

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def forward(self, z):
            calls.append(1)
            return self.inner(z) * (1.0 if mended else 1.0 + 0.1 * len(calls))

    return sound_model(Decoder()), sound_guide(), X


@case("PV502", "warning")
def numpy_noise(mended):
    inner = sound_guide()

    def guide(x):
        noise = torch.randn(1) if mended else torch.as_tensor(np.random.randn(1)).float()
        inner(x + 0.01 * noise)

    return sound_model(), guide, X


@case("PV503", "fault")
def writes_into_the_data(mended):
    inner = sound_guide()

    def guide(x):
        inner(x.clamp(-1, 1) if mended else x.clamp_(-1, 1))

    return sound_model(), guide, X.clone()


@case("PV504", "fault", "z", line='pyro.sample("z"')
def seeds_in_the_guide(mended):
    inner = sound_guide()

    def guide(x):
        if not mended:
            pyro.set_rng_seed(0)
        inner(x)

    return sound_model(), guide, X


@case("PV505", "warning")
def counter_in_a_network(mended):
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.calls = net(LATENT, DATA), 0

        def forward(self, z):
            if not mended:
                self.calls += 1
            return self.inner(z)

    return sound_model(Decoder()), sound_guide(), X
