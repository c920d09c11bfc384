"""What a run was made with: versions, device, machine."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import torch

_SHOWN = {"torch": "torch", "pyro": "pyro-ppl", "numpy": "numpy"}


def versions() -> str:
    """Versions of this library and of those that its numbers depend on."""
    own = __package__.partition(".")[0]
    found = [f"{own} {sys.modules[own].__version__}"]
    for name, package in _SHOWN.items():
        try:
            found.append(f"{name} {version(package)}")
        except PackageNotFoundError:  # installed another way
            continue
    return ", ".join([*found, f"Python {platform.python_version()}"])


def device_in_words(device: torch.device) -> str:
    """The device by its name, and on a CPU the number of threads."""
    if device.type == "cuda":
        return f"{device}, {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    plural = "" if threads == 1 else "s"
    return f"{device}, {threads} thread{plural}, {platform.machine()} {platform.system()}"
