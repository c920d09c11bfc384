"""Likelihood of a row of a table, one distribution a column."""

from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import torch
from pyro.distributions import Independent, MaskedDistribution, TorchDistribution
from torch import Tensor, nn

from ...distributions.side_by_side import SideBySide
from ...errors import ConfigError, ShapeError, SupportError
from ..likelihoods.base import Likelihood, Values
from ..likelihoods.positive import Source
from .base import ColumnGroup, Spec
from .binary import BinaryColumns
from .categorical import CategoricalColumns
from .count import CountColumns
from .ordinal import OrdinalColumns
from .positive import PositiveColumns
from .real import RealColumns

_CODES = ("ordinal", "binary", "categorical")


class MixedColumns(Likelihood):
    """Likelihood of rows [D] of a table: each column has the distribution of its kind.

    | kind | distribution | outputs of the decoder |
    |---|---|---|
    | real | normal | mean |
    | positive | log-normal | mean of log x |
    | count | negative binomial, or Poisson | log of the mean |
    | ordinal | cumulative logits | location; thresholds are learned |
    | binary | Bernoulli | logit |
    | categorical | categorical | C logits |

    A row x holds numbers in their own units, and codes of categories and levels. Its log-density
    is in these units: a density of the numbers as they stand in the table, not of standardised
    ones, and a probability of counts, levels and categories. So it compares between models that
    standardise differently; a column in other units shifts it by a constant.

    The decoder's outputs are standardised: 0 is the mean of a column of the training rows. Columns
    are computed by kind, all of one kind together. The mean of a row is, in columns of categories,
    levels and truth values, the most probable value.

    Args:
        columns: What `TableColumns.to_json` gives: of each column name, kind, shift and scale of
            numbers, and values of others.
        scale: Standard deviation of real columns, and of log x of positive ones, in units of the
            column's own: "learned" for each column, "predicted" for each cell, or a number.
        inverse_dispersion: theta of the counts, of variance mu + mu^2 / theta, likewise; None:
            they are Poisson variables.
        min_scale: Smallest learned or predicted scale. Without it the density would grow without
            bound in a column that the latents predict exactly, or that repeats a number often.

    Raises:
        ConfigError: The columns are none, or a number is out of range.

    Source:
        Handling Incomplete Heterogeneous Data using VAEs (Nazabal et al., 2020), sec. 2.2,
        https://arxiv.org/abs/1807.03653

    Example:
        >>> head = MixedColumns.example()
        >>> head.params_shape((6,)), head.seen_shape((6,))
        ((8,), (8,))
        >>> head(torch.zeros(5, 8)).mean[0].detach()
        tensor([ 1.0000,  7.5383, 20.0855,  2.0000,  0.0000,  0.0000])
    """

    needs = "rows whose values fit their columns"
    order: Tensor
    sources: Tensor
    typical: Tensor

    def __init__(
        self,
        columns: Sequence[Mapping[str, Any]],
        *,
        scale: Source = "learned",
        inverse_dispersion: Source | None = "learned",
        min_scale: float = 0.01,
    ) -> None:
        super().__init__()
        makers = {
            "real": lambda some: RealColumns(some, "scale", scale, min_scale),
            "positive": lambda some: PositiveColumns(some, "scale", scale, min_scale),
            "count": lambda some: CountColumns(some, "inverse_dispersion", inverse_dispersion),
            "ordinal": OrdinalColumns,
            "binary": BinaryColumns,
            "categorical": CategoricalColumns,
        }
        if not columns or any(spec["kind"] not in makers for spec in columns):
            raise ConfigError(
                f"MixedColumns got columns of the kinds {[spec.get('kind') for spec in columns]}; "
                f"it needs one or more, each {', '.join(makers)}"
            )
        self.num_columns = len(columns)
        found: dict[str, list[Spec]] = {}
        for place, spec in enumerate(columns):
            found.setdefault(spec["kind"], []).append((place, spec))
        self.groups = nn.ModuleDict({k: makers[k](found[k]) for k in makers if k in found})
        places = torch.cat([group.places for group in self._groups()])
        typical = torch.tensor([value for group in self._groups() for value in group.stand_ins])
        sources = torch.tensor([place for group in self._groups() for place in group.sources])
        order = places.argsort()
        for name, held in (("order", order), ("sources", sources), ("typical", typical[order])):
            self.register_buffer(name, held, persistent=False)
        self._outputs = [group.num_outputs for group in self._groups()]

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation: one column of each kind."""
        numbers = [{"name": kind, "kind": kind, "shift": 1.0 + i, "scale": 1.0 + 0.5 * i}
                   for i, kind in enumerate(("real", "positive", "count"))]  # fmt: skip
        numbers[1] |= {"scale": 0.2}
        others = [{"name": kind, "kind": kind, "values": list(range(size))}
                  for kind, size in zip(_CODES, (4, 2, 3), strict=True)]  # fmt: skip
        return cls([*numbers, *others])

    @property
    def stand_in(self) -> Tensor:
        """A value of the support of each column [D]."""
        return self.typical

    def params_shape(self, data_shape: tuple[int, ...]) -> tuple[int, ...]:
        """See `Likelihood.params_shape`; one axis, for rows of as many columns.

        Raises:
            ShapeError: The rows have another number of columns.
        """
        self._check_shape(data_shape)
        return (sum(self._outputs),)

    def seen_shape(self, data_shape: tuple[int, ...]) -> tuple[int, ...]:
        """See `Likelihood.seen_shape`."""
        self._check_shape(data_shape)
        return (len(self.sources),)

    def forward(
        self, params: Tensor, event_dim: int = 1, mask: Tensor | None = None
    ) -> TorchDistribution:
        """The distribution of rows, event shape [D], of a decoder's outputs [..., P].

        See `Likelihood.forward`.
        """
        return self.of_a_datum(self.distribution(params), event_dim, mask)

    def distribution(self, params: Tensor) -> SideBySide:
        """Of each cell by itself: [..., P] -> batch shape [..., D]."""
        each = zip(self._groups(), params.split(self._outputs, -1), strict=True)
        parts = [group(outputs) for group, outputs in each]
        return SideBySide(parts, [group.places for group in self._groups()], self.order)

    def seen(self, x: Tensor, mask: Tensor) -> Tensor:
        """Standardised numbers, scaled levels, one-hot categories; zeros where one is missing."""
        x = torch.where(mask, x, self.typical)
        values = torch.cat([group.seen(x[..., group.places]) for group in self._groups()], -1)
        return torch.where(mask[..., self.sources], values, 0.0)

    def rescale(self, x: Tensor) -> Tensor:
        """Standardised numbers and scaled codes, one for each column [..., D]."""
        values = [group.rescale(x[..., group.places]) for group in self._groups()]
        return torch.cat(values, -1)[..., self.order]

    def averaged(self, made: TorchDistribution, weights: Tensor) -> Tensor:
        """See `Likelihood.averaged`: of numbers the mean, of others the most probable value."""
        while isinstance(made, Independent | MaskedDistribution):
            made = made.base_dist
        return cast(SideBySide, made).averaged(weights)

    def accepts(self, values: Values) -> bool:
        """Always: `check` looks at each column."""
        return True

    def check(self, x: Tensor) -> None:
        """Check that rows [..., D] lie in the supports of their columns.

        Raises:
            SupportError: One does not; the message names the column.
        """
        for kind, group in zip(self.groups, self._groups(), strict=True):
            values = x[..., group.places]
            bad = ~group.accepts(values)
            if bool(bad.any()):
                column = int(bad.flatten(0, -2).any(0).nonzero()[0])
                first = values[..., column][bad[..., column]][0]
                raise SupportError(
                    f"column {group.names[column]!r} is {kind} and got {float(first):g}; it needs "
                    f"{group.needs}. Rows are made by TableColumns.encode, and come with a mask"
                )

    def extra_repr(self) -> str:
        each = zip(self.groups, self._groups(), strict=True)
        return ", ".join(f"{len(group.names)} {kind}" for kind, group in each)

    def _groups(self) -> list[ColumnGroup]:
        return cast(list[ColumnGroup], list(self.groups.values()))

    def _check_shape(self, data_shape: tuple[int, ...]) -> None:
        if tuple(data_shape) != (self.num_columns,):
            raise ShapeError(
                f"MixedColumns has {self.num_columns} columns, and the data have the shape "
                f"{list(data_shape)}; give rows [N, {self.num_columns}] and data_shape="
                f"({self.num_columns},)"
            )
