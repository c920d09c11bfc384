"""One run of a pair for inspection: what it recorded, at which lines, and where it failed."""

import random
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyro
import torch

from ..particles.handlers import Message, Messenger, Program, Trace
from ..particles.isolation import isolated
from ..particles.modes import Mode, in_mode
from ..particles.traces import leaves_of, sample_sites, score_flow_draws, with_subsamples
from ..particles.tracing import FAILURES, Pair
from .source import SourceLine, users_line

Node = dict[str, Any]
"""The message that Pyro recorded at a site."""


@dataclass
class Run:
    """What one run of guide and model recorded.

    Attributes:
        guide: Trace of the guide, as far as it came.
        model: Trace of the model at the guide's draws, as far as it came.
        lines: Where statements stand, by side ("model", "guide") and name.
        failed: The side that failed; "" where none did.
        error: What it raised.
        streams: Names of random streams other than torch's that it drew from.
        warned: Messages of warnings.
    """

    guide: Trace
    model: Trace
    lines: dict[tuple[str, str], SourceLine | None] = field(default_factory=dict)
    failed: str = ""
    error: Exception | None = None
    streams: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def sites(self, side: str) -> dict[str, Node]:
        """Sample sites that carry a density, by name, in the order of the program."""
        return sample_sites(self.model if side == "model" else self.guide)

    @property
    def draws(self) -> Trace:
        """The guide's trace with the subsamples of the model, to replay."""
        return with_subsamples(self.guide, self.model)

    def leaves(self, side: str) -> dict[str, torch.Tensor]:
        """Unconstrained parameters that a side declared, by name."""
        return leaves_of(self.model if side == "model" else self.guide)


def run_pair(
    model: Program,
    guide: Program,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    seed: int = 0,
    replay: Trace | None = None,
    mode: Mode = "evaluation",
    validate: bool = False,
    gradients: bool = True,
) -> Run:
    """Run guide and model once, without side effects on networks and random streams.

    Args:
        seed: Of all draws.
        replay: Values for the guide's sites.
        mode: Of the networks.
        validate: Let Pyro and torch check values. Without it more can be seen of a faulty pair.
        gradients: Record what gradients need.
    """
    run = Run(Trace(), Trace())
    pair = Pair(
        _located(model, "model", run.lines), _located(guide, "guide", run.lines), args, kwargs
    )
    own = Pair.own_parameters()
    side = "guide"
    with (
        isolated(),
        in_mode(mode, model, guide),
        torch.enable_grad() if gradients else torch.no_grad(),
        pyro.validation_enabled(validate),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        seed_all(seed)
        others = _other_streams()
        try:
            run.guide = pair.run(pair.guide, 1, 0, replay, own, into=run.guide)
            with suppress(*FAILURES, NotImplementedError):
                score_flow_draws(run.guide)  # a flow without an inverse forgets them
            side = "model"
            drawn = run.guide if replay is None else with_subsamples(run.guide, replay)
            run.model = pair.run(pair.model, 1, 0, drawn, own, into=run.model)
        except Exception as error:  # what a user's program raises can be anything
            run.failed, run.error = side, error
        after = _other_streams()
        run.streams = [name for name in others if others[name] != after[name]]
        run.warned = [str(each.message) for each in caught]
    return run


def seed_all(seed: int) -> None:
    """Seed torch's, numpy's and Python's streams; the caller restores them."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed)
    random.seed(seed)


class _Lines(Messenger):
    """Note at which line of the user's own each statement stands."""

    def __init__(self, side: str, lines: dict[tuple[str, str], SourceLine | None]) -> None:
        super().__init__()
        self._side, self._lines = side, lines

    def _pyro_sample(self, msg: Message) -> None:
        self._note(msg)

    def _pyro_param(self, msg: Message) -> None:
        self._note(msg)

    def _note(self, msg: Message) -> None:
        key = self._side, str(msg["name"])
        if key not in self._lines:
            self._lines[key] = users_line(sys._getframe(1))


def _located(
    program: Program, side: str, lines: dict[tuple[str, str], SourceLine | None]
) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        with _Lines(side, lines):
            return program(*args, **kwargs)

    return run


def _other_streams() -> dict[str, Any]:
    state: Any = np.random.get_state(legacy=False)
    inner = state["state"]
    return {
        "numpy.random": (inner["pos"], inner["key"].tobytes()) if "pos" in inner else str(inner),
        "random": random.getstate(),
    }
