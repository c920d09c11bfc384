"""Gradients of log-densities, which move chains, eagerly or by a graph."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..collect import Compile
from ..repeated import Repeated
from .tempered_path import State

Density = Callable[..., State]
"""Scores chains at u [K, B, D], differentiably."""

Force = Callable[[Tensor, Tensor], tuple[State, Tensor]]
"""Takes u [K, B, D] and an inverse temperature, a scalar; gives the chains there and the gradient
of their log-density [K, B, D]."""


class Forces:
    """Forces of many densities, which one graph serves.

    Args:
        calls: How many evaluations lie ahead.
        numbers: In the largest tensor of one, about.
        device: Of the chains.
        compile: See `Repeated`.
    """

    def __init__(
        self, calls: int, numbers: int, device: torch.device, compile: Compile = "auto"
    ) -> None:
        self._density: Density | None = None
        self._repeated = Repeated(
            self._run,
            "the gradient that moves chains",
            varying=2,
            calls=calls,
            numbers=numbers,
            device=device,
            compile=compile,
        )

    def of(self, density: Density, *given: Any) -> Force:  # noqa: ANN401
        """The force of a density.

        Args:
            density: Called as `density(u, *given)`.
            given: All that differs between the densities.
        """

        def force(u: Tensor, beta: Tensor) -> tuple[State, Tensor]:
            self._density = density
            log_start, log_w, gradient = self._repeated(*given, u, beta)
            return State(u, log_start, log_w), gradient

        return force

    def refuse(self, reason: str) -> None:
        """See `Repeated.refuse`."""
        self._repeated.refuse(reason)

    def _run(self, *args: Any) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401
        *given, u, beta = args
        density = self._density
        if density is None:
            raise RuntimeError("a force is evaluated through `of`")
        with torch.enable_grad():
            u = u.detach().requires_grad_()
            state = density(u, *given)
            (gradient,) = torch.autograd.grad(log_density(state, beta).sum(), u)
        return state.log_start.detach(), state.log_w.detach(), gradient


def eager_force(density: Density) -> Force:
    """The force of a density, which autograd finds anew in each call."""
    return Forces(0, 0, torch.device("cpu"), compile=False).of(density)


def log_density(state: State, beta: Tensor) -> Tensor:
    """Log-density of chains at an inverse temperature, but for a constant [K, B]."""
    return state.log_start + beta * state.log_w
