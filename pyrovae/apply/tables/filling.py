"""Tables with their missing cells filled in."""

from typing import Any

from ...data.tables.cells import as_table
from ...errors import ConfigError
from .framed import filled, methods_of
from .seeded import seeded


def imputed(
    pair: Any,  # noqa: ANN401
    frame: Any,  # noqa: ANN401 (pandas and polars are optional)
    *,
    draws: int | None = None,
    num_particles: int = 1000,
    unseen: str = "error",
    seed: int | None = None,
) -> Any:  # noqa: ANN401
    """A table whose missing cells a trained pair fills in; the others stay as they are.

    One imputation, the mean of a number and the most probable category, is the best guess of each
    cell. It has too little spread, and what is estimated from it looks more certain than it is.
    For estimates take several `draws`, fill in each, estimate in each, and pool: the mean of the
    estimates, and as their variance the mean variance plus (1 + 1/m) times that between them.

    Args:
        pair: A trained pair with the methods `to_rows`, `impute`, `imputations` and `to_columns`,
            as `models.TableVAE`.
        frame: Rows with the columns of the training: a frame of pandas or polars, a dict, or the
            path of a CSV or parquet file. Other columns, such as a name, stay as they are.
        draws: How many tables, filled in by draws of p(missing|observed); None: one, by the best
            guess.
        num_particles: K of the importance sampling.
        unseen: What becomes of a category that training did not see: an "error", or the cell is
            taken as "missing" and filled in.
        seed: Of the draws; None takes them from Pyro's random state.

    Returns:
        A table of the kind of `frame`, or a list of `draws` of them.

    Raises:
        ConfigError: The pair has no such methods, or `draws` is below one.
        DataError: The table does not fit the columns of the training.

    Source:
        Multiple Imputation for Nonresponse in Surveys (Rubin, 1987), ch. 3

    Example:
        >>> from pyrovae.models import TableVAE
        >>> pair = TableVAE.example()
        >>> rows = pair.to_columns(pair.generate(3))
        >>> rows["t"] = [1.25, None, None]
        >>> imputed(pair, rows, num_particles=10)["t"][0]
        1.25
    """
    methods_of(pair, "imputed", "to_rows", "impute", "imputations", "to_columns")
    if draws is not None and draws < 1:
        raise ConfigError(f"imputed got draws={draws}; it needs one or more, or None")
    frame = as_table(frame)
    x, mask = pair.to_rows(frame, unseen=unseen)
    with seeded(seed):
        if draws is None:
            made = [pair.impute(x, mask, num_particles=num_particles)]
        else:
            made = list(pair.imputations(x, mask, draws, num_particles=num_particles))
    tables = [filled(frame, mask, pair.to_columns(each.cpu())) for each in made]
    return tables[0] if draws is None else tables
