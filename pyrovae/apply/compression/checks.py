"""What a pair must be, for its data to be coded and decoded."""

from typing import Any

import torch
from pyro.distributions import Unit
from torch import Tensor
from torch.distributions import Independent

from ...errors import ConfigError, PlateError, SiteError
from ..observed import site_of_data
from .coders.choice import kind_for
from .coders.point import is_point
from .coders.table import is_discrete
from .programs import Sites


def check_sites(model: Sites, guide: Sites, x: Tensor) -> None:
    """Refuse a pair that cannot be coded with.

    Args:
        model: Sites of the model, run without the data.
        guide: Sites of the guide.
        x: The data [R, ...].

    Raises:
        ConfigError: p(x|z) is continuous, the guide a point mass of a continuous latent, a prior
            improper, or a site of a kind that has no coder.
        PlateError: A site has no row for each datum.
        SiteError: Model and guide have different latents, or one has a `pyro.factor`.
    """
    own, drawn = latents_of(model), latents_of(guide)
    for name in own.keys() - drawn.keys():
        raise SiteError(
            f"the model draws '{name}' and the guide does not, so that nothing can be popped for "
            "it; coding needs a guide of all latents"
        )
    for name in drawn.keys() - own.keys():
        raise SiteError(
            f"the guide draws '{name}', which is no latent of the model, so that its bits cannot "
            "be paid back; coding needs a guide without auxiliary latents"
        )
    for side, sites in (("model", model), ("guide", guide)):
        for name, site in sites.items():
            if isinstance(site.fn, Unit):
                raise SiteError(
                    f"the {side} has a pyro.factor '{name}', which is no probability and cannot "
                    "be coded by; write it as a distribution, or leave it out"
                )
    name_of_data, site_of_x = site_of_data(model, x)
    _check_data(name_of_data, site_of_x.fn)
    for side, sites in (("model", {**own, name_of_data: site_of_x}), ("guide", drawn)):
        for name, site in sites.items():
            if site.fn.batch_shape[:1] != (len(x),):
                raise PlateError(
                    f"at site '{name}' of the {side} the batch shape is "
                    f"{list(site.fn.batch_shape)} for {len(x)} data; coding needs one plate "
                    "around every site, leftmost, with a row for each datum"
                )
            kind_for(name, site.fn)
    for name, site in drawn.items():
        if is_point(site.fn) and not is_point(own[name].fn) and not is_discrete(own[name].fn):
            raise ConfigError(
                f"the guide is a point mass at '{name}', so that it gives no bits back, and a "
                "point of a continuous latent costs infinitely many; take a guide that draws, "
                "such as that of a VAE"
            )


def check_blind(without: Sites, with_data: Sites) -> None:
    """Refuse a model whose distributions depend on the data in its arguments.

    Args:
        without: Sites of the model, run on zeros.
        with_data: Its sites, run on the data, at the same values of its latents.

    Raises:
        ConfigError: They differ.
    """
    for name, site in without.items():
        other = with_data[name]
        value = other.value
        if site.fn.shape() != other.fn.shape() or isinstance(site.fn, Unit):
            continue
        if is_point(site.fn):
            same = torch.allclose(site.value.double(), other.value.double())
        else:
            found, wanted = (s.fn.log_prob(value).double() for s in (site, other))
            same = torch.allclose(found, wanted, rtol=1e-9, atol=1e-9, equal_nan=True)
        if not same:
            raise ConfigError(
                f"the distribution of '{name}' in the model depends on the data in its arguments, "
                "which are not known while they are decoded; a likelihood of counts must have "
                "size_factor=None, and no network of the model may see x"
            )


def latents_of(sites: Sites) -> Sites:
    """The sites that are no data."""
    return {name: site for name, site in sites.items() if not site.is_observed}


def _check_data(name: str, fn: Any) -> None:  # noqa: ANN401
    if is_point(fn) or not is_discrete(fn):
        inner = fn
        while isinstance(inner, Independent):
            inner = inner.base_dist
        raise ConfigError(
            f"p(x|z) at site '{name}' is a {type(inner).__name__}, which is continuous: such data "
            "have a density and no probability, so that they cannot be coded losslessly; train "
            "the pair on whole numbers with a likelihood of levels: Bernoulli, Binomial, "
            "BetaBinomial, DiscretizedLogistic, Categorical, Poisson, ..."
        )
