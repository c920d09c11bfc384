"""A fresh start for processes that are started again."""

import time
import uuid

import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

_PAUSE = 0.01  # seconds between two looks


def meet() -> tuple[dist.Store, int, int]:
    """The store of torchrun's ranks, this rank and their number.

    torchrun keeps one store over all attempts of a job, and a process that reads there where an
    earlier attempt listened waits in vain. So the first rank names each attempt, and the ranks
    use what lies under that name.
    """
    store, rank, size = next(rendezvous("env://"))
    name = _name(store, size) if rank == 0 else _join(store, rank)
    return dist.PrefixStore(name, store), rank, size


def _name(store: dist.Store, size: int) -> str:
    """Answer all who call, those of earlier attempts too, until everybody has heard."""
    name, waiting = uuid.uuid4().hex, set(range(1, size))
    while waiting:
        for rank in sorted(waiting):
            if store.check([f"pyrovae/heard/{name}/{rank}"]):
                waiting.remove(rank)
            elif store.check([f"pyrovae/calls/{rank}"]):
                caller = store.get(f"pyrovae/calls/{rank}").decode()
                store.set(f"pyrovae/answers/{caller}", name)
        time.sleep(_PAUSE)
    return name


def _join(store: dist.Store, rank: int) -> str:
    caller = uuid.uuid4().hex
    store.set(f"pyrovae/calls/{rank}", caller)
    name = store.get(f"pyrovae/answers/{caller}").decode()  # waits
    store.set(f"pyrovae/heard/{name}/{rank}", "yes")
    return name
