"""The house keeps its plan: who imports whom, `poutine` in one file, no global settings."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

PACKAGE = Path(__file__).parent.parent / "pyrovae"

# A room may import the rooms of the lines above its own; rooms of one line never each other.
ORDER = [
    {"errors"},
    {"strata", "capturable_categorical", "network_calls", "particle_axis"},
    {
        "math",
        "substitution",
        "param_store",
        "grad_mode",
        "capture",
        "memory",
        "normal_mixture",
        "labelled_categorical",
        "collapsed_categorical",
        "penalty",
        "held_networks",
    },
    {"data", "nn", "layout"},
    {"site"},
    {"assembly", "aggregate"},
    {"tracing"},
    {"recompute", "home", "modes"},
    {"particles"},
    {"parameters", "kl", "paths"},
    {"models"},
    {"objectives"},
    {"train"},
    {"evaluate"},
    {"apply"},
    {"plots"},
    {"report"},
    {"cli"},
    {"__main__"},
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}

# What a room may not import although it stands to the left.
STRANGERS = {
    # Particles, and what is built on them alone, know neither data nor networks.
    **{
        room: {"data", "nn"}
        for room in (
            "layout",
            "particle_axis",
            "site",
            "assembly",
            "aggregate",
            "tracing",
            "recompute",
            "particles",
            "parameters",
            "kl",
            "paths",
        )
    },
    # Any pair is estimated, trained and measured: the families are not known there.
    **{room: {"models"} for room in ("objectives", "train", "evaluate")},
}

# In a folder, files import only its base.py, and `__init__` all of them. Further siblings:
SHARED = {
    "evaluate": {
        "annealing",
        "bounds",
        "collect",
        "comparable",
        "comparison",
        "cost",
        "evidence",
        "gradient_draws",
        "gradient_statistics",
        "gradients",
        "obstacle",
        "latents",
        "table",
        "truth",
        "weights",
    },
    "data": {"batches", "conversion"},
    "data/synthetic": {"gaussian_pair"},
    "models": {"beside", "code_priors", "layered", "priors", "posteriors"},
    "models/posteriors": {"diagonal_normal"},
    "nn": {"residual"},
    "nn/quantizers": {"codebook"},
    "nn/flows": {
        "affine",
        "autoregressive",
        "chain",
        "conditioner",
        "coupling",
        "elementwise",
        "householder",
        "rational_spline",
        "sigmoidal",
        "sylvester",
    },
    "models/priors": {"mixture", "standard_normal"},
    # Abstract classes between the base and some of the estimators.
    "objectives": {"batch", "fixed_draws", "groups", "linear", "options", "path", "tail"},
    "evaluate/annealing": {"tempered_path", "hmc"},
    "evaluate/disentanglement": {"beta_vae", "dci", "factor_vae", "mig", "sap"},  # of one table
    # Whole programs, whose parts build on each other; circles are refused there like elsewhere.
    "capture": {"*"},
    "train": {"*"},
    "cli": {"*"},
    # A folder inside a folder also sees the outer base.py and these files.
    "train/callbacks": {"loop"},
}

POUTINE = {"tracing"}  # the only file that touches pyro.poutine


def violations(package: Path) -> list[str]:
    """What breaks the plan, a sentence each."""
    files = {_name(path, package): path for path in sorted(package.rglob("*.py"))}
    found, graph = [], {}
    for name, path in files.items():
        tree = ast.parse(path.read_text())
        graph[name] = set()
        for target, line in _imports(tree, name, path.name == "__init__.py", files, package.name):
            where = f"{path.relative_to(package)}:{line}"
            if target is None:
                found.append(f"{where} imports {package.name} by its absolute name")
                continue
            graph[name].add(target)
            why = _objection(name, target, path.name == "__init__.py", files)
            if why:
                found.append(f"{where} imports {target or package.name}: {why}")
        if name not in POUTINE:
            found += [f"{path.relative_to(package)}:{n} uses poutine" for n in _poutine(tree)]
    return found + [f"circle: {' -> '.join(circle)}" for circle in _circles(graph)]


def _name(path: Path, package: Path) -> str:
    """'nn/conv' for nn/conv.py, 'nn' for nn/__init__.py, '' for the package's own."""
    parts = path.relative_to(package).with_suffix("").parts
    return "/".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(
    tree: ast.AST, name: str, is_package: bool, files: dict[str, Path], top: str
) -> Iterator[tuple[str | None, int]]:
    """Files of the package that this one imports, wherever in it; None: by an absolute name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            absolute = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            absolute = [node.module or ""]
        else:
            absolute = []
        if any(module.split(".")[0] == top for module in absolute):
            yield None, node.lineno
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            parts = name.split("/") if name else []
            up = node.level - 1 if is_package else node.level
            base = parts[: len(parts) - up] + (node.module or "").split(".")
            source = "/".join(part for part in base if part)
            for alias in node.names:
                inner = f"{source}/{alias.name}".lstrip("/")
                yield (inner if inner in files else source), node.lineno


def _objection(name: str, target: str, is_package: bool, files: dict[str, Path]) -> str | None:
    room, other = name.split("/")[0], target.split("/")[0]
    if name == "" or (target == "" and room in ("cli", "__main__")):
        return None  # the public names; `__version__` for the command
    unknown = {room, other} - LEVEL.keys()
    if unknown:
        return f"{sorted(unknown)} has no place in the order of rooms"
    if room != other:
        if other in STRANGERS.get(room, ()):
            return f"{room} knows nothing of {other}"
        return (
            None if LEVEL[other] < LEVEL[room] else f"{room} stands left of {other} or beside it"
        )
    folder = name if is_package else name.rpartition("/")[0]
    if target == folder:
        return "a file imports the public names of its own folder"
    if is_package and target.startswith(f"{folder}/"):
        return None
    home, _, leaf = target.rpartition("/")
    if leaf == "base" and (name.startswith(f"{home}/") or name == f"{folder}/base"):
        return None  # its own base, an outer one, or a base built on an inner one
    shared = SHARED.get(folder, set())
    if home == folder and ("*" in shared or leaf in shared):
        return None
    if home.rpartition("/")[0] == folder and home.rpartition("/")[2] in shared:
        return None  # of a folder that is shared as a whole
    if "*" in shared and target in files and files[target].name == "__init__.py":
        return None
    if folder.startswith(f"{home}/") and leaf in shared:
        return None
    return f"in {folder}/ siblings import only base.py and {sorted(shared)}"


def _poutine(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        else:
            continue
        if any("poutine" in name.split(".") for name in names):
            yield node.lineno


def _circles(graph: dict[str, set[str]]) -> list[list[str]]:
    found, done = [], set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
            return
        if name not in done:
            for target in sorted(graph.get(name, ())):
                visit(target, [*path, name])
            done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found


def test_the_package_keeps_the_plan():
    assert violations(PACKAGE) == []


def test_there_is_something_to_check():
    names = {_name(path, PACKAGE) for path in PACKAGE.rglob("*.py")}
    assert {"", "particles", "objectives/iwae", "nn/likelihoods/base", "data/synthetic"} <= names


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"math.py": "from .particles import draw"}, "math stands left of particles"),
        ({"errors.py": "from . import math"}, "errors stands left of math"),
        ({"nn/mlp.py": "from ..data import digits"}, "nn stands left of data"),
        ({"data/base.py": "from ..nn import MLP"}, "data stands left of nn"),
        ({"kl.py": "from .parameters import trainable"}, "kl stands left of parameters"),
        ({"parameters.py": "from .kl import site_kl"}, "parameters stands left of kl"),
        ({"site.py": "from .particles import draw"}, "site stands left of particles"),
        ({"particles.py": "from .data import digits"}, "particles knows nothing of data"),
        ({"layout.py": "from .site import Site"}, "layout stands left of site"),
        ({"models/vae.py": "from ..objectives import ELBO"}, "models stands left of objectives"),
        ({"objectives/elbo.py": "from ..models import VAE"}, "knows nothing of models"),
        ({"objectives/elbo.py": "from ..train import fit"}, "objectives stands left of train"),
        ({"train/fit.py": "from ..models import VAE"}, "train knows nothing of models"),
        ({"plots.py": "from .report import report"}, "plots stands left of report"),
        (
            {"models/vae.py": "def late():\n    from ..train import fit"},
            "models/vae.py:2 imports train/fit: models stands left of train",
        ),
        ({"objectives/iwae.py": "from .elbo import ELBO"}, "siblings import only base.py"),
        ({"objectives/iwae.py": "from . import elbo"}, "siblings import only base.py"),
        ({"objectives/iwae.py": "from . import ELBO"}, "public names of its own folder"),
        ({"models/priors.py": "from .vae import VAE"}, "siblings import only base.py"),
        ({"nn/likelihoods/normal.py": "from ..mlp import MLP"}, "siblings import only base.py"),
        ({"nn/mlp.py": "from .likelihoods.normal import Normal"}, "siblings import only base"),
        ({"data/synthetic/a.py": "from ..images.base import b"}, "siblings import only base.py"),
        ({"evaluate/a.py": "from .gaps import b", "evaluate/gaps/__init__.py": "",
          "evaluate/gaps/b.py": ""}, "siblings import only base.py"),
        ({"train/callbacks/a.py": "from ..fit import fit"}, "siblings import only base.py"),
        ({"train/callbacks/a.py": "from .b import B"}, "siblings import only base.py"),
        (
            {"train/a.py": "from .b import f", "train/b.py": "from .a import g"},
            "circle: train/a -> train/b -> train/a",
        ),
        (
            {"nn/base.py": "from .likelihoods.base import a", "nn/likelihoods/base.py":
             "from ..base import b"},
            "circle: nn/base -> nn/likelihoods/base -> nn/base",
        ),
        ({"nn/mlp.py": "import pyrovae.math"}, "by its absolute name"),
        ({"nn/mlp.py": "from pyrovae.math import log_mean_exp"}, "by its absolute name"),
        ({"shed.py": "from .math import log_mean_exp"}, "['shed'] has no place"),
        ({"kl.py": "from pyro import poutine"}, "kl.py:1 uses poutine"),
        ({"kl.py": "import pyro.poutine as p"}, "kl.py:1 uses poutine"),
        ({"kl.py": "from pyro.poutine.trace_struct import Trace"}, "kl.py:1 uses poutine"),
        ({"kl.py": "import pyro\n\npyro.poutine.block()"}, "kl.py:3 uses poutine"),
        ({"nn/mlp.py": "def f():\n    from pyro.poutine import trace"}, "mlp.py:2 uses poutine"),
    ],
)  # fmt: skip
def test_the_check_bites(tmp_path, files, complaint):
    _build(tmp_path, files)
    found = violations(tmp_path / "pyrovae")
    assert any(complaint in sentence for sentence in found), found


def test_what_is_allowed_passes(tmp_path):
    allowed = {
        "__init__.py": "from . import models\nfrom .cli import main\nfrom .train import fit",
        "tracing.py": "from pyro import poutine\nfrom .site import Site",
        "site.py": "from .layout import Layout\nfrom .errors import PyrovaeError",
        "kl.py": "from .particles import draw\nfrom pyro.infer.enum import get_importance_trace",
        "nn/__init__.py": "from .mlp import MLP\nfrom .likelihoods import Normal",
        "nn/base.py": "from .likelihoods.base import Likelihood",
        "nn/mlp.py": "from .base import Shape\nfrom ..errors import ShapeError",
        "nn/likelihoods/__init__.py": "from .normal import Normal",
        "nn/likelihoods/normal.py": "from .base import Likelihood\nfrom ...math import pi",
        "data/base.py": "x = 1",
        "data/images/grey.py": "from ..base import Dataset\nfrom .base import read",
        "models/vae.py": "from ..nn import MLP\nfrom .priors import Prior\nfrom .base import F",
        "models/priors/flow.py": "from ...nn import flows\nfrom .base import Prior",
        "train/fit.py": "from .svi import SVI\nfrom .callbacks import C\nfrom ..data import x",
        "train/callbacks/a.py": "from ..loop import Loop\nfrom .base import Callback",
        "evaluate/annealing/__init__.py": "from .ais import ais",
        "evaluate/annealing/ais.py": "from ..base import Sweep",
        "evaluate/base.py": "",
        "evaluate/__init__.py": "",
        "evaluate/truth.py": "from .annealing import ais",
        "cli/fit.py": "from .. import __version__, models\nfrom ..train import fit",
    }
    _build(tmp_path, allowed)
    assert violations(tmp_path / "pyrovae") == []


def _build(root: Path, files: dict[str, str]) -> None:
    """A small package: every room is there and empty, but for the given files."""
    empty = [
        "__init__.py", "errors.py", "math.py", "layout.py", "site.py", "assembly.py", "tracing.py",
        "particles.py", "kl.py",
        "parameters.py", "paths.py", "plots.py", "report.py", "cli/__init__.py",
        "data/__init__.py",
        "data/base.py", "data/images/__init__.py", "data/images/base.py", "nn/__init__.py",
        "nn/base.py", "nn/mlp.py", "nn/likelihoods/__init__.py", "nn/likelihoods/base.py",
        "nn/likelihoods/normal.py", "models/__init__.py", "models/base.py", "models/priors.py",
        "models/vae.py", "objectives/__init__.py", "objectives/base.py", "objectives/elbo.py",
        "train/__init__.py", "train/svi.py", "train/loop.py", "train/fit.py",
        "train/callbacks/__init__.py", "train/callbacks/base.py", "train/callbacks/b.py",
    ]  # fmt: skip
    for name in [*empty, *files]:
        path = root / "pyrovae" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files.get(name, ""))


def test_importing_changes_no_global_setting():
    """Every module of the package, in a fresh process, against Pyro and torch as they come."""
    script = """
        import importlib, pkgutil, random, warnings
        import numpy, pyro, torch
        from torch.distributions import Distribution, kl

        def settings():
            return {
                **pyro.settings.get(),
                "dtype": torch.get_default_dtype(),
                "device": torch.get_default_device(),
                "grad": torch.is_grad_enabled(),
                "threads": torch.get_num_threads(),
                "deterministic": torch.are_deterministic_algorithms_enabled(),
                "matmul": torch.get_float32_matmul_precision(),
                "anomaly": torch.is_anomaly_enabled(),
                "torch validation": Distribution._validate_args,
                "kl": len(kl._KL_REGISTRY),
                "hooks": len(torch.nn.modules.module._global_forward_pre_hooks),
                "store": list(pyro.get_param_store().keys()),
                "handlers": len(pyro.poutine.runtime._PYRO_STACK),
                "torch stream": torch.get_rng_state().tolist(),
                "numpy stream": numpy.random.get_state()[1].tolist(),
                "python stream": random.getstate(),
                "cuda": torch.cuda.is_initialized(),
            }

        before = settings()
        import pyrovae
        names = [m.name for m in pkgutil.walk_packages(pyrovae.__path__, "pyrovae.")]
        for name in names:
            if not name.endswith("__main__"):
                importlib.import_module(name)
        after = settings()
        assert len(names) > 40, names
        changed = [key for key in before if before[key] != after[key]]
        assert not changed, changed
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
