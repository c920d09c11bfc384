"""Rows of the table that a pair's own methods give."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..data import SparseSplit, Split
from ..distributions.labelled_categorical import UNKNOWN
from ..evaluate import cluster_accuracy
from ..math import nats_to_bits_per_dim
from ..models.capabilities import (
    Classifies,
    CountsObserved,
    CountsTokens,
    FindsClusters,
    HasFigures,
)
from ..particles.modes import in_mode
from .subject import Row
from .table import Report


@torch.no_grad()
def with_figures(found: Report, pair: Any, split: Split) -> Report:  # noqa: ANN401
    """The report with what the pair can say of itself: see `models.capabilities`.

    A pair with none of these methods has the same report.

    Args:
        found: Of the same data.
        pair: An object whose `model` and `guide` are the programs.
        split: The data, on the device of the pair.
    """
    rows, facts = list(found.rows), dict(found.facts)
    split = split.dense_part() if isinstance(split, SparseSplit) else split
    x, y = split.x, split.y
    is_class = y is not None and y.dim() == 1 and not y.is_floating_point()
    with in_mode("evaluation", pair.model, pair.guide):
        if isinstance(pair, HasFigures):
            for what, value, remark, numbers in pair.figures(x, y):
                rows.append((what, value, "", remark))
                facts |= numbers
        if isinstance(pair, CountsObserved) and y is not None and facts["nll"] is not None:
            row, bits = _bits(facts["nll"], pair.num_observed(x, y))
            facts["bits_per_dim"] = None if facts["bits_per_dim"] is None else bits
            rows = [row if old[0] == "bits/dim" else old for old in rows]
        if isinstance(pair, CountsTokens) and facts["nll"] is not None:
            mean = float(_in_parts(pair.num_tokens, x).double().mean())
            made, numbers = _per_token(facts["nll"], mean, str(getattr(pair, "token", "token")))
            rows = [row for row in rows if row[0] != "bits/dim"]
            names = [row[0] for row in rows]
            place = names.index("active units") if "active units" in names else len(rows)
            rows[place:place] = made
            facts |= numbers
        if isinstance(pair, Classifies) and y is not None and is_class:
            likeliest = _in_parts(lambda part: pair.predict(part).probs.argmax(-1), x)
            share = float((likeliest == y)[y != UNKNOWN].double().mean())
            rows.append(("accuracy", f"{share:.4f}", "", "of q(y|x), its likeliest class"))
            facts["accuracy"] = share
        if isinstance(pair, FindsClusters) and y is not None and is_class:
            likeliest = _in_parts(lambda part: pair.clusters(part).argmax(-1), x)
            share = cluster_accuracy(likeliest, y)
            remark = "best assignment to the classes"
            rows.append(("cluster accuracy", f"{share:.4f}", "", remark))
            facts["cluster_accuracy"] = share
    return replace(found, rows=tuple(rows), facts=facts)


def _bits(nll: float, observed: float) -> tuple[Row, float]:
    """The row of bits per observed value, and their number."""
    bits = float(nats_to_bits_per_dim(torch.tensor(nll) / observed, 1))
    remark = f"of the NLL over {observed:.4g} observed values a datum"
    return ("bits/dim", f"{bits:.4f}", "", remark), bits


def _per_token(nll: float, mean: float, token: str) -> tuple[list[Row], dict[str, Any]]:
    """Rows and numbers of text: bits per token and perplexity, for the mean number of tokens."""
    per = nll / mean if mean else math.nan
    bits, many = per / math.log(2), math.exp(per)
    rows = [
        (f"bits/{token}", f"{bits:.4f}", "", f"of the NLL over {mean:.4g} {token}s a datum"),
        ("perplexity", f"{many:.3f}", "", f"per {token}"),
    ]
    numbers = {
        "bits_per_dim": None, "bits_per_token": bits, "perplexity": many, "tokens_per_datum": mean
    }  # fmt: skip
    return rows, numbers


def _in_parts(found: Callable[[Tensor], Tensor], x: Tensor, rows: int = 1000) -> Tensor:
    return torch.cat([found(part) for part in x.split(rows)])
