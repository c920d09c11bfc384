"""Blocks of a deep top-down VAE."""

import torch
from torch import Tensor, nn

from .base import Shape, one_batch_axis
from .residual import Activation, ResidualBlock, head, scaled


class TopDownGroup(nn.Module):
    """One group of latents of the top-down path, which model and guide share.

    A call takes the state [..., C, h, w] of the group above, resizes it to this group's resolution
    and processes it. It returns the state and the parameters of p(z|state) [..., 2 Z, h, w]:
    means, then log-scales, all zero at the start. `absorb` adds z to the state.

    Args:
        channels: C.
        latent_channels: Z.
        size: (h, w).
        above: Channels of the state above if its resolution is coarser; None if it is the same.
        scale: Factor of the initial weights of what is added to the state.
        activation: Makes an activation: a module class or a callable without arguments.

    Source:
        Very Deep VAEs (Child, 2021), fig. 3, https://arxiv.org/abs/2011.10650; Improving
        Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016), app. C.3,
        https://arxiv.org/abs/1606.04934

    Example:
        >>> group = TopDownGroup(8, 2, (7, 7), above=16)
        >>> state, params = group(torch.zeros(5, 3, 16, 4, 4))
        >>> list(state.shape), list(params.shape)
        ([5, 3, 8, 7, 7], [5, 3, 4, 7, 7])
    """

    def __init__(
        self,
        channels: int,
        latent_channels: int,
        size: Shape,
        *,
        above: int | None = None,
        scale: float = 1.0,
        activation: Activation = nn.SiLU,
    ) -> None:
        super().__init__()
        steps: list[nn.Module] = [] if above is None else [_Upsample(above, channels, size)]
        steps.append(ResidualBlock(channels, scale=scale, activation=activation))
        self.enter = nn.Sequential(*steps)
        narrow = max(1, channels // 2)
        self.prior = nn.Sequential(
            activation(),
            nn.Conv2d(channels, narrow, kernel_size=1),
            head(narrow, 2 * latent_channels, scale=0.0, activation=activation),
        )
        self.project = scaled(nn.Conv2d(latent_channels, channels, kernel_size=1), scale)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        state = one_batch_axis(self.enter, state, 3)
        return state, one_batch_axis(self.prior, state, 3)

    def absorb(self, state: Tensor, z: Tensor) -> Tensor:
        """The state plus a map of z [..., Z, h, w]; there may be several draws of one state."""
        return state + one_batch_axis(self.project, z, 3)


class TopDownPosterior(nn.Module):
    """Parameters of q(z|state, x) for one group of latents.

    [..., C, h, w] and [..., F, h, w] -> [..., 2 Z, h, w]. The output is the difference to
    p(z|state): a shift of the means in units of the scale, then of the log-scales. It is zero at
    the start. The features of a datum are processed once, for all its states.

    Args:
        channels: C of the state.
        feature_channels: F of the features of the data.
        latent_channels: Z.
        activation: Makes an activation: a module class or a callable without arguments.

    Source:
        NVAE (Vahdat & Kautz, 2020), sec. 3.2 (residual normal distributions),
        https://arxiv.org/abs/2007.03898
    """

    def __init__(
        self,
        channels: int,
        feature_channels: int,
        latent_channels: int,
        *,
        activation: Activation = nn.SiLU,
    ) -> None:
        super().__init__()
        narrow = max(1, channels // 2)
        self.of_state = nn.Sequential(activation(), nn.Conv2d(channels, narrow, 1))
        self.of_features = nn.Sequential(activation(), nn.Conv2d(feature_channels, narrow, 1))
        self.joint = head(narrow, 2 * latent_channels, scale=0.0, activation=activation)

    def forward(self, state: Tensor, features: Tensor) -> Tensor:
        state = one_batch_axis(self.of_state, state, 3)
        return one_batch_axis(self.joint, state + one_batch_axis(self.of_features, features, 3), 3)


class _Upsample(nn.Module):
    """Upsamples a state and adds a learned image, a bias for each position."""

    def __init__(self, above: int, channels: int, size: Shape) -> None:
        super().__init__()
        self.rise = nn.Upsample(size=size, mode="nearest")
        self.mix = nn.Conv2d(above, channels, kernel_size=1)
        self.usual = nn.Parameter(torch.zeros(channels, *size))

    def forward(self, state: Tensor) -> Tensor:
        return self.rise(self.mix(state)) + self.usual
