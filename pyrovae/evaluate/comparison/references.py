"""What the gradients of each objective are compared with, drawn once where it is the same."""

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, NamedTuple

import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor

from ...objectives.objective import Objective
from ...objectives.pyro_loss import as_objective
from ..compared_objectives import drawing
from ..gradients.gradients import Reference, _given, _reference
from .effort import Effort
from .gradient_draws import Drawing, PairGradients, Told, needed_for_signal

_REFERENCE = 1  # stream of the seed
_PROJECTIONS, _PROBES = 4, 2
_SAME = 1e-5  # relative: beyond rounding, draws of two gradients under one seed differ by far more


class Target(NamedTuple):
    """The gradient that draws are compared with, on the CPU [P].

    Attributes:
        gradient: In float64.
        error: Its standard error, zero where it is exact.
        name: What it is.
        draws: How many it is the mean of; zero where it is exact.
        shortage: Why its signal is not what it should be; "" where it is.
    """

    gradient: Tensor
    error: Tensor
    name: str
    draws: int
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
        self._samplers: dict[str, tuple[Callable[[], object], str]] = {}
        self._owners: dict[str, str] = {}  # by row, the first one with the same reference
        self._targets: dict[str, Target] = {}  # by owner
        drawn = {n: one for n, one in objectives.items() if n not in self._exact}
        sketches: dict[str, Tensor] = {}
        for name, objective in drawn.items():
            other: Any = given.get(name)
            if isinstance(other, PyroELBO):
                other = as_objective(drawing(other, vectorize_particles))

            def sampler(one: Objective, other: Objective | None = other) -> Any:  # noqa: ANN401
                return _reference(other, copy(one), pair.subject.call)

            self._samplers[name] = sampler(objective)
            if len(drawn) > 1:
                sketches[name] = _sketch(pair, sampler(objective)[0], name)
        for name in drawn:
            same = (
                o for o in sketches if o in self._owners and _same(sketches[name], sketches[o])
            )
            self._owners[name] = self._owners[found] if (found := next(same, None)) else name

    def of(self, name: str, seconds: float, told: Told) -> Target:
        """The reference of a row.

        Args:
            name: Of the row; each is asked for once.
            seconds: What it may be drawn in, beyond the fewest draws.
            told: Is told how far it is.
        """
        if name in self._exact:
            exact = _given(self._exact[name], self._pair.names, self._pair.leaves.leaves)
            return Target(exact, torch.zeros_like(exact), "exact, as given", 0)
        owner = self._owners[name]
        if owner not in self._targets:
            self._targets[owner] = self._drawn(name, seconds, told)
        found = self._targets[owner]
        del self._owners[name]
        if owner not in self._owners.values():
            del self._targets[owner]
        what = self._samplers[name][1]
        return found._replace(name=f"mean of {found.draws} draws of {what}")

    def _drawn(self, name: str, seconds: float, told: Told) -> Target:
        source = self._pair.source(self._samplers[name][0], f"the reference of {name}")
        run = Drawing(self._pair, source, _REFERENCE)
        why = run.until(self._effort.of_reference, seconds, needed_for_signal, told)
        mean, error = run.moments.mean.cpu(), run.moments.standard_error.cpu()
        return Target(mean, error, "", run.moments.count, why)


def _sketch(pair: PairGradients, sampler: Callable[[], object], name: str) -> Tensor:
    """A few numbers that tell gradients apart: of the first draws, lengths and projections."""
    source = pair.source(sampler, f"the reference of {name}")
    with pair.leaves.kept_grads():
        chunks = [chunk.values.cpu() for chunk in source(pair.seeds(_REFERENCE, 0, _PROBES))]
    values = torch.cat(chunks)  # [2, P]
    generator = torch.Generator().manual_seed(0)
    found = [values.norm(dim=1)]
    for _ in range(_PROJECTIONS):
        direction = torch.randn(values.shape[1], generator=generator, dtype=values.dtype)
        found.append(values @ direction)
    return torch.stack(found)


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two sketches are of equal gradients, but for rounding."""
    return bool(((one - other).abs() <= _SAME * one[0]).all())
