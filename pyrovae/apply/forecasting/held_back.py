"""Time series whose last steps are held back, to be forecast."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import ConfigError, DataError


@dataclass(frozen=True)
class HeldBack:
    """Series without their last steps, and these.

    Attributes:
        x: What a forecast is given [B, T - H, D].
        y: Lengths of that [B], or its mask [B, T - H, D]; None where the pair takes none.
        truth: The steps after it [B, H, D].
        seen: Where the truth was observed, bool [B, H, D].
    """

    x: Tensor
    y: Tensor | None
    truth: Tensor
    seen: Tensor

    @property
    def lengths(self) -> Tensor:
        """Steps that are given of each series [B]."""
        if self.y is not None and self.y.dim() == 1:
            return self.y
        return torch.full((len(self.x),), self.x.shape[1], device=self.x.device)


def held_back(x: Tensor, y: Tensor | None, horizon: int) -> HeldBack:
    """Hold back the last H steps of series x [B, T, D], of each by its own length.

    Args:
        x: Series.
        y: Lengths [B], a mask [B, T, D], or None.
        horizon: H.

    Raises:
        ConfigError: The horizon is below one.
        DataError: There are no series, or they have no step besides those.
    """
    if horizon < 1:
        raise ConfigError(f"forecast got horizon={horizon}; it needs at least one step")
    if x.dim() != 3 or not len(x):
        raise DataError(f"forecast got data of shape {list(x.shape)}; it needs series [B, T, D]")
    if x.shape[1] <= horizon:
        raise DataError(
            f"forecast got series of {x.shape[1]} steps and horizon={horizon}, which leaves none "
            "to forecast from; take a shorter horizon"
        )
    given = x[:, :-horizon]
    if y is None or y.dim() != 1:
        mask = torch.ones_like(x, dtype=torch.bool) if y is None else y
        known = None if y is None else mask[:, :-horizon]
        if not bool(mask[:, -horizon:].any()):
            raise DataError(
                f"forecast got a mask that has none of the last {horizon} steps for observed, so "
                "that no forecast can be scored; cut the series where they end"
            )
        return HeldBack(given, known, x[:, -horizon:], mask[:, -horizon:])
    kept = y > horizon
    if not bool(kept.any()):
        raise DataError(
            f"forecast got series of at most {int(y.max())} steps and horizon={horizon}; take a "
            "shorter horizon"
        )
    x, lengths = x[kept], y[kept] - horizon
    place = lengths[:, None, None] + torch.arange(horizon, device=x.device)[:, None]
    truth = x.gather(1, place.expand(-1, -1, x.shape[2]))
    inside = torch.arange(x.shape[1] - horizon, device=x.device) < lengths[:, None]
    given = torch.where(inside.unsqueeze(-1), x[:, :-horizon], 0.0)
    return HeldBack(given, lengths, truth, torch.ones_like(truth, dtype=torch.bool))
