"""Features in which data and samples are compared."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...errors import ConfigError, DataError
from ...runtime.grad_mode import gradients_on
from ...runtime.random_state import kept_random_state

Transform = Callable[[Tensor], Tensor]
"""Maps data [N, ...] to features [N, F]."""

_WIDTH = 64  # features of the classifier
_COMPONENTS = 32
_STEPS, _BATCH, _LR = 800, 128, 2e-3
_ROWS = 512


@dataclass(frozen=True)
class Features:
    """A transformation of data to features, and what it is in words.

    Attributes:
        transform: Maps data [N, ...] to features [N, F].
        source: What they are.
        classify: Maps features to class scores, where they are of a classifier.
    """

    transform: Transform
    source: str
    classify: Transform | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """The features of data, float64 on the CPU [N, F].

        Raises:
            DataError: They are no table of finite numbers with a row for each datum.
        """
        with torch.no_grad():
            parts = [self.transform(part) for part in x.split(_ROWS)]
        for part, data in zip(parts, x.split(_ROWS), strict=True):
            if part.dim() != 2 or len(part) != len(data) or not bool(part.isfinite().all()):
                raise DataError(
                    f"features of data {list(data.shape)} are of shape {list(part.shape)} or not "
                    "finite; give a function that returns a table [N, F] of finite numbers"
                )
        return torch.cat(parts).cpu().double()


def features_of(given: str | Transform, x: Tensor, y: Tensor | None, seed: int) -> Features:
    """What was asked for, fitted on training data.

    Args:
        given: "classifier", "pca", "raw", "auto" or a function.
        x: Data [N, ...].
        y: Labels [N], -1 where they are not known.
        seed: Of the classifier's start and batches.

    Raises:
        ConfigError: There is no such word.
        DataError: A classifier is asked for, and there are no labels of two classes.
    """
    if callable(given):
        return Features(given, f"given by {getattr(given, '__name__', type(given).__name__)}")
    if given not in ("auto", "classifier", "pca", "raw"):
        raise ConfigError(
            f"features is {given!r}; it is 'auto', 'classifier', 'pca', 'raw' or a function of "
            "data [N, ...] that returns a table [N, F]"
        )
    has_classes = y is not None and y.dim() == 1 and not y.is_floating_point()
    if has_classes and y is not None:
        x_known, y_known = x[y >= 0], y[y >= 0]
        has_classes = len(y_known.unique()) > 1
    if given == "classifier" and not has_classes:
        raise DataError(
            "features='classifier' needs training data with labels of two classes or more; give "
            "a Split with y, or take features='pca'"
        )
    if given in ("auto", "classifier") and has_classes:
        return _classifier(x_known.float(), y_known, seed)
    size = x[0].numel()
    if given == "raw" or (given == "auto" and size <= _COMPONENTS):
        return Features(lambda data: data.flatten(1), f"the {size} values of a datum themselves")
    return _principal(x, min(_COMPONENTS, size, len(x)))


def _principal(x: Tensor, count: int) -> Features:
    flat = x.flatten(1).double()
    mean = flat.mean(0)
    _, _, components = torch.pca_lowrank(flat - mean, q=count, niter=4)
    return Features(
        lambda data: (data.flatten(1).double() - mean) @ components,
        f"{count} principal components of the training data",
    )


def _classifier(x: Tensor, y: Tensor, seed: int) -> Features:
    """The last hidden layer of a classifier that is trained here."""
    classes, codes = y.unique(return_inverse=True)
    mean, scale = x.mean(), x.std().clamp(min=1e-6)
    with kept_random_state(), gradients_on():
        torch.manual_seed(seed)
        body = _body(x.shape[1:]).to(x.device)
        head = nn.Linear(_WIDTH, len(classes)).to(x.device)
        parameters = [*body.parameters(), *head.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=_LR, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
        for _ in range(_STEPS):
            rows = torch.randint(len(x), (_BATCH,), device=x.device)
            scores = head(body((x[rows] - mean) / scale))
            loss = nn.functional.cross_entropy(scores, codes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    body.eval(), head.eval()

    def raw(data: Tensor) -> Tensor:
        return body((data.to(mean) - mean) / scale)

    with torch.no_grad():
        size = raw(x[:_ROWS]).square().mean().sqrt().clamp(min=1e-6)

    def transform(data: Tensor) -> Tensor:
        return raw(data) / size  # so that distances are of the order of one

    def classify(features: Tensor) -> Tensor:
        return classes[head(features.to(mean) * size).argmax(1)]

    kind = "convolutional" if len(x.shape) == 4 else "fully connected"
    words = f"the last hidden layer of a {kind} classifier"
    source = f"{words} trained here on {len(x)} data of {len(classes)} classes"
    return Features(transform, source, classify)


def _body(shape: torch.Size) -> nn.Module:
    """From data to features: convolutions for images, else two hidden layers."""
    if len(shape) == 3 and min(shape[1:]) >= 8:
        first, second = nn.Conv2d(shape[0], 16, 3, 2, 1), nn.Conv2d(16, 32, 3, 2, 1)
        below = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten())
        size = below(torch.zeros(1, *shape)).shape[1]
        return nn.Sequential(below, nn.Linear(size, _WIDTH), nn.ReLU())
    return nn.Sequential(
        nn.Flatten(), nn.Linear(shape.numel(), 128), nn.ReLU(), nn.Linear(128, _WIDTH), nn.ReLU()
    )
