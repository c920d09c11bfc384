"""Ways between pairs of texts, a text at each step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...distributions.code_sequence import CodeSequence
from ...errors import ConfigError
from ...models.capabilities import ReadsAsText
from ...runtime.markup import Section
from ...runtime.result import Result
from .decoder import Decoder

Curve = Callable[[Tensor], Tensor]

_SHOWN = 8  # pairs of the printed text


@dataclass(frozen=True, eq=False)
class Lines(Result):
    """Texts along curves between P pairs of texts.

    Attributes:
        ends: The texts at both ends, as they are [P][2].
        texts: By path, of the likeliest code at each place, at equal times [P][steps]; of a pair
            without codes, the text of its mean.
        latents: By path, z there [P, steps, L], on the CPU.
        site: Name of the latent.
    """

    ends: Sequence[tuple[str, str]]
    texts: Mapping[str, Sequence[Sequence[str]]]
    latents: Mapping[str, Tensor]
    site: str

    def cells(self) -> list[list[str]]:
        table = [[f"{self.site}, {len(self.ends)} pairs", "edits on the way", "between the ends",
                  "different texts", "ends come back"]]  # fmt: skip
        for path, found in self._summary().items():
            table.append([path, *(f"{value:.2f}" for value in found.values())])
        return table

    def sections(self) -> Sequence[Section]:
        """The summary, then a table for each pair, with a row for each step."""
        found = [Section(self.cells(), self.title(), self.notes())]
        steps = len(next(iter(self.texts.values()))[0])
        for pair, (first, last) in enumerate(self.ends[:_SHOWN]):
            rows = [["way", *self.texts]]
            for step in range(steps):
                at = [made[pair][step] for made in self.texts.values()]
                rows.append([f"{step / (steps - 1):.2f}", *map(_on_a_line, at)])
            found.append(Section(rows, f"from {_on_a_line(first)} to {_on_a_line(last)}", ()))
        return found

    def notes(self) -> list[str]:
        return [
            "edits: characters put in, left out or replaced; between the ends: of what they "
            "decode to"
        ]

    def records(self) -> list[dict[str, Any]]:
        """A row for each step of each path of each pair."""
        return [
            {"pair": pair, "path": path, "way": step / (len(line) - 1), "text": text}
            for path, made in self.texts.items()
            for pair, line in enumerate(made)
            for step, text in enumerate(line)
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "site": self.site,
            "ends": [list(pair) for pair in self.ends],
            **{
                path: {**self._summary()[path], "texts": [list(line) for line in made]}
                for path, made in self.texts.items()
            },
        }

    def arrays(self) -> dict[str, Tensor]:
        return {f"{path}_latents": z for path, z in self.latents.items()}

    def _summary(self) -> dict[str, dict[str, float]]:
        """By path, means over pairs."""
        found = {}
        for path, made in self.texts.items():
            back = [
                (line[0] == first) + (line[-1] == last)
                for line, (first, last) in zip(made, self.ends, strict=True)
            ]
            found[path] = {
                "edits": _mean([sum(map(edits, line, line[1:])) for line in made]),
                "direct": _mean([edits(line[0], line[-1]) for line in made]),
                "different": _mean([len(set(line)) for line in made]),
                "returned": _mean(back) / 2,
            }
        return found


def lines_between(
    pair: ReadsAsText,
    decoder: Decoder,
    ends: tuple[Tensor, Tensor],
    curves: Mapping[str, Curve],
    t: Tensor,
    path: str,
) -> Lines:
    """Decode P curves at times t [T].

    Args:
        pair: Reads its data as text.
        decoder: Of the pair.
        ends: The data at both ends [P, *data_shape].
        curves: By path.
        t: From 0 to 1.
        path: The one that is asked for, or "all".

    Raises:
        ConfigError: It is a geodesic.
    """
    if path not in ("all", *curves):
        raise ConfigError(
            f"interpolate got path={path!r}, and the pair's data are text, between which no "
            f"decoded length is a shortest one; take {' or '.join(curves)}, or all"
        )
    chosen = {name: curve(t) for name, curve in curves.items() if path in ("all", name)}
    texts = {}
    for name, z in chosen.items():
        made = pair.to_text(_likeliest(decoder, z, t).cpu())
        texts[name] = [made[i : i + len(t)] for i in range(0, len(made), len(t))]
    first, last = (pair.to_text(end.cpu()) for end in ends)
    return Lines(
        ends=list(zip(first, last, strict=True)),
        texts=texts,
        latents={name: z.cpu() for name, z in chosen.items()},
        site=decoder.site,
    )


def _likeliest(decoder: Decoder, z: Tensor, t: Tensor) -> Tensor:
    """Data at points [P, T, L], one after the other [P * T, *data_shape]."""
    made = decoder(z, t)[1].fn
    return made.likeliest() if isinstance(made, CodeSequence) else made.mean


def edits(one: str, other: str) -> int:
    """How many characters to put in, leave out or replace to make one text the other.

    Source:
        Binary codes capable of correcting deletions, insertions and reversals (Levenshtein, 1966)

    Example:
        >>> edits("kitten", "sitting")
        3
    """
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _mean(values: Sequence[float]) -> float:
    return float(torch.tensor(values, dtype=torch.float64).mean())


def _on_a_line(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
