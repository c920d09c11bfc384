"""Ranks forked by torchrun's own agent, in a process that has the imports done."""

import sys
import traceback
from pathlib import Path

from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from tests.processes import Done, forked, script

ROOT = Path(__file__).parents[3]


def ranks_of(path: Path, *words: str, out: Path, ranks: int = 2, restarts: int = 0) -> Done:
    """What `torchrun path words` does, its messages and exit code included.

    Args:
        path: A script, which each rank runs.
        words: Its arguments.
        out: The folder for what is printed.
        ranks: How many processes.
        restarts: How often all are started anew after one has died.
    """
    return forked(_agent, path, words, ranks, restarts, cwd=ROOT, out=out, timeout=120)


def _agent(path: Path, words: tuple[str, ...], ranks: int, restarts: int) -> None:
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=ranks,
        run_id="ranks",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=restarts,
        start_method="fork",
    )
    elastic_launch(config, _rank)(path, *words)


def _rank(path: Path, *words: str) -> None:
    try:
        script(path, *words)
    except BaseException:
        # torch keeps it for the agent; a process that torchrun starts prints it.
        traceback.print_exc()
        sys.stderr.flush()
        raise
