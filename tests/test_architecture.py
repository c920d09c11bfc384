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
ROOMS = [
    {"errors"},
    {"math", "distributions", "runtime"},
    {"capture"},
    {"particles", "data", "nn"},
    {"models", "objectives"},
    {"train"},
    {"plots"},
    {"evaluate"},
    {"apply", "linter"},
    {"reporting"},
    {"cli"},
    {"__main__"},
]

# What a room may not import although it stands in a line above: any pair is trained and measured.
STRANGERS = {"train": {"models", "nn"}, "evaluate": {"models", "nn"}}

# Rooms that ask a pair for its methods and name no family, and the files of the exceptions.
NAME_NO_FAMILY = {"reporting": set(), "cli": {"cli/library"}}

# What stands loose at the top; everything else is a folder.
LOOSE = {"", "__main__", "errors", "math", "plots"}

# In a folder the same holds of files and inner folders. `base` comes before all others, unless a
# line names it. What no line names comes last: it imports what is named, and nobody imports it.
FOLDERS = {
    "runtime": [
        {"expanded", "fields", "figures", "files", "grad_mode", "log", "markup", "memory",
         "plain_json", "rendezvous", "signatures", "values"},
        {"distributed", "own_draws", "progress", "random_state", "result"},
        {"interrupts", "stored_random_state"},
    ],
    "capture": [
        {"announcement", "code_folder", "compiler", "constants", "cross_entropy", "deviation",
         "diagnose", "elementwise", "in_place", "interpreted", "layouts", "network_calls",
         "noise", "one_hot", "onednn", "processor", "read_set", "shapes", "static_key", "tables",
         "updates"},
        {"header"},
        {"code_products", "kernels", "kept_buffers", "new_results", "products"},
        {"kernel_library", "stored_code"},
        {"arguments", "graph", "inductor", "networks"},
        {"hoisted", "replay"},
        {"captured"},
        {"call", "seeded_graph"},
        {"seeded_check"},
    ],
    "distributions": [
        {"affine_scan", "as_pyro", "categorical", "deviance", "elements", "held_tensors", "joined",
         "ordinal", "sequence_codes", "strata"},
        {"affine_chain", "beta_binomial"},
    ],
    "particles": [
        {"constraint_words", "held_networks", "layout", "one_by_one", "param_statement",
         "param_store", "parts", "penalty", "substitution"},
        {"named_params", "plates"},
        {"match", "scales", "site"},
        {"handlers", "joined_site"},
        {"aggregate", "held_tensors", "particles", "traces"},
        {"assembly", "own_parameters"},
        {"arguments", "isolation", "pair", "tracing"},
        {"argument_types", "chunks", "device", "modes", "non_finite", "parameters",
         "particle_axis"},
        {"conditionals", "draw", "inventory", "simulate"},
        {"kl", "pathwise", "score"},
    ],
    "data": [
        {"channels", "columns", "conversion", "files", "loaded", "prefetch", "root"},
        {"base", "batch_items"},
        {"rows"},
        {"minibatches"},
        {"images"},
        {"audio", "batches", "loader", "own_source", "synthetic", "text", "transformed"},
        {"entry", "text_pairs"},
        {"in_memory", "named_order"},
    ],
    "data/audio": [
        {"fields", "library"},
        {"recordings", "transform"},
        {"spectrogram"},
        {"audio"},
    ],
    "data/files": [
        {"names", "npy"},
        {"hdf5", "npz", "tables", "torch_file"},
        {"read"},
    ],
    "data/rows": [
        {"base", "mapped_file"},
        {"file_parts", "frames", "hdf5", "items", "memory_mapped", "sparse", "tensors"},
        {"joined"},
        {"sparse_split"},
        {"kinds"},
    ],
    "data/counts": [{"checks"}, {"documents"}],
    "data/tables": [{"cells"}, {"column"}, {"inference"}, {"columns"}, {"table"}],
    "data/series": [{"windows"}],
    "data/text": [{"words"}, {"lines", "vocabulary"}, {"text"}],
    "data/synthetic": [{"base", "kalman"}, {"exact_pair", "pair_task"}, {"gaussian_pair"}],
    "nn": [
        {"factories", "likelihoods", "sizes", "two_heads"},
        {"base"},
        {"conv", "mlp", "residual"},
    ],
    "nn/likelihoods": [
        {"positive"},
        {"base"},
        {"counts", "gamma", "normal"},
        {"negative_binomial", "poisson"},
    ],
    "nn/steps": [{"gru"}],
    "nn/mixed_columns": [
        {"base"},
        {"number_columns"},
        {"binary", "categorical", "count", "ordinal", "positive", "real"},
        {"mixed_columns"},
    ],
    "nn/sequences": [
        {"attention", "base", "cells"}, {"closed", "source_attention"}, {"attentive_decoder"},
    ],
    "nn/quantizers": [{"base"}, {"codebook"}],
    "nn/flows": [
        {"base"},
        {"conditioner", "elementwise", "householder", "sylvester"},
        {"adapted", "affine", "autoregressive", "coupling", "permutation", "radial",
         "rational_spline", "sigmoidal"},
    ],
    "models": [
        {"any_data", "capabilities", "code_priors", "decoding", "held_vocabulary",
         "networks", "posteriors", "priors", "second_output", "sequence_data",
         "shape_advice", "totals"},
        {"base", "beginnings", "step_posteriors"},
        {"of_text"},
        {"codes", "given_text", "guided_filter", "label_conditional", "latent_vector",
         "layered", "sounding", "teacher_forced", "texts"},
        {"forecasting"},
        {"conditional_vae", "linear", "partial_vae", "vae"},
        {"count_vae"},
    ],
    "models/step_posteriors": [{"base"}, {"affine_steps"}],
    "models/posteriors": [{"base"}, {"diagonal_normal", "distribution"}],
    "models/priors": [{"base"}, {"distribution", "standard_normal"}],
    "objectives": [
        {"constructor", "known_pair", "objective", "options"},
        {"state"},
        {"drawing"},
        {"value"},
        {"base"},
        {"batch", "fixed_draws", "groups", "linear", "path", "renyi_bound"},
        {"tail"},
        {"elbo", "iwae"},
        {"pyro_equals"},
        {"pyro_loss"},
    ],
    "train": [
        {"curves", "first_batch", "loss_scale", "optim", "placement", "run_dir", "run_identity"},
        {"ranks"},
        {"step"},
        {"auto_guides", "checkpoint_file", "fitted_batches", "given_objective", "history",
         "history_file", "loop", "memory_budget", "resume_checks", "run_lock",
         "single_row", "site_kl", "validation"},
        {"callbacks", "checkpoint", "pair_tensors", "run_record"},
        {"pair_fit", "run_store"},
        {"pair_file"},
        {"run", "stepper"},
        {"calls", "compile_ahead", "rank_stepper"},
        {"setup"},
        {"fit"},
    ],
    "train/optim": [
        {"expected_state", "from_pyro", "functional", "rates", "schedules", "words"},
        {"average", "recipe", "scheduler", "together"},
        {"source"},
        {"joint"},
        {"scheduling"},
        {"state_entries"},
        {"state_check"},
        {"state"},
    ],
    "train/ranks": [{"shared_noise", "synchronise"}, {"shard"}, {"all_reduce"}],
    "train/step": [
        {"precision", "unreached"},
        {"agreement", "diagnosis", "first_step", "tensor_step"},
        {"compiled"},
        {"svi"},
        {"guarded"},
    ],
    "evaluate": [
        {"block", "block_size", "compared_objectives", "finished", "inputs", "options",
         "standard_errors"},
        {"rise", "verdict"},
        {"evidence", "simulated", "sweep", "validity"},
        {"codes", "collect", "own_steps"},
        {"log_evidence", "repeated", "seeded_draws"},
        {"annealing", "disentanglement", "entropies", "gaps", "gradients", "latents",
         "quality", "topics"},
        {"comparison", "diagnosis", "perplexity"},
    ],
    "evaluate/annealing": [
        {"coordinates", "options"},
        {"tempered_path"},
        {"force"},
        {"hmc"},
        {"base"},
        {"ais", "bdmc"},
    ],
    "evaluate/comparison": [
        {"bounds", "cost", "effort", "moments_by_draw", "table", "talk"},
        {"comparable", "gradient_draws", "rounding", "training_comparison", "truth", "weights"},
        {"comparison", "references"},
        {"gradient_rows"},
        {"rows"},
        {"measuring"},
        {"compare", "compare_training", "train_by_beta"},
    ],
    "evaluate/diagnosis": [
        {"exchange", "information", "observation", "verdict"},
        {"moments", "remedies"},
        {"learning", "observe", "site_findings"},
        {"diagnosis", "pair_verdicts", "site_verdicts"},
        {"diagnose"},
    ],
    "evaluate/disentanglement": [
        {"base"},
        {"beta_vae", "dci", "factor_vae", "mig", "sap"},
        {"disentanglement"},
    ],
    "evaluate/entropies": [{"result", "terms"}, {"directions"}, {"conditions"}, {"entropies"},
                           {"curve"}],
    "evaluate/gaps": [{"base"}, {"optimised_guide"}, {"inference_gaps"}],
    "evaluate/gradients": [{"groups", "moments", "statistics"}, {"draws"}, {"gradients"}],
    "evaluate/topics": [{"coherence"}],
    "evaluate/latents": [
        {"clusters", "elbo_parts", "elbo_surgery", "kl_decomposition", "linear_probe",
         "posterior_means"},
        {"active_units", "khat_map", "probe", "traversal"},
    ],
    "apply": [
        {"images", "labels", "observed", "temperature", "values"},
        {"anomaly", "augmentation", "checking", "completion", "compression", "denoising",
         "density", "forecasting", "interpolation", "representation", "style", "tables"},
        {"sound"},
    ],
    "apply/checking": [
        {"ranks", "statistics", "tails"},
        {"replicates"},
        {"calibration", "predictive_checks"},
    ],
    "apply/compression": [
        {"digests", "float64", "machine", "options", "schedule", "symbols", "totals"},
        {"fingerprint", "levels", "quantised", "rates", "stack"},
        {"header", "lattice", "lossy", "raw", "seed_bits"},
        {"array_files", "coders", "container", "rate_distortion"},
        {"programs"},
        {"checks"},
        {"batch", "lattices"},
        {"bits_back"},
        {"archive", "encoder"},
        {"lossless"},
    ],
    "apply/compression/coders": [
        {"base"},
        {"choice", "normals", "point", "table"},
        {"counts", "triangular"},
    ],
    "apply/completion": [
        {"bits", "finding", "masks", "observation", "programs"},
        {"coordinates", "degradation", "running"},
        {"gibbs"},
        {"hmc", "importance"},
        {"options"},
        {"run"},
        {"complete", "invert"},
        {"super_resolve"},
    ],
    "apply/denoising": [
        {"nodes", "noises", "scores"},
        {"denoised", "elements", "filters"},
        {"noisy_model"},
        {"blocks", "posterior"},
        {"restore"},
        {"methods"},
        {"denoise"},
    ],
    "apply/interpolation": [
        {"curves", "decoder"},
        {"ends", "metric"},
        {"geodesic", "grids", "lines", "pulled_back", "strips"},
        {"attributes", "interpolate"},
        {"arithmetic"},
    ],
    "apply/forecasting": [
        {"held_back", "scores"},
        {"baselines", "finding"},
        {"forecast"},
    ],
    "apply/augmentation": [{"augmented", "given", "making"}, {"augment"}, {"by_class"}],
    "apply/representation": [{"chosen", "probed", "transformer"}, {"features"}],
    "apply/tables": [
        {"framed", "rows", "seeded"},
        {"associations", "classifier", "copies", "filling", "making", "marginals"},
        {"resemblance"},
        {"resembling"},
    ],
    "apply/sound": [{"noise", "round_trip", "wav_file"}],
    "apply/style": [{"relabelled"}, {"measures"}, {"finding"}, {"transfer"}],
    "apply/anomaly": [
        {"conformal", "discrimination", "foreign", "scores"},
        {"finding", "inputs"},
        {"detector"},
        {"detect"},
    ],
    "apply/anomaly/scores": [
        {"background", "base"},
        {"elbo", "evidence", "kl", "latent_density", "reconstruction"},
        {"complexity", "ratio", "typicality"},
    ],
    "evaluate/quality": [
        {"features", "frechet", "result"},
        {"kernel_distance", "neighbours"},
        {"sample_quality"},
    ],
    "linter": [
        {"source"},
        {"problem", "runs", "undisturbed"},
        {"inspection"},
        {"changes", "supports"},
        {"capturing", "objective_fit", "rules", "site_row"},
        {"checked", "codes"},
        {"checking"},
    ],
    "linter/rules": [
        {"base"},
        {"bernoulli", "crash", "parameters"},
        {"plates", "supports", "untrained"},
    ],
    "plots": [
        {"checks", "comparison", "diagnosis", "entropies", "evidence", "forecasts", "images",
         "kl_bars", "label_curves", "latent_space", "matrices", "rate_distortion", "run_curves",
         "series", "spectrograms", "tables", "values"},
        {"anomalies", "image_rows", "khat_map", "sample_quality"},
    ],
    "reporting": [
        {"batches", "drawing", "finite_history", "page", "saving", "section", "software"},
        {"subject"},
        {"forms", "head", "sections"},
        {"making"},
        {"pictures"},
        {"completing", "render"},
        {"table"},
        {"figures", "measure"},
    ],
    "reporting/forms": [{"base"}, {"images"}],
    "cli": [
        {"explain", "interrupted", "kept_json", "kinds", "numbers", "outputs", "page_file",
          "run_files", "safe_yaml", "sizes", "user_code", "words", "working_folder"},
        {"kept_results", "library", "own_files"},
        {"names", "wanted"},
        {"arguments"},
        {"data_files", "supplies"},
        {"calls", "objective_words", "parser", "stored"},
        {"build", "misfit", "options", "section_options"},
        {"completion", "config", "decoding", "fit_options", "origin"},
        {"run_folder"},
        {"initial", "new_run", "opened"},
        {"check", "compare", "compare_training", "compress", "diagnose", "disentangle",
         "evaluate", "fit", "load", "report", "sample", "use"},
        {"entropies", "sample_quality"},
    ],
}  # fmt: skip

