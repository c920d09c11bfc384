"""How the ranks of torchrun find each other, also after a restart."""

import time
import uuid

import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

_PAUSE = 0.01  # seconds between two polls


def meet() -> tuple[dist.Store, int, int]:
    """The store of torchrun's ranks, this rank and their number.

    torchrun keeps one store for all attempts of a job. A process that reads a key of an earlier
    attempt would wait forever. So the first rank gives each attempt a name, which prefixes all its
    keys.
    """
    store, rank, size = next(rendezvous("env://"))
    name = _name(store, size) if rank == 0 else _join(store, rank)
    return dist.PrefixStore(name, store), rank, size


def _name(store: dist.Store, size: int) -> str:
    """Answer every call, those of earlier attempts too, until all ranks know the name."""
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
