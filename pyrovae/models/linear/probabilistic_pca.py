"""Probabilistic principal component analysis."""

import math

import torch
from torch import Tensor

from ...errors import ConfigError, ShapeError
from ..base import check_data
from .base import LinearVAE


class ProbabilisticPCA(LinearVAE):
    r"""Probabilistic PCA: a linear VAE whose noise has one scale for all dimensions.

    With the eigenvalues :math:`\lambda_j` and eigenvectors of the data's covariance, W spans the
    leading eigenvectors. Its columns have squared lengths :math:`\lambda_j - \sigma^2`. Under a
    KL weight beta these are :math:`\lambda_j - \beta\sigma^2`: a direction collapses exactly if
    :math:`\lambda_j \le \beta\sigma^2`. `solve` computes this optimum.

    Args:
        data_shape: Shape of one datum; D is the number of its elements.
        latent_dim: L.
        covariance: Form of the guide's covariance: "full" can always be the exact posterior,
            "diagonal" can where the columns of W are orthogonal, as those of `solve` are.
        init_scale: Initial standard deviation of the noise, in units of the data.
        learn_scale: Learn it.
        min_scale: Its smallest value.

    Raises:
        ConfigError: A size or a scale is out of range.

    Source:
        Probabilistic Principal Component Analysis (Tipping & Bishop, 1999), eqs. 7 and 8,
        https://doi.org/10.1111/1467-9868.00196; collapse: Don't Blame the ELBO! (Lucas et al.,
        2019), https://arxiv.org/abs/1911.02469

    Example:
        >>> pair = ProbabilisticPCA((5,), 2)
        >>> x = torch.randn(50, 5)
        >>> lengths = pair.solve(x)
        >>> torch.allclose(pair.elbo(x), pair.log_px(x), atol=1e-4)
        True
    """

    noise_by_dimension = False

    @torch.no_grad()
    def solve(self, x: Tensor, beta: float = 1.0) -> Tensor:
        r"""Set model and guide to their optimum for these data, in closed form.

        It maximises the bound of `objectives.Beta(beta)` over W, m, the guide, and sigma if that
        is learned. At beta = 1 the bound is the likelihood, and sigma^2 the mean of the remaining
        eigenvalues. Otherwise sigma^2 = T / (D - beta k) for k active directions, T being the sum
        of the other eigenvalues.

        Args:
            x: Data [N, *data_shape], N >= 2.
            beta: Weight of the KL, above 0.

        Returns:
            Squared lengths of W's columns [L], in falling order; 0 for collapsed directions.

        Raises:
            ConfigError: beta is not above 0.
            ShapeError: The data have another shape, or there are more latents than dimensions.
        """
        if not 0 < beta < math.inf:
            raise ConfigError(f"ProbabilisticPCA.solve got beta={beta}; it needs a number above 0")
        check_data(x, self.data_shape, "ProbabilisticPCA.solve")
        if self.latent_dim > self.data_dim:
            raise ShapeError(
                f"ProbabilisticPCA.solve has latent_dim={self.latent_dim} and data of "
                f"{self.data_dim} dimensions; it cannot be larger than that, lower it"
            )
        data = x.flatten(1)
        off = data - data.mean(0)
        values, vectors = torch.linalg.eigh(off.T @ off / len(off))
        values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
        variance = self.variance()[0]
        if self.decoder.log_scale.requires_grad:
            variance = max(
                self._candidates(values, beta), key=lambda v: self._optimum(values, v, beta)
            )
            self.decoder.log_scale.copy_(variance.log() / 2)
        lengths = (values[: self.latent_dim] - beta * variance).clamp(min=0)
        self.decoder.weight.copy_(vectors[:, : self.latent_dim] * lengths.sqrt())
        self.decoder.loc.copy_(data.mean(0))
        # W'W is diagonal, and so is the posterior's covariance: both forms of guide are exact.
        precision = self.precision(beta).diagonal()
        self.encoder.weight.copy_(
            self.decoder.weight.T / (beta * variance * precision).unsqueeze(-1)
        )
        self.encoder.center.copy_(data.mean(0))
        self.encoder.log_scale.copy_(-0.5 * precision.log())
        if self.encoder.lower is not None:
            self.encoder.lower.zero_()
        return lengths

    def _candidates(self, values: Tensor, beta: float) -> list[Tensor]:
        """Noise variances at which the bound is stationary, by number of active directions."""
        floor = values.new_tensor(self.min_scale**2)
        found = []
        for active in range(min(self.latent_dim, len(values)) + 1):
            free = len(values) - beta * active
            variance = values[active:].sum() / free if free > 0 else floor
            if free > 0 and (active == 0 or values[active - 1] > beta * variance):
                found.append(variance.maximum(floor))
        return found

    def _optimum(self, values: Tensor, variance: Tensor, beta: float) -> Tensor:
        """The bound per datum at the best W for a noise variance."""
        used = values[: self.latent_dim].clamp(min=beta * variance)
        shrunk = torch.cat([used, (beta * variance).expand(len(values) - len(used))])
        tempered = -0.5 * beta * ((2 * math.pi * shrunk).log() + values / shrunk).sum()
        return tempered + 0.5 * len(values) * (
            beta * (2 * math.pi * beta * variance).log() - (2 * math.pi * variance).log()
        )
