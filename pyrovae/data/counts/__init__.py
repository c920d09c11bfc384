"""Counts and documents, kept sparse."""

from .cells import Cells
from .documents import documents
from .matrix import counts
from .python_documents import python_documents

__all__ = ["Cells", "counts", "documents", "python_documents"]
