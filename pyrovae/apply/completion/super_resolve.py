"""Large images drawn given small ones."""

from typing import Any, Unpack

from ...evaluate.inputs import Data, Inputs
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from .degradation import average_pooling
from .finding import Completion
from .invert import inverted
from .options import CompletionOptions, Settings, completes


@takes_pair
@completes
def super_resolve(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    factor: int = 2,
    noise: float = 0.02,
    is_small: bool = False,
    **options: Unpack[CompletionOptions],
) -> Completion:
    """Draw large images from p(x|y) for small ones y, the averages of blocks of pixels of x.

    Whole images are made small first, noise included, so that what is lost can be scored. With
    `is_small` they are the small ones. See `invert` for what is exact and what is not.

    Args:
        model: Pyro model p(z)p(x|z) of large images, called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Images [N, ..., H, W] of any kind: see `SweepOptions`.
        factor: Height and width of the blocks: 2 makes 14 x 14 of 28 x 28.
        noise: Standard deviation of the noise of y, in the units of the data.
        is_small: Whether x are the small images, and nothing is known of large ones.
        method: auto, hmc, metropolis-gibbs, importance or gibbs; see `CompletionOptions`.
        num_completions: Draws for each image, S, and the number of chains.
        num_steps: Moves of each chain, of which the first half are thrown away.
        num_particles: Of importance sampling. 0 leaves out the estimate of log p(x|y) by it.
        num_leapfrog: Leapfrog steps of a move of hmc.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: `factor` is below two, or see `invert`.
        ShapeError: The data are no images that such blocks cover.

    Source:
        Pixel Recursive Super Resolution (Dahl et al., 2017), sec. 1, on one small image having
        several large ones, https://arxiv.org/abs/1702.00783; given z: see `invert`

    Example:
        >>> from pyrovae.models import VAE
        >>> import torch
        >>> pair = VAE((1, 4, 4), 2)
        >>> x = torch.rand(5, 1, 4, 4).round()
        >>> super_resolve(pair, x, num_completions=3, num_steps=8).completions.shape
        torch.Size([3, 5, 1, 4, 4])
    """
    rest = Settings.split(options)[1]
    inputs = Inputs.of(x, args, columns=rest.get("columns"), transform=rest.get("transform"))
    shape = list(inputs.data[0].shape[1:])
    if is_small and len(shape) >= 2:
        shape[-2:] = [factor * size for size in shape[-2:]]
    matrix, small = average_pooling(shape, factor)
    return inverted(
        model, guide, inputs, matrix, small, shape, noise, is_small, options, "super-resolution"
    )
