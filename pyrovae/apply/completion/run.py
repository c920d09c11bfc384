"""The draws of the hidden part of data, block of rows by block of rows."""

from typing import Any

import torch
from torch import Tensor

from ...evaluate.block import Block
from ...evaluate.inputs import Inputs
from ...evaluate.options import SweepOptions
from ...evaluate.sweep import joined, sweep_over
from ...particles.tracing import Program
from .finding import Completion, LogHidden
from .importance import evidence
from .observation import Observation
from .options import Settings
from .programs import Programs
from .running import Estimate, Found

_PROPOSALS = 8  # completions at which guides propose, for the evidence


def run(
    model: Program,
    guide: Program,
    inputs: Inputs,
    seen: Observation,
    settings: Settings,
    options: SweepOptions,
    *,
    what: str,
    hidden: Tensor,
    mask_at: int | None = None,
    **shown: Any,  # noqa: ANN401
) -> Completion:
    """Draw what was hidden of all data.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        inputs: The data with stand-ins where they are hidden, and what else the pair takes.
        seen: What was observed of all data.
        settings: Of the use, as for the next.
        options: Of the sweep.
        what: Name of the use, for messages.
        hidden: Which elements were hidden, bool, of the shape of the data, on the CPU.
        mask_at: See `Programs`.
        shown: Attributes of the result that do not depend on the draws.
    """
    of_sweep: Any = {k: v for k, v in options.items() if k not in ("columns", "transform")}
    of_sweep["vectorize_particles"] = False  # copies of a datum are rows here
    sweep = sweep_over(
        model, guide, inputs.data, inputs.rest, settings.at_once, of_sweep, together=True
    )
    size = inputs.num_data
    per_row = [
        place < len(inputs.data) or (isinstance(arg, Tensor) and arg.shape[:1] == (size,))
        for place, arg in enumerate(inputs.all)
    ]
    start = 0

    def of_block(block: Block) -> tuple[Found, dict[str, Estimate], str]:
        nonlocal start
        pair = Programs(block, per_row, mask_at, what)
        here = slice(start, start + pair.num_rows)
        start = here.stop
        part = seen.at(here, pair.like)
        x = inputs.data[0][here].flatten(1).to(pair.like)
        method = settings.method_for(pair)
        found, estimates = settings.sampler(method)(pair, part, x)
        estimates["predictive"] = found.log_rest
        if settings.num_particles and part.can_be_scored:
            estimates["importance"] = _difference(
                pair, part, found.x, settings.num_particles, sweep.draws_at_once
            )
        return found, estimates, method

    blocks = sweep.each(of_block)
    shape = inputs.data[0].shape[1:]
    every = [found for found, _, _ in blocks]
    made = torch.cat([f.x for f in every], 1).cpu()
    latents = {n: torch.cat([f.latents[n] for f in every], 1).cpu() for n in every[0].latents}
    names = [n for n in ("importance", "annealed", "predictive") if n in blocks[0][1]]
    log_hidden: dict[str, LogHidden] = {
        name: LogHidden(
            *(
                joined(getattr(estimates[name], part) for _, estimates, _ in blocks)
                for part in ("log_prob", "error", "ess")
            )
        )
        for name in names
    }
    mean = joined(f.mean for f in every).to(made).reshape(size, *shape)
    std = joined(f.variance for f in every).sqrt().to(made).reshape(size, *shape)
    return Completion(
        completions=made.reshape(*made.shape[:2], *shape),
        mean=torch.where(hidden, mean, inputs.data[0].cpu().to(mean)),  # without rounding
        std=torch.where(hidden, std, 0.0),
        hidden=hidden,
        latents=latents,
        method=blocks[0][2],
        log_hidden=log_hidden,
        ess=joined(f.ess for f in every),
        acceptance=joined(f.acceptance for f in every),
        r_hat=joined(f.r_hat for f in every),
        **shown,
    )


def _difference(
    pair: Programs, seen: Observation, made: Tensor, num_particles: int, at_once: int
) -> Estimate:
    """log p(x) + log p(observed|x) - log p(observed)."""
    whole = seen.whole()
    at = made[:_PROPOSALS]
    lower = evidence(pair, seen, at, num_particles, at_once)
    filled = torch.stack([whole.filled(x) for x in at])
    if bool((filled == filled[0]).all()):
        filled = filled[:1]
    of_whole = pair.with_mask(whole.mask)
    upper = evidence(of_whole, whole, filled, num_particles, at_once)
    return Estimate(
        upper.log_prob + seen.log_given_x() - lower.log_prob,
        (lower.error.square() + upper.error.square()).sqrt(),
        torch.minimum(lower.ess, upper.ess),
    )
