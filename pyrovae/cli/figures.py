"""What a family is good for besides its bound: rows of the table."""

from dataclasses import replace
from typing import Any

import torch

from ..data import Split
from ..evaluate import cluster_accuracy
from ..models import MixtureVAE, SemiSupervisedVAE
from ..report import Report

Row = tuple[str, str, str, str]


@torch.no_grad()
def with_figures(found: Report, pair: Any, split: Split) -> Report:  # noqa: ANN401
    """The report with the further figures of the pair's family on the same data, on its device."""
    rows: list[Row] = []
    facts: dict[str, float] = {}
    x, y = split.x, split.y
    if isinstance(pair, SemiSupervisedVAE) and y is not None:
        share = float((pair.predict(x).probs.argmax(-1) == y).double().mean())
        rows.append(("accuracy", f"{share:.4f}", "", "of q(y|x), its likeliest class"))
        facts["accuracy"] = share
    if isinstance(pair, MixtureVAE) and y is not None and y.dim() == 1:
        share = cluster_accuracy(pair.clusters(x).argmax(-1), y)
        rows.append(("cluster accuracy", f"{share:.4f}", "", "best assignment to the classes"))
        facts["cluster_accuracy"] = share
    return replace(found, rows=(*found.rows, *rows), facts={**found.facts, **facts})
