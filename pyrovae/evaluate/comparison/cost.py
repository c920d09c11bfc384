"""What a step costs: runs of the decoder, milliseconds, peak memory."""

import math
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import torch

from ...objectives.objective import Objective
from ...particles.isolation import isolated
from ...particles.own_parameters import own_parameters
from ...particles.parameters import trainable
from ...particles.tracing import Pair, Program, counted
from ...runtime.memory import peak_bytes
from ..gradients.draws import Leaves

_FEWEST, _MOST = 5, 20  # timed steps, where their number is not fixed
_ERROR = 0.05  # relative, of a median


def decoder_evaluations(
    objective: Objective,
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
) -> float:
    """How often one step scores each datum under the model: K, M times K, ...

    Counted while a step runs: what is enumerated or evaluated twice counts.
    """
    watched, counts = counted(model)
    with isolated(), own_parameters(), torch.enable_grad():
        with torch.no_grad():
            Pair(watched, guide, args, {}).trace()
        once = sum(counts)
        for _ in range(2):  # the first step on a pair may run it once more, to find its plates
            counts.clear()
            objective.loss_and_grads(watched, guide, *args)
    return sum(counts) / once if once else float("nan")


def step_costs(
    objectives: Mapping[str, Objective],
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    device: torch.device,
    repeats: int | None = None,
    seconds: float = math.inf,
    told: Callable[[float], None] = lambda share: None,
) -> dict[str, dict[str, float]]:
    """Milliseconds of a step, median and quartiles, and its peak of memory, by objective.

    Args:
        objectives: By name.
        model: Pyro model.
        guide: Pyro guide.
        args: What the pair takes.
        device: Of the pair.
        repeats: Timed steps of each; None takes 5 to 20, until the errors of all medians are
            below a twentieth.
        seconds: What they may take, beyond 5 of each, where their number is not fixed.
        told: Is told which share of them is done.
    """
    leaves = Leaves(list(trainable(model, guide, *args).values()))

    def step_of(objective: Objective) -> Callable[[], None]:
        def step() -> None:
            for leaf in leaves.leaves:
                leaf.grad = None
            objective.loss_and_grads(model, guide, *args)

        return step

    steps = {name: step_of(objective) for name, objective in objectives.items()}
    with isolated(), own_parameters(), leaves.kept_grads():
        times = interleaved_ms(steps, device=device, repeats=repeats, seconds=seconds, told=told)
        memory = {name: peak_bytes(step, device) for name, step in steps.items()}
    costs = {}
    for name, values in times.items():
        low, middle, high = torch.tensor(values).quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
        costs[name] = {
            "milliseconds": middle,
            "milliseconds_low": low,
            "milliseconds_high": high,
            "peak_bytes": memory[name],
        }
    return costs


def interleaved_ms(
    steps: Mapping[str, Callable[[], object]],
    *,
    device: torch.device | str,
    repeats: int | None = None,
    seconds: float = math.inf,
    told: Callable[[float], None] = lambda share: None,
) -> dict[str, list[float]]:
    """Milliseconds of each call; the steps take turns, so that a busy machine slows all alike.

    See `step_costs`; the first calls, three where their number is fixed, do not count.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    warmup, most = (1, _MOST) if repeats is None else (3, repeats)
    began = perf_counter()
    for round_ in range(warmup + most):
        for name, step in steps.items():
            _wait(device)
            started = perf_counter()
            step()
            _wait(device)
            if round_ >= warmup:
                times[name].append(1e3 * (perf_counter() - started))
        told((round_ + 1) / (warmup + most))
        if repeats is None and round_ + 1 - warmup >= _FEWEST:
            is_late = perf_counter() - began > seconds
            if is_late or all(map(_is_known, times.values())):
                break
    return times


def _is_known(times: Sequence[float]) -> bool:
    """Whether the error of the median is below a twentieth, as of normal times."""
    low, middle, high = torch.tensor(times).quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
    return bool(1.2533 * (high - low) / 1.349 / len(times) ** 0.5 < _ERROR * middle)


def _wait(device: torch.device | str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
