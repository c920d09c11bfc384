"""What a family is good for besides its bound: rows of the table."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..data import Split, few_labels
from ..distributions.labelled_categorical import UNKNOWN
from ..errors import ConfigError
from ..evaluate import cluster_accuracy, probe
from ..math import nats_to_bits_per_dim
from ..models import (
    VQVAE,
    ConditionalVAE,
    GumbelSoftmaxVAE,
    MixtureVAE,
    PartialVAE,
    SemiSupervisedVAE,
)
from ..nn.quantizers import perplexity, usage
from ..report import Report
from .config import Setup

Row = tuple[str, str, str, str]

# What ELBO and NLL are of, where it is not p(x).
_OF = {
    ConditionalVAE: ("p(x|y)", "what ELBO and NLL are of"),
    PartialVAE: ("p(x observed)", "what ELBO and NLL are of"),
    SemiSupervisedVAE: ("p(x, y)", "what ELBO and NLL are of: known labels count"),
}


@torch.no_grad()
def with_figures(found: Report, pair: Any, split: Split) -> Report:  # noqa: ANN401
    """The report with the further figures of the pair's family on the same data, on its device."""
    rows, facts = list(found.rows), dict(found.facts)
    x, y = split.x, split.y
    for kind, (what, remark) in _OF.items():
        if isinstance(pair, kind):
            rows.append(("evidence", what, "", remark))
    if isinstance(pair, PartialVAE) and y is not None and facts["nll"] is not None:
        observed = float(y.sum()) / len(y)
        bits = float(nats_to_bits_per_dim(torch.tensor(facts["nll"]) / observed, 1))
        remark = f"of the NLL over {observed:.4g} observed values a datum"
        own = ("bits/dim", f"{bits:.4f}", "", remark)
        rows = [own if row[0] == "bits/dim" else row for row in rows]
        facts["bits_per_dim"] = bits
    if isinstance(pair, SemiSupervisedVAE) and y is not None:
        likeliest = _in_parts(lambda part: pair.predict(part).probs.argmax(-1), x)
        share = float((likeliest == y)[y != UNKNOWN].double().mean())
        rows.append(("accuracy", f"{share:.4f}", "", "of q(y|x), its likeliest class"))
        facts["accuracy"] = share
    if isinstance(pair, MixtureVAE) and y is not None and y.dim() == 1:
        share = cluster_accuracy(_in_parts(lambda part: pair.clusters(part).argmax(-1), x), y)
        rows.append(("cluster accuracy", f"{share:.4f}", "", "best assignment to the classes"))
        facts["cluster_accuracy"] = share
    if isinstance(pair, VQVAE | GumbelSoftmaxVAE):
        shares = usage(_in_parts(pair.encode, x), pair.num_codes)
        used, varied = int((shares > 0).sum()), float(perplexity(shares))
        rows.append(
            ("codes in use", f"{used} of {pair.num_codes}", "", f"perplexity {varied:.1f}")
        )
        facts |= {"codes_in_use": used, "perplexity": varied}
    return replace(found, rows=tuple(rows), facts=facts)


def with_probe(found: Report, setup: Setup, split: Split, num_labelled: int, seed: int) -> Report:
    """The report with the accuracy of a classifier of the latents, taught on few labels.

    Raises:
        ConfigError: The pair takes labels by itself, or so many cannot be labelled.
        DataError: The data have no classes.
    """
    if setup.data.train.with_labels:
        raise ConfigError(
            f"--probe teaches a classifier on latents found without labels, and "
            f"{type(setup.pair).__name__} is called with them; leave it out"
        )
    few = few_labels(setup.data, num_labelled, seed=seed).train
    few = few.binarized(seed) if few.dynamic else few
    pair = setup.pair
    share = probe(pair.model, pair.guide, few.to(split.x.device), split, seed=seed)
    row = ("probe", f"{share:.4f}", "", f"accuracy of a classifier of z, {num_labelled} labels")
    facts = {**found.facts, "probe": share}
    return replace(found, rows=(*found.rows, row), facts=facts)


def _in_parts(found: Callable[[Tensor], Tensor], x: Tensor, rows: int = 1000) -> Tensor:
    return torch.cat([found(part) for part in x.split(rows)])
