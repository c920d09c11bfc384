"""Data drawn given the outcome of a linear degradation."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Unpack

import numpy as np
import pyro
import torch
from torch import Tensor

from ...data.rows.tensors import TensorRows
from ...errors import ConfigError, DataError, ShapeError, SupportError
from ...evaluate.inputs import Data, Inputs, data_in_type
from ...evaluate.options import SweepOptions, seed_or_fresh
from ...particles.argument_types import argument_types
from ...particles.conditionals import conditionals
from ...particles.device import to_device_of
from ...particles.isolation import isolated
from ...particles.modes import in_mode
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from .degradation import Degraded, matrix_of
from .finding import Completion
from .options import CompletionOptions, Settings, completes
from .programs import infers_from_masks
from .run import run


@takes_pair
@completes
def invert(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    degradation: Tensor | np.ndarray | Callable[[Tensor], Tensor],
    noise: float = 0.02,
    data_shape: tuple[int, ...] | None = None,
    **options: Unpack[CompletionOptions],
) -> Completion:
    r"""Draw data from p(x|y) for y = A x + normal noise.

    Exact, as the draws of z are, where p(x|z) is a normal with independent elements:
    :math:`y|z \sim N(A\mu(z), A\,diag(v(z))A^T + \sigma^2 I)`, and x given y and z is normal too.
    Exact too are pixels of 0 and 1 of which each enters one value of y, with seven others at most.
    For other likelihoods (levels, counts) log p(y|z) is approximated by the normal of the same
    mean and covariance, so that log p(x|y) bounds nothing; x is drawn by sampling importance
    resampling, and `mean` and `std` are those of the best linear estimate given y and z: see
    `completion.degradation.Degraded`.

    Args:
        model: See `super_resolve`, as for the other arguments.
        guide: Likewise.
        x: Data [N, *data_shape], which are degraded here; or what is left of them, y [N, ...], if
            `data_shape` is given.
        degradation: A [M, D], or a linear function of data [N, *data_shape].
        noise: sigma, in the units of y.
        data_shape: Of x, where y are given and nothing is known of x.

    Raises:
        ConfigError: The noise is not positive, or the function not linear.
        DataError: No stand-in for the data is in the support of the likelihood.
        ShapeError: The matrix does not fit the data.

    Source:
        Pattern Recognition and Machine Learning (Bishop, 2006), sec. 2.3.3

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=4, latent_dim=2, seed=0)
        >>> sums = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]])
        >>> y = torch.randn(5, 2).double()
        >>> invert(pair, y, degradation=sums, data_shape=(4,), seed=0).mean.shape
        torch.Size([5, 4])
    """
    rest = Settings.split(options)[1]
    inputs = Inputs.of(x, args, columns=rest.get("columns"), transform=rest.get("transform"))
    shape = list(inputs.data[0].shape[1:] if data_shape is None else data_shape)
    if callable(degradation) and not isinstance(degradation, Tensor):
        matrix = matrix_of(degradation, shape)
        small = tuple(degradation(torch.zeros(1, *shape)).shape[1:])
    else:
        matrix = torch.as_tensor(degradation)
        small = tuple(matrix.shape[:1])
    is_small = data_shape is not None
    return inverted(
        model, guide, inputs, matrix, small, shape, noise, is_small, options, "inversion"
    )


def inverted(
    model: Program,
    guide: Program,
    inputs: Inputs,
    matrix: Tensor,
    small: tuple[int, ...],
    shape: list[int],
    noise: float,
    is_small: bool,
    options: CompletionOptions,
    what: str,
) -> Completion:
    """Draw data x of a shape given y [N, *small], for inputs that are y where they are small."""
    settings, rest = Settings.split(options)
    data, *others = inputs.data
    rows, size = len(data), math.prod(shape)
    if not noise > 0:
        raise ConfigError(
            f"noise is {noise}, and must be positive; .02 for data in [0, 1], say (without noise "
            "p(y|x) has no density)"
        )
    if matrix.dim() != 2 or matrix.shape[1] != size:
        raise ShapeError(
            f"the degradation has shape {list(matrix.shape)}, and must be [M, {size}] for data of "
            f"shape {shape}"
        )
    given = data.flatten(1).to(data if data.is_floating_point() else torch.float32)
    matrix = matrix.to(given)
    if is_small and given.shape[1] != len(matrix):
        raise ShapeError(
            f"what is left has {given.shape[1]} values a datum, and the degradation gives "
            f"{len(matrix)}"
        )
    if infers_from_masks(model):  # y tells of all elements, and no mask says what was observed
        others = [torch.ones(rows, *shape, dtype=torch.bool, device=data.device)]
        inputs = replace(inputs, rest=())
    beside = (*others, *inputs.rest)
    if not is_small:
        whole = (given.reshape(data.shape), *beside)
        given = data_in_type(model, guide, whole, rest.get("mode", "evaluation")).flatten(1)
        matrix = matrix.to(given)
    if is_small:
        y, x = given, _stand_in(model, guide, given, matrix, beside, shape, rest)
    else:
        y, x = given @ matrix.T, given
        generator = torch.Generator().manual_seed(seed_or_fresh(rest.get("seed")))
        y = y + noise * torch.randn(y.shape, generator=generator).to(y)
    known = torch.full((rows, 1), not is_small, device=x.device)
    start = x.reshape(rows, *shape)  # of which chains see the shape alone: they start elsewhere
    return run(
        model,
        guide,
        replace(inputs, source=TensorRows([start, *others])),
        Degraded(y, x, known, matrix, noise),
        settings,
        rest,
        what=what,
        observed=y.reshape(rows, *small).cpu(),
        original=(start + torch.nan if is_small else x.reshape(rows, *shape)).cpu(),
        hidden=torch.ones(rows, *shape, dtype=torch.bool),
    )


def _stand_in(
    model: Program,
    guide: Program,
    y: Tensor,
    matrix: Tensor,
    beside: tuple[Any, ...],
    shape: list[int],
    options: SweepOptions,
) -> Tensor:
    """Data that the pair takes, as a start [N, D]: from y, rounded if needed, or zeros."""
    spread = (y @ matrix) / matrix.square().sum(0).clamp_min(1e-12)
    few = [a[:1] if isinstance(a, Tensor) and len(a) == len(y) else a for a in beside]
    for x in (spread, spread.round(), torch.zeros_like(spread)):
        try:
            with (
                isolated(),
                in_mode(options.get("mode", "evaluation"), model, guide),
                torch.no_grad(),
                pyro.validation_enabled(True),
            ):
                args = to_device_of(model, guide, (x[:1].reshape(1, *shape), *few))
                conditionals(model, *argument_types(model, guide, args)(args))
            return x
        except (SupportError, ValueError):
            continue
    raise DataError(
        "no data made from y lie in the support of the likelihood; give whole data, and they are "
        "degraded here"
    )
