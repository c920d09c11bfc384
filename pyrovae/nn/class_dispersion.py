"""A decoder whose dispersions are those of a class, not of a latent."""

import torch
from torch import Tensor, nn

from ..errors import ShapeError
from .base import Network, Shape, as_shape, build
from .mlp import MLP


class ClassDispersion(nn.Module):
    """A decoder of negative binomial counts with an inverse dispersion for each class and element.

    It is a factory of decoders for conditional families, which give their decoder the vector
    (z, one-hot class): `decoder=partial(ClassDispersion, num_classes=3)`, with a likelihood
    `NegativeBinomial()` or `ZeroInflatedNegativeBinomial()`, whose inverse dispersion is
    "predicted". The inner network gives the other outputs.

    Args:
        in_shape: (L + C,).
        out_shape: (P, *data_shape), P at least 2; the second output is the logarithm of theta.
        num_classes: C, such as the number of batches.
        network: Maps [N, L + C] to [N, P - 1, *data_shape]: a factory.

    Raises:
        ShapeError: The likelihood takes no second output, or the input is no longer than C.

    Source:
        scVI's dispersion "gene-batch"; Deep generative modeling for single-cell transcriptomics
        (Lopez et al., 2018), https://doi.org/10.1038/s41592-018-0229-2

    Example:
        >>> ClassDispersion((5,), (2, 7), num_classes=3)(torch.zeros(4, 5)).shape
        torch.Size([4, 2, 7])
    """

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        num_classes: int,
        network: Network = MLP,
    ) -> None:
        super().__init__()
        given, wanted = as_shape(in_shape, "in_shape"), as_shape(out_shape, "out_shape")
        if len(given) != 1 or given[0] <= num_classes or len(wanted) < 2 or wanted[0] < 2:
            raise ShapeError(
                f"ClassDispersion got in_shape={given}, out_shape={wanted} and num_classes="
                f"{num_classes}; it needs the vector (z, class) and a likelihood of two outputs "
                "or more, such as NegativeBinomial(size_factor='total')"
            )
        self.num_classes, self.num_others = num_classes, wanted[0] - 1
        self.network = build(network, given, (wanted[0] - 1, *wanted[1:]))
        self.log_theta = nn.Parameter(torch.zeros(num_classes, *wanted[1:]))

    def forward(self, both: Tensor) -> Tensor:  # [N, L + C] -> [N, P, *data_shape]
        others = self.network(both).reshape(len(both), self.num_others, *self.log_theta.shape[1:])
        hot = both[:, -self.num_classes :]
        theta = (hot @ self.log_theta.flatten(1)).reshape(len(both), 1, *self.log_theta.shape[1:])
        return torch.cat([others[:, :1], theta, others[:, 1:]], 1)
