"""Arithmetic with classes: take one class away from data, and add another."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack, get_args

import torch
from torch import Tensor

from ...data import Split
from ...errors import ConfigError, DataError
from ...evaluate.options import SweepOptions
from ...evaluate.sweep import sweeps
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.result import Result
from ..images import is_image
from .attributes import By, attribute_vector, move
from .ends import Others

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 8  # data of the picture


@dataclass(frozen=True, eq=False)
class Arithmetic(Result):
    """Data of one class, moved towards another; tensors on the CPU.

    Attributes:
        data: Of the class that is taken away [N, *data_shape].
        moved: Decoded after each amount [N, A, *data_shape].
        amounts: How much of the vector was added [A].
        vector: From class to class [L].
        minus: The class that is taken away.
        plus: The class that is added.
        share: Of the moved data that a classifier of data takes for the added class [A].
        accuracy: Of that classifier on held-out data of both classes.
        cosine: Between the vector by means and the one by a classifier of latents.
    """

    data: Tensor
    moved: Tensor
    amounts: Tensor
    vector: Tensor
    minus: int
    plus: int
    share: Tensor
    accuracy: float
    cosine: float

    def cells(self) -> list[list[str]]:
        head = f"{len(self.data)} data of class {self.minus}, moved by"
        what = f"share taken for class {self.plus}"
        return [
            [head, *(f"{a:g}" for a in self.amounts.tolist())],
            [what, *(f"{s:.3f}" for s in self.share.tolist())],
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "minus": self.minus, "plus": self.plus, "num_data": len(self.data),
            "amounts": self.amounts.tolist(), "share": self.share.tolist(),
            "classifier_accuracy": self.accuracy, "norm": float(self.vector.norm()),
            "cosine_of_means_and_classifier": self.cosine,
        }  # fmt: skip

    def arrays(self) -> dict[str, Tensor]:
        return {"data": self.data, "moved": self.moved, "vector": self.vector}

    def plot(self) -> "Figure | None":
        """A row for each datum: itself, then the amounts. None where they are no images."""
        if not is_image(self.data):
            return None
        from ...plots.image_rows import image_rows

        strips = [
            torch.cat([x[None].to(m), m]) for x, m in zip(self.data, self.moved, strict=True)
        ]
        return image_rows(
            {f"{number + 1}": strip for number, strip in enumerate(strips[:_SHOWN])},
            columns=["datum", *(f"{a:g}" for a in self.amounts.tolist())],
            title=f"Data of class {self.minus} on their way to class {self.plus}",
            caption="how much of the vector between the classes is added to the latents",
        )

    def notes(self) -> list[str]:
        return [
            f"by a classifier of held-out accuracy {self.accuracy:.3f}; "
            f"cosine of the two attribute vectors {self.cosine:.3f}"
        ]

    def records(self) -> list[dict[str, Any]]:
        """A row for each amount."""
        pairs = zip(self.amounts.tolist(), self.share.tolist(), strict=True)
        return [{"amount": amount, "share": share} for amount, share in pairs]


@takes_pair
@sweeps
def arithmetic(
    model: Program,
    guide: Program,
    x: Split,
    *,
    train: Split,
    minus: int = 3,
    plus: int = 8,
    by: By = "means",
    amounts: list[float] | None = None,
    site: str | None = None,
    others: Others = "model",
    **options: Unpack[SweepOptions],
) -> Arithmetic:
    """Take one class away from data and add another: z + amount * (mean(plus) - mean(minus)).

    How far it gets is measured by a logistic regression of the data themselves, fitted to the
    training data of the two classes. It was never shown decoded data, and may take blurred ones
    for either class.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x)`, or `model(x, y)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Held-out data with labels `y`.
        train: Training data with labels `y`, whose latents give the vector.
        minus: The class whose data are moved.
        plus: The class that they are moved to.
        by: The vector: `means`, the difference of the mean latents, or `classifier`, the normal
            of a logistic regression of the latents.
        amounts: How much of the vector is added; 0, .5, 1, 1.5 by default.
        site: Name of the latent; may be left out where there is only one.
        others: See `interpolate`.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: The two classes are one.
        DataError: There are no labels, or no data of one of the classes.
        See `attribute_vector` and `interpolate` for others.

    Source:
        Sampling Generative Networks (White, 2016), sec. 3, https://arxiv.org/abs/1609.04468

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> data = pair.sample(60, seed=1)
        >>> split = Split(data, (data[:, 0] > 0).long())
        >>> arithmetic(pair, split, train=split, minus=0, plus=1, seed=2).share.shape
        torch.Size([4])
    """
    if minus == plus:
        raise ConfigError(f"arithmetic got minus={minus} and plus={plus}; give two classes")
    amounts = [0.0, 0.5, 1.0, 1.5] if amounts is None else list(amounts)
    few, held_out = (_of_classes(split, minus, plus) for split in (train, x))
    has = few.y == plus
    vectors: dict[By, Tensor] = {
        name: attribute_vector(model, guide, few, has=has, by=name, site=site, **options)
        for name in get_args(By)
    }
    data = held_out[held_out.y == minus]
    moved = move(model, guide, data, vector=vectors[by], amounts=amounts, site=site, others=others,
                 **options)  # fmt: skip
    from sklearn.linear_model import LogisticRegression  # takes a second

    judge = LogisticRegression(max_iter=1000).fit(_flat(few.x), has.cpu().numpy())
    taken = [judge.predict(_flat(moved[:, place])).mean() for place in range(len(amounts))]
    cosine = torch.nn.functional.cosine_similarity(vectors["means"], vectors["classifier"], dim=0)
    return Arithmetic(
        data=data.x.cpu(),
        moved=moved,
        amounts=torch.tensor(amounts, dtype=torch.float64),
        vector=vectors[by],
        minus=minus,
        plus=plus,
        share=torch.tensor(taken, dtype=torch.float64),
        accuracy=float(judge.score(_flat(held_out.x), (held_out.y == plus).cpu().numpy())),
        cosine=float(cosine),
    )


def _of_classes(split: Split, minus: int, plus: int) -> Split:
    if not isinstance(split, Split) or split.y is None:
        raise DataError("arithmetic needs labels: give a Split with y for x and for train")
    if split.y.dim() != 1:
        raise DataError(
            f"arithmetic needs a class for each datum, y [N], and y is {list(split.y.shape)}, as "
            "masks and sources are; give a Split whose y are classes"
        )
    for one in (minus, plus):
        if not bool((split.y == one).any()):
            known = split.y.unique().tolist()[:20]
            raise DataError(f"arithmetic found no data of class {one}; there are {known}")
    return split[(split.y == minus) | (split.y == plus)]


def _flat(x: Tensor) -> Any:  # noqa: ANN401
    return x.flatten(1).cpu().double().numpy()
