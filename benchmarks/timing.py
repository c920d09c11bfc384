"""Timing of calls in turn, so that a busy machine slows all of them equally."""

import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

import pyro
import torch

RESULTS = Path(__file__).parent / "results"


def synchronise(device: torch.device | str) -> None:
    """Wait until the device has finished its work."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def interleaved_ms(
    steps: Mapping[str, Callable[[], object]],
    *,
    device: torch.device | str = "cpu",
    warmup: int = 20,
    repeats: int = 200,
    block_ms: float = 0.0,
) -> dict[str, list[float]]:
    """Milliseconds of each call of each step, the steps taken in turn.

    With `block_ms`, a reading is the mean of as many calls in a row as fill that time: each step
    then finds the caches as it would find them in a loop of its own, and a device is waited for
    once a block.
    """
    for _ in range(warmup):
        for step in steps.values():
            step()
    calls = {name: _calls_in(step, block_ms, device) for name, step in steps.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            times[name].append(_reading(step, calls[name], device))
    return times


def _calls_in(step: Callable[[], object], block_ms: float, device: torch.device | str) -> int:
    return max(1, round(block_ms / min(_reading(step, 1, device) for _ in range(3))))


def _reading(step: Callable[[], object], calls: int, device: torch.device | str) -> float:
    synchronise(device)
    start = perf_counter()
    for _ in range(calls):
        step()
    synchronise(device)
    return 1e3 * (perf_counter() - start) / calls


def ratio(times: Mapping[str, Sequence[float]], name: str, other: str) -> float:
    """How many times as long one takes as the other: the median over rounds, pair by pair."""
    pairs = zip(times[name], times[other], strict=True)
    return median(one / two for one, two in pairs)


def table(times: Mapping[str, Sequence[float]], to: Sequence[str] = ()) -> str:
    """Median, quartiles and the ratio to the first, or to each in `to`, one line each."""
    to = to or [next(iter(times))]
    width = max(map(len, times))
    heads = ["ratio"] if len(to) == 1 else [f"to {name}" for name in to]
    lines = [f"{'':<{width}}   median   25 %     75 %   " + "".join(f"  {h:>6}" for h in heads)]
    for name, values in times.items():
        ordered = sorted(values)
        low, high = ordered[len(ordered) // 4], ordered[3 * len(ordered) // 4]
        ratios = "".join(
            f"  {ratio(times, name, other):{max(6, len(head))}.2f}"
            for other, head in zip(to, heads, strict=True)
        )
        lines.append(f"{name:<{width}}  {median(values):7.3f}  {low:7.3f}  {high:7.3f}{ratios}")
    return "\n".join(lines)


def where(device: torch.device | str = "cpu") -> str:
    """Machine, versions and commit, without which a time means nothing."""
    words = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    found = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    cuda = torch.device(device).type == "cuda"
    name = torch.cuda.get_device_name() if cuda else f"{torch.get_num_threads()} CPU threads"
    return (
        f"{name}, {platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, pyro {pyro.__version__}, commit {found.stdout.strip() or 'unknown'}"
    )


class Report:
    """Prints, and keeps what it prints in a file, from the first line on.

    Args:
        path: The file; by default `results/<name>`.
        name: Of the file.
    """

    def __init__(self, path: str | None, name: str) -> None:
        self.path = Path(path) if path else RESULTS / name
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("")

    def __call__(self, text: str) -> None:
        print(text, flush=True)
        with self.path.open("a") as file:
            file.write(text + "\n")
