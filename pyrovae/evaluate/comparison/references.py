"""What the gradients of each objective are compared with, drawn once where it is the same."""

import math
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor

from ...objectives.objective import Objective
from ...objectives.pyro_loss import as_objective
from ..compared_objectives import drawing
from ..gradients.draws import Estimator
from ..gradients.gradients import Reference, estimator_of_reference, given_gradient
from .effort import Effort
from .gradient_draws import Drawing, PairGradients, Told, needed_for_signal

_REFERENCE = 1  # stream of the seed
_PROJECTIONS, _PROBES = 2, 2
_SAME = 1e-3  # relative; weights of data of thousands of nats are rounded by no less


class Target(NamedTuple):
    """The gradient that draws are compared with, on the CPU [P].

    Attributes:
        gradient: In float64.
        error: Its standard error, zero where it is exact.
        name: What it is.
        draws: How many it is the mean of; zero where it is exact.
        lengths: By group, its length over that of its error; infinite where it is exact.
        shortage: Why its signal is not what it should be; "" where it is.
    """

    gradient: Tensor
    error: Tensor
    name: str
    draws: int
    lengths: Sequence[float]
    shortage: str = ""


class References:
    """The references of some objectives.

    Two are one where their first draws are equal: the plain gradient of the bound of `IWAE(5)`
    and of `DReG(5)`, say. It is drawn once, and kept until the last row has had it.

    Args:
        pair: Leaves and draws.
        objectives: By name.
        given: As the user gave them, by name.
        effort: How much to draw.
        vectorize_particles: Of those that are objectives.
    """

    def __init__(
        self,
        pair: PairGradients,
        objectives: Mapping[str, Objective],
        given: Mapping[str, Reference],
        effort: Effort,
        vectorize_particles: bool,
    ) -> None:
        self._pair, self._effort = pair, effort
        self._exact = {n: one for n, one in given.items() if isinstance(one, Mapping)}
        self._estimators: dict[str, tuple[Estimator, str]] = {}
        self._owners: dict[str, str] = {}  # by row, the first one with the same reference
        self._runs: dict[str, Drawing] = {}  # by owner
        self._shortages: dict[str, str] = {}
        drawn = {n: one for n, one in objectives.items() if n not in self._exact}
        sketches: dict[str, Tensor] = {}
        for name, objective in drawn.items():
            other: Any = given.get(name)
            if isinstance(other, PyroELBO):
                other = as_objective(drawing(other, vectorize_particles))

            self._estimators[name], probe = (
                estimator_of_reference(other, copy(objective), pair.subject.call) for _ in range(2)
            )
            if len(drawn) > 1:
                sketches[name] = _sketch(pair, probe[0], name)
        for name in drawn:
            same = (
                o for o in sketches if o in self._owners and _same(sketches[name], sketches[o])
            )
            self._owners[name] = self._owners[found] if (found := next(same, None)) else name

    def of(self, name: str, seconds: float, told: Told, wanted: float = 0.0) -> Target:
        """The reference of a row, drawn further where it is too short.

        Args:
            name: Of the row.
            seconds: What it may be drawn in, beyond the fewest draws.
            told: Is told how far it is.
            wanted: How many draws it needs, beside those that its signal needs.
        """
        if name in self._exact:
            exact = given_gradient(self._exact[name], self._pair.names, self._pair.leaves.leaves)
            lengths = [math.inf] * len(self._pair.parts)
            return Target(exact, torch.zeros_like(exact), "exact, as given", 0, lengths)
        owner, (estimator, what) = self._owners[name], self._estimators[name]
        if owner not in self._runs:
            source = self._pair.source(estimator, f"the reference of {name}")
            self._runs[owner] = Drawing(self._pair, source, _REFERENCE)
        run = self._runs[owner]
        if not run.moments.count or wanted > run.moments.count:
            self._shortages[owner] = run.until(
                self._effort.of_reference,
                seconds,
                lambda moments: max(wanted, needed_for_signal(moments)),
                told,
            )
        found = run.moments
        mean, error = found.mean.cpu(), found.standard_error.cpu()
        lengths = [
            float(mean[part].norm() / error[part].norm()) if error[part].any() else math.inf
            for part in self._pair.parts
        ]
        label = f"mean of {found.count} draws of {what}"
        return Target(mean, error, label, found.count, lengths, self._shortages[owner])

    def release(self, name: str) -> None:
        """The row is done: what no other has left to use is dropped."""
        owner = self._owners.pop(name, None)
        if owner is not None and owner not in self._owners.values():
            self._runs.pop(owner, None)


def _sketch(pair: PairGradients, estimator: Estimator, name: str) -> Tensor:
    """What tells gradients apart: lengths and projections of each group's part of the first draws.

    Returns:
        [1 + projections, groups, draws], the lengths first.
    """
    source = pair.source(estimator, f"the reference of {name}")
    with pair.leaves.kept_grads():
        chunks = [
            chunk.values.cpu().double() for chunk in source(pair.seeds(_REFERENCE, 0, _PROBES))
        ]
    values = torch.cat(chunks)  # [2, P]
    directions = torch.randn(
        _PROJECTIONS, values.shape[1], generator=torch.Generator().manual_seed(0)
    )
    found = []
    for part in pair.parts:
        lengths = values[:, part].norm(dim=1)
        found.append(torch.stack([lengths, *(directions[:, part].double() @ values[:, part].T)]))
    return torch.stack(found, 1)


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two sketches are of equal gradients, but for rounding or less than errors show."""
    return bool(((one - other).abs() <= _SAME * one[0]).all())
