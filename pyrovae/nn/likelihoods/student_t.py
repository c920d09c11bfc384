"""Student's t likelihood of real data with heavy tails."""

from collections.abc import Sequence
from typing import Self

import pyro.distributions as dist
from torch import Tensor

from ...distributions import student_t
from ...errors import ConfigError
from .normal import RealNumbers
from .positive import Positive, Source


class StudentT(RealNumbers):
    """Student's t likelihood of real data with outliers; the decoder outputs the centre.

    Then come the logarithm of the scale and of `df - min_df`, where these are predicted. A far
    datum costs the logarithm of its distance, not the square as under a normal.

    Args:
        scale: Of the same units as the data: "predicted" for each element, "learned", or a
            number. The standard deviation is scale sqrt(df / (df - 2)).
        df: Degrees of freedom: "learned", "predicted" for each element, or a number above 1.
        shape: Of a learned scale: () for one, the shape of a datum for one per dimension.
        df_shape: Of a learned df, likewise.
        min_scale: Smallest learned or predicted scale.
        min_df: Smallest learned or predicted df; from 2 on the variance is finite.

    Raises:
        ConfigError: A number is out of range, a word is not known, or a shape is given for what
            is not learned.
        ShapeError: The data do not end in a shape.

    Source:
        Robust statistical modeling using the t distribution (Lange, Little & Taylor, 1989),
        https://doi.org/10.1080/01621459.1989.10478852

    Example:
        >>> import torch
        >>> StudentT(df=5)(torch.zeros(3, 2, 8), event_dim=1).log_prob(torch.ones(3, 8)).shape
        torch.Size([3])
    """

    def __init__(
        self,
        scale: Source = "predicted",
        df: Source = "learned",
        *,
        shape: Sequence[int] = (),
        df_shape: Sequence[int] = (),
        min_scale: float = 1e-3,
        min_df: float = 2.0,
    ) -> None:
        super().__init__()
        if not 1 <= min_df:
            raise ConfigError(
                f"StudentT got min_df={min_df}; it needs at least 1, below which it has no mean"
            )
        fixed = not isinstance(df, str)
        self.scale = Positive("StudentT", "scale", scale, shape=shape, floor=min_scale)
        self.df = Positive(
            "StudentT", "df", df, shape=df_shape, floor=1.0 if fixed else min_df, init=min_df + 3
        )
        self.num_parameters = 1 + self.scale.num_parameters + self.df.num_parameters

    @classmethod
    def example(cls) -> Self:
        return cls(df="learned", min_df=20.0)

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        loc, outputs = params[0], iter(params[1:])
        scale = self.scale.log(loc, outputs).exp()
        return student_t.StudentT(self.df.log(loc, outputs).exp(), loc, scale)

    def extra_repr(self) -> str:
        return f"{self.scale.extra_repr()}, {self.df.extra_repr()}"
