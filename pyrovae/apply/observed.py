"""The site of a model that observes the data, and the elements of a datum there."""

from collections.abc import Mapping

from pyro.distributions import TorchDistribution
from torch import Tensor

from ..distributions.elements import elements_of
from ..errors import ShapeError, SiteError
from ..particles.conditionals import Conditional


def site_of_data(sites: Mapping[str, Conditional], x: Tensor) -> tuple[str, Conditional]:
    """The observed site that holds the data x [B, ...], in whatever shape.

    Args:
        sites: Of the model, run for these data; see `particles.conditionals`.
        x: The data.

    Raises:
        ShapeError: No observed site holds as many values.
        SiteError: Several do.
    """
    found = {
        name: site
        for name, site in sites.items()
        if site.is_observed
        and site.value.numel() == x.numel()
        and site.fn.batch_shape[:1] == x.shape[:1]
    }
    if len(found) == 1:
        return next(iter(found.items()))
    shapes = {name: list(site.value.shape) for name, site in sites.items() if site.is_observed}
    if found:
        raise SiteError(
            f"the sites {sorted(found)} of the model each hold as many values as the data, "
            f"{list(x.shape)}; observe the data at one site"
        )
    raise ShapeError(
        f"the model observes {shapes}, and the data are {list(x.shape)}: none of its sites holds "
        "the data row by row"
    )


def elements_at(name: str, fn: TorchDistribution, what: str) -> TorchDistribution:
    """The distribution of the elements of a datum, each by itself given the latents.

    Args:
        name: Of the site, for the message.
        fn: The distribution there.
        what: What needs it, for the message.

    Raises:
        SiteError: The elements depend on each other given the latents.
    """
    elements = elements_of(fn)
    if elements is None:
        raise SiteError(
            f"{what} needs p(x|z) of each element by itself, and at site '{name}' the elements of "
            f"a {type(fn).__name__} depend on each other; use a likelihood of independent "
            "elements, with `.to_event(n)`"
        )
    return elements
