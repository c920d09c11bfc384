"""Writes the tables of the README and of these pages.  Run: python docs/tables.py

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. It has a row for each class, or
each function, that a package exports: its name, the first sentence of its docstring, and links to
its sources.
"""

import inspect
import re
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

from pyrovae import apply, data, evaluate, models, nn, objectives
from pyrovae.data.synthetic.exact_pair import ExactPair
from pyrovae.models import posteriors, priors
from pyrovae.nn import flows

HERE = Path(__file__).parent
PAGES = [
    HERE.parent / "README.md",
    *sorted(HERE.glob("[a-z]*.md")),
    *sorted(HERE.glob("how_to/*.md")),
]


def tables() -> dict[str, str]:
    """The tables by name, in Markdown."""
    return {
        "families": table("family", models, models.Family),
        "objectives": table(
            "objective", objectives, objectives.ParticleELBO, {"latents": latents}
        ),
        "likelihoods": table("likelihood", nn, nn.Likelihood),
        "posteriors": table("posterior q(z\\|x)", posteriors, posteriors.Posterior),
        "priors": table("prior p(z)", priors, priors.Prior),
        "flows": table(
            "layer of `nn.flows`", flows, flows.FlowLayer, {"scores any z": scores_any}
        ),
        "uses": table_of_functions("use", apply),
        "overview": overview(),
    }


def overview() -> str:
    """All names on one screen, by what they are."""
    rows = {
        "families": classes(models, models.Family),
        "objectives": classes(objectives, objectives.ParticleELBO),
        "likelihoods": classes(nn, nn.Likelihood),
        "posteriors": classes(posteriors, posteriors.Posterior),
        "priors": classes(priors, priors.Prior),
        "layers of flows": classes(flows, flows.FlowLayer),
        "measurements": [name for name in evaluate.__all__ if is_function(evaluate, name)],
        "uses": [name for name in sorted(apply.COMMANDS)],
        "data sets": [name for name in data.__all__ if gives_data(getattr(data, name))],
    }
    return in_markdown(
        [["", ""], *([what, ", ".join(f"`{n}`" for n in names)] for what, names in rows.items())]
    )


def is_function(package: ModuleType, name: str) -> bool:
    return inspect.isroutine(getattr(package, name))


def gives_data(thing: object) -> bool:
    """Whether it is a function that makes a data set, or an exact pair that draws data."""
    if inspect.isclass(thing):
        return issubclass(thing, ExactPair)
    return inspect.isroutine(thing) and inspect.signature(thing).return_annotation is data.Dataset


def filled(text: str) -> str:
    """The text with each table as it is now.

    Raises:
        KeyError: The text asks for a table that there is none of.
    """
    made = tables()
    return re.sub(
        r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{made[found[2]]}\n{found[3]}",
        text,
        flags=re.DOTALL,
    )


def table(
    head: str,
    package: ModuleType,
    base: type,
    columns: dict[str, Callable[[type], str]] | None = None,
) -> str:
    """A row for each class of `package.__all__` below `base` that is not abstract."""
    columns = columns or {}
    rows = [[head, "", *columns, "source"]]
    for name in classes(package, base):
        cls = getattr(package, name)
        cells = [column(cls) for column in columns.values()]
        rows.append([f"`{name}`", first_sentence(cls), *cells, sources(cls)])
    return in_markdown(rows)


def classes(package: ModuleType, base: type) -> list[str]:
    """The names of `package.__all__` that are classes below `base` and not abstract."""
    found = {name: getattr(package, name) for name in sorted(package.__all__, key=str.lower)}
    return [
        name
        for name, cls in found.items()
        if isinstance(cls, type) and issubclass(cls, base) and not inspect.isabstract(cls)
    ]


def table_of_functions(head: str, package: ModuleType) -> str:
    """A row for each function of `package.__all__`."""
    found = {name: getattr(package, name) for name in sorted(package.__all__)}
    rows = [
        [f"`{name}`", first_sentence(function), sources(function)]
        for name, function in found.items()
        if inspect.isroutine(function)
    ]
    return in_markdown([[head, "", "source"], *rows])


def in_markdown(rows: list[list[str]]) -> str:
    """A table whose first row is its head."""
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)


def first_sentence(cls: type | Callable[..., object]) -> str:
    """The first paragraph of the docstring, for a cell: formulas between dollar signs."""
    summary = " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].split())
    if not summary.endswith("..."):
        summary = summary.removesuffix(".")
    parts = re.split(r":math:`(.*?)`", summary)
    texts = [part.replace("|", "\\|") for part in parts[::2]]
    formulas = [f"${part.replace('|', chr(92) + 'vert ')}$" for part in parts[1::2]]
    return "".join(a + b for a, b in zip(texts, [*formulas, ""], strict=True))


def sources(cls: type | Callable[..., object]) -> str:
    """Links of the docstring's section Source, each by authors and year."""
    text = section(cls, "Source")
    cited = list(re.finditer(r"(?P<before>[^();]*)\((?P<inside>[^()]*?)(?P<year>\d{4})\)", text))
    links = []
    for found, after in zip_longest(cited, cited[1:]):
        end = after.start("year") if after else len(text)
        authors = found["inside"].strip(" ,") or found["before"].split(":")[-1].strip(" ,")
        address = re.search(r"https?://[^\s;,]+", text[found.end() : end])
        if address:
            links.append(f"[{authors} {found['year']}]({address[0].rstrip('.')})")
    return ", ".join(links)


def latents(cls: type) -> str:
    return cls.latents


def scores_any(cls: type) -> str:
    return "yes" if cls.scores_any else "what it drew"


def section(cls: type | Callable[..., object], name: str) -> str:
    """The text of a section of the docstring itself; empty where there is none."""
    found = re.search(
        rf"^{name}:\n((?:    .*\n?)+)", inspect.cleandoc(cls.__doc__ or ""), re.MULTILINE
    )
    return " ".join(found[1].split()) if found else ""


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(filled(path.read_text()))
