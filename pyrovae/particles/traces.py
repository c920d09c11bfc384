"""What a trace of a program holds: its sites, its parameters, the dims of its plates."""

from dataclasses import dataclass
from typing import Any, cast

from pyro.distributions import Independent, MaskedDistribution, TransformedDistribution
from torch import Tensor, nn

from .handlers import Trace, site_is_subsample
from .plates import nesting

RELAXED_VALUE = "_unquantize"
"""Attribute in which Pyro's straight-through draws keep the relaxed value that was rounded."""


@dataclass(frozen=True)
class Recording:
    """One run of a program: the messages of its sample sites, and its parameters, by name."""

    sites: dict[str, dict[str, Any]]
    leaves: dict[str, Tensor]


def recording(trace: Trace) -> Recording:
    """The sample sites and the parameters of a trace."""
    return Recording(sample_sites(trace), leaves_of(trace))


def recordings(traces: tuple[Trace, Trace]) -> tuple[Recording, Recording]:
    """The same of the traces of guide and model."""
    guide, model = traces
    return recording(guide), recording(model)


def sample_sites(trace: Trace) -> dict[str, dict[str, Any]]:
    """Sites that carry density: no subsample indices, no `pyro.deterministic`."""
    return {
        name: cast(dict[str, Any], node)
        for name, node in trace.nodes.items()
        if node["type"] == "sample"
        and not site_is_subsample(node)
        and not (node["infer"] or {}).get("_deterministic")
    }


def leaves_of(trace: Trace) -> dict[str, Tensor]:
    """Unconstrained tensors behind the param statements of a trace, by name."""
    found = {}
    for name, node in trace.nodes.items():
        if node["type"] == "param":
            value = node["value"]
            leaf = value if isinstance(value, nn.Parameter) else cast(Any, value).unconstrained()
            if leaf.requires_grad:
                found[name] = leaf
    return found


def plate_dims(traces: tuple[Trace, Trace]) -> int:
    """Batch dims that the plates of guide and model occupy."""
    # `pyro.deterministic` carries no density, and its plates occupy dims all the same.
    nodes = [node for trace in traces for node in trace.nodes.values()]
    return nesting(cast(Any, node) for node in nodes if node["type"] == "sample")


def subsamples_of(traces: tuple[Trace, Trace]) -> Trace:
    """A trace of the subsample sites alone."""
    only = Trace()
    for trace in traces:
        for name, node in trace.nodes.items():
            if node["type"] == "sample" and site_is_subsample(node) and name not in only:
                only.add_node(name, **node.copy())
    return only


def with_subsamples(trace: Trace, other: Trace) -> Trace:
    """The trace, with the subsample sites of another one that it lacks."""
    lacking = {
        name: node
        for name, node in other.nodes.items()
        if name not in trace and node["type"] == "sample" and site_is_subsample(node)
    }
    if not lacking:
        return trace
    whole = trace.copy()
    for name, node in lacking.items():
        whole.add_node(name, **node.copy())
    return whole


def score_flow_draws(trace: Trace) -> None:
    """Score what flows drew, and keep the score in the trace where Pyro keeps it.

    A flow without an inverse can score only its latest draw, so this comes before the next one.
    """
    for node in sample_sites(trace).values():
        fn = node["fn"]
        if not node["is_observed"] and _is_transformed(fn):
            score = fn.log_prob(node["value"], *node["args"], **node["kwargs"])
            node["unscaled_log_prob"] = score


def _is_transformed(fn: Any) -> bool:  # noqa: ANN401
    while not isinstance(fn, TransformedDistribution):
        if not isinstance(fn, Independent | MaskedDistribution):
            return False
        fn = fn.base_dist
    return True