# Folders whose every file has its line.
ORDERED = [
    "runtime", "capture", "particles", "train", "train/optim", "train/ranks", "train/step",
    "evaluate", "evaluate/annealing", "evaluate/comparison", "evaluate/diagnosis",
    "evaluate/gaps", "evaluate/gradients", "evaluate/latents", "linter", "plots", "reporting",
    "cli", "evaluate/entropies", "evaluate/quality",
]  # fmt: skip

# The only files that touch pyro.poutine.
POUTINE = {"particles/tracing", "particles/handlers"}


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
            why = _objection(name, target)
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


def _objection(name: str, target: str) -> str | None:
    """Why one file may not import another; None where it may."""
    one, other = name.split("/"), target.split("/")
    if name == "" or (target == "" and one[0] in ("cli", "__main__")):
        return None  # the public names; `__version__` for the command
    if one[0] != other[0]:
        unknown = {one[0], other[0]} - set().union(*ROOMS)
        if unknown:
            return f"{sorted(unknown)} has no place in the order of rooms"
        if other[0] in STRANGERS.get(one[0], ()):
            return f"{one[0]} knows nothing of {other[0]}"
        if other[0] == "models" and name not in NAME_NO_FAMILY.get(one[0], {name}):
            if target != "models/capabilities":
                return f"{one[0]} names no family"
        return _wrong_way(ROOMS, one[0], other[0])
    if f"{name}/".startswith(f"{target}/"):
        return "a file imports the public names of its own folder"
    if target.startswith(f"{name}/"):
        return None  # a folder's `__init__` imports what is inside
    shared = next(i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    folder = "/".join(one[:shared])
    order = FOLDERS.get(folder, [])
    if not any("base" in line for line in order):
        order = [{"base"}, *order]
    return _wrong_way(order, one[shared], other[shared], f"in {folder}/ ")


def _wrong_way(order: list[set[str]], one: str, other: str, where: str = "") -> str | None:
    line = {name: number for number, names in enumerate(order) for name in names}
    if other not in line:
        return f"{where}nobody imports {other}, which no line names"
    if line[other] < line.get(one, len(order)):
        return None
    return f"{where}{one} stands before {other} or beside it"


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


def test_only_what_everybody_uses_stands_loose():
    found = {_name(path, PACKAGE) for path in PACKAGE.glob("*.py")}
    assert found <= LOOSE, "a new file at the top; every file has a room"


@pytest.mark.parametrize("folder", ORDERED)
def test_every_file_has_its_line(folder):
    inside = {path.stem if path.suffix else path.name for path in (PACKAGE / folder).iterdir()}
    inside -= {"__init__", "__pycache__"}
    named = set().union(*FOLDERS[folder])
    assert inside - {"base"} == named - {"base"}


@pytest.mark.parametrize("folder", ["", *FOLDERS])
def test_what_a_line_names_is_there(folder):
    """What a line names is there."""
    order = FOLDERS[folder] if folder else ROOMS
    for names in order:
        for name in names:
            path = PACKAGE / folder / name
            assert path.is_dir() or path.with_suffix(".py").is_file(), f"{folder}/{name}"


def test_there_is_something_to_check():
    names = {_name(path, PACKAGE) for path in PACKAGE.rglob("*.py")}
    assert {
        "",
        "particles/draw",
        "objectives/iwae",
        "nn/likelihoods/base",
        "data/synthetic",
    } <= names


def _wrong_arrows(order: list[set[str]]) -> Iterator[tuple[str, str]]:
    for number, names in enumerate(order):
        for one in names:
            for other in set().union(*order[number:]) - {one}:
                yield one, other


def test_no_room_imports_one_of_its_own_line_or_a_later_one():
    arrows = list(_wrong_arrows(ROOMS))
    assert len(arrows) > 80
    for one, other in arrows:
        assert _objection(f"{one}/a", f"{other}/b"), f"{one} may import {other}"
        assert _objection(f"{one}/a", other), f"{one} may import {other}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_imports_one_of_its_own_line_or_a_later_one(folder):
    for one, other in _wrong_arrows(FOLDERS[folder]):
        assert _objection(f"{folder}/{one}", f"{folder}/{other}"), f"{one} may import {other}"
        assert _objection(f"{folder}/{one}/a", f"{folder}/{other}/b"), f"{one} may import {other}"
    for one in set().union(*FOLDERS[folder]):
        assert _objection(f"{folder}/{one}", f"{folder}/unnamed"), f"{one} imports what is unnamed"
    assert _objection(f"{folder}/unnamed", f"{folder}/unnamed_too")


@pytest.mark.parametrize(("room", "stranger"), [
    (room, stranger) for room, strangers in STRANGERS.items() for stranger in sorted(strangers)
])  # fmt: skip
def test_no_room_imports_a_stranger(room, stranger):
    assert _objection(f"{room}/a", f"{stranger}/b") == f"{room} knows nothing of {stranger}"


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"math.py": "from .particles import draw"}, "math stands before particles"),
        ({"particles/site.py": "from ..data import digits"}, "particles stands before data"),
        ({"particles/plates.py": "from .site import Site"}, "plates stands before site"),
        ({"objectives/elbo.py": "from ..models import VAE"}, "objectives stands before models"),
        ({"train/fit.py": "from ..models import VAE"}, "train knows nothing of models"),
        ({"train/ranks/shard.py": "from ..step import svi"}, "in train/ ranks stands before step"),
        ({"plots.py": "from .reporting import report"}, "plots stands before reporting"),
        ({"cli/fit.py": "from ..models import VAE"}, "cli names no family"),
        ({"reporting/table.py": "from .. import models"}, "reporting names no family"),
        (
            {"models/vae.py": "def late():\n    from ..train import fit"},
            "models/vae.py:2 imports train/fit: models stands before train",
        ),
        ({"objectives/dreg.py": "from .stl import STL"}, "nobody imports stl"),
        ({"objectives/dreg.py": "from . import stl"}, "nobody imports stl"),
        ({"objectives/iwae.py": "from . import ELBO"}, "public names of its own folder"),
        ({"models/priors/flow.py": "from .. import VAE"}, "public names of its own folder"),
        ({"models/priors/flow.py": "from ..ladder import L"}, "nobody imports ladder"),
        ({"nn/likelihoods/normal.py": "from ..grid import G"}, "nobody imports grid"),
        ({"nn/mlp.py": "import pyrovae.math"}, "by its absolute name"),
        ({"nn/mlp.py": "from pyrovae.math import log_mean_exp"}, "by its absolute name"),
        ({"shed/a.py": "from ..math import log_mean_exp"}, "['shed'] has no place"),
        (
            {"apply/a.py": "from .base import f", "apply/base.py": "from .a import g"},
            "circle: apply/a -> apply/base -> apply/a",
        ),
        ({"particles/kl.py": "from pyro import poutine"}, "kl.py:1 uses poutine"),
        ({"particles/kl.py": "import pyro.poutine as p"}, "kl.py:1 uses poutine"),
        (
            {"particles/kl.py": "from pyro.poutine.trace_struct import Trace"},
            "kl.py:1 uses poutine",
        ),
        ({"particles/kl.py": "import pyro\n\npyro.poutine.block()"}, "kl.py:3 uses poutine"),
        ({"nn/mlp.py": "def f():\n    from pyro.poutine import trace"}, "mlp.py:2 uses poutine"),
    ],
)
def test_the_check_reads_every_kind_of_import(tmp_path, files, complaint):
    _build(tmp_path, files)
    found = violations(tmp_path / "pyrovae")
    assert any(complaint in sentence for sentence in found), found


