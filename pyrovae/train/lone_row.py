"""Batches of one row, of which batch norm can make no statistics."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from ..data import BatchSource
from ..errors import ConfigError
from ..particles.isolation import isolated
from ..runtime.distributed import Team
from .step.svi import SVI

_REFUSAL = "Expected more than 1 value per channel when training"  # torch's own words


@contextmanager
def lone_rows_named(source: BatchSource, first: Sequence[Tensor], team: Team) -> Iterator[None]:
    """Say in a sentence what ails a pair that runs on a single row in this context.

    Args:
        source: Of the batches.
        first: The first batch.
        team: The ranks, which share the rows of a batch.

    Raises:
        ConfigError: Batch norm in training mode met the row.
    """
    try:
        yield
    except ValueError as error:
        if _REFUSAL not in str(error):
            raise
        rows, way_out = "the last batch of an epoch has", "pass drop_last=True, choose"
        if len(first[0]) == 1:
            rows, way_out = "each batch has", "choose"
        elif 1 in team.sizes(len(first[0])):
            rows, way_out = f"one of {team.size} ranks has of each batch", "choose"
        raise ConfigError(
            f"fit: {rows} one row ({source.num_data} data in batches of {len(first[0])}), and "
            f"batch norm in training mode needs more; {way_out} another batch_size, or put the "
            "network into evaluation mode, which fit leaves as it is"
        ) from error


def check_lone_rows(
    svi: SVI,
    networks: Sequence[nn.Module],
    source: BatchSource,
    first: Sequence[Tensor],
    team: Team,
) -> None:
    """Refuse, before the first step, batches whose last would end the epoch with an error.

    A network in training mode that normalises by batch takes no single row, unless the row has
    several values per channel, as an image has: the loss of one row tells.

    Args:
        svi: What takes the steps.
        networks: Those that the pair runs.
        source: Of the batches.
        first: The first batch, on the device of the pair.
        team: The ranks, which share the rows of a batch.

    Raises:
        ConfigError: The smallest batch, or a rank's part of a batch, is a single row, which the
            pair does not take.
    """
    sizes = {len(first[0]), source.smallest}
    if not any(size is not None and 1 in team.sizes(size) for size in sizes):
        return
    if any(_needs_rows(module) for network in networks for module in network.modules()):
        with lone_rows_named(source, first, team), isolated():
            svi.evaluate_loss(*(tensor[:1] for tensor in first))


def _needs_rows(module: nn.Module) -> bool:
    is_norm = isinstance(module, nn.modules.batchnorm._BatchNorm)
    return is_norm and (module.training or module.running_mean is None)
