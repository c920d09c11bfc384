"""Noisy pendulums: nonlinear series whose period depends on how far they swing."""

import math

import torch

from ..base import Dataset, Split, mix_seed

_PULL, _DRAG, _PERIOD = 1.0, 0.03, 0.3  # of gravity, of the air, and time between two steps
_KICK, _NOISE = 0.03, 0.1  # standard deviations of a push a step, and of a measurement
_FINE = 10  # integration steps between two measurements


def pendulums(
    *, num_steps: int = 60, train: int = 400, val: int = 100, test: int = 200, seed: int = 0
) -> Dataset:
    r"""Positions of pendulums that swing up to 150 degrees, [N, T, 2], measured with noise.

    :math:`\ddot\theta = -\sin\theta - 0.03\,\dot\theta` with small random pushes; a step is
    :math:`(\sin\theta, -\cos\theta)` plus normal noise of scale 0.1. A wide swing takes longer
    than a narrow one, which no linear model can say. No forecast of one step has an error below
    0.1.

    Args:
        num_steps: T.
        train: Number of series for training.
        val: Of series for choosing models.
        test: Of series for reporting.
        seed: Of all draws.

    Example:
        >>> pendulums(train=20).train
        Split(20 x [60, 2] float32)
    """
    sizes = (train, val, test)
    rng = torch.Generator().manual_seed(mix_seed(seed))
    count = sum(sizes)

    def normal() -> torch.Tensor:
        return torch.randn(count, generator=rng, dtype=torch.float64)

    angle = (2 * torch.rand(count, generator=rng, dtype=torch.float64) - 1) * math.radians(150)
    speed, fine, found = 0.5 * normal(), _PERIOD / _FINE, []
    for _ in range(num_steps):
        at = torch.stack([angle.sin(), -angle.cos()], -1)
        found.append(at + _NOISE * torch.stack([normal(), normal()], -1))
        for _ in range(_FINE):  # semi-implicit Euler keeps the energy
            speed = speed - fine * (_PULL * angle.sin() + _DRAG * speed)
            speed = speed + _KICK * _FINE**-0.5 * normal()
            angle = angle + fine * speed
    x = torch.stack(found, 1).float()
    splits = [Split(part) for part in x.split(sizes)]
    info = {"binarize": "none", "levels": None, "unit": False, "seed": seed}
    return Dataset("pendulums", splits[0], splits[1], splits[2], info)
