"""A page for each example: its question, its code, what it printed and the pictures it wrote."""

import ast
import re
import shutil
import textwrap
from pathlib import Path

from example_runs import EXAMPLES, ExampleRun
from sphinx.application import Sphinx
from sphinx.util import logging

COURSE = {
    "Basics": range(1, 9),
    "Guides and priors": range(9, 15),
    "Families": range(15, 23),
    "Uses": range(23, 100),
}
SMOKE_NOTE = """\
:::{note}
The output below is of a run that lasts seconds (`--smoke`): nothing is trained. Run the example
for its answer, or build these pages with `make docs FULL=1`.
:::
"""


def write(app: Sphinx) -> None:
    """The pages and pictures, from runs that are made where they are missing."""
    folder = Path(app.srcdir) / "tutorials"
    pictures = folder / "pictures"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    runs = []
    for path in EXAMPLES:
        run = ExampleRun(path, full=app.config.tutorials_full)
        if not run.is_there():
            logging.getLogger(__name__).info(f"running {path.name} ...")
        run.make()
        for picture in run.pictures():
            shutil.copy(picture, pictures / f"{path.stem}-{picture.name}")
        replace(folder / f"{path.stem}.md", page(run))
        runs.append(run)
    replace(folder / "index.md", index(runs))
    wanted = {f"{path.stem}.md" for path in EXAMPLES} | {"index.md"}
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()


def page(run: ExampleRun) -> str:
    source = run.path.read_text()
    question, about = header(source)
    shown = "\n".join(
        f"```{{image}} pictures/{run.path.stem}-{picture.name}\n"
        f":alt: {question} The picture {picture.name}.\n:class: picture\n```\n"
        for picture in run.pictures()
    )
    return "\n".join(
        [
            f"# {question}",
            "",
            about,
            "",
            f"Run it yourself: `python examples/{run.path.name}`. "
            f"{{download}}`Download <../../examples/{run.path.name}>`",
            "",
            *(f"```python\n{cell}\n```\n" for cell in cells(source)),
            "## What it prints",
            "",
            "" if run.full else SMOKE_NOTE,
            f"```text\n{run.printed()}\n```",
            "",
            shown,
        ]
    )


def header(source: str) -> tuple[str, str]:
    """The question and the explanation of an example's docstring."""
    text = ast.get_docstring(ast.parse(source)) or ""
    text = re.sub(r"\s*Run:\s+python [^\]]*\]", "", text)
    question, _, about = text.partition("\n\n")
    question = re.split(r"(?<=[?.]) ", " ".join(question.split()), maxsplit=1)
    about = "\n\n".join([*question[1:], about])
    return question[0].removesuffix("."), about


def cells(source: str) -> list[str]:
    """The code by its definitions, without the docstring and what reads the options."""
    lines = source.splitlines()
    statements = [
        node
        for node in ast.parse(source).body[1:]
        if not (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test))
    ]
    starts, before = [], False
    for node in statements:
        is_definition = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if not starts or is_definition or before:
            decorated = getattr(node, "decorator_list", [])
            start = min([node.lineno, *(d.lineno for d in decorated)]) - 1
            while starts and lines[start - 1].startswith("#"):
                start -= 1
            starts.append(start)
        before = is_definition
    ends = [*starts[1:], statements[-1].end_lineno]
    made = ["\n".join(lines[a:b]).strip("\n") for a, b in zip(starts, ends, strict=True)]
    return [
        re.sub(r"\n*import argparse\n|^import argparse\n", "\n", cell).strip("\n") for cell in made
    ]


def index(runs: list[ExampleRun]) -> str:
    parts = [
        "# Tutorials",
        "",
        "A course in the order in which it is best read. Each page is a script of `examples/`, "
        "below a hundred lines, run when these pages were built.",
        "",
    ]
    for title, numbers in COURSE.items():
        parts += [f"## {title}", "", "::::{grid} 1 2 3 3", ":gutter: 2", ""]
        inside = [run for run in runs if int(run.path.name[:2]) in numbers]
        for run in inside:
            parts += [card(run), ""]
        parts += ["::::", "", "```{toctree}", ":hidden:", ""]
        parts += [*(run.path.stem for run in inside), "```", ""]
    return "\n".join(parts)


def card(run: ExampleRun) -> str:
    question, about = header(run.path.read_text())
    first = textwrap.shorten(about.split("\n\n")[0], 110, placeholder=" ...")
    image = [f":img-top: pictures/{run.path.stem}-{p.name}" for p in run.pictures()[:1]]
    alt = [f":img-alt: {question}"] if image else []
    return "\n".join(
        [
            f":::{{grid-item-card}} {int(run.path.name[:2])}. {question}",
            f":link: {run.path.stem}",
            ":link-type: doc",
            *image,
            *alt,
            "",
            first if not image else "",
            ":::",
        ]
    )


def replace(path: Path, content: str) -> None:
    """Write what has changed only, so that Sphinx reads what has changed only."""
    if not path.exists() or path.read_text() != content:
        path.write_text(content)


def examples_as_tutorials(app: Sphinx, docname: str, source: list[str]) -> None:
    """Links to scripts, as they are right in the repository, lead to their pages in the site."""
    up = "../" * docname.count("/")
    source[0] = re.sub(
        r"\]\((?:\.\./)+examples/(\d\d_\w+)\.py\)", rf"]({up}tutorials/\1.md)", source[0]
    )


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("tutorials_full", False, "env")
    app.connect("builder-inited", write)
    app.connect("source-read", examples_as_tutorials)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
