"""Distributions, the data that they score, and numbers that are none."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from ..inspection import Inspection, base_of, kind_of, log_prob_of
from ..problem import Problem
from ..runs import Node
from .base import Rule

_EVERYWHERE = (constraints.real, constraints.real_vector)


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
                inside = _holds(limit, value)
                if inside.shape == value.shape:
                    inside = inside | value.isnan()  # of which another rule tells
                elif bool(value.isnan().any()):
                    continue
                if bool(inside.all()):
                    continue
                some = f", such as {float(value[~inside][0]):.4g}" * (inside.shape == value.shape)
                yield self.problem(
                    f"the {argument} of its {kind_of(node['fn'])} in the {side} is out of its "
                    f"range{some}: it takes {_words(limit)}, and with Pyro's validation off "
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
        told = {problem.site for rule in rules for problem in rule.find(seen)}
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


class OutOfSupport(Rule):
    code, severity = "PV303", "fault"
    title = "data are outside of the support of their likelihood"
    remedy = "choose a likelihood for these data, or transform them"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, node in seen.observed.items():
            outside = _outside(node)
            if outside is None or is_grey(node):
                continue
            if bool(node["value"].isnan().any()):
                continue  # another rule tells of it
            yield self.problem(
                f"the data hold {outside}, and {kind_of(node['fn'])} takes "
                f"{_words(node['fn'].support)}",
                name,
                seen.line("model", name),
            )


class GreyBernoulli(Rule):
    code, severity = "PV304", "fault"
    title = "grey levels under a Bernoulli, which is then no likelihood"
    remedy = (
        "binarise the data (`pyrovae fit --data.binarize dynamic`), or take a likelihood of grey "
        "levels: ContinuousBernoulli, Beta, Binomial, Normal"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, node in seen.observed.items():
            if not is_grey(node):
                continue
            value = node["value"]
            some = value[(value != 0) & (value != 1)].flatten()[0]
            line = seen.line("model", name)
            yield self.problem(
                f"the data hold {float(some):.4g}, and a Bernoulli scores 0 and 1; for values "
                "between them its density does not integrate to 1, so that bounds are none",
                name,
                line,
                changed_line=line.replaced("Bernoulli(", "ContinuousBernoulli(")
                if line and "ContinuousBernoulli" not in line.text
                else None,
            )


class SupportsDiffer(Rule):
    code, severity = "PV305", "fault"
    title = "the guide draws values that the prior excludes"
    remedy = (
        "let the guide draw inside the support of the prior: LogNormal or Gamma for positive "
        "values, Beta for values in (0, 1), or transform a normal"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, (guide, model) in seen.latents.items():
            limit = _support(model["fn"])
            if limit is None:
                continue
            inner = _support(guide["fn"])
            draws = [node["value"] for node in (guide,)]
            other = seen.reseeded.sites("guide").get(name) if not seen.reseeded.failed else None
            if other is not None:
                draws.append(other["value"])
            outside = any(
                not bool(_holds(limit, value).all()) and not bool(value.isnan().any())
                for value in draws
            )
            is_point = kind_of(guide["fn"]) == "Delta"
            wider = inner is not None and not is_point and _is_wider(inner, limit)
            if not (outside or wider):
                continue
            line = seen.line("guide", name)
            changed = None
            if line and kind_of(guide["fn"]) == "Normal" and _is_positive(limit):
                changed = line.replaced("dist.Normal(", "dist.LogNormal(")
            drawn = "is outside of what" if is_point else f"draws {_words(inner)}, and"
            yield self.problem(
                f"the guide's {kind_of(guide['fn'])} {drawn} the prior's "
                f"{kind_of(model['fn'])} takes: {_words(limit)}",
                name,
                line,
                changed_line=changed,
            )


class NarrowGuide(Rule):
    code = "PV306"
    title = "the guide cannot reach values that the prior allows"
    remedy = "take a guide with the support of the prior, so that it can cover the posterior"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, (guide, model) in seen.latents.items():
            limit, inner = _support(model["fn"]), _support(guide["fn"])
            if limit is None or inner is None or kind_of(guide["fn"]) == "Delta":
                continue
            if _base(limit) in _EVERYWHERE and _is_wider(limit, inner):
                yield self.problem(
                    f"the guide's {kind_of(guide['fn'])} draws {_words(inner)}, and the prior's "
                    f"{kind_of(model['fn'])} has mass elsewhere; bounds stay bounds, and do not "
                    "reach log p(x)",
                    name,
                    seen.line("guide", name),
                )


class Saturated(Rule):
    code, severity = "PV307", "information"
    title = "a Bernoulli or Categorical takes probabilities, whose gradient vanishes near 0 and 1"
    remedy = "let the decoder give logits, without a sigmoid: dist.Bernoulli(logits=decoder(z))"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side, name, node in seen.nodes():
            base = base_of(node["fn"])
            if kind_of(node["fn"]) not in ("Bernoulli", "Categorical", "OneHotCategorical"):
                continue
            probs = vars(base).get("probs")
            if probs is None or "_param" not in vars(base) or base._param is not probs:
                continue
            if not (probs.requires_grad and _is_of(probs, ("Sigmoid", "Softmax"))):
                continue
            eps = torch.finfo(probs.dtype).eps
            stuck = int(((probs < eps) | (probs > 1 - eps)).sum())
            line = seen.line(side, name)
            changed = None
            if line is not None:
                changed = line.replaced("torch.sigmoid(", "logits=(") or line.replaced(
                    "probs=torch.sigmoid(", "logits=("
                )
            what = f"{stuck} of {probs.numel()} have no gradient" if stuck else (
                "far from the data, where one rounds to 0 or 1, its gradient is zero"
            )  # fmt: skip
            yield self.problem(
                f"its probabilities in the {side} come out of a sigmoid or softmax; {what}",
                name,
                line,
                severity="warning" if stuck else None,
                changed_line=changed,
            )


class SigmoidLogits(Rule):
    code = "PV308"
    title = "logits come out of a sigmoid or softmax, so probabilities stay near 1/2"
    remedy = "remove the sigmoid from the decoder, or pass its output as probs="

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side, name, node in seen.nodes():
            base = base_of(node["fn"])
            logits = vars(base).get("logits")
            if logits is None or getattr(base, "_param", logits) is not logits:
                continue
            if logits.requires_grad and _is_of(logits, ("Sigmoid", "Softmax")):
                if _is_of(logits, ("LogSoftmax",)):
                    continue
                line = seen.line(side, name)
                yield self.problem(
                    f"its logits in the {side} come out of a sigmoid or softmax and are between "
                    f"0 and 1, so that probabilities are between .5 and .73",
                    name,
                    line,
                    changed_line=line.replaced("logits=", "probs=") if line else None,
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


def arguments_of(fn: Any) -> Iterator[tuple[str, Any, Tensor]]:  # noqa: ANN401
    """Arguments of a distribution: name, what they must be, value."""
    base = base_of(fn)
    limits = getattr(base, "arg_constraints", {})
    if not isinstance(limits, dict):
        return
    for name, limit in limits.items():
        value = vars(base).get(name)
        if isinstance(value, Tensor) and not constraints.is_dependent(limit):
            yield name, limit, value.detach()
    if hasattr(base, "base_dist"):
        yield from arguments_of(base.base_dist)


def is_grey(node: Node) -> bool:
    """Whether a Bernoulli scores values between 0 and 1."""
    if kind_of(node["fn"]) not in ("Bernoulli", "RelaxedBernoulliStraightThrough"):
        return False
    value = node["value"]
    inside = (value >= 0) & (value <= 1)
    return bool(((value != 0) & (value != 1) & inside).any()) and bool(inside.all())


def _outside(node: Node) -> str | None:
    """One of the data outside of the support; None where there is none."""
    limit = _support(node["fn"])
    if limit is None:
        return None
    value = node["value"]
    inside = _holds(limit, value)
    if bool(inside.all()):
        return None
    if node["mask"] is not None or type(node["fn"]).__name__ == "MaskedDistribution":
        return None
    if inside.shape == value.shape:
        return f"{float(value[~inside][0]):.4g}"
    return "rows that are not"


def _support(fn: Any) -> Any:  # noqa: ANN401
    try:
        return fn.support
    except (NotImplementedError, AttributeError, ValueError):
        return None


def _holds(limit: Any, value: Tensor) -> Tensor:  # noqa: ANN401
    try:
        return limit.check(value)
    except (RuntimeError, ValueError, NotImplementedError, TypeError, AttributeError):
        return torch.tensor(True)


def _base(limit: Any) -> Any:  # noqa: ANN401
    while isinstance(limit, constraints.independent):
        limit = limit.base_constraint
    return limit


def _range(limit: Any) -> tuple[float, float] | None:  # noqa: ANN401
    limit = _base(limit)
    if limit in _EVERYWHERE or type(limit).__name__ in ("_Real", "_RealVector"):
        return -float("inf"), float("inf")
    if getattr(limit, "is_discrete", False):
        return None
    low, high = getattr(limit, "lower_bound", None), getattr(limit, "upper_bound", None)
    if low is None and high is None:
        return None
    ends = [
        (float(torch.as_tensor(end).flatten()[0]) if end is not None else default)
        for end, default in ((low, -float("inf")), (high, float("inf")))
    ]
    return ends[0], ends[1]


def _is_wider(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Whether a support reaches beyond another one; False where that is not known."""
    here, there = _range(one), _range(other)
    if here is None or there is None:
        return False
    return here[0] < there[0] or here[1] > there[1]


