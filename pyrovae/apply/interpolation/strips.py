"""Curves between pairs of data, and the strips that they decode to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...evaluate.standard_errors import mean_error
from ...runtime.result import Result
from ..images import is_image
from .metric import MetricName

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 5  # pairs of the picture


@dataclass(frozen=True, eq=False)
class Interpolation(Result):
    """Curves between P pairs of data; tensors on the CPU.

    Attributes:
        ends: The data at both ends [P, 2, *data_shape].
        images: By path, E[x|z] at equal times [P, steps, *data_shape].
        latents: By path, z there [P, steps, L].
        lengths: By path, length of the decoded curve [P], in the units of the metric.
        energies: By path, the integral of the squared speed [P]: the squared length at constant
            speed, else more.
        site: Name of the latent.
        metric: What the lengths are of; see `interpolate`.
    """

    ends: Tensor
    images: Mapping[str, Tensor]
    latents: Mapping[str, Tensor]
    lengths: Mapping[str, Tensor]
    energies: Mapping[str, Tensor]
    site: str
    metric: MetricName

    def cells(self) -> list[list[str]]:
        table = [[f"{self.site}, {len(self.ends)} pairs", f"length ({self.metric})", "of linear",
                  "energy"]]  # fmt: skip
        for path, found in self.lengths.items():
            share = "-"
            if "linear" in self.lengths:
                share = f"{float((found / self.lengths['linear']).mean()):.3f}"
            table.append([path, f"{float(found.mean()):.4g} +- {mean_error(found):.2g}", share,
                          f"{float(self.energies[path].mean()):.4g}"])  # fmt: skip
        return table

    def records(self) -> list[dict[str, Any]]:
        """A row for each path of each pair."""
        return [
            {"pair": pair, "path": path, "length": length, "energy": energy}
            for path in self.lengths
            for pair, (length, energy) in enumerate(
                zip(self.lengths[path].tolist(), self.energies[path].tolist(), strict=True)
            )
        ]

    def numbers(self) -> dict[str, Any]:
        found: dict[str, Any] = {"site": self.site, "metric": self.metric}
        for path in self.lengths:
            found[path] = {
                "lengths": self.lengths[path].tolist(),
                "energies": self.energies[path].tolist(),
            }
        return found

    def arrays(self) -> dict[str, Tensor]:
        named = {f"{path}_images": made for path, made in self.images.items()}
        return {"ends": self.ends, **named,
                **{f"{path}_latents": z for path, z in self.latents.items()}}  # fmt: skip

    def plot(self) -> "Figure | None":
        """A strip for each path of each pair, between the data. None where they are no images."""
        if not is_image(self.ends[:, 0]):
            return None
        from ...plots.image_rows import image_rows

        strips = {}
        for pair in range(min(_SHOWN, len(self.ends))):
            for path, made in self.images.items():
                first, last = self.ends[pair, :1], self.ends[pair, 1:]
                strip = torch.cat([first.to(made), made[pair], last.to(made)])
                strips[f"{pair + 1} {path}"] = strip
        steps = next(iter(self.images.values())).shape[1]
        return image_rows(
            strips,
            columns=["datum", *(f"{t / max(1, steps - 1):.2g}" for t in range(steps)), "datum"],
            title=f"From one datum to another, {', '.join(self.images)} in {self.site}",
            caption="way from the first datum to the last",
        )
