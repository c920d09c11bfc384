"""Deep convolutional VAE whose inference runs down the generative path."""

from collections.abc import Callable, Sequence
from typing import Self, cast

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ..errors import ConfigError, ShapeError
from ..nn import Binomial, Likelihood, Shape, one_batch_axis
from ..nn.residual import Pyramid, ResidualBlock, convolution, strided
from ..nn.sizes import Sizes, as_shape, as_size, as_sizes
from ..nn.top_down import TopDownGroup, TopDownPosterior
from .base import as_likelihood, decoded, evaluated_outside_programs
from .layered import Draw, Layered

_MAX_LOG_SCALE = 5.0


class TopDownVAE(Layered):
    r"""Deep convolutional VAE: many groups of image-shaped latents at several resolutions.

    A learned state passes through residual blocks, from coarse to fine. For each group a latent
    z [Z, h, w] is drawn and added to it. The model draws from p(z|state), the guide from
    q(z|state, features of x at that resolution), in the same order and with the same blocks.
    q is p shifted and scaled by the output of a network, which is zero at first: then every KL is
    zero. Sites "z1" (last drawn, nearest the data), ..., "zN" and "x" are inside the plate
    "data", and every group has a closed-form KL. Nothing is normalised over a batch. Some early
    gradients are large: train with `clip_norm`.

    Args:
        data_shape: (C, H, W) of one image, of any size.
        channels: Width of the state at each resolution, from fine to coarse.
        groups: Groups of latents at each resolution, likewise.
        latent_channels: Z of each group.
        stride: Of the finest resolution against the image; each further one halves.
        blocks: Residual blocks at each resolution on the way up.
        activation: Makes an activation: a module class or a callable without arguments.
        likelihood: Head that gives p(x|state); `nn.Bernoulli()` by default.

    Raises:
        ConfigError: `channels` and `groups` do not fit together, or a number is too small.
        ShapeError: The data are no images, or a batch does not have the shape that is needed.
        SupportError: Data lie outside the support of the likelihood.

    Source:
        Very Deep VAEs (Child, 2021), https://arxiv.org/abs/2011.10650, after Improving
        Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016), sec. 5 and
        app. C.3, https://arxiv.org/abs/1606.04934

    Example:
        >>> from pyrovae.nn import Binomial
        >>> vae = TopDownVAE((1, 8, 8), likelihood=Binomial(16))
        >>> vae.generate(3).shape
        torch.Size([3, 1, 8, 8])
        >>> {name: list(q.event_shape) for name, q in vae.encode(torch.zeros(5, 1, 8, 8)).items()}
        {'z3': [4, 2, 2], 'z2': [4, 4, 4], 'z1': [4, 4, 4]}
    """

    model_parts = ("initial", "groups", "decoder", "likelihood")
    guide_parts = ("pyramid", "posteriors", "initial", "groups")

    def __init__(
        self,
        data_shape: Shape | int,
        *,
        channels: Sizes = (32, 32),
        groups: Sizes = (2, 1),
        latent_channels: int = 4,
        stride: int = 2,
        blocks: int = 1,
        activation: Callable[[], nn.Module] = nn.SiLU,
        likelihood: Likelihood | None = None,
    ) -> None:
        super().__init__()
        where = "TopDownVAE"
        self.data_shape = as_shape(data_shape, "data_shape", where)
        channels = as_sizes(channels, "channels", where)
        groups = as_sizes(groups, "groups", where)
        latent_channels = as_size(latent_channels, "latent_channels", where)
        stride = as_size(stride, "stride", where)
        blocks = as_size(blocks, "blocks", where, at_least=0)
        _check(self.data_shape, channels, groups)
        self.likelihood = as_likelihood(likelihood, type(self).__name__)
        sizes = [strided(self.data_shape[1:], stride)]
        for _ in channels[1:]:
            sizes.append(strided(sizes[-1], 2))
        self.pyramid = Pyramid(
            self.data_shape[0], channels, stride=stride, blocks=blocks, activation=activation
        )
        self.initial = nn.ParameterDict({"state": torch.zeros(channels[-1], *sizes[-1])})
        self.groups, self.posteriors = nn.ModuleList(), nn.ModuleList()
        self._levels: list[int] = []  # number of the resolution of each group
        scale = sum(groups) ** -0.5
        above = channels[-1]
        for level in reversed(range(len(channels))):
            width = channels[level]
            for i in range(groups[level]):
                rises = i == 0 and level < len(channels) - 1
                self.groups.append(
                    TopDownGroup(
                        width,
                        latent_channels,
                        sizes[level],
                        above=above if rises else None,
                        scale=scale,
                        activation=activation,
                    )
                )
                self.posteriors.append(
                    TopDownPosterior(width, width, latent_channels, activation=activation)
                )
                self._levels.append(level)
            above = width
        self.decoder = nn.Sequential(
            ResidualBlock(above, activation=activation),
            activation(),
            convolution(above, self.likelihood.num_parameters * self.data_shape[0] * stride**2),
            nn.PixelShuffle(stride),
            _Crop(self.data_shape[1:]),
        )

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), channels=(4, 4), groups=(1, 1), likelihood=Binomial(16))

    def generated(self, draw: Draw) -> Tensor:
        return self._descend(draw)

    def inferred(self, x: Tensor, draw: Draw) -> Tensor:
        return self._descend(draw, x)

    @evaluated_outside_programs
    def decode(self, z: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|state) of the last state, event shape `data_shape`."""
        return decoded(self.decoder, self.likelihood, z, 3, self.data_shape)

    def _descend(self, draw: Draw, x: Tensor | None = None) -> Tensor:
        """The last state, with latents drawn from p(z|state), or from q where there are data."""
        state, features = self.initial["state"], ()
        if x is not None:
            features = one_batch_axis(self.pyramid, self.likelihood.rescale(x), 3)
        steps = zip(self.groups, self.posteriors, self._levels, strict=True)
        for i, (group, posterior, level) in enumerate(steps):
            state, params = group(state)
            loc, log_scale = _split(params)
            if x is not None:
                shift, stretch = _split(posterior(state, features[level]))
                loc, log_scale = loc + log_scale.exp() * shift, log_scale + stretch
            z = draw(f"z{len(self.groups) - i}", _normal(loc, log_scale))
            state = cast(TopDownGroup, group).absorb(state, z)
        return state


class _Crop(nn.Module):
    """Cuts off the pixels beyond the image, where the stride does not divide its sides."""

    def __init__(self, size: Shape) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x[..., : self.size[0], : self.size[1]]


def _split(params: Tensor) -> tuple[Tensor, Tensor]:
    """Means and log-scales [..., Z, h, w], the latter kept within +-5 by a tanh."""
    loc, raw = params.chunk(2, dim=-3)
    return loc, _MAX_LOG_SCALE * torch.tanh(raw / _MAX_LOG_SCALE)


def _normal(loc: Tensor, log_scale: Tensor) -> dist.TorchDistribution:
    return dist.Normal(loc, log_scale.exp(), validate_args=False).to_event(3)


def _check(
    data_shape: Shape,
    channels: Sequence[int],
    groups: Sequence[int],
) -> None:
    if len(data_shape) != 3:
        raise ShapeError(
            f"TopDownVAE needs images, data_shape=(C, H, W), and got {data_shape}; reshape the "
            "data, or use HierarchicalVAE or LadderVAE"
        )
    if len(channels) != len(groups):
        raise ConfigError(
            f"TopDownVAE got channels={list(channels)} and groups={list(groups)}; give a width "
            "and a number of groups, 1 or more, for each resolution, the finest first"
        )
