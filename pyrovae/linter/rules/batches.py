"""Pairs that fit one batch alone."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ...errors import PyrovaeError, first_line
from ..inspection import Inspection, log_prob_of
from ..problem import Problem, Severity
from ..source import line_of
from .base import Rule

_BATCH_SIZE = 100  # of `fit`, where none is given


class OneSizeOnly(Rule):
    code = "PV220"
    needs_shapes = True
    title = "the pair takes batches of one size only"
    remedy = (
        "take the number of rows from the data: `pyro.plate('data', len(x))`; a pair that is "
        "always given all data needs nothing"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if seen.num_rows < 3 or seen.subsamples or not seen.plates_over_data:
            return
        if RowParameters().found(seen):
            return
        fewer = seen.another(seen.rows(torch.arange(seen.num_rows - 1)), gradients=False)
        if fewer.error is None or isinstance(fewer.error, PyrovaeError):
            return
        line = line_of(fewer.error)
        yield self.problem(
            f"it runs on {seen.num_rows} rows and fails on {seen.num_rows - 1}, as the last batch "
            f"of an epoch may be smaller: {first_line(fewer.error)[:160]}",
            line=line,
            severity=_of_batches(seen),
        )


class RowParameters(Rule):
    code = "PV221"
    needs_shapes = True
    title = "the guide has parameters for each row of the batch, not a function of the data"
    remedy = (
        "train on all data at once (batch_size=len(x)), write a guide that is a function of the "
        "data, or give the model a plate that subsamples"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        size, plates = seen.num_rows, seen.plates_over_data
        if size < 3 or seen.subsamples:
            return
        local = {
            name
            for name, (guide, _) in seen.latents.items()
            if any(f.name in plates for f in guide["cond_indep_stack"])
        }
        for name, leaf in seen.run.leaves("guide").items():
            if leaf.shape[:1] != (size,) or "$$$" in name or not local:
                continue
            if _follows_rows(seen, leaf, local):
                yield self.problem(
                    f"its shape is {list(leaf.shape)}: one value for each of {size} places in "
                    "a batch, which other data take in the next batch",
                    name,
                    seen.line("guide", name),
                    severity=_of_batches(seen),
                )
                return


def _of_batches(seen: Inspection) -> Severity:
    """Of what matters where all data do not fit into one batch."""
    return "warning" if seen.num_data > _BATCH_SIZE else "information"


def _follows_rows(seen: Inspection, leaf: Tensor, local: set[str]) -> bool:
    """Whether a row of a parameter counts for the same row of some latents alone."""
    before = leaf.detach().clone()
    try:
        with torch.no_grad():
            leaf[0] += 0.5
        moved = seen.another(gradients=False)
    finally:
        with torch.no_grad():
            leaf.copy_(before)
    if moved.failed:
        return False
    for name in local:
        here, there = seen.run.sites("guide")[name], moved.sites("guide")[name]
        for one, other in (
            (here["value"], there["value"]),
            (log_prob_of(here), log_prob_of(there)),
        ):
            if one is None or other is None or one.shape != other.shape:
                continue
            if one.shape[:1] != (seen.num_rows,):
                continue
            rows = (one != other).reshape(seen.num_rows, -1).any(1)
            if bool(rows[0]) and not bool(rows[1:].any()):
                return True
    return False
