"""A batch made anew: the style of each datum under each label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import SiteError
from ...evaluate.block import Block
from ...particles.conditionals import Choose, Conditional, conditionals
from ..labels import as_labels, labelled, numbers_of, support_of
from ..observed import site_of_data


@dataclass(frozen=True)
class Relabelled:
    """What is made of a batch, on the CPU.

    Attributes:
        labels: C of them [C, ...].
        own: Which of them is the datum's own, -1 where none is [B].
        style: Names of the latents that are kept.
        vectors: Those of them that are real numbers.
        means: Of p(x|z, label) [B, C, *data_shape].
        draws: From it, likewise.
        is_argument: Whether the label is the argument after the data.
    """

    labels: Tensor
    own: Tensor
    style: tuple[str, ...]
    vectors: tuple[str, ...]
    means: Tensor
    draws: Tensor
    is_argument: bool


def relabel(
    block: Block,
    choose: Choose | None,
    labels: Tensor | None,
    site: str | None,
    keep: Sequence[str] | None,
) -> Relabelled:
    """Run the guide on a batch, and the model at its latents with every label.

    Args:
        block: The batch.
        choose: Of the values of the guide's latents.
        labels: To put in place of the batch's own; None is all values of a latent.
        site: See `transfer`, as for `keep`.
        keep: None is all but the label.
    """
    latents = conditionals(block.guide, *block.args, values=choose)
    given = labelled(block.args, latents, site)
    columns = support_of(latents, given.sites[0]) if labels is None else labels
    columns = as_labels(columns, given.own)
    style = _style(latents, given.sites, keep)
    x, means, draws = block.args[0], [], []
    for label in columns:
        args, values = given.relabelled(label)
        sites = conditionals(block.model, *args, values=style | values)
        fn = site_of_data(sites, x)[1].fn
        means.append(fn.mean.reshape(x.shape))
        draws.append(fn.sample().reshape(x.shape))
    return Relabelled(
        labels=columns.cpu(),
        own=numbers_of(given.own, columns.to(given.own)).cpu(),
        style=tuple(style),
        vectors=tuple(name for name, value in style.items() if value.is_floating_point()),
        means=torch.stack(means, 1).cpu(),
        draws=torch.stack(draws, 1).cpu(),
        is_argument=given.is_argument,
    )


def joined(parts: Sequence[Relabelled]) -> Relabelled:
    """The batches as one."""
    first = parts[0]
    return Relabelled(
        labels=first.labels,
        own=torch.cat([part.own for part in parts]),
        style=first.style,
        vectors=first.vectors,
        means=torch.cat([part.means for part in parts]),
        draws=torch.cat([part.draws for part in parts]),
        is_argument=first.is_argument,
    )


def _style(
    latents: Mapping[str, Conditional], label: Sequence[str], keep: Sequence[str] | None
) -> dict[str, Tensor]:
    free = {n: s.value for n, s in latents.items() if not s.is_observed and n not in label}
    unknown = [name for name in keep or () if name not in free]
    if unknown or not free or keep is not None and not keep:
        raise SiteError(
            f"transfer keeps {list(keep) if keep is not None else 'all latents'} as the style, "
            f"and the guide has {sorted(free) or 'no latent'} besides the label; keep one of "
            "these or more"
        )
    return {name: value for name, value in free.items() if keep is None or name in keep}