def _is_positive(limit: Any) -> bool:  # noqa: ANN401
    return _range(limit) == (0.0, float("inf"))


def _words(limit: Any) -> str:  # noqa: ANN401
    """What a constraint allows, in words."""
    if limit is None:
        return "any values"
    base = _base(limit)
    known = _range(base)
    name = type(base).__name__.strip("_").lower()
    if known == (-float("inf"), float("inf")):
        return "real numbers"
    if known == (0.0, float("inf")):
        return "positive numbers" if "greaterthan" == name else "numbers from 0 on"
    if known is not None:
        return f"numbers from {known[0]:g} to {known[1]:g}"
    words = {
        "boolean": "0 and 1", "integerinterval": "whole numbers in a range",
        "nonnegativeinteger": "whole numbers from 0 on", "simplex": "points of a simplex",
        "integergreaterthan": "whole numbers", "onehot": "one-hot vectors",
        "lowercholesky": "a lower triangular matrix with a positive diagonal",
        "positivedefinite": "a positive definite matrix",
    }  # fmt: skip
    return words.get(name, str(base).strip("_"))


def _is_of(tensor: Tensor, names: tuple[str, ...]) -> bool:
    """Whether a tensor is the output of one of these operations, reshaped or not."""
    node = tensor.grad_fn
    shaped = ("View", "Reshape", "Expand", "Squeeze", "Unsqueeze", "Transpose", "Permute", "Alias",
              "Clone", "Slice", "Select", "Split", "ToCopy", "Clamp")  # fmt: skip
    for _ in range(8):
        if node is None:
            return False
        if any(node.name().startswith(name) for name in names):
            return True
        if not any(part in node.name() for part in shaped) or not node.next_functions:
            return False
        node = node.next_functions[0][0]
    return False


def _non_finite_argument(seen: Inspection) -> str:
    for number, arg in enumerate(seen.args):
        if isinstance(arg, Tensor) and arg.is_floating_point() and not bool(arg.isfinite().all()):
            row = (~arg.isfinite()).nonzero()[0]
            return f"; argument {number + 1} has a NaN or an infinity in row {int(row[0])}"
    return ""


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
