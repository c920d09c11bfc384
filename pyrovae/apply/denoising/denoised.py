"""Noisy data and what each method makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ...evaluate.standard_errors import mean_error
from ...runtime.result import Result
from ..images import is_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 10  # images of the picture


@dataclass(frozen=True, eq=False)
class Denoised(Result):
    """Noisy data and what each method makes of them; tensors on the CPU.

    Attributes:
        clean: [N, *data_shape].
        noisy: The same with noise.
        made: By method, what it makes of the noisy data [N, *data_shape].
        draws: Plausible clean data, drawn given the noisy ones [num_draws, N, *data_shape]; none
            of a pair without a posterior.
        scores: By method, "noisy" the first, and by measure ("PSNR", "SSIM", "RMSE") [N].
        noise: The noise in words.
        ess: Effective size of the importance weights of the posterior [N], of `num_particles`;
            None where none were drawn.
        left_out: Why the posterior is not among the methods, or nothing.
        num_particles: K.
    """

    clean: Tensor
    noisy: Tensor
    made: Mapping[str, Tensor]
    draws: Tensor
    scores: Mapping[str, Mapping[str, Tensor]]
    noise: str
    ess: Tensor | None
    left_out: str
    num_particles: int

    def cells(self) -> list[list[str]]:
        table = [[f"{self.noise}, {len(self.clean)} data", "PSNR, dB", "SSIM", "RMSE"]]
        for method, found in self.scores.items():
            table.append([method, *(
                "-" if bool(value.isnan().any())
                else "inf" if bool(value.isinf().any())
                else f"{float(value.mean()):.{places}f} +- {mean_error(value):.{places}f}"
                for value, places in zip(found.values(), (2, 3, 4), strict=True)
            )])  # fmt: skip
        return table

    def numbers(self) -> dict[str, Any]:
        found: dict[str, Any] = {"noise": self.noise, "num_data": len(self.clean)}
        for method, values in self.scores.items():
            found[method] = {
                name: {"mean": float(value.mean()), "standard_error": mean_error(value)}
                for name, value in values.items()
                if bool(value.isfinite().all())
            }
        if self.ess is not None:
            found["median_ess"] = float(self.ess.median())
            found["num_particles"] = self.num_particles
        if self.left_out:
            found["left_out"] = self.left_out
        return found

    def arrays(self) -> dict[str, Tensor]:
        made = {name.replace(" ", "_"): value for name, value in self.made.items()}
        return {"clean": self.clean, "noisy": self.noisy, "draws": self.draws} | made

    def plot(self) -> "Figure | None":
        """Clean, noisy, each method and the draws: a row each. None where data are no images."""
        if not is_image(self.clean):
            return None
        from ...plots.image_rows import image_rows

        low, high = float(self.clean.min()), float(self.clean.max())
        drawn = {f"draw {number + 1}": draw for number, draw in enumerate(self.draws)}
        made = {name: images for name, images in self.made.items() if name != "one draw"}
        shown = {"clean": self.clean, "noisy": self.noisy, **made, **drawn}
        return image_rows(
            {name: images[:_SHOWN].clamp(low, high) for name, images in shown.items()},
            title=f"Clean data, the noisy ones ({self.noise}), and what methods make of them",
        )

    def notes(self) -> list[str]:
        found = []
        if any(bool(one["PSNR"].isinf().any()) for one in self.scores.values()):
            found.append(
                "PSNR inf: some data are as the clean ones, so that it has no mean; see RMSE"
            )
        if self.ess is not None:
            median = float(self.ess.median())
            found.append(f"median effective size {median:.1f} of {self.num_particles} weights")
        return [*found, *([f"no posterior: {self.left_out}"] if self.left_out else [])]

    def records(self) -> list[dict[str, Any]]:
        """A row for each method."""
        rows = []
        for method, values in self.scores.items():
            row: dict[str, Any] = {"method": method}
            for name, value in values.items():
                row |= {name: float(value.mean()), f"{name} +-": mean_error(value)}
            rows.append(row)
        return rows
