"""Tables of mixed columns: what each column holds, and rows as tensors with their masks."""

from .column import Kind, TableColumn
from .columns import TableColumns
from .table import table

__all__ = ["Kind", "TableColumn", "TableColumns", "table"]
