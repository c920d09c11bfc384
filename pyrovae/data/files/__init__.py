"""Data in files."""

from .hdf5 import datasets
from .names import arrange
from .read import has_splits, read_file

__all__ = ["arrange", "datasets", "has_splits", "read_file"]
