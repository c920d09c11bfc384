"""Variational autoencoder of tables with columns of several kinds."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from ..data.tables import TableColumns
from ..data.tables.column import Unseen
from ..errors import ConfigError
from ..nn import MLP, AsVector, JoinFactory, MixedColumns, Network, Shape
from ..nn.described import Described
from ..nn.likelihoods.positive import Source
from .partial_vae import PartialVAE
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .priors import Prior, PriorFactory, StandardNormal


class TableVAE(PartialVAE):
    r"""VAE of the rows of a table: mixed columns, of which cells may be missing.

    Each column has the likelihood of its kind (`nn.MixedColumns`); otherwise it is a `PartialVAE`.
    `model` and `guide` are called with rows x [B, D] and their mask [B, D], as `data.table` and
    `TableColumns.encode` make them. The encoder sees standardised numbers, scaled levels and
    one-hot categories, with zeros where a cell is missing. What stands in missing cells does not
    matter. log p(x) is in the units of the table: see `nn.MixedColumns`.

    With `prior=partial(priors.MixturePrior, num_components=5)` the latents have clusters, as in
    HI-VAE; there also the decoder knows the component, here it knows z alone.

    Missing cells are taken as missing at random: whether a cell is missing may depend on other
    cells that are observed, not on its own value. Where it does, as where the rich do not say
    what they earn, imputations are biased and nothing here shows it.

    Args:
        data_shape: Number of columns, D, or (D,).
        latent_dim: Size of z, L.
        columns: A `TableColumns`, or what its `to_json` gives: `Dataset.supplies["columns"]`.
        encoder: Maps what it sees, [N, E], to [N, posterior.num_parameters].
        decoder: Maps [N, L] to [N, P] values, P as `MixedColumns.params_shape` says.
        join: Appends the mask to what the encoder sees; None: it does not see it.
        scale: See `nn.MixedColumns`, as for the next two.
        inverse_dispersion: See there.
        min_scale: See there.
        prior: p(z): a module or a factory `prior(latent_dim)`.
        posterior: Form of q(z|x): a module or a factory `posterior(latent_dim)`.

    Raises:
        ConfigError: The columns are none, or the prior is one of pseudo-inputs, which a table
            with categories has not.
        ShapeError: `data_shape` is not the number of columns; or see `PartialVAE`.
        DataError: A row is missing altogether.
        SupportError: A value does not fit its column; the message names it.

    Source:
        Handling Incomplete Heterogeneous Data using VAEs (Nazabal et al., 2020),
        https://arxiv.org/abs/1807.03653; the bound and the imputation: MIWAE (Mattei & Frellsen,
        2019), https://arxiv.org/abs/1812.02633

    Example:
        >>> rows = {"t": [-3.5, 1.0, None, 2.5], "wind": ["no", "yes", "no", None]}
        >>> columns = TableColumns.of(rows)
        >>> vae = TableVAE(2, latent_dim=1, columns=columns)
        >>> x, mask = vae.to_rows(rows)
        >>> filled = vae.to_columns(vae.impute(x, mask, num_particles=10))
        >>> filled["t"][0], filled["wind"][3] in ("no", "yes")
        (-3.5, True)
    """

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        *,
        columns: TableColumns | Sequence[Mapping[str, Any]],
        encoder: Network = MLP,
        decoder: Network = MLP,
        join: JoinFactory | None = AsVector,
        scale: Source = "learned",
        inverse_dispersion: Source | None = "learned",
        min_scale: float = 0.01,
        prior: PriorFactory | Prior = StandardNormal,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
    ) -> None:
        table = TableColumns.from_json(columns)
        head = MixedColumns(
            table.to_json(),
            scale=scale,
            inverse_dispersion=inverse_dispersion,
            min_scale=min_scale,
        )
        super().__init__(
            data_shape,
            latent_dim,
            encoder=encoder,
            decoder=decoder,
            join=join,
            likelihood=head,
            prior=prior,
            posterior=posterior,
        )
        if self.prior.needs_encoder:
            raise ConfigError(
                f"TableVAE got {type(self.prior).__name__}, which learns rows of its own, and "
                "categories cannot be learned so; take StandardNormal, MixturePrior or FlowPrior"
            )
        self.table = table
        self.columns = Described(table.to_json())

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation: one column of each kind."""
        columns: list[dict[str, Any]] = [
            {"name": "t", "kind": "real", "shift": -1.0, "scale": 2.0},
            {"name": "income", "kind": "positive", "shift": 1.0, "scale": 0.5},
            {"name": "children", "kind": "count", "shift": 1.0, "scale": 0.5},
            {"name": "size", "kind": "ordinal", "values": ["S", "M", "L", "XL"]},
            {"name": "smokes", "kind": "binary", "values": ["no", "yes"]},
            {"name": "colour", "kind": "categorical", "values": ["blue", "green", "red"]},
        ]
        return cls(6, 2, columns=columns)

    @classmethod
    def example_x(cls, n: int = 24) -> Tensor:
        """Rows of `example()` [N, 6]."""
        row = torch.arange(n).float()
        parts = [-1 + 2 * torch.sin(row), torch.exp(1 + 0.5 * torch.cos(3 * row)),
                 row * 5 % 7, row % 4, row // 2 % 2, row * 2 % 3]  # fmt: skip
        return torch.stack(parts, 1)

    def example_y(self, x: Tensor) -> Tensor:
        """A mask for rows x [N, 6]."""
        return (torch.arange(x.numel(), device=x.device) % 5 > 0).reshape(x.shape)

    @torch.no_grad()
    def generate(
        self, n: int, *, mean: bool = False, size: Tensor | float | None = None
    ) -> Tensor:
        """Rows [n, D]: z from the prior, and the cells from p(x|z).

        Args:
            n: How many.
            mean: The mean of p(x|z) instead, and the most probable category: rows without the
                spread within a column, which resemble a table less.
            size: Counts here have no size factor, so it is None.
        """
        return super().generate(n, mean=mean, size=size)

    def to_columns(self, x: Tensor, mask: Tensor | None = None) -> dict[str, list[Any]]:
        """The values of each column of rows x [N, D], in its own units and by its categories.

        Args:
            x: As `generate`, `impute` and `reconstruct` give it.
            mask: Where cells are known; elsewhere stands None.
        """
        return self.table.decode(x, mask)

    def to_rows(
        self,
        frame: Any,  # noqa: ANN401 (pandas and polars are optional)
        *,
        unseen: Unseen = "error",
    ) -> tuple[Tensor, Tensor]:
        """Rows x [N, D] and their mask [N, D] of a frame with the columns of the training.

        See `TableColumns.encode`, also for errors.
        """
        return self.table.encode(frame, unseen=unseen)
