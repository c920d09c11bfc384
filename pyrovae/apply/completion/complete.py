"""Completion of data of which parts are missing."""

from dataclasses import replace
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

from ...data.rows.tensors import TensorRows
from ...errors import ConfigError, DataError
from ...evaluate.inputs import Data, Inputs, data_in_type
from ...evaluate.options import seed_or_fresh
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from .finding import Completion
from .masks import WORDS, as_mask, mask_in_words
from .observation import Masked
from .options import CompletionOptions, Settings, completes
from .programs import infers_from_masks
from .run import run


@takes_pair
@completes
def complete(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    mask: Tensor | np.ndarray | str | None = None,
    fill: float | None = None,
    **options: Unpack[CompletionOptions],
) -> Completion:
    r"""Draw what is missing of data from p(missing|observed), and measure it where it is known.

    With z from p(z|observed), what is missing is drawn from p(x|z), element by element, so that
    each completion is a plausible whole. The observed elements enter through
    :math:`p(observed|z) = \prod p(x_i|z)` over them alone, as is right for data missing at random.

    The guide takes complete data, so chains start from draws of the prior, x ~ p(x), in the place
    of what is missing. A pair that is called as (x, mask), because it counts what was observed
    (`models.capabilities.CountsObserved`, as `PartialVAE` does), infers from the mask itself.

    Where elements that are hidden by the mask are known, log p(hidden|observed) is estimated; see
    `Completion.log_hidden` for the ways and their bias. Give NaN for what is not known.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`. NaN is missing.
        mask: Words for what is hidden: "bottom half", "top half", "left half", "right half",
            "centre", "random 0.5". Or bool [N, *data_shape] or [*data_shape], True where a value
            was observed. None: what is not NaN was observed.
        fill: A value in the support of the likelihood, which stands in for missing elements in the
            first call of the pair. By default one that was observed.
        method: auto, hmc, metropolis-gibbs, importance or gibbs; see `CompletionOptions`.
        num_completions: Completions of each datum, S, and the number of chains.
        num_steps: Moves of each chain, of which the first half are thrown away.
        num_particles: Of importance sampling. 0 leaves out the estimate of log p(x) - log
            p(observed).
        num_leapfrog: Leapfrog steps of a move of hmc.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: The words name no mask, nothing is hidden, an option makes no sense, the prior
            is improper or the guide a point mass.
        DataError: Nothing at all was observed.
        InverseError: The guide cannot score latents that it did not draw, and the method needs it.
        ReparamError: A latent is discrete, and the method is "hmc".
        ShapeError: The mask does not fit the data.
        SiteError: The elements of a datum depend on each other given z, as those of a multivariate
            normal do.

    Source:
        Leveraging the Exact Likelihood of Deep Latent Variable Models (Mattei & Frellsen, 2018),
        on missing data imputation, https://arxiv.org/abs/1802.04826

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=6, latent_dim=2, seed=0)
        >>> x = pair.sample(20, seed=1)
        >>> found = complete(pair, x, mask="left half", num_completions=3, seed=2)
        >>> found.completions.shape
        torch.Size([3, 20, 6])
        >>> torch.equal(found.completions[0, :, 3:], x[:, 3:])
        True
    """
    settings, rest = Settings.split(options)
    inputs = Inputs.of(x, args, columns=rest.get("columns"), transform=rest.get("transform"))
    data, *others = inputs.data
    known = ~data.isnan() if data.is_floating_point() else torch.ones_like(data, dtype=torch.bool)
    seen = _seen(mask, data, seed_or_fresh(rest.get("seed"))) & known
    mask_at = 1 if infers_from_masks(model) else None
    if mask_at is not None:
        own = others[0] if others else inputs.rest[0] if inputs.rest else known
        known = known & as_mask(own.to(data.device), data.shape)
        seen = seen & known
        others, inputs = [seen, *others[1:]], replace(inputs, rest=inputs.rest[len(others) == 0 :])
    if bool(seen.all()):
        raise ConfigError(
            "completion: nothing is missing of these data; say what is to be hidden by mask=: "
            f"{WORDS}"
        )
    if data.is_floating_point():
        mode = rest.get("mode", "evaluation")
        data = data_in_type(model, guide, (data, *others, *inputs.rest), mode)
    stand_in = _stand_ins(data, seen, fill)
    hidden_too = torch.where(known, data, stand_in).flatten(1)
    visible = torch.where(seen, data, stand_in)
    missing = torch.where(seen, data, torch.nan) if data.is_floating_point() else data.float()
    return run(
        model,
        guide,
        replace(inputs, source=TensorRows([visible, *others])),
        Masked(hidden_too, seen.flatten(1), known.flatten(1)),
        settings,
        rest,
        what="completion",
        mask_at=mask_at,
        observed=torch.where(seen, missing, torch.nan).cpu(),
        original=torch.where(known, data.to(missing), torch.nan).cpu(),
        hidden=~seen.cpu(),
    )


def _seen(mask: Tensor | np.ndarray | str | None, data: Tensor, seed: int) -> Tensor:
    """Which elements were observed, bool, of the shape of the data."""
    if isinstance(mask, str):
        return mask_in_words(mask, data.shape, seed).to(data.device)
    if mask is None:
        return torch.ones_like(data, dtype=torch.bool)
    return as_mask(torch.as_tensor(mask), data.shape).to(data.device)


def _stand_ins(data: Tensor, seen: Tensor, fill: float | None) -> Tensor:
    """A value in the support for each element: the first that was observed there or anywhere."""
    if fill is not None:
        return torch.full_like(data, fill)
    if not bool(seen.any()):
        raise DataError(
            "completion: nothing was observed of any datum; draw from the model instead "
            "(`generate`, `pyrovae sample`), or give fill= to have p(x) drawn here"
        )
    first = data.gather(0, seen.int().argmax(0, keepdim=True))[0]
    return torch.where(seen.any(0), first, data[seen][0]).expand(data.shape)
