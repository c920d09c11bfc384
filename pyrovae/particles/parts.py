"""Parts of a pair, by the names of their parameters."""

from collections.abc import Iterable
from difflib import get_close_matches


def plain_name(name: str) -> str:
    """The name of a parameter as torch writes it; Pyro puts `$$$` after the module's name."""
    return name.replace("$$$", ".")


def is_of_part(name: str, part: str) -> bool:
    """Whether a parameter is of a part: "encoder", "encoder.layers.0"; "" is the whole pair."""
    plain = plain_name(name)
    return not part or plain == part or plain.startswith(f"{part}.")


def parts_of(names: Iterable[str]) -> list[str]:
    """The outermost parts of a pair, in order: "encoder" of `encoder.layers.0.weight`."""
    return [*dict.fromkeys(plain_name(name).partition(".")[0] for name in names)]


def nearest_parts(part: str, names: Iterable[str]) -> list[str]:
    """What may have been meant by the name of a part that is not there, the likeliest first."""
    steps = [plain_name(name).split(".") for name in names]
    known = dict.fromkeys(".".join(s[:length]) for s in steps for length in range(1, len(s)))
    inner = [known_part for known_part in known if known_part.endswith(f".{part}")]
    return [*dict.fromkeys([*inner, *get_close_matches(part, known, n=3)])]
