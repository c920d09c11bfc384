"""The distributions of a guide, their parameters shifted for each datum."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import MaskedDistribution
from torch import Tensor
from torch.distributions import Independent, TransformedDistribution, transform_to

from ...errors import ParameterError, ReparamError

_RELAXED = (dist.RelaxedBernoulli, dist.RelaxedOneHotCategorical)  # their temperature is given


@dataclass
class Shifts:
    """Numbers per datum that are added to the unconstrained parameters of a guide's sites.

    Passed to `with_distributions`, which calls it for each site. The first call for a site makes
    its shifts, and must be with one particle.

    Args:
        values: By site and parameter.

    Raises:
        ParameterError: The parameters of a distribution cannot be reached.
        ReparamError: A distribution has no reparameterised sampler.
    """

    values: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)

    def __call__(self, name: str, fn: Any) -> Any:  # noqa: ANN401
        if not fn.has_rsample:
            raise ReparamError(
                f"site '{name}' ({type(fn).__name__}) has no reparameterised sampler, which "
                "inference_gaps needs to optimise it; relax it, or take the ELBO's gap as a whole"
            )
        moved = self._moved(name, fn)
        if name not in self._known and moved is not fn:
            value = fn.sample()
            if not torch.allclose(moved.log_prob(value), fn.log_prob(value), 1e-3, 1e-3):
                raise _unreachable(name, fn)
        self._known.add(name)
        return moved

    def at(self, values: Iterable[Tensor]) -> "Shifts":
        """Shifts of the same parameters by other numbers, in their order."""
        return Shifts(dict(zip(self.values, values, strict=True)), self._known)

    def constant(self) -> "Shifts":
        """The same shifts without gradient; they change with these."""
        return self.at(value.detach() for value in self.values.values())

    def _moved(self, name: str, fn: Any) -> Any:  # noqa: ANN401
        if isinstance(fn, Independent):
            return self._moved(name, fn.base_dist).to_event(fn.reinterpreted_batch_ndims)
        if isinstance(fn, MaskedDistribution):
            return self._moved(name, fn.base_dist).mask(fn._mask)
        if isinstance(fn, dist.Delta):
            return fn  # a point mass is a function of earlier draws
        if isinstance(fn, TransformedDistribution) and not fn.arg_constraints:
            return dist.TransformedDistribution(self._moved(name, fn.base_dist), fn.transforms)
        constraints = {n: c for n, c in fn.arg_constraints.items() if n not in _redundant(fn)}
        try:
            values = {
                key: self._shifted((name, key), getattr(fn, key), transform_to(constraint))
                for key, constraint in constraints.items()
            }
            if isinstance(fn, _RELAXED):
                values["temperature"] = fn.temperature
            return type(fn)(**values, validate_args=False)
        except (AttributeError, NotImplementedError, TypeError) as error:
            raise _unreachable(name, fn) from error

    def _shifted(self, key: tuple[str, str], value: Tensor, transform: Callable) -> Tensor:
        free = transform.inv(value)  # type: ignore[attr-defined]
        if key not in self.values and key[0] not in self._known:
            self.values[key] = torch.zeros_like(free).contiguous().requires_grad_()
        return transform(free + self.values[key])


def _redundant(fn: Any) -> set[str]:  # noqa: ANN401
    """Parameters that others determine."""
    names = fn.arg_constraints
    redundant = {"covariance_matrix", "precision_matrix"} if "scale_tril" in names else set()
    return redundant | ({"probs"} if "logits" in names else set())


def _unreachable(name: str, fn: Any) -> ParameterError:  # noqa: ANN401
    return ParameterError(
        f"the parameters of site '{name}' ({type(fn).__name__}) cannot be reached, so it cannot "
        "be optimised per datum; write it with distributions that are made of their "
        "`arg_constraints`, as Normal, Beta or MultivariateNormal are"
    )
