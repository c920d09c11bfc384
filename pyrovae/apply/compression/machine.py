"""With which arithmetic a file was made: decoding repeats it to the last bit."""

import platform

import torch


def this_machine() -> dict[str, str]:
    """What the last digits of a network depend on, on one thread of a CPU in float64."""
    return {
        "torch": torch.__version__,
        "CPU": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
    }


def in_words(machine: dict[str, str]) -> str:
    """For messages."""
    return ", ".join(f"{name} {value}" for name, value in machine.items())
