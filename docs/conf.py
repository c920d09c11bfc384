"""How Sphinx builds the documentation.  Run: make docs"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "extensions")]

import pyrovae  # noqa: E402

project = "pyrovae"
version = release = pyrovae.__version__
author = "the authors of pyrovae"
copyright = author
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "myst_parser",
    "sphinx_design",
    "sphinx_copybutton",
    "api_pages",
    "names_in_docstrings",
    "tutorials",
]
exclude_patterns = ["extensions", "**/README.md"]
nitpicky = True
# Names of other packages: nothing is looked up in the network. Names of our own in single
# backticks are links where they are documented, and code elsewhere.
suppress_warnings = ["ref.python"]  # a name of several classes: code, not a link
nitpick_ignore_regex = [("py:.*", r"(?!pyrovae).*"), ("py:(obj|class|data)", r".*")]

# Markdown
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

# Docstrings
default_role = "py:obj"
autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"show-inheritance": True}
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 72
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Source", ("Columns of a row", "params_style")]

# Tutorials: with FULL=1 examples run as long as they need; else as quickly as in a test.
tutorials_full = os.environ.get("FULL", "") not in ("", "0")

linkcheck_timeout = 20
linkcheck_retries = 2

html_theme = "furo"
html_title = f"pyrovae {version}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme_options = {"navigation_with_keys": True}
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp"
