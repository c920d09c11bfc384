"""What is given to a Bernoulli or a Categorical."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..inspection import Inspection, base_of, kind_of
from ..problem import Problem
from ..runs import Node
from .base import Rule


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
            if not (probs.requires_grad and comes_out_of(probs, ("Sigmoid", "Softmax"))):
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
            many = "Categorical" in kind_of(node["fn"])
            if logits.requires_grad and comes_out_of(
                logits, ("Sigmoid", "Softmax"), normalised=many
            ):
                if comes_out_of(logits, ("LogSoftmax",), normalised=many):
                    continue
                line = seen.line(side, name)
                yield self.problem(
                    f"its logits in the {side} come out of a sigmoid or softmax and are between "
                    "0 and 1, so that "
                    + (
                        "no class is 2.8 times as probable as another"
                        if many
                        else "probabilities are between .5 and .73"
                    ),
                    name,
                    line,
                    changed_line=line.replaced("logits=", "probs=") if line else None,
                )


def is_grey(node: Node) -> bool:
    """Whether a Bernoulli scores values between 0 and 1."""
    if kind_of(node["fn"]) not in ("Bernoulli", "RelaxedBernoulliStraightThrough"):
        return False
    value = node["value"]
    inside = (value >= 0) & (value <= 1)
    return bool(((value != 0) & (value != 1) & inside).any()) and bool(inside.all())


def comes_out_of(tensor: Tensor, names: tuple[str, ...], *, normalised: bool = False) -> bool:
    """Whether a tensor is the output of one of these operations, reshaped or not."""
    node = tensor.grad_fn
    shaped = ("View", "Reshape", "Expand", "Squeeze", "Unsqueeze", "Transpose", "Permute", "Alias",
              "Clone", "Slice", "Select", "Split", "ToCopy", "Clamp")  # fmt: skip
    for _ in range(8):
        if node is None:
            return False
        if any(node.name().startswith(name) for name in names):
            return True
        if normalised and node.name().startswith("Sub"):  # torch subtracts the log of the sum
            node, normalised = node.next_functions[0][0], False
            continue
        if not any(part in node.name() for part in shaped) or not node.next_functions:
            return False
        node = node.next_functions[0][0]
    return False
