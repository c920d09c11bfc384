"""Whether made rows of a table resemble real ones, and do not copy them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...data.tables import TableColumns
from ...errors import DataError
from .associations import associations
from .classifier import two_sample
from .copies import copies
from .marginals import marginal_distances
from .resemblance import Resemblance
from .rows import Rows

_LEAST = 40  # rows of each set; the classifier trains on half of them


def resemblance(
    real: Any,  # noqa: ANN401 (pandas and polars are optional)
    made: Any,  # noqa: ANN401
    *,
    held_out: Any,  # noqa: ANN401
    columns: TableColumns | Sequence[Mapping[str, Any]] | None = None,
    seed: int = 0,
) -> Resemblance:
    """Compare made rows with real ones: do they look like them, and are they copies?

    Whether a classifier tells them from real rows that nobody was trained on is the sharpest
    question, and depends on the number of rows: of few, none is told apart. Distances of the
    marginals and differences of pairwise associations say where they differ. Rows that copy
    training rows pass all of these; the distance to the closest training row, beside that of
    held-out rows, finds them. Each measure is also taken of the held-out rows, as the mark that a
    perfect model reaches.

    Made rows are complete where real ones have gaps, which alone would tell them. So for the
    classifier and the distances complete rows get the gaps of held-out ones, at random; where it
    depends on other cells which are missing, the classifier may see that.

    A model may give away one person and pass: this looks at all rows together. What it finds is a
    fault for certain; what it does not find is no proof of privacy.

    Args:
        real: The rows of the training: a frame of pandas or polars, or a dict of columns, as the
            next two.
        made: Rows of a model: see `synthesise`.
        held_out: Real rows that were not used in training.
        columns: What the columns hold, as `TableColumns.of` or `Dataset.supplies["columns"]` says;
            None infers it from `real`.
        seed: Of the classifier.

    Raises:
        DataError: A table has other columns or cells than the columns say, or fewer than 40 rows.

    Source:
        Revisiting Classifier Two-Sample Tests (Lopez-Paz & Oquab, 2017),
        https://arxiv.org/abs/1610.06545; distance to the closest record: Data Synthesis Based on
        Generative Adversarial Networks (Park et al., 2018), https://arxiv.org/abs/1806.03384

    Example:
        >>> import numpy as np
        >>> rows = {"t": np.random.default_rng(0).normal(size=300).tolist()}
        >>> parts = [{"t": rows["t"][i::3]} for i in range(3)]
        >>> found = resemblance(parts[0], parts[1], held_out=parts[2])
        >>> bool(found.auc < 0.7), found.copies.found
        (True, False)
    """
    known = TableColumns.of(real) if columns is None else TableColumns.from_json(columns)
    train, other, fake = (Rows.of(known, frame) for frame in (real, held_out, made))
    for name, rows in (("real", train), ("held_out", other), ("made", fake)):
        if len(rows) < _LEAST:
            raise DataError(
                f"resemblance: {name} has {len(rows)} rows; give at least {_LEAST} of each"
            )
    gaps = fake if np.isnan(fake.values).any() else fake.with_gaps_of(other, seed)
    return Resemblance(
        names=tuple(known.names),
        num_rows=(len(train), len(other), len(fake)),
        told=two_sample(other, gaps, seed=seed),
        told_real=two_sample(other, train, seed=seed),
        marginals=marginal_distances(train, fake),
        marginals_real=marginal_distances(train, other),
        pairs=associations(fake),
        pairs_real=associations(train),
        pairs_held_out=associations(other),
        copies=copies(train, gaps, other),
    )
