"""Perplexity of text and of other data that consist of tokens."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from ..errors import ConfigError, DataError
from ..particles.pair import takes_pair
from ..particles.tracing import Program
from ..runtime.result import Result
from .collect import Compile
from .evidence import Evidence
from .inputs import Data
from .latents.active_units import ActiveUnits, active_units
from .latents.elbo_parts import ELBOParts, elbo_parts
from .log_evidence import log_evidence
from .options import SweepOptions
from .standard_errors import mean_error
from .sweep import Sweep, joined, sweep_over, sweeps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROWS = 1000  # data whose tokens are counted at once

Count = Callable[[Tensor], Tensor]
"""Gives the number of tokens of each datum [N], for x [N, ...]."""


@dataclass(frozen=True, eq=False)
class Perplexity(Result):
    """Negative log-likelihood per token, in nats, and its exponential.

    The NLL of all data together is divided by their tokens together, so that a long datum counts
    for more than a short one. Perplexities compare models only where the tokens are the same: of
    characters and of words, or with and without the end code counted, they do not compare.

    Attributes:
        evidence: Estimate of log p(x) of each datum. It is low in expectation, so that the
            perplexity is too high: `shortfall` says by how much, as far as that can be seen.
        parts: ELBO and KL of each datum.
        units: Which latent units are active; None for a pair without latents.
        num_tokens: Of each datum [N], float64 on the CPU.
        token: What a token is called in tables.
    """

    evidence: Evidence
    parts: ELBOParts
    units: ActiveUnits | None
    num_tokens: Tensor
    token: str

    @property
    def nll_per_token(self) -> float:
        """NLL of all data over their number of tokens, in nats."""
        return -self.evidence.mean() / self._tokens

    @property
    def standard_error(self) -> float:
        """Of `nll_per_token` as an estimate for new data, from their spread (delta method)."""
        rest = -self.evidence.log_px - self.nll_per_token * self.num_tokens
        return mean_error(rest) / self._tokens

    @property
    def monte_carlo_error(self) -> float:
        """The part of `standard_error` that more particles would remove."""
        return self.evidence.monte_carlo_error() / self._tokens

    @property
    def shortfall(self) -> float:
        """By how many nats per token `nll_per_token` is probably too high; NaN at K = 1."""
        return self.evidence.shortfall / self._tokens

    @property
    def bound_per_token(self) -> float:
        """Minus the ELBO over the tokens, in nats: above `nll_per_token` in expectation."""
        return -float(self.parts.elbo.mean()) / self._tokens

    @property
    def perplexity(self) -> float:
        """The exponential of `nll_per_token`: among how many equally likely tokens it chooses."""
        return math.exp(self.nll_per_token)

    def cells(self) -> list[list[str]]:
        per, error = self.nll_per_token, self.standard_error
        means, errors = self.parts.means(), self.parts.standard_errors
        by_bound = math.exp(self.bound_per_token)
        how = f"log p(x) by {self.evidence.source}"
        count = f"{int(self.num_tokens.sum()):,}"
        rows = [
            ["perplexity", _pair(self.perplexity, self.perplexity * error), f"per {self.token}"],
            [f"NLL per {self.token}", _pair(per, error, 4), how],
            [f"bits per {self.token}", _pair(per / _BIT, error / _BIT, 4), ""],
            ["perplexity by the ELBO", f"{by_bound:.3f}", "an upper bound in expectation"],
            ["KL", _pair(means["kl"], errors["kl"]), "nats per datum"],
            ["active units", self._active, ""],
            [f"{self.token}s", count, f"of {len(self.num_tokens):,} data"],
        ]
        return [["what", "value", "remark"], *rows]

    def notes(self) -> list[str]:
        return [f"mean log p(x) of a datum: {self.evidence.verdict}"]

    def numbers(self) -> dict[str, Any]:
        return {
            "perplexity": self.perplexity,
            "nll_per_token": self.nll_per_token,
            "standard_error": self.standard_error,
            "monte_carlo_error": self.monte_carlo_error,
            "shortfall": self.shortfall,
            "bits_per_token": self.nll_per_token / _BIT,
            "bound_per_token": self.bound_per_token,
            "kl": self.parts.means()["kl"],
            "active_units": None if self.units is None else self.units.count,
            "token": self.token,
            "num_tokens": int(self.num_tokens.sum()),
            "num_data": len(self.num_tokens),
            "num_particles": self.evidence.num_particles,
            "verdict": self.evidence.verdict,
        }

    def arrays(self) -> dict[str, Tensor]:
        """Of each datum [N]: log p(x), ELBO, KL, and how many tokens it has."""
        parts = self.parts
        return {
            "log_px": self.evidence.log_px, "elbo": parts.elbo, "kl": parts.kl,
            "num_tokens": self.num_tokens,
        }  # fmt: skip

    def plot(self) -> "Figure":
        """Log p(x) against the number of particles: see `Evidence`."""
        return self.evidence.plot()

    @property
    def _tokens(self) -> float:
        """Mean number of tokens of a datum."""
        return float(self.num_tokens.mean())

    @property
    def _active(self) -> str:
        if self.units is None:
            return "no latents"
        return f"{self.units.count} of {sum(map(len, self.units.variance.values()))}"


_BIT = math.log(2)  # in nats


def _pair(value: float, error: float, digits: int = 3) -> str:
    return f"{value:.{digits}f} +- {error:.{digits}f}"


@takes_pair
@sweeps
def perplexity(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_tokens: Count | None = None,
    num_particles: int = 1000,
    compile: Compile = "auto",
    **options: Unpack[SweepOptions],
) -> Perplexity:
    """Perplexity of held-out data, by importance sampling with the guide as proposal.

    Of a pair called as (x, y) it is that of p(x|y).

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        num_tokens: How many tokens the log-density of each datum is of; None asks the pair's
            method `num_tokens`, which the families of text have. Count what the model predicts:
            of text the characters and the end. The log-density of a bag of words is that of words
            in any order: use `evaluate.word_perplexity` there.
        num_particles: K of `log_evidence`. KL and units take 100 at most.
        compile: See `log_evidence`.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: Nothing says how many tokens a datum has; or see `log_evidence`.
        DataError: There is no token in all data, or a number of them is negative.
        PlateError: See `log_evidence`; or `batch_plate` is None.

    Source:
        Perplexity - a measure of the difficulty of speech recognition tasks (Jelinek, Mercer,
        Bahl & Baker, 1977), https://doi.org/10.1121/1.2016299; of latent variable models of text:
        Generating Sentences from a Continuous Space (Bowman et al., 2016),
        https://arxiv.org/abs/1511.06349

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(100, seed=1)
        >>> found = perplexity(oracle, x, num_tokens=lambda x: x.new_full(x.shape[:1], 5), seed=2)
        >>> exact = -oracle.log_px(x).mean().item() / 5
        >>> abs(found.nll_per_token - exact) < 0.01
        True
    """
    sweep = sweep_over(model, guide, x, args, num_particles, options)
    sweep.check_data_are_apart("tokens")
    owner = getattr(model, "__self__", model)
    count = _counter(owner) if num_tokens is None else num_tokens
    tokens = _counted(count, sweep)
    source, rest = sweep.inputs.source, sweep.inputs.rest  # a stream is read once
    again: Any = {n: v for n, v in options.items() if n not in ("columns", "transform")}
    few = min(num_particles, 100)
    parts = elbo_parts(model, guide, source, *rest, num_particles=few, compile=compile, **again)
    units = None
    if parts.kl_by_site and len(tokens) > 1:
        units = active_units(model, guide, source, *rest, num_particles=max(few, 2), **again)
    evidence = log_evidence(
        model, guide, source, *rest, num_particles=num_particles, compile=compile, **again
    )
    return Perplexity(evidence, parts, units, tokens, str(getattr(owner, "token", "token")))


def _counter(owner: object) -> Count:
    found = getattr(owner, "num_tokens", None)
    if not callable(found):
        raise ConfigError(
            f"perplexity: {type(owner).__name__} has no method num_tokens(x) -> [N], which says "
            "how many tokens each datum has; give num_tokens=, a function of x, or of counts of "
            "words take word_perplexity"
        )
    return found


@torch.no_grad()
def _counted(count: Count, sweep: Sweep) -> Tensor:
    """The numbers of tokens of all data [N]."""
    parts = []
    for start in range(0, sweep.num_data, _ROWS):
        given = sweep.arguments(slice(start, start + _ROWS))[0]
        found = torch.as_tensor(count(given))
        if found.shape != given.shape[:1]:
            raise DataError(
                f"num_tokens gave shape {list(found.shape)} for x of shape {list(given.shape)}; "
                f"it must give one number for each datum, [{len(given)}]"
            )
        parts.append(found)
    tokens = joined(parts)
    if not bool((tokens >= 0).all()):
        row = int((~(tokens >= 0)).nonzero()[0])
        raise DataError(f"num_tokens gave {float(tokens[row]):g} for row {row}; give 0 or more")
    if float(tokens.sum()) == 0:
        raise DataError("the data hold no token, so that there is nothing to divide by")
    return tokens
