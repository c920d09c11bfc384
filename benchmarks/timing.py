"""Timing that compares: calls taken in turn, so that a busy machine slows all alike."""

import platform
import subprocess
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter

import pyro
import torch


def synchronise(device: torch.device | str) -> None:
    """Wait until the device has done what it was given."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def interleaved_ms(
    steps: Mapping[str, Callable[[], object]],
    *,
    device: torch.device | str = "cpu",
    warmup: int = 20,
    repeats: int = 200,
) -> dict[str, list[float]]:
    """Milliseconds of each call of each step, the steps taken in turn."""
    for _ in range(warmup):
        for step in steps.values():
            step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            synchronise(device)
            start = perf_counter()
            step()
            synchronise(device)
            times[name].append(1e3 * (perf_counter() - start))
    return times


def table(times: Mapping[str, list[float]]) -> str:
    """Median, quartiles and the ratio to the first, one line each."""
    first = median(next(iter(times.values())))
    width = max(map(len, times))
    lines = [f"{'':<{width}}   median   25 %     75 %     ratio"]
    for name, values in times.items():
        ordered = sorted(values)
        low, high = ordered[len(ordered) // 4], ordered[3 * len(ordered) // 4]
        middle = median(values)
        lines.append(
            f"{name:<{width}}  {middle:7.3f}  {low:7.3f}  {high:7.3f}  {middle / first:6.2f}"
        )
    return "\n".join(lines)


def where(device: torch.device | str = "cpu") -> str:
    """Machine, versions and commit, without which a time means nothing."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    cuda = torch.device(device).type == "cuda"
    name = torch.cuda.get_device_name() if cuda else f"{torch.get_num_threads()} CPU threads"
    return (
        f"{name}, {platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, pyro {pyro.__version__}, commit {commit or 'unknown'}"
    )
