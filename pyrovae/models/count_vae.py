"""Variational autoencoder of counts that were measured in batches."""

from collections.abc import Sequence
from typing import Self, cast

import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import ConfigError
from ..nn import MLP, AsVector, JoinFactory, Likelihood, NegativeBinomial, Network, Shape
from ..nn.likelihoods.counts import Counts, SizedCounts
from ..nn.sizes import as_shape, as_size
from .any_data import IN_DATA, Companion, takes_any_data
from .base import Latent, as_likelihood, evaluated, latent_of
from .capabilities import Figure, evidence_of
from .conditional_vae import ConditionalVAE
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .priors import Prior, PriorFactory
from .totals import check_totals


class CountVAE(ConditionalVAE):
    r"""VAE of counts measured in batches, as of genes in cells: scVI and its kin.

    The model is z ~ p(z), x ~ p(x | z, y, l), for the batch y of a datum, such as a day, a donor
    or a machine, and its size l, the total of its counts. The decoder is given the batch, so that
    z need not say it. `model` and `guide` are Pyro programs over a batch of data x [B, D] with y
    [B], whole numbers from 0. What is called log p(x) is log p(x | y, l). `LatentSizeCountVAE`
    has a density of sizes too; `models.VAE` with the same likelihood serves data of one batch.

    Whatever differs between batches is explained by the decoder, biology included: types that are
    in one batch alone may be moved onto others. With an encoder that does not see the batch
    (`join=nn.DataAlone`), z keeps more of it.

    Args:
        data_shape: (D,), or any shape.
        latent_dim: L.
        num_batches: C.
        likelihood: A head of counts with `size_factor="total"`. By default negative binomial with
            one learned dispersion for each element; `decoder=partial(nn.ClassDispersion,
            num_classes=C)` with `NegativeBinomial(size_factor="total")` has one for each element
            and batch, and without it they are predicted.
        encoder: Maps [N, \*join.shape] to [N, posterior.num_parameters].
        decoder: Maps [N, L + C] to [N, P * D] values.
        join: How the encoder sees x and y: `nn.AsVector`, or `nn.DataAlone`, which leaves y out.
        prior: p(z).
        posterior: Form of q(z|x, y).

    Raises:
        ConfigError: The likelihood has no size factor.
        SupportError: Data are no counts.
        DataError: A row has a total of 0, or a batch is out of range, or, after training, was
            none of the training. (Checked while `pyro.enable_validation` is on.)

    Source:
        Deep generative modeling for single-cell transcriptomics (Lopez et al., 2018),
        https://doi.org/10.1038/s41592-018-0229-2

    Example:
        >>> vae = CountVAE((30,), 2, num_batches=2)
        >>> x, y = torch.ones(5, 30), torch.tensor([0, 1, 0, 1, 0])
        >>> vae.expression(x, y, batch=0).sum(-1).round()
        tensor([1., 1., 1., 1., 1.])
    """

    likelihood: Counts

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        num_batches: int,
        *,
        likelihood: Likelihood | None = None,
        encoder: Network = MLP,
        decoder: Network = MLP,
        join: JoinFactory = AsVector,
        prior: PriorFactory | Prior | None = None,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
    ) -> None:
        name = type(self).__name__
        shape = as_shape(data_shape, "data_shape", name)
        if likelihood is None:
            likelihood = NegativeBinomial("learned", shape=shape, size_factor="total")
        head = as_likelihood(likelihood, name)
        if not isinstance(head, Counts) or head.size_factor is None:
            raise ConfigError(
                f"{name} got likelihood={head!r}, which has no size factor; give one of counts "
                'with size_factor="total", such as nn.Poisson(size_factor="total")'
            )
        super().__init__(
            shape,
            latent_dim,
            num_classes=as_size(num_batches, "num_batches", name),
            encoder=encoder,
            decoder=decoder,
            join=join,
            likelihood=head,
            prior=prior,
            posterior=posterior,
        )
        self.condition.where = name

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), 2, num_batches=3)

    def model(self, x: Tensor, y: Tensor) -> None:
        """p(z)p(x | z, y, l) over a batch x [B, *data_shape] with their batches y [B]."""
        if is_validation_enabled():
            check_totals(x, type(self).__name__)
        super().model(x, y)

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def expression(
        self,
        x: Tensor,
        y: Companion = IN_DATA,
        *,
        batch: int | Sequence[int] | None = None,
        latent: Latent = "mean",
    ) -> Tensor:
        """Denoised shares of the elements in each datum, as of genes; they sum to 1 [B, D].

        Sizes and zero inflation are taken out, and with `batch` what distinguishes batches.

        Args:
            x: Counts [B, *data_shape], of any kind that `pyrovae.data.rows` takes.
            y: Their batches [B]; left out where the data hold them.
            batch: The shares as they would be in this batch; of several, their mean. None is the
                batch of each datum.
            latent: z is the mean of q(z|x, y), or a draw, "sample".

        Raises:
            DataError: A batch was none of the training.
        """
        given = self._given(x, y, "expression")
        z = latent_of(self._encode(x, given), latent)
        if batch is None:
            return self._shares(z, given)
        wanted = [batch] if isinstance(batch, int) else list(batch)
        if not wanted:
            raise ConfigError(f"{type(self).__name__}.expression got no batch; give one or more")
        total = torch.zeros((), dtype=z.dtype, device=z.device)
        for each in wanted:
            hot = self.condition(torch.full(x.shape[:1], each, device=x.device), x.shape[:1])
            self.condition.check_seen(hot)
            total = total + self._shares(z, hot)
        return total / len(wanted)

    def figures(self, x: Tensor, y: Tensor | None = None) -> Sequence[Figure]:
        """What the evidence is of."""
        return [evidence_of("p(x|y, l)", "y the batch, l the total of a datum")]

    def _shares(self, z: Tensor, given: Tensor) -> Tensor:
        return cast(SizedCounts, self._decode(z, given)).log_shares.exp()

    def _given(self, x: Tensor, y: Tensor, method: str) -> Tensor:
        given = super()._given(x, y, method)
        if is_validation_enabled() and not self.training:
            self.condition.check_seen(given)
        return given
