"""Rows of every kind of data, by their numbers."""

from .base import Rows
from .file_parts import file_parts
from .frames import frame_tensor, is_frame
from .items import ItemRows, MapStyle, stacked
from .joined import JoinedRows
from .kinds import Arrayable, find_rows, is_in_memory, is_nested_tuple
from .sparse import SparseRows, is_scipy, is_sparse
from .sparse_split import SparseSplit
from .tensors import TensorRows

__all__ = [
    "ItemRows",
    "JoinedRows",
    "MapStyle",
    "Arrayable",
    "Rows",
    "SparseRows",
    "SparseSplit",
    "TensorRows",
    "file_parts",
    "find_rows",
    "frame_tensor",
    "is_frame",
    "is_in_memory",
    "is_nested_tuple",
    "is_scipy",
    "is_sparse",
    "stacked",
]
