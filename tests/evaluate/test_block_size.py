"""Rows and particles at once: within the limit, and as even as N and K allow."""

import pytest
import torch

from pyrovae.evaluate.block_size import block_shape, draws_in_memory, even_size


@pytest.mark.parametrize("total", [1, 2, 7, 37, 64, 1000])
@pytest.mark.parametrize("most", [1, 3, 16, 64, 5000])
def test_parts_are_even_and_none_is_larger(total, most):
    size = even_size(total, most)
    assert 1 <= size <= most and size <= total
    assert -(-total // size) <= 1.5 * -(-total // most) + 1


def test_a_divisor_is_preferred():
    assert even_size(100, 37) == 25  # four parts of one size, not three of 34, 34 and 32
    assert even_size(101, 37) == 34


def test_together_cuts_the_rows_alone():
    assert block_shape(40, 10, 45, None, True) == (4, 10)
    assert block_shape(40, 100, 45, None, True) == (1, 100)
    assert block_shape(40, 10, 45, 7, True) == (7, 10)


def test_rows_that_are_given_are_kept():
    assert block_shape(40, 10, 20, 5, False) == (5, 4)
    rows, particles = block_shape(40, 10, 1000, None, False)
    assert (rows, particles) == (40, 10)


def test_memory_is_shared_by_the_tensors_of_a_draw():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert draws_in_memory(8000, cpu, 100) == 10
    assert draws_in_memory(1, cpu, 100) == 1
    assert draws_in_memory(None, gpu, 2048) > draws_in_memory(None, cpu, 2048) > 1000
