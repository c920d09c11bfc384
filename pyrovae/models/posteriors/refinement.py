"""Semi-amortised inference: gradient steps on the encoder's output for each datum."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...errors import ConfigError
from ...nn.sizes import as_size
from .base import Posterior


class Refinement(nn.Module):
    r"""Improves the parameters of q(z|x) for each datum by gradient ascent on its own ELBO.

    Each step adds `step_size` times the natural gradient (`Posterior.natural`) of the ELBO,
    averaged over `num_draws` draws from fixed noise. If a step lowers the ELBO of a datum, the
    datum undoes it and continues with a quarter of the step size.

    The noise is drawn once, in pairs of opposite sign and with variance one, and stored as a
    buffer. So q(z|x) is a function of x and the weights alone and has a density, and every
    objective and evaluation applies. A datum costs `num_steps * num_draws` further forward,
    backward and forward passes of the decoder.

    Args:
        latent_dim: L.
        num_steps: Steps per datum.
        step_size: Above 0. With 1 a single step reaches a normal posterior if it starts near it.
        num_draws: Draws in each step, a multiple of 2.
        differentiable: Train the encoder through the steps, by second derivatives. Otherwise the
            encoder is not trained; use that for a trained pair: `vae.refinement = ...`.

    Raises:
        ConfigError: An option is out of range.

    Source:
        Semi-Amortized Variational Autoencoders (Kim et al., 2018), alg. 1,
        https://arxiv.org/abs/1802.02550

    Example:
        >>> from pyrovae.models import VAE
        >>> vae = VAE((8,), latent_dim=2, refinement=Refinement(2, num_steps=3))
        >>> vae.encode(torch.zeros(5, 8)).batch_shape
        torch.Size([5])
    """

    noise: Tensor

    def __init__(
        self,
        latent_dim: int,
        *,
        num_steps: int = 5,
        step_size: float = 0.5,
        num_draws: int = 8,
        differentiable: bool = True,
    ) -> None:
        super().__init__()
        num_steps = as_size(num_steps, "num_steps", "Refinement")
        num_draws = as_size(num_draws, "num_draws", "Refinement")
        latent_dim = as_size(latent_dim, "latent_dim", "Refinement")
        if num_steps < 1 or not step_size > 0 or num_draws < 2 or num_draws % 2:
            raise ConfigError(
                f"Refinement got num_steps={num_steps}, step_size={step_size} and num_draws="
                f"{num_draws}; it needs at least one step, a size above 0 and an even number of "
                "draws"
            )
        self.num_steps = num_steps
        self.step_size = step_size
        self.differentiable = differentiable
        half = torch.randn(num_draws // 2, latent_dim)
        half = half / half.square().mean(0).sqrt()  # its first three moments are the normal's
        self.register_buffer("noise", torch.cat([half, -half]))

    def forward(
        self, params: Tensor, posterior: Posterior, log_joint: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Refined parameters [B, P].

        Args:
            params: Output of the encoder [B, P].
            posterior: Makes q(z|x) from it.
            log_joint: log p(x, z) in nats [S, B] for z [S, B, L].
        """
        linked = self.differentiable and torch.is_grad_enabled() and params.requires_grad
        with torch.enable_grad():
            best = params if linked else params.detach().requires_grad_()
            size = torch.full_like(best[..., :1], self.step_size)
            for _ in range(self.num_steps):
                bound = self._bound(best, posterior, log_joint)
                (slope,) = torch.autograd.grad(bound.sum(), best, create_graph=linked)
                tried = best + size * posterior.natural(best, slope)
                with torch.no_grad():  # rejected steps may have infinite gradients
                    better = (self._bound(tried, posterior, log_joint) > bound).unsqueeze(-1)
                best = torch.where(better, tried, best)
                size = torch.where(better, (2 * size).clamp(max=self.step_size), size / 4)
        return best if linked else best.detach()

    def _bound(
        self, params: Tensor, posterior: Posterior, log_joint: Callable[[Tensor], Tensor]
    ) -> Tensor:  # [B]
        z, log_q = posterior.placed(params, self.noise)
        return (log_joint(z) - log_q).mean(0)

    def extra_repr(self) -> str:
        return f"num_steps={self.num_steps}, step_size={self.step_size}"


RefinementFactory = Callable[[int], Refinement]
"""Builds a refinement for a latent dimension: the class, or a partial of it."""
