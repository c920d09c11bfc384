"""Numbers that are none, out of range, huge or of mixed types."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..inspection import Inspection, kind_of, log_prob_of
from ..problem import Problem
from ..supports import (
    arguments_of,
    holds,
    in_words,
)
from .base import Rule
from .supports import OutOfSupport, SupportsDiffer

_HUGE = 1e4  # nats a dim


class BadArgument(Rule):
    code, severity = "PV301", "fault"
    title = "an argument of a distribution is out of its range, such as a negative scale"
    remedy = (
        "compute it so that it is in its range: `.exp()` of a log-scale, "
        "`torch.nn.functional.softplus`, a constraint of `pyro.param`"
    )
    needs_run = False

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side, name, node in seen.nodes():
            for argument, limit, value in arguments_of(node["fn"]):
                inside = holds(limit, value)
                if inside.shape == value.shape:
                    inside = inside | value.isnan()  # of which another rule tells
                elif bool(value.isnan().any()):
                    continue
                if bool(inside.all()):
                    continue
                some = f", such as {float(value[~inside][0]):.4g}" * (inside.shape == value.shape)
                yield self.problem(
                    f"the {argument} of its {kind_of(node['fn'])} in the {side} is out of its "
                    f"range{some}: it takes {in_words(limit)}, and with Pyro's validation off "
                    "nothing says so",
                    name,
                    seen.line(side, name),
                )
                break


class NonFinite(Rule):
    code, severity = "PV302", "fault"
    title = "a log-density is NaN or infinite"
    remedy = "find what is not finite in the line: a log of 0, an overflowing exp, bad data"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        rules = (BadArgument(), OutOfSupport(), SupportsDiffer())
        told = {problem.site for rule in rules for problem in rule.found(seen)}
        data = _non_finite_argument(seen)
        for side, name, node in seen.nodes():
            score = log_prob_of(node)
            if score is None or bool(score.isfinite().all()) or name in told:
                continue
            where = f"{int((~score.isfinite()).sum())} of {score.numel()} entries"
            worst = "NaN" if bool(score.isnan().any()) else "infinite"
            nan = [a for a, _, v in arguments_of(node["fn"]) if bool(v.isnan().any())]
            why = data or (f"; the {nan[0]} of its {kind_of(node['fn'])} is NaN" if nan else "")
            yield self.problem(
                f"its log-density in the {side} is {worst} in {where}{why}",
                name,
                seen.line(side, name),
                remedy="remove or repair these data" if data else None,
            )
            return  # what comes after follows from it


class HugeDensity(Rule):
    code = "PV311"
    title = "log-densities are so large that gradients explode"
    remedy = "standardise the data, or start with a larger scale of the likelihood"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, node in seen.observed.items():
            score = log_prob_of(node)
            if score is None or not bool(score.isfinite().all()):
                continue
            dims = max(1, node["fn"].event_shape.numel())
            mean = float(score.detach().abs().mean()) / dims
            if mean > _HUGE:
                most = float(node["value"].detach().abs().max())
                yield self.problem(
                    f"its log-density is {mean:.1g} nats in each of {dims} dims of a datum, and "
                    f"the largest of the data is {most:.3g}",
                    name,
                    seen.line("model", name),
                )


class MixedTypes(Rule):
    code = "PV309"
    title = "float32 and float64 are mixed"
    remedy = (
        "make networks and data of one type: `network.double()`, or `x.float()`; new tensors of "
        "the type of the data by x.new_zeros(...)"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        types: dict[torch.dtype, tuple[str, str]] = {}
        for side, name, node in seen.nodes():
            score = log_prob_of(node)
            if kind_of(node["fn"]) in ("ImproperUniform", "Delta", "factor"):
                continue
            if score is not None and score.is_floating_point():
                types.setdefault(score.dtype, (side, name))
        if len(types) > 1:
            (first, (_, one)), (second, (side, other)) = list(types.items())[:2]
            yield self.problem(
                f"its log-density is in {_short(second)}, and that of '{one}' in {_short(first)}",
                other,
                seen.line(side, other),
            )


def _non_finite_argument(seen: Inspection) -> str:
    for number, arg in enumerate(seen.args):
        if isinstance(arg, Tensor) and arg.is_floating_point() and not bool(arg.isfinite().all()):
            row = (~arg.isfinite()).nonzero()[0]
            return f"; argument {number + 1} has a NaN or an infinity in row {int(row[0])}"
    return ""


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
