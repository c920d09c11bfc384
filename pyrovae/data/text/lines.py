"""Lines of plain files, each one datum, with the place of whatever is wrong."""

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path

from ...errors import DataError

TextSource = str | PathLike[str] | Sequence[str]
"""The path of a file of one text a line, or the texts themselves."""


def read_lines(source: TextSource, where: str) -> list[str]:
    """The lines of a UTF-8 file without their ends, or texts as they are.

    Raises:
        DataError: The file is missing, empty or not UTF-8, or something given is no text.
    """
    if not isinstance(source, str | PathLike):
        return _checked(source, where)
    path = Path(source).expanduser()
    if not _is_file(path):
        several = f", as in {where}([...])" if not isinstance(source, PathLike) else ""
        raise DataError(
            f"{where}: there is no file {shown(str(path), 400)}; give the path of a text file, or "
            f"a list{several}"
        )
    try:
        held = path.read_bytes()
    except OSError as error:
        raise DataError(f"{where}: {path} cannot be read ({error.strerror})") from error
    if held.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            f"{where}: {path} is UTF-16 and not UTF-8; convert it, as by "
            "`iconv -f utf-16 -t utf-8`"
        )
    lines = held.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[-1] in (b"", b"\r"):
        lines.pop()
    if not lines:
        raise DataError(f"{where}: {path} is empty; it needs one text a line")
    return [_decoded(line, number, path, where) for number, line in enumerate(lines, 1)]


def split_classes(lines: Iterable[str], where: str) -> tuple[list[str], list[str]]:
    """The class and the text of lines `class<TAB>text`.

    Raises:
        DataError: A line has no tab, or no class before it.
    """
    classes, texts = [], []
    for number, line in enumerate(lines, 1):
        name, tab, text = line.partition("\t")
        if not tab or not name:
            raise DataError(
                f"{where}: line {number}, {shown(line)}, has no class; with classes=True each "
                "line is a class, a tab, and the text"
            )
        classes.append(name)
        texts.append(text)
    return classes, texts


def shown(text: str, length: int = 40) -> str:
    """A text for a message, cut short."""
    return repr(text if len(text) <= length else text[: length - 3] + "...")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for one, as a text is that was meant to be read itself
        return False


def _checked(source: Sequence[str], where: str) -> list[str]:
    if isinstance(source, bytes) or not isinstance(source, Iterable):
        raise DataError(
            f"{where}: got {type(source).__name__}; give the path of a text file, or a list of "
            "texts"
        )
    lines = list(source)
    if not lines:
        raise DataError(f"{where}: got no texts; give at least one")
    for place, line in enumerate(lines):
        if not isinstance(line, str):
            raise DataError(
                f"{where}: item {place} is {type(line).__name__}, needs a str; give a list of "
                "texts, or the path of a file"
            )
    return lines


def _decoded(line: bytes, number: int, path: Path, where: str) -> str:
    try:
        return line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: line {number} of {path} is not UTF-8 (byte {error.start + 1} is "
            f"{line[error.start]:#04x}); convert the file, as by `iconv -f latin1 -t utf-8`"
        ) from None
