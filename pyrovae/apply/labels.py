"""The label of a datum in a pair: the argument after the data, or a discrete latent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.conversion import as_tensor
from ..distributions.labelled_categorical import UNKNOWN
from ..errors import ConfigError, DataError, ShapeError, SiteError
from ..particles.arguments import takes_of
from ..particles.conditionals import Conditional
from ..particles.tracing import Program

_WITHOUT_LABELS = (
    "train a pair that is called as (x, y), such as ConditionalVAE or SemiSupervisedVAE, or one "
    "with its class as a discrete latent, and name that with site="
)


@dataclass(frozen=True)
class Labelled:
    """A batch with its labels, of which others can be put in their place.

    Attributes:
        args: What the pair is called with.
        sites: Latents of the guide that are the label itself, known or drawn.
        own: The label of each datum [B, ...].
        is_argument: Whether the label is the argument after the data.
    """

    args: tuple[Any, ...]
    sites: tuple[str, ...]
    own: Tensor
    is_argument: bool

    def relabelled(self, label: Tensor) -> tuple[tuple[Any, ...], dict[str, Tensor]]:
        """What the model is called with, and the values of its latents, under one label [...]."""
        every = label.to(self.own).expand(self.own.shape)
        args = (self.args[0], every, *self.args[2:]) if self.is_argument else self.args
        return args, {name: every for name in self.sites}


def labelled(
    args: tuple[Any, ...], latents: Mapping[str, Conditional], site: str | None
) -> Labelled:
    """Where a pair has the label of a batch.

    Args:
        args: What the pair is called with.
        latents: Of the guide, run with these arguments.
        site: Name of the latent that is the label; None takes the argument after the data, or the
            only discrete latent.

    Raises:
        SiteError: There is no label, or several latents may be it.
    """
    if site is None and len(args) > 1 and _is_by_row(args[1], args[0]):
        y = args[1]
        return Labelled(args, tuple(n for n, s in latents.items() if _is_label(s, y)), y, True)
    discrete = {n: s for n, s in latents.items() if _is_class(s)}
    if site is not None and site not in discrete:
        raise SiteError(
            f"the guide has no discrete latent '{site}' with one value for each datum; it has "
            f"{sorted(discrete) or 'none'}"
        )
    if site is None and len(discrete) != 1:
        if discrete:
            raise SiteError(
                f"the guide has the discrete latents {sorted(discrete)}; name the one that is "
                "the label with site="
            )
        raise SiteError(
            "the pair has no label: it is called with the data alone, and no latent of its guide "
            f"is discrete; {_WITHOUT_LABELS}"
        )
    name = next(iter(discrete)) if site is None else site
    return Labelled(args, (name,), latents[name].value, False)


def takes_label(model: Program, guide: Program) -> bool:
    """Whether a pair can be called with something after the data.

    Its signatures say so, unless it says by `takes_labels` that it is called with data alone.
    """
    if _said(model, guide) is False:
        return False
    known = [takes for takes in map(takes_of, (model, guide)) if takes is not None]
    return bool(known) and all(t.limit is not None and t.limit > 1 for t in known)


def needs_label(model: Program, guide: Program) -> bool:
    """Whether a pair cannot be called with the data alone; see `takes_label`."""
    said = _said(model, guide)
    known = [takes for takes in map(takes_of, (model, guide)) if takes is not None]
    by_signature = any(t.required > 1 for t in known)
    return by_signature if said is None else said


def _said(model: Program, guide: Program) -> bool | None:
    """What the pair itself says of how its programs are called; None where it does not."""
    owners = [getattr(program, "__self__", program) for program in (model, guide)]
    said = [getattr(owner, "takes_labels", None) for owner in owners]
    return next((bool(each) for each in said if each is not None), None)


def classes_of(y: Tensor) -> Tensor:
    """The distinct labels of data, in order [C, ...]; -1 is no label.

    Args:
        y: Whole numbers [N], or one-hot vectors [N, C].

    Raises:
        ConfigError: They are values.
    """
    if y.dim() == 1 and not y.is_floating_point():
        return y[y != UNKNOWN].unique()
    if y.dim() == 2 and bool(((y != 0).sum(1) == 1).all() & (y.amax(1) == 1).all()):
        return y.unique(dim=0).flip(0)  # in the order of the classes
    kind = str(y.dtype).removeprefix("torch.")
    raise ConfigError(
        f"y holds {kind} of shape {list(y.shape)}, which are no classes (whole numbers [N], or "
        "one-hot vectors [N, C]); give the values that are to be put in their place, labels="
    )


def as_given(name: str, y: Any) -> Tensor:  # noqa: ANN401
    """The labels that a user gives, as a tensor: of a tensor, an array, a list, a series.

    Raises:
        DataError: They are no numbers.
    """
    return as_tensor(name, y if isinstance(y, Tensor) else np.asarray(y))


def as_labels(found: Tensor, y: Tensor) -> Tensor:
    """Labels to put in place of others [C, ...], in the type of those of the data.

    Raises:
        ShapeError: They are not like the labels of the data [N, ...].
        DataError: There are none, or the type of those cannot hold them.
    """
    if found.dim() == 0 or len(found) == 0:
        raise DataError("labels is empty; give one label or more, [C, ...]")
    if found.shape[1:] != y.shape[1:]:
        raise ShapeError(
            f"labels has shape {list(found.shape)}, and the labels of the data are "
            f"{list(y.shape)}; give [C, {', '.join(map(str, y.shape[1:]))}]"
        )
    made = found.to(y.dtype)
    if not y.is_floating_point() and not torch.equal(made.double(), found.double()):
        kind = str(y.dtype).removeprefix("torch.")
        raise DataError(
            f"labels holds {found.flatten().tolist()[:8]}, and the labels of the data are {kind}, "
            "which does not hold all of these; give labels of that kind"
        )
    return made


def numbers_of(y: Tensor, labels: Tensor) -> Tensor:
    """The place of each y [N, ...] among labels [C, ...]; -1 where it is none of them. [N]."""
    size = y[:1].numel()
    same = (y.reshape(len(y), 1, size) == labels.reshape(1, len(labels), size)).all(-1)
    if len(labels) == 0:
        return torch.full((len(y),), -1)
    return torch.where(same.any(1), same.int().argmax(1), -1)


def support_of(latents: Mapping[str, Conditional], name: str) -> Tensor:
    """All values of a discrete latent [C]."""
    values: Tensor = latents[name].fn.enumerate_support(expand=False)
    return values.flatten()


def _is_by_row(y: Any, x: Tensor) -> bool:  # noqa: ANN401
    return isinstance(y, Tensor) and y.shape[:1] == x.shape[:1]


def _is_class(site: Conditional) -> bool:
    fn = site.fn
    return not site.is_observed and fn.has_enumerate_support and not fn.event_shape


def _is_label(site: Conditional, y: Tensor) -> bool:
    """Whether a latent repeats the label: its value is y, and the guide is certain of it."""
    if site.is_observed or site.value.shape != y.shape:
        return False
    known = y != UNKNOWN if y.dim() == 1 and not y.is_floating_point() else torch.ones_like(y) > 0
    certain = (site.fn.log_prob(site.value) == 0).reshape(len(y), -1)[:, :1]
    same = (site.value == y) | ~known
    unknown = ~known.reshape(len(y), -1).any(1, keepdim=True)
    return bool(same.all() & (certain | unknown).all() & (known.any() | _is_class(site)))
