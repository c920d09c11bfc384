"""A categorical variable that is known for some data and latent for others."""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical

from ..errors import ShapeError
from .categorical import CapturableCategorical

UNKNOWN = -1
"""The label of a datum whose class is not known."""


class LabelledCategorical(CapturableCategorical):
    """Categorical over C classes that puts all probability on a datum's label, where it has one.

    It is the distribution of a guide's site q(y|x, label). Where the label is known, every draw
    is the label, with log-density 0 nats (-inf for other classes). Where it is `UNKNOWN`, it is
    the categorical of the logits.

    Args:
        logits: Of the classes [..., C].
        labels: Whole numbers [...]: 0 to C - 1, or -1 where the class is not known.

    Raises:
        ShapeError: There is not one label for each row of logits.

    Example:
        >>> y = LabelledCategorical(torch.zeros(2, 4), torch.tensor([3, -1]))
        >>> y.log_prob(torch.tensor(3))
        tensor([ 0.0000, -1.3863])
    """

    def __init__(
        self, logits: Tensor, labels: Tensor, *, validate_args: bool | None = None
    ) -> None:
        lead = logits.shape[:-1]
        if labels.dim() > len(lead) or labels.shape != lead[len(lead) - labels.dim() :]:
            raise ShapeError(
                f"LabelledCategorical got logits of shape {list(logits.shape)} and labels of "
                f"shape {list(labels.shape)}; it needs [..., C] and [...]"
            )
        self.labels = labels.expand(lead)
        # The data set checks its labels, and draws need no check.
        super().__init__(logits=logits, validate_args=False)

    @property
    def is_known(self) -> Tensor:
        """Whether there is a label: the batch shape."""
        return self.labels != UNKNOWN

    def expand(self, batch_shape: Any, _instance: Any = None) -> "LabelledCategorical":  # noqa: ANN401
        shape = torch.Size(batch_shape)
        logits = self.logits.expand((*shape, self.logits.shape[-1]))
        return LabelledCategorical(logits, self.labels.expand(shape))

    def known(self, value: Tensor) -> Tensor:
        """The label where it is known, else the given value."""
        return torch.where(self.is_known, self.labels, value)

    def log_prob(self, value: Tensor) -> Tensor:
        unlabelled = super().log_prob(value)
        labelled = torch.zeros_like(unlabelled).masked_fill(value != self.labels, -torch.inf)
        return torch.where(self.is_known, labelled, unlabelled)

    def entropy(self) -> Tensor:
        return torch.where(self.is_known, 0.0, -(self.logits.exp() * self.logits).sum(-1))

    def kl_divergence(self, prior: Categorical) -> Tensor:
        """KL(self || prior): minus the log-probability of the label, where it is known."""
        labelled = prior.logits.gather(-1, self.labels.clamp_min(0).unsqueeze(-1)).squeeze(-1)
        unlabelled = (self.logits.exp() * (self.logits - prior.logits)).sum(-1)
        return torch.where(self.is_known, -labelled, unlabelled)

    @property
    def probs(self) -> Tensor:
        classes = torch.arange(self.logits.shape[-1], device=self.labels.device)
        unlabelled = self.logits.exp()
        labelled = (self.labels.unsqueeze(-1) == classes).to(unlabelled.dtype)
        return torch.where(self.is_known.unsqueeze(-1), labelled, unlabelled)
