"""Data in files."""

from .hdf5 import datasets
from .names import arrange
from .read import read_file

__all__ = ["arrange", "datasets", "read_file"]
