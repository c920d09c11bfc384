"""How many rows and particles are evaluated at once."""

import math

import torch

_MEMORY_CPU, _MEMORY_GPU = 64_000_000, 512_000_000  # bytes; on a CPU more is slower
_LIVE = 8  # tensors of one draw that exist at once
_ROWS = 16  # data of a block where K leaves the choice: the guide runs on them for every chunk


def draws_in_memory(memory: int | None, device: torch.device, bytes_of_draw: int) -> int:
    """Particles times data whose intermediate tensors fit, at least one.

    Args:
        memory: Bytes that may be taken; None chooses by the device.
        device: Where the draws are evaluated.
        bytes_of_draw: Bytes of the largest tensor of one particle of one datum.
    """
    if memory is None:
        memory = _MEMORY_CPU if device.type == "cpu" else _MEMORY_GPU
    return max(1, memory // (_LIVE * bytes_of_draw))


def block_shape(
    num_data: int, num_particles: int, chunk: int, rows: int | None, together: bool
) -> tuple[int, int]:
    """Rows of a block and particles of a chunk, as even as N and K allow.

    Args:
        num_data: N.
        num_particles: K.
        chunk: Particles times data evaluated at once, at most.
        rows: Rows of a block; None chooses.
        together: All K particles of a row are drawn at once.
    """
    if together:
        most = max(1, chunk // num_particles)
        return even_size(num_data, most) if rows is None else rows, num_particles
    size = min(num_data, _ROWS if rows is None else rows)
    particles = even_size(num_particles, max(1, chunk // size))
    if rows is None:
        size = even_size(num_data, max(1, chunk // particles))
    return size, particles


def even_size(total: int, most: int) -> int:
    """Size of the parts when `total` is cut into few parts, none above `most`.

    A size that divides `total` is preferred where it takes at most half as many parts again: all
    parts of one size are run by one compiled graph.
    """
    fewest = math.ceil(total / math.ceil(total / most))
    return next((size for size in range(fewest, 2 * most // 3, -1) if total % size == 0), fewest)
