"""Sums over the ranks of a run, in every step."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...objectives.objective import Objective
from ...runtime.distributed import Part, Team
from ..optim.joint import JointOptimizer
from .shard import Shard


class AllReduce:
    """Sums gradients and losses over the ranks, and averages running statistics.

    A loss is a sum over data, and so is its gradient: the sum over the ranks is that of the whole
    batch. Where a pair scales its loss by the number of its rows (a subsampled plate), a rank
    multiplies its own loss by the scale of the whole batch over the scale of its rows.

    Running statistics of networks and objectives are averaged over the ranks, weighted by rows.
    That is exact for means. Batch norm itself takes the statistics of a rank's own rows, unless
    the network is converted by `torch.nn.SyncBatchNorm`.

    Args:
        team: The ranks.
        optimizer: Its leaves have the gradients; the same on every rank, in the same order.
        buffers: Those of the pair. The ones that the first step changes are averaged.
        objective: Its state is averaged.

    Attributes:
        part: This rank's rows of the batch in progress.
        stop: After a step, whether any rank asked for the end of the run.
    """

    def __init__(
        self,
        team: Team,
        optimizer: JointOptimizer,
        buffers: Iterable[Tensor],
        objective: Objective,
    ) -> None:
        self._weight, self.stop = 1.0, False
        self.part: Part = team.part(team.size)
        self._team, self._optimizer, self._objective = team, optimizer, objective
        self._before = [(b, b.clone()) for b in buffers if b.is_floating_point()]
        self._mutable: list[Tensor] | None = None

    def __call__(self, loss: Any) -> Any:  # noqa: ANN401
        """The loss of the whole batch, as float64; leaves its gradient in the leaves."""
        leaves = list(self._optimizer.leaves.values())
        device = leaves[0].device
        losses = loss if isinstance(loss, tuple) else (loss, 0.0)
        flags = [self.stop, *(leaf.grad is not None for leaf in leaves)]
        averaged = [*self._mutable_buffers(), *self._states()]
        parts = [torch.tensor(flags, dtype=torch.float64, device=device)]
        parts += [self._weighted(_numbers(value, device), self._weight) for value in losses]
        parts += [self._weighted(_numbers(tensor, device), self.part.share) for tensor in averaged]
        counts, *found = self._team.sum(torch.cat(parts)).split([len(part) for part in parts])
        self.stop, *present = (count > 0 for count in counts.tolist())
        for tensor, mean in zip(averaged, found[len(losses) :], strict=True):
            tensor.copy_(mean.reshape(tensor.shape))
        self._sum_gradients([leaf for leaf, has in zip(leaves, present, strict=True) if has])
        sums = [number[0] for number in found[: len(losses)]]
        return tuple(sums) if isinstance(loss, tuple) else sums[0]

    def expect(self, shard: Shard, *, stop: bool) -> None:
        """Set this rank's part of the next step, and whether it asks for the end after it."""
        self.part, self._weight, self.stop = shard.part, shard.weight, stop

    def failed(self) -> None:
        """Take part in the sums with a loss of NaN, where this rank could not compute its own."""
        self._optimizer.zero_grad()
        self((float("nan"), float("nan")))

    def _sum_gradients(self, leaves: Sequence[Tensor]) -> None:
        by_dtype: dict[torch.dtype, list[Tensor]] = {}
        for leaf in leaves:
            by_dtype.setdefault(leaf.dtype, []).append(leaf)
        for held in by_dtype.values():
            grads = [torch.zeros_like(t) if t.grad is None else t.grad for t in held]
            flat = torch.cat([grad.reshape(-1) for grad in grads])
            self._team.sum(self._weighted(flat, self._weight))
            for leaf, summed in zip(held, flat.split([t.numel() for t in held]), strict=True):
                grad = summed.view(leaf.shape)
                # Optimisers want the strides of the parameter.
                leaf.grad = grad if leaf.is_contiguous() else torch.empty_like(leaf).copy_(grad)

    def _mutable_buffers(self) -> list[Tensor]:
        if self._mutable is None:
            moved = [not torch.equal(buffer, old) for buffer, old in self._before]
            anywhere = [any(ranks) for ranks in zip(*self._team.gather(moved), strict=True)]
            pairs = zip(self._before, anywhere, strict=True)
            self._mutable = [buffer for (buffer, _), mutable in pairs if mutable]
            self._before = []
        return self._mutable

    def _states(self) -> list[Tensor]:
        states = self._objective.state_dict().values()
        return [tensor for tensor in states if not tensor.requires_grad]

    @staticmethod
    def _weighted(tensor: Tensor, weight: float) -> Tensor:
        # Not multiplied by zero, which leaves what is not finite.
        return tensor if weight == 1 else tensor.zero_() if weight == 0 else tensor.mul_(weight)


def _numbers(value: float | Tensor, device: torch.device) -> Tensor:
    """A new tensor [n], float64."""
    return torch.as_tensor(value, device=device).detach().to(torch.float64, copy=True).reshape(-1)
