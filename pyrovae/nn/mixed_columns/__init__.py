"""The likelihood of rows of a table whose columns are of several kinds."""

from .mixed_columns import MixedColumns

__all__ = ["MixedColumns"]
