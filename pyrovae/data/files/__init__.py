"""Data in files."""

from .hdf5 import datasets
from .names import arrange
from .read import read_file, roles_of_split

__all__ = ["arrange", "datasets", "read_file", "roles_of_split"]
