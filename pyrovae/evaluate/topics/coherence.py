"""How often words stand in the same documents."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ...data import Rows

_ROWS = 1000


def blocks_of(data: Rows) -> Iterator[Tensor]:
    """x of a thousand rows at a time [B, V]."""
    for start in range(0, len(data), _ROWS):
        yield data[start : start + _ROWS][0].flatten(1)


def joint_frequencies(data: Rows, columns: Tensor) -> Tensor:
    """In how many documents both of two words stand, for all pairs of columns [C, C]."""
    found = torch.zeros(len(columns), len(columns), dtype=torch.float64)
    for x in blocks_of(data):
        there = (x[:, columns.to(x.device)] > 0).double().cpu()
        found += there.T @ there
    return found


def npmi(joint: Tensor, num_documents: int) -> Tensor:
    r"""Normalised pointwise mutual information of pairs of words [C, C], between -1 and 1.

    It is :math:`\log\frac{p(i,j)}{p(i)p(j)} / -\log p(i,j)`: 1 for words that only stand together,
    0 for independent ones, -1 for words that never stand in one document.

    Args:
        joint: Number of documents with both [C, C]; on the diagonal, with each.
        num_documents: Number of all documents.

    Source:
        Normalized (Pointwise) Mutual Information in Collocation Extraction (Bouma, 2009)
    """
    p = joint / num_documents
    each = p.diagonal()
    log_p = torch.where(p > 0, p, 1.0).log()
    lift = log_p - each.clamp(min=1 / num_documents).log().unsqueeze(1)
    lift = lift - each.clamp(min=1 / num_documents).log().unsqueeze(0)
    everywhere = (p >= 1).double()  # both in all documents: as much together as words can be
    inner = torch.where((p > 0) & (p < 1), lift / -torch.where(p < 1, log_p, -1.0), everywhere)
    return torch.where(p > 0, inner, -1.0)


def coherence_of(pairs: Tensor, places: list[int]) -> float:
    """Mean over the pairs of these words; NaN of one word alone."""
    found = [float(pairs[i, j]) for n, i in enumerate(places) for j in places[:n]]
    return sum(found) / len(found) if found else math.nan
