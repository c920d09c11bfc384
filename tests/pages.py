"""The pages of the documentation as tests see them: their blocks of code, at smaller budgets."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

import pyrovae
from pyrovae import data, models, nn

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in DOCS.rglob("*.md") if path.parent.name not in ("tutorials", "api")),
]

_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*?) -->\n)?^```(?P<language>[\w{}-]*)[^\n]*\n(?P<code>.*?)^```",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        note: The comment on the line before it: "given: NAME" names what the test supplies of
            `GIVEN`, "not run: REASON" says why it is not run.
    """

    page: Path
    line: int
    language: str
    code: str
    note: str

    @property
    def is_run(self) -> bool:
        return not self.note.startswith("not run: ")

    @property
    def given(self) -> str | None:
        kind, _, name = self.note.partition(": ")
        return name if kind == "given" else None

    def compiled(self) -> Any:
        """The code, whose errors name page and line."""
        ahead = "\n" * (self.line - 1)
        return compile(ahead + smaller(self.code), str(self.page.relative_to(ROOT)), "exec")


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in its order."""
    text = page.read_text()
    return [
        Block(
            page,
            text[: found.start("code")].count("\n") + 1,
            found["language"],
            found["code"],
            found["note"] or "",
        )
        for found in _BLOCK.finditer(text)
    ]


def python_blocks(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language == "python"]


def commands(page: Path) -> list[str]:
    """The commands of a page's blocks of shell, each in one line."""
    return [line for block in blocks(page) for line in commands_of(block)]


def commands_of(block: Block) -> list[str]:
    if block.language != "sh":
        return []
    lines = re.sub(r"\\\n\s*", "", block.code).splitlines()
    return [line.partition(" #")[0].strip() for line in lines if line.strip()]


_CHAINS = "num_steps=8, num_leapfrog=1, num_particles=8, num_completions=2"

# Smaller budgets where no keyword says them: text, and what takes its place.
SMALLER = [
    ("complete(vae, digits.test.x,", f"complete(vae, digits.test.x[:4], {_CHAINS},"),
    ("super_resolve(vae, digits.test.x,", f"super_resolve(vae, digits.test.x[:4], {_CHAINS},"),
    ("denoise(vae, digits.test.x,", "denoise(vae, digits.test.x[:4], num_steps=8, num_moves=2,"),
    ("print(interpolate(vae, digits.test.x", "print(interpolate(vae, digits.test.x[:4]"),
    ("foreign=1 - digits.test.x", "foreign=1 - digits.test.x, scores=['elbo']"),
    ("num_labelled=[50, 100, 500]", "num_labelled=[50], num_repeats=1"),
    ("digits.test.x, statistics", "digits.test.x[:20], replicates=20, statistics"),
    ("python_documents()", "python_documents(max_words=200)"),
    (
        "word_perplexity(model, texts.test, num_particles=50)",
        "word_perplexity(model, texts.test, num_particles=2)",
    ),
    ("check_calibration(vae, digits.test.x", "check_calibration(vae, digits.test.x[:30]"),
]


def smaller(code: str) -> str:
    for full, small in SMALLER:
        code = code.replace(full, small)
    return code


# The most that a keyword may be, by the name of the function. What is compiled has its own tests.
CAPS: dict[str, dict[str, Any]] = {
    "fit": {"epochs": 1, "progress": False, "compile": False},
    "log_evidence": {"num_particles": 20, "compile": False},
    "compare": {"num_draws": 5, "repeats": 2, "evidence_particles": 20, "num_particles": 4},
    "compare_training": {"epochs": 1, "num_particles": 5, "progress": False},
    "gradients": {"num_draws": 10},
    "inference_gaps": {"num_steps": 3, "step_particles": 2, "num_particles": 10},
    "ais": {"num_temperatures": 3, "num_particles": 2, "num_leapfrog": 1},
    "elbo_parts": {"num_particles": 5},
    "active_units": {"num_particles": 5},
}


def capped(function: Callable[..., Any], caps: dict[str, Any]) -> Callable[..., Any]:
    """The function with keywords that are at most so large."""
    known = inspect.signature(function).parameters

    @wraps(function)
    def small(*args: Any, **options: Any) -> Any:
        for name, most in caps.items():
            if name in known:
                options[name] = min(options.get(name, most), most)
        return function(*args, **options)

    return small


def few(made: Callable[..., data.Dataset]) -> Callable[..., data.Dataset]:
    """What gives a data set, with a part of the rows."""

    @wraps(made)
    def fewer(**options: Any) -> data.Dataset:
        whole = made(**options)
        return replace(whole, train=whole.train[:300], val=whole.val[:60], test=whole.test[:120])

    return fewer


def own_data() -> dict[str, Any]:
    """Data of several kinds, and files of them in the working folder."""
    import pandas as pd

    x = torch.rand(30, 2).numpy()
    np.savez("cells.npz", x)
    np.save("images.npy", x)
    frame = pd.DataFrame(100 * x, columns=["height", "weight"]).assign(name="someone")
    return {
        "vae": models.VAE((2,), 2, likelihood=nn.Normal()),
        "loader": DataLoader(TensorDataset(torch.rand(30, 2), torch.arange(30)), 10),
        "frame": frame,
    }


def counts() -> dict[str, Any]:
    return {"counts": torch.poisson(torch.full((40, 50), 3.0))}


def text_file() -> dict[str, Any]:
    """Texts in `names.txt`, one a line."""
    words = data.python_words()
    known = data.Vocabulary.from_json(words.supplies["vocabulary"])
    Path("names.txt").write_text("\n".join(known.decode(words.train.x[:300])))
    return {}


def a_run() -> dict[str, Any]:
    """A run of the command, in `runs/mnist`."""
    from pyrovae.cli import main

    words = "--data.binarize dynamic --model VAE --model.latent_dim 2 --epochs 1".split()
    assert main(["fit", *words, "--test-particles", "0", "--run", "runs/mnist"]) == 0
    return {"pyrovae": pyrovae}


GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "own_data": own_data, "counts": counts, "a_run": a_run, "text_file": text_file,
}  # fmt: skip
