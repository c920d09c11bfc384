"""The words of a text, and a text of words."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

_SPACE_BEFORE = re.compile(r" (?=[.,;:!?)\]}%])|(?<=[(\[{]) ")
_ASCII = re.compile(r"<\w+>|\w+(?:['-]\w+)*|[^\w\s]")
_JOINERS = "\u200c\u200d"
_SKINS = "".join(map(chr, range(0x1F3FB, 0x1F400)))  # colours of the emoji before


def words_of(text: str) -> list[str]:
    """Runs of letters and digits, and the marks of punctuation one each.

    What Unicode puts on a letter is a part of its word: accents that are characters of their own,
    vowel signs, joiners. So is an apostrophe or a hyphen between letters. An emoji is one word,
    of however many characters.

    Example:
        >>> words_of("it's a well-known case.")
        ["it's", 'a', 'well-known', 'case', '.']
    """
    return (_ASCII if text.isascii() else _unicode()).findall(text)


def text_of(words: Sequence[str]) -> str:
    """Words with usual spaces between them."""
    return _SPACE_BEFORE.sub("", " ".join(words))


@cache
def _unicode() -> re.Pattern[str]:
    """The same of any text: `re` knows no class of combining characters."""
    planes = (*range(0x300, 0x1F000), *range(0xE0100, 0xE01F0))
    marks = "".join(c for c in map(chr, planes) if unicodedata.category(c)[0] == "M")
    letter = rf"[\w{marks}{_JOINERS}]"
    sign = rf"[^\w\s][{marks}{_SKINS}\U000E0020-\U000E007F]*"
    return re.compile(
        rf"<\w+>|\w{letter}*(?:['’-]\w{letter}*)*"
        rf"|[\U0001F1E6-\U0001F1FF]{{2}}|{sign}(?:\u200d{sign})*"
    )
