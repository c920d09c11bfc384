"""Single backticks in docstrings: a link where the name is documented once, and code elsewhere."""

import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def by_last_words(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Node
) -> nodes.Node | None:
    """The one documented name that ends in the name asked for, such as `ELBO` of objectives."""
    target = node.get("reftarget", "").removesuffix("()")
    if node.get("refdomain") != "py" or not target.replace(".", "").isidentifier():
        return None
    domain = env.domains["py"]
    found = [name for name in domain.objects if name.endswith(f".{target}")]
    found = [name for name in found if name.count(".") == min(n.count(".") for n in found)]
    if len(found) != 1:
        return None
    place = domain.objects[found[0]]
    from_page = node.get("refdoc", env.docname)
    address = app.builder.get_relative_uri(from_page, place.docname) + f"#{place.node_id}"
    return nodes.reference("", "", shown, internal=True, refuri=address, reftitle=found[0])


def as_markup(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Make reStructuredText of a docstring.

    Stars of shapes such as [B, *event] and bars as of p(x|z) are no markup; backticks around more
    than a name are code; letters may follow a name, as in `Module`s.
    """
    parts = re.split(r"(`+[^`]+`+)", "\n".join(lines))
    for place in range(0, len(parts), 2):
        kept = (escaped(line) for line in parts[place].split("\n"))
        parts[place] = "\n".join(kept)
    for place in range(1, len(parts), 2):
        is_role = parts[place - 1].endswith(":")
        inside = parts[place].strip("`")
        if not is_role and not re.fullmatch(r"[\w.]+", inside):
            parts[place] = f"``{inside}``"
        if parts[place + 1][:1].isalpha():
            parts[place + 1] = f"\\ {parts[place + 1]}"
    lines[:] = "".join(parts).split("\n")


def escaped(line: str) -> str:
    if line.lstrip().startswith((">>>", "...")):
        return line
    return re.sub(r"(?<![\w*\\])\*(?=\w+(?![\w*]))|\|", r"\\\g<0>", line)


def skip_foreign(
    app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object
) -> bool | None:
    """Leave out what scikit-learn adds to its estimators."""
    return True if name.endswith(("_request", "get_metadata_routing")) else None


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", as_markup)
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("missing-reference", by_last_words)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
