"""Style transfer: the label of one datum with the latent style of another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from torch import Tensor

from ...data import Split
from ...errors import SiteError
from ...evaluate.inputs import Data
from ...evaluate.options import SweepOptions
from ...evaluate.sweep import sweep_over, sweeps
from ...particles.arguments import takes_of
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ..labels import as_given, classes_of
from ..temperature import tempered
from .finding import Transferred
from .measures import recognised, style_kept
from .relabelled import Relabelled, joined, relabel

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin


@takes_pair
@sweeps
def transfer(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    labels: Tensor | Sequence[Any] | None = None,
    train: Split | None = None,
    site: str | None = None,
    keep: list[str] | None = None,
    temperature: float = 1.0,
    mean: bool = True,
    classifier: "ClassifierMixin | None" = None,
    **options: Unpack[SweepOptions],
) -> Transferred:
    r"""Every datum's latent style under every label: the grid of analogies.

    The style of a datum is z ~ q(z|x, y), y its own label; what is made of it under the label y'
    is p(x|z, y'). The label is the argument after the data, of a pair that is called as (x, y)
    (classes [N], -1 where one is not known, or one-hot vectors), or a discrete latent of the pair.
    A latent of the guide that is certain to be the label is replaced with it.

    The result measures itself, on draws from p(x|z, y'): whether a classifier of real data
    recognises y', and whether the style is kept, which is found by encoding the draws again with
    their labels. Both are high only where label and style are apart in the model. A style that
    comes back under labels that are not recognised says that z carries the class; labels that are
    recognised without the style, that the decoder ignores z.

    Args:
        model: Pyro model, called as `model(x, *args)`.
        guide: Pyro guide, called likewise.
        x: Data [N, ...] of any kind, with the labels where the pair takes them: see
            `SweepOptions`.
        labels: What to put in place of the data's own labels [C, ...]; by default each class
            among them, or each value of the latent.
        train: Labelled data, on whose first 5,000 the classifier is fitted; without it nothing
            says whether a label is recognised. The values of a latent must then be the classes
            `train.y`.
        site: The discrete latent that is the label; may be left out where there is only one.
        keep: The latents that are the style; by default all but the label. The others are drawn
            from the model, given the style and the new label.
        temperature: Of the style: 1 draws from the guide, 0 takes its mean.
        mean: What is made is the mean of p(x|z, y'); else a draw.
        classifier: Of scikit-learn; by default a support vector machine on the elements of x.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        SiteError: The pair has no label, or it changes nothing; or the mean of a latent is not
            known in closed form.
        ConfigError: The labels of the data are values, and none are given to replace them.
        DataError: A pair that takes labels is called without.

    Source:
        Semi-supervised Learning with Deep Generative Models (Kingma et al., 2014), sec. 4.2,
        https://arxiv.org/abs/1406.5298

    Example:
        >>> import torch
        >>> from pyrovae.models import ConditionalVAE
        >>> pair = ConditionalVAE((1, 4, 4), latent_dim=2, num_classes=3)
        >>> x, y = torch.ones(5, 1, 4, 4), torch.tensor([0, 1, 2, 2, 0])
        >>> transfer(pair, x, y).made.shape
        torch.Size([5, 3, 1, 4, 4])
    """
    _check_takes_labels(model, args)
    sweep = sweep_over(model, guide, x, args, 1, options)
    choose = tempered(temperature, "transfer")
    given = sweep.inputs.all
    columns = None if labels is None else as_given("labels", labels)
    if columns is None and site is None and len(given) > 1:
        columns = classes_of(given[1])
    made = joined(sweep.each(lambda block: relabel(block, choose, columns, site, keep)))
    _check_use(made)
    source = sweep.inputs.data[0].cpu()
    return Transferred(
        x=source,
        made=made.means if mean else made.draws,
        labels=made.labels,
        own=made.own,
        style=made.style,
        kept=style_kept(sweep, made),
        recognised=None if train is None else recognised(source, made, train, classifier),
    )


def _check_takes_labels(model: Program, args: tuple[Any, ...]) -> None:
    takes = takes_of(model)
    if args and takes is not None and takes.limit == 1:
        raise SiteError(
            "transfer: labels are given, and the pair takes x alone, so that it has no label to "
            "replace; train a pair that is called as (x, y), such as a conditional one, or, where "
            "its class is a discrete latent, give x alone"
        )


def _check_use(made: Relabelled) -> None:
    if len(made.labels.unique(dim=0)) > 1 and bool((made.means == made.means[:, :1]).all()):
        raise SiteError(
            f"transfer: given the style {', '.join(made.style)}, p(x|...) is the same for every "
            "label: the class stands above these latents, or the decoder does not see it; keep "
            "other latents, keep=[...], or train a pair whose decoder takes the class"
        )