def test_what_is_allowed_passes(tmp_path):
    allowed = {
        "__init__.py": "from . import models\nfrom .cli import main\nfrom .train import fit",
        "particles/tracing.py": "from pyro import poutine\nfrom .site import Site",
        "particles/kl.py": "from .draw import draw\nfrom pyro.infer.enum import g",
        "nn/__init__.py": "from .mlp import MLP\nfrom .likelihoods import Normal",
        "nn/base.py": "from .likelihoods.base import Likelihood",
        "nn/mlp.py": "from .base import Shape\nfrom ..errors import ShapeError",
        "nn/likelihoods/normal.py": "from .base import Likelihood\nfrom ...errors import E",
        "models/vae.py": "from ..nn import MLP\nfrom .priors import Prior\nfrom .base import F",
        "models/priors/flow.py": "from ...nn import flows\nfrom .base import Prior",
        "train/fit.py": "from .step import svi\nfrom .callbacks import C\nfrom ..data import x",
        "train/callbacks/a.py": "from ..loop import Loop\nfrom .base import Callback",
        "train/ranks/shard.py": "",
        "cli/fit.py": "from .. import __version__\nfrom ..train import fit",
        "cli/library.py": "from .. import models\nfrom ..models.vae import VAE",
        "reporting/table.py": "from ..models.capabilities import Figure",
        "models/capabilities.py": "",
    }
    _build(tmp_path, allowed)
    assert violations(tmp_path / "pyrovae") == []


def _build(root: Path, files: dict[str, str]) -> None:
    """A small package: every room is there and empty, but for the given files."""
    empty = [
        "__init__.py", "errors.py", "math.py", "plots.py", "reporting/__init__.py",
        "particles/__init__.py", "particles/plates.py", "particles/site.py", "particles/draw.py",
        "data/__init__.py", "nn/__init__.py", "nn/base.py", "nn/mlp.py",
        "nn/likelihoods/__init__.py", "nn/likelihoods/base.py", "models/__init__.py",
        "models/base.py", "models/vae.py", "models/ladder.py", "models/priors/__init__.py",
        "models/priors/base.py",
        "objectives/__init__.py", "objectives/elbo.py", "objectives/stl.py", "train/__init__.py",
        "train/fit.py", "train/loop.py", "train/step/__init__.py", "train/step/svi.py",
        "train/callbacks/__init__.py", "train/callbacks/base.py", "cli/__init__.py",
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
