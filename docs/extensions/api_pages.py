"""A page for each room of the package, written from its `__all__` before the build.

A name that the package has at its top is documented there, `pyrovae.fit`; others in their room.
"""

import inspect
from importlib import import_module
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation

import pyrovae
from pyrovae.data import Batchable
from pyrovae.particles.tracing import Program

# Page: title, rooms whose names it documents, and what it says first.
PAGES = {
    "train": ("Training", ["train", "train.optim.schedules", "train.callbacks"]),
    "objectives": ("Objectives", ["objectives"]),
    "models": ("Families, posteriors and priors", ["models"]),
    "nn": ("Networks and likelihoods", ["nn", "nn.quantizers"]),
    "flows": ("Layers of flows", ["nn.flows"]),
    "data": ("Data", ["data"]),
    "evaluate": ("Measuring", ["evaluate"]),
    "apply": ("Uses of a trained pair", ["apply"]),
    "linter": ("Checking a pair", ["linter"]),
    "reporting": ("Reports", ["reporting"]),
    "plots": ("Plots", ["plots"]),
    "particles": ("Particles and parameters", ["particles"]),
    "math": ("Functions of log-densities", ["math"]),
    "errors": ("Errors and warnings", ["errors"]),
    "command_line": ("Opening a run of the command", ["cli"]),
    "runtime": ("What measurements give", ["runtime"]),
}

# Unions as Sphinx prints them, and their names.
ALIASES = {
    stringify_annotation(Batchable, "smart", short_literals=True): "Batchable",
    stringify_annotation(Batchable, "smart"): "Batchable",
    stringify_annotation(Program, "smart"): "Program",
}


def write(folder: Path) -> None:
    """The pages, and `index.md` over them; a file that would not change is left as it is."""
    names = documented()
    folder.mkdir(parents=True, exist_ok=True)
    pages = {page: text(page, names) for page in PAGES if names[page]}
    pages["index"] = index([page for page in PAGES if names[page]])
    for page, content in pages.items():
        path = folder / f"{page}.rst"
        if not path.exists() or path.read_text() != content:
            path.write_text(content)
    for path in folder.glob("*.rst"):
        if path.stem not in pages:
            path.unlink()


def documented() -> dict[str, list[str]]:
    """Full public names by page. Each object stands on one page, under one name."""
    found: dict[int, str] = {}
    for name in pyrovae.__all__:
        thing = getattr(pyrovae, name)
        if not inspect.ismodule(thing):
            found[id(thing)] = f"pyrovae.{name}"
    for _, rooms in PAGES.values():
        for room in rooms:
            module = import_module(f"pyrovae.{room}")
            for name in exported(module):
                found.setdefault(id(getattr(module, name)), f"pyrovae.{room}.{name}")
    pages: dict[str, list[str]] = {page: [] for page in PAGES}
    for full in found.values():
        pages[page_of(full)].append(full)
    return pages


def exported(module: object) -> list[str]:
    """What a module offers: its `__all__`, or the functions and classes that it defines."""
    names = getattr(module, "__all__", None)
    if names is None:
        own = module.__name__
        names = [n for n, v in vars(module).items() if getattr(v, "__module__", None) == own]
    return [n for n in names if not n.startswith("_") and not inspect.ismodule(getattr(module, n))]


def page_of(full: str) -> str:
    """Where a public name belongs: the page of the room that defines it."""
    thing = the(full)
    place = full if not hasattr(thing, "__module__") else f"{thing.__module__}."
    place = place if place.startswith("pyrovae") else full
    matching = {
        room: page
        for page, (_, rooms) in PAGES.items()
        for room in rooms
        if place.startswith(f"pyrovae.{room}.") or full.startswith(f"pyrovae.{room}.")
    }
    return matching[max(matching, key=len)]


def the(full: str) -> object:
    module, _, name = full.rpartition(".")
    return getattr(import_module(module), name)


def text(page: str, names: dict[str, list[str]]) -> str:
    title, rooms = PAGES[page]
    about = inspect.getdoc(import_module(f"pyrovae.{rooms[0]}")) or ""
    lines = [title, "=" * len(title), "", about, ""]
    listed = sorted(names[page], key=lambda full: full.rpartition(".")[2].lower())
    lines += [".. autosummary::", "   :nosignatures:", "", *(f"   ~{full}" for full in listed), ""]
    kinds = {"Functions": [], "Classes": [], "Values": []}
    for full in listed:
        kinds[kind(the(full))].append(full)
    for head, those in kinds.items():
        if those:
            lines += [head, "-" * len(head), ""]
        for full in those:
            lines += [*directive(head, full), ""]
    return "\n".join(lines)


def kind(thing: object) -> str:
    if inspect.isclass(thing):
        return "Classes"
    return "Functions" if inspect.isroutine(thing) else "Values"


def directive(head: str, full: str) -> list[str]:
    if head == "Functions":
        return [f".. autofunction:: {full}"]
    if head == "Values":
        return [f".. autodata:: {full}", "   :no-value:"]
    return [f".. autoclass:: {full}", "   :members:"]


def index(pages: list[str]) -> str:
    return "\n".join(
        [
            "API",
            "===",
            "",
            "Every public name, from its docstring. Shapes stand in brackets: K particles, "
            "B batch, D data, L latent. Values are in nats unless a unit is given.",
            "",
            ".. toctree::",
            "   :maxdepth: 1",
            "",
            *(f"   {page}" for page in pages),
            "",
        ]
    )


def shortened(
    app: Sphinx, what: str, name: str, thing: object, options: object, signature: str, gives: str
) -> tuple[str, str] | None:
    """A signature in which long unions have their names."""
    if signature is None:
        return None
    for union, alias in ALIASES.items():
        signature = signature.replace(union, alias)
    return signature, gives


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-signature", shortened)
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "api"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
