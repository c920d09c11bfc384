"""Documents that every Python has: those of its standard library."""

import os
import re
import sysconfig
from dataclasses import replace
from pathlib import Path

from ...errors import DataError
from ..base import Dataset, supplying
from .documents import documents

_LEFT_OUT = {
    "__pycache__", "dist-packages", "encodings", "ensurepip", "idlelib", "lib2to3", "msilib",
    "pydoc_data", "site-packages", "test", "tests", "turtledemo",
}  # fmt: skip
_TEXT = re.compile(r'"""(.*?)"""', re.DOTALL)
_PART = re.compile(r"^(?=class |def |async def )", re.MULTILINE)
# Words of every documentation of Python, which tell no topics apart.
_EVERYWHERE = """argument arguments class false function functions instance method methods module
    none object objects optional return returned returns self true type use used using value
    values default given set called call does new""".split()


@supplying("vocabulary")
def python_documents(
    *,
    val: int | float = 0.1,
    test: int | float = 0.2,
    seed: int = 0,
    min_words: int = 20,
    min_df: int | float = 5,
    max_df: int | float = 0.3,
    max_words: int | None = 2000,
) -> Dataset:
    """About 1,700 short texts: what the classes and functions of the standard library say.

    A document holds the documentation of a class with its methods, of a function, or of a module.
    It is read from the source files of this Python, which are not run; other versions have other
    texts. Words that all documentation has, such as "return", are left out, as are English stop
    words.

    Args:
        val: See `documents`, as for the next two.
        test: Likewise.
        seed: Likewise.
        min_words: Shorter texts are left out.
        min_df: See `documents`, as for the next two.
        max_df: Likewise.
        max_words: Likewise.

    Raises:
        DataError: This Python has no source files of its library.
        ConfigError: An option is out of range.

    Example:
        >>> found = python_documents()
        >>> len(found.train) > 500, "socket" in found.supplies["vocabulary"]
        (True, True)
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    texts = [text for file in _files() for text in _texts(file) if len(text.split()) >= min_words]
    if not texts:
        raise DataError(
            "python_documents: this Python has no source files of its standard library in "
            f"{sysconfig.get_paths()['stdlib']}; give texts of your own to data.documents"
        )
    found = documents(
        texts, val=val, test=test, seed=seed, min_df=min_df, max_df=max_df, max_words=max_words,
        stop_words=sorted({*ENGLISH_STOP_WORDS, *_EVERYWHERE}),
    )  # fmt: skip
    return replace(found, name="python documents")


def _files() -> list[Path]:
    """The source files of the library, in a fixed order."""
    found = []
    for folder, inner, names in os.walk(sysconfig.get_paths()["stdlib"]):
        inner[:] = [name for name in inner if name not in _LEFT_OUT and "config-" not in name]
        found += [Path(folder, name) for name in names if name.endswith(".py")]
    return sorted(found)


def _texts(file: Path) -> list[str]:
    """The documentation of each class and function of a file with all within it."""
    source = file.read_text(encoding="utf-8", errors="ignore")
    return ["\n".join(_TEXT.findall(part)) for part in _PART.split(source)]
