"""Typicality: how near log p(x) is to what it is for normal data."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from ....data import Rows
from ....errors import ConfigError, DataError
from ....evaluate import SweepOptions
from ....evaluate.inputs import Data
from ....particles.pair import Programs
from .base import Score, applied
from .elbo import ELBOScore


@dataclass(frozen=True)
class Typicality(Score):
    """Minus the distance of log p(x) from its mean over normal data, in nats.

    Data of a higher likelihood than the pair's own are as foreign to it as those of a lower one.
    It is blind to foreign data whose likelihoods lie in the same range, and where it helps
    against simple foreign data it costs power against data of low likelihood.

    Args:
        of: The score of log p(x): the ELBO, or `EvidenceScore()`.
        centre: Its mean over normal data; None until it is fitted. Data that the pair was trained
            on have higher likelihoods than new data have where it overfits: fit it on new data.

    Source:
        Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality (Nalisnick
        et al., 2019), sec. 3, https://arxiv.org/abs/1906.02994; batches: `typicality_test`

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> score = Typicality().fit(pair, pair.sample(100, seed=1))
        >>> score(pair, pair.sample(3, seed=2)).shape
        torch.Size([3])
    """

    name: ClassVar[str] = "typicality"
    needs_reference: ClassVar[bool] = True
    of: Score = field(default_factory=ELBOScore)
    centre: float | None = None

    def fitted(self, pair: Programs, reference: Data, options: SweepOptions) -> Self:
        centre = float(self.of.measure(pair, *applied(reference, options)).mean())
        if centre - centre != 0:
            raise DataError(
                f"the score '{self.name}' needs a finite mean of '{self.of.name}', and over the "
                f"reference data it is {centre}; leave out what the pair gives no probability"
            )
        return replace(self, centre=centre)

    def measure(self, pair: Programs, x: Rows, options: SweepOptions) -> Tensor:
        if self.centre is None:
            raise ConfigError(
                f"the score '{self.name}' needs the mean over normal data; use "
                "score.fit(pair, data), or give centre="
            )
        return -(self.of.measure(pair, x, options) - self.centre).abs()


class TypicalityTest(NamedTuple):
    """Whether a batch is typical.

    Attributes:
        statistic: |mean log p(x) of the batch - mean of the reference|, in nats.
        p_value: Chance of one as large, of a batch of this size from the calibration data.
    """

    statistic: float
    p_value: float


def typicality_test(
    batch: Tensor | Any,  # noqa: ANN401 (what torch.as_tensor takes)
    reference: Tensor | Any,  # noqa: ANN401
    calibration: Tensor | Any,  # noqa: ANN401
    *,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> TypicalityTest:
    """Test whether a batch as a whole is of normal data.

    M data of one kind say more than one: the spread of the mean falls as 1/sqrt(M).

    Args:
        batch: log p(x) of the batch [M], by any score in nats.
        reference: log p(x) of normal data [R], whose mean is the centre.
        calibration: log p(x) of other normal data [C], from which batches of M are drawn with
            replacement. The p-value is approximate where C is not much above M.
        num_bootstrap: Batches that are drawn.
        seed: Of these draws.

    Raises:
        DataError: One of the three is empty or not finite.

    Source:
        Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality (Nalisnick
        et al., 2019), algorithm 1, https://arxiv.org/abs/1906.02994

    Example:
        >>> normal = torch.randn(2000, generator=torch.Generator().manual_seed(0)).double()
        >>> typicality_test(normal[:50] + 1, normal[:1000], normal[1000:]).p_value < 0.01
        True
    """
    given = {"batch": batch, "reference": reference, "calibration": calibration}
    found = {name: torch.as_tensor(t).double().cpu().flatten() for name, t in given.items()}
    for name, values in found.items():
        if not len(values) or not bool(values.isfinite().all()):
            raise DataError(
                f"typicality_test: {name} holds {len(values)} values, of which "
                f"{int(values.isfinite().sum())} are finite; give at least one, all finite"
            )
    centre, size = found["reference"].mean(), len(found["batch"])
    statistic = (found["batch"].mean() - centre).abs()
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(found["calibration"]), (num_bootstrap, size), generator=generator)
    null = (found["calibration"][drawn].mean(1) - centre).abs()
    p_value = (1 + int((null >= statistic).sum())) / (1 + num_bootstrap)
    return TypicalityTest(float(statistic), p_value)
