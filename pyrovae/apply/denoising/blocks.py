"""Sweeps over noisy data: what is run on each block, and without which checks."""

from collections.abc import Callable
from typing import TypeVar

import pyro
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ...evaluate.block import Block
from ...evaluate.inputs import as_data
from ...evaluate.sweep import Sweep
from ...evaluate.validity import why_no_evidence
from ...nn.corruption import NoiseModel
from ...particles.conditionals import conditionals
from ...particles.isolation import isolated
from ..observed import elements_at, site_of_data
from ..values import any_value, mean_or_none, repeated
from .elements import clean_elements
from .nodes import bounds_of
from .noisy_model import NoisyModel, seen_by_guide

R = TypeVar("R")


def reconstructed(sweep: Sweep, noise: NoiseModel, clip: bool) -> Tensor:
    """Encode the noisy data of a sweep and decode them: E[x|z] at the mean of q(z|noisy)."""

    def run(block: Block) -> Tensor:
        seen = (seen_by_guide(noisy_model(block, noise), clip), *block.args[1:])
        sites = conditionals(block.guide, *seen, values=lambda _, fn: mean_or_none(fn))
        values = {name: site.value for name, site in sites.items() if not site.is_observed}
        made = conditionals(block.model, *block.args, values=values)
        return site_of_data(made, block.args[0])[1].fn.mean.reshape(block.args[0].shape)

    return torch.cat(unchecked(sweep, run)).cpu()


def given(sweep: Sweep, num_particles: int, num_draws: int) -> tuple[Tensor, Tensor]:
    """Mean and draws of p(x|y) of a conditional pair, whose y are the noisy data."""

    def run(block: Block) -> tuple[Tensor, Tensor]:
        args = repeated(block.args, num_particles)
        sites = conditionals(block.model, *args, observe=False)
        means = {name: site.fn.mean for name, site in sites.items() if site.is_observed}
        values = {name: site.value for name, site in sites.items() if site.is_observed}
        shape = (num_particles, *block.args[0].shape)
        return (
            as_data(means, args[0]).reshape(shape).mean(0),
            as_data(values, args[0]).reshape(shape)[:num_draws],
        )

    means, draws = zip(*unchecked(sweep, run), strict=True)
    return torch.cat(means).cpu(), torch.cat(draws, 1).cpu()


def unchecked(sweep: Sweep, run: Callable[[Block], R]) -> list[R]:
    """Run the blocks without the check that data lie in a support: noisy data need not."""
    with pyro.validation_enabled(False):
        return sweep.each(run)


def why_no_posterior(sweep: Sweep) -> str | None:
    """Why a pair has no p(z|noisy), in words; None where it has."""
    with pyro.validation_enabled(False):
        args = sweep.inputs.rows(slice(0, 2))
        return why_no_evidence(
            sweep.model, sweep.guide, *args, mode=sweep.mode, batch_plate=sweep.batch_plate
        )


def range_of(sweep: Sweep) -> tuple[float, float]:
    """The bounds of the likelihood; infinite where there are none."""
    return bounds_of(_first_elements(sweep)[0])


def noisy_model(block: Block, noise: NoiseModel) -> NoisyModel:
    return NoisyModel(block.model, block.args, noise, block.args[0])


def smaller(sweep: Sweep, noise: NoiseModel) -> Sweep:
    """Blocks as much smaller as a datum takes more memory, where the clean elements are summed."""
    if sweep.chunk is not None:
        return sweep
    rows, _ = sweep.shape
    fn, noisy = _first_elements(sweep)
    summed = clean_elements(fn, noise, noisy).num_nodes
    return sweep.again(chunk=max(1, rows // summed) * sweep.num_particles)


def _first_elements(sweep: Sweep) -> tuple[TorchDistribution, Tensor]:
    """p(x_d|z) of the first datum at a draw of z, and the datum in its shape."""
    with pyro.validation_enabled(False), isolated(), sweep.networks_in_mode(), torch.no_grad():
        args = sweep.arguments(slice(0, 1))
        name, site = site_of_data(conditionals(sweep.model, *args, values=any_value), args[0])
        fn = elements_at(name, site.fn, "denoising")
        return fn, args[0].reshape(fn.batch_shape)
