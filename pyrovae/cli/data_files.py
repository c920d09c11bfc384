"""Files and folders of data that `--data` names by their paths alone."""

from pathlib import Path

from ..data.audio.recordings import SUFFIXES
from .arguments import supplied
from .library import DATA_FILES, sections

_TABLES = (".csv", ".parquet")


def reader_of(data: str, model: str) -> tuple[str, str] | None:
    """The function that reads a path, and its option that takes it; None where it is a name.

    A text file is one of documents where the model is one of topics; a folder of these, too.
    A file of a table gives columns of all kinds where the model asks for columns, else numbers.

    Args:
        data: What `--data` names.
        model: What `--model` names.

    Example:
        >>> reader_of("names.txt", "TextVAE"), reader_of("a.csv", "TableVAE")
        (('text', 'path'), ('table', 'source'))
        >>> reader_of("a.csv", "VAE"), reader_of("digits", "VAE")
        (('arrays', 'x'), None)
    """
    if not data or data in sections()["data"]:  # of no text, the path would be this folder
        return None
    path = Path(data)
    known = sections()["model"].get(model)
    if hasattr(known, "topics"):
        if path.suffix == ".txt" or (path.is_dir() and next(path.glob("*.txt"), None) is not None):
            return "documents", "source"
    if path.suffix == ".txt":  # codes of text are no numbers of a family that asks for numbers
        is_of_text = "vocabulary" in supplied(known) if known is not None else bool(model)
        return ("text", "path") if is_of_text else None
    if path.is_dir() and any(each.suffix.lower() in SUFFIXES for each in path.rglob("*")):
        return "audio", "source"
    if path.suffix not in DATA_FILES:
        return None
    if path.suffix in _TABLES and known is not None and "columns" in supplied(known):
        return "table", "source"
    return "arrays", "x"
