"""Batches of one row, on which batch norm in training mode fails."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from ..data.minibatches import Minibatches
from ..errors import ConfigError
from ..particles.isolation import isolated
from ..runtime.distributed import Team
from .step.svi import SVI

_REFUSAL = "Expected more than 1 value per channel when training"  # torch's own words


@contextmanager
def single_rows_explained(
    source: Minibatches, first: Sequence[Tensor], team: Team
) -> Iterator[None]:
    """Within this context an error of batch norm on a single row becomes a `ConfigError`.

    Args:
        source: Of the batches.
        first: The first batch.
        team: The ranks, which share the rows of a batch.

    Raises:
        ConfigError: Batch norm in training mode was given a single row.
    """
    try:
        yield
    except ValueError as error:
        if not is_single_row(error):
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


def is_single_row(error: ValueError) -> bool:
    """Whether batch norm raised it, which had a single row in training mode."""
    return _REFUSAL in str(error)


def check_single_rows(
    svi: SVI,
    networks: Sequence[nn.Module],
    source: Minibatches,
    first: Sequence[Tensor],
    team: Team,
) -> None:
    """Refuse, before the first step, data whose last batch would fail on its single row.

    Batch norm in training mode takes no single row, unless the row has several values per
    channel, as an image has. The loss of one row is evaluated to find out.

    Args:
        svi: Evaluates the loss.
        networks: Those that the pair runs.
        source: Of the batches.
        first: The first batch, on the device of the pair.
        team: The ranks, which share the rows of a batch.

    Raises:
        ConfigError: The smallest batch, or a rank's part of a batch, is a single row, on which
            the pair fails.
    """
    sizes = {len(first[0]), source.smallest}
    if not any(size is not None and 1 in team.sizes(size) for size in sizes):
        return
    if any(_needs_rows(module) for network in networks for module in network.modules()):
        with single_rows_explained(source, first, team), isolated():
            svi.evaluate_loss(*(tensor[:1] for tensor in first))


def _needs_rows(module: nn.Module) -> bool:
    is_norm = isinstance(module, nn.modules.batchnorm._BatchNorm)
    return is_norm and (module.training or module.running_mean is None)
