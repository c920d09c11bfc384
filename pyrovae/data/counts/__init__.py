"""Counts and documents, kept sparse."""

from .documents import documents
from .matrix import counts
from .python_documents import python_documents

__all__ = ["counts", "documents", "python_documents"]
