"""Attribute vectors: directions in latent space that give data an attribute."""

from collections.abc import Sequence
from typing import Any, Literal, Unpack

import numpy as np
import pyro
import torch
from torch import Tensor

from ...data.conversion import as_tensor
from ...errors import DataError, ShapeError
from ...evaluate.inputs import Data
from ...evaluate.options import SweepOptions, seed_or_fresh
from ...evaluate.sweep import sweep_over, sweeps
from ...particles.isolation import isolated
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from .ends import Encoded, Others

By = Literal["means", "classifier"]
"""The difference of the means, or the normal of the plane that separates the two."""


@takes_pair
@sweeps
def attribute_vector(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    has: Tensor | np.ndarray | Sequence[bool],
    by: By = "means",
    site: str | None = None,
    **options: Unpack[SweepOptions],
) -> Tensor:
    """The direction from data without an attribute to data with it [L], float64 on the CPU.

    The difference of the mean latents holds all that differs between the two groups: attributes
    that go together in the data go together in the vector. The normal of a logistic regression
    holds only what tells them apart, and so is nearer to the attribute alone where it is
    correlated with others. Both have the length that takes the mean of one group to that of the
    other along their direction.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        has: Which data have the attribute [N]: bool, or 1 and 0.
        by: "means", or "classifier" for the normal of scikit-learn's logistic regression.
        site: Name of the latent; may be left out where there is only one.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        DataError: All data have the attribute, or none; or `has` holds something other than yes
            and no.
        ShapeError: `has` does not have a value for each datum.
        SiteError: There is no such latent, or there are several and none is named.

    Source:
        Sampling Generative Networks (White, 2016), sec. 3, https://arxiv.org/abs/1609.04468

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = pair.sample(50, seed=1)
        >>> attribute_vector(pair, x, has=x[:, 0] > 0).shape
        torch.Size([2])
    """
    sweep = sweep_over(model, guide, x, args, 1, options)
    chosen = _yes_or_no(has)
    if chosen.shape != (sweep.num_data,):
        raise ShapeError(
            f"attribute_vector got has of shape {list(chosen.shape)} for {sweep.num_data} data; "
            "give one yes or no for each datum"
        )
    if bool(chosen.all()) or not bool(chosen.any()):
        raise DataError(
            f"attribute_vector: {int(chosen.sum())} of {len(chosen)} data have the attribute; it "
            "needs some with it and some without"
        )
    means = Encoded.of(sweep, site, "attribute_vector").means
    difference = means[chosen].mean(0) - means[~chosen].mean(0)
    if by == "means":
        return difference
    from sklearn.linear_model import LogisticRegression  # takes a second

    fitted = LogisticRegression(max_iter=1000).fit(means.numpy(), chosen.numpy())
    normal = torch.from_numpy(fitted.coef_[0])
    normal = normal / normal.norm()
    return normal * (difference @ normal)


@takes_pair
@sweeps
def move(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    vector: Tensor | np.ndarray,
    amounts: Sequence[float] = (0.0, 0.5, 1.0),
    site: str | None = None,
    others: Others = "model",
    **options: Unpack[SweepOptions],
) -> Tensor:
    """Decode the latents of data plus multiples of a vector [N, A, *data_shape], on the CPU.

    With `vector=mean_c - mean_b` this is the arithmetic a - b + c. At amount 0 it is the
    reconstruction.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        vector: Such as `attribute_vector` gives [L].
        amounts: How many times the vector is added, A of them; -1 takes the attribute away.
        site: Name of the latent; may be left out where there is only one.
        others: See `interpolate`.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ShapeError: The vector has another size than the latent.
        See `interpolate` for others.

    Source:
        Sampling Generative Networks (White, 2016), sec. 3, https://arxiv.org/abs/1609.04468

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> move(pair, pair.sample(4, seed=1), vector=torch.ones(2)).shape
        torch.Size([4, 3, 5])
    """
    sweep = sweep_over(model, guide, x, args, 1, options)
    with isolated(), sweep.networks_in_mode(), torch.no_grad():
        pyro.set_rng_seed(seed_or_fresh(options.get("seed")))
        encoded = Encoded.of(sweep, site, "move")
        way = torch.as_tensor(vector).detach().cpu().double()
        if way.shape != encoded.means.shape[1:]:
            raise ShapeError(
                f"move got a vector of shape {list(way.shape)}, and the latent '{encoded.site}' "
                f"has {list(encoded.means.shape[1:])}"
            )
        far = torch.tensor(list(amounts), dtype=torch.float64)[:, None] * way
        z = encoded.means.unsqueeze(1) + far  # [N, A, L]
        parts = []
        for rows in torch.arange(len(z)).split(max(1, 2048 // len(far))):
            decoder = encoded.decoder(rows, others=others)
            t = torch.zeros(len(far))
            parts.append(decoder.mean(z[rows].to(encoded.like), t).cpu())
        return torch.cat(parts)


def _yes_or_no(has: Any) -> Tensor:  # noqa: ANN401 (what numpy makes an array of)
    found = as_tensor("has", has if isinstance(has, Tensor) else np.asarray(has)).cpu()
    if not bool(((found == 0) | (found == 1)).all()):
        raise DataError(
            f"attribute_vector got has with the values {found.unique().tolist()[:8]}, and takes "
            "yes and no, 1 and 0: has == 1, say"
        )
    return found.bool()
