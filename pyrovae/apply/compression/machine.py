"""With which arithmetic a file was made: decoding repeats it to the last bit."""

import torch


def this_machine(device: torch.device) -> dict[str, str]:
    """What the last bits of a network's outputs depend on, by name."""
    is_cuda = device.type == "cuda"
    return {
        "torch": torch.__version__,
        "CPU capability": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
        "device": torch.cuda.get_device_name(device)[:80] if is_cuda else str(device),
    }


def in_words(machine: dict[str, str]) -> str:
    """For messages."""
    return ", ".join(f"{name} {value}" for name, value in machine.items())
