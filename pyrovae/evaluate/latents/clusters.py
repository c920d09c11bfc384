"""How well clusters that were found without labels agree with classes."""

from torch import Tensor

from ...errors import ShapeError


def cluster_accuracy(clusters: Tensor, y: Tensor) -> float:
    """Share of data in the class of their cluster, under the best one-to-one assignment.

    All labels are used to assign clusters to classes, so this is an upper bound of the accuracy
    with an assignment from few labels. With more clusters than classes, data of the remaining
    clusters count as wrong.

    Args:
        clusters: The cluster of each datum, whole numbers from 0 [N].
        y: Its class, whole numbers from 0 [N].

    Returns:
        Between 0 and 1.

    Raises:
        ShapeError: They are not one number each for the same data.

    Source:
        Unsupervised Deep Embedding for Clustering Analysis (Xie et al., 2016), eq. 10,
        https://arxiv.org/abs/1511.06335

    Example:
        >>> import torch
        >>> cluster_accuracy(torch.tensor([2, 2, 0, 1]), torch.tensor([0, 0, 1, 1]))
        0.75
    """
    if clusters.shape != y.shape or y.dim() != 1 or len(y) == 0:
        raise ShapeError(
            f"cluster_accuracy got clusters of shape {list(clusters.shape)} and classes of shape "
            f"{list(y.shape)}; it needs one of each for every datum, [N] and [N]"
        )
    from scipy.optimize import linear_sum_assignment  # imported late, as is the next
    from sklearn.metrics import confusion_matrix  # it takes a second

    table = confusion_matrix(y.cpu().numpy(), clusters.cpu().numpy())
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum() / len(y))
