"""A term added to the loss, outside the bound."""

from typing import Any

import pyro
from pyro.distributions import Unit
from torch import Tensor


def penalty(name: str, value: Tensor) -> None:
    """Add a term to the loss of a pair, outside the bound; a statement in the guide.

    Examples are a commitment loss, a classification error and the norm of a Jacobian: terms that
    are no part of log p(x, z) - log q(z|x). Every objective adds the term to the loss, averaged
    over the particles and scaled as the pair is. It enters no bound and no importance weight, so
    that measurements stay statements about p(x). Its gradient is pathwise.

    To the objectives of `pyro.infer` it is a `pyro.factor` of the guide: `Trace_ELBO` and others
    train with it too, and include it in the loss that they report.

    Args:
        name: Of the site, one for each penalty.
        value: In nats per datum, inside the plate over data [B] or [K, B].

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> def guide(x):
        ...     loc = pyro.param("loc", torch.zeros(2))
        ...     with pyro.plate("data", len(x)):
        ...         pyro.sample("z", dist.Normal(loc, 1.0).to_event(1))
        ...         penalty("small", (loc**2).sum().expand(len(x)))
    """
    unit = Unit(value, has_rsample=True)
    infer: Any = {"is_auxiliary": True, "is_penalty": True}
    pyro.sample(name, unit, obs=value.new_empty((*value.shape, 0)), infer=infer)
