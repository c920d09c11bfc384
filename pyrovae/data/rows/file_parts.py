"""Which arrays of a file are meant."""

from collections.abc import Mapping
from typing import Any, Literal

from ...errors import DataError
from ..columns import Columns, as_list, positions
from ..files import arrange


def file_parts(
    where: str,
    held: Mapping[str, Any],
    columns: Columns | None,
    split: Literal["train", "val", "test"],
) -> list[tuple[str, Any]]:
    """The arrays of a file, with their names.

    Args:
        where: The file, for messages.
        held: All its arrays.
        columns: Those that are meant: "x" and "y" of the split, names in the file, or places
            among these; None is x.
        split: Which is meant, where the names say that there are several.

    Raises:
        DataError: The names do not say which array is meant, or there is no such split.
        ConfigError: A column is not there.
    """
    names, arranged = list(held), arrange(held)
    if columns is not None and all(isinstance(c, str) and c in held for c in as_list(columns)):
        return [(str(name), held[str(name)]) for name in as_list(columns)]
    if arranged is None:
        if columns is not None:
            return [(names[i], held[names[i]]) for i in positions(columns, len(names), names)]
        example = f"columns={names[0]!r}" if names else "another file"
        raise DataError(
            f"{where} holds the arrays {names}, and their names do not say which are the data; "
            f"pass columns=, such as {example}"
        )
    roles = arranged.get(split, arranged.get(None))
    if roles is None:
        raise DataError(
            f"{where} holds the arrays {names}, and none is of the {split} data; pass columns=, "
            f"such as columns={names[0]!r}"
        )
    parts: list[tuple[str, Any]] = [(role, held[name]) for role, name in roles.items()]
    parts.sort(key=lambda part: part[0])
    if columns is None:
        return parts[:1]
    return [parts[i] for i in positions(columns, len(parts), [role for role, _ in parts])]
