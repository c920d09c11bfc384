"""The whole training step as one compiled graph: Pyro's handlers, backward pass, optimiser."""

from collections.abc import Callable, Hashable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from ...capture import Arguments, Captured, StaticKey, arguments_of, is_plain, keeping_buffers
from ...capture.graph import kept_values
from ...objectives.objective import Objective
from ...particles.tracing import Program
from ..optim.joint import JointOptimizer
from ..ranks.all_reduce import AllReduce
from .agreement import Agreement
from .precision import Precision
from .tensor_step import TensorStep


@dataclass(frozen=True)
class StepResult:
    """What one training step gave.

    Attributes:
        loss: In nats; a tuple where an objective has two.
        norm: Of the gradient over all parameters, before clipping.
        taken: Whether loss and gradient were finite, and so the parameters have moved: a tensor,
            on whose device nobody has waited.
        deferred: Whether it need not be asked at once: after a step that was not taken no other
            is, so that the parameters stay those of the last good step.
    """

    loss: Any
    norm: Tensor
    taken: Tensor
    deferred: bool = False

    @property
    def model_loss(self) -> float | Tensor:
        """The loss, or that of the model where an objective has one for model and guide each."""
        return self.loss[0] if isinstance(self.loss, tuple) else self.loss


class Between(NamedTuple):
    """What is done before and after each step of a series, called with its number in it."""

    before: Callable[[int], None]
    after: Callable[[int], None]


class CompiledStep:
    """A training step, captured as one graph.

    From step to step these may change without a new graph: the batch, the learning rates, and
    every tensor that is written into in place (the weight of `objectives.Beta`). Another number in
    an objective, an optimiser or a network makes a new graph. Numbers in the closure of a function
    are frozen.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        loss: Of a pair and a batch; see `SVI`.
        optimizer: Covers all leaves of the pair.
        networks: Those that the pair runs.
        precision: In which the networks compute.
        only_finite: From the first step on whose loss or gradient is not finite, leave everything
            as it is.
        all_reduce: Where several ranks train together: the graph then gives this rank's gradients,
            and the update comes after they are summed.
        reference: The user's own `loss_and_grads`. The loss in the graph must agree with it in
            value and gradient before a step is captured.
        quiet: Say nothing where a step cannot be captured.
    """

    def __init__(
        self,
        model: Program,
        guide: Program,
        loss: Objective,
        optimizer: JointOptimizer,
        networks: Sequence[nn.Module],
        *,
        precision: Precision,
        only_finite: bool = False,
        all_reduce: AllReduce | None = None,
        reference: Callable[..., Any] | None = None,
        quiet: bool = False,
    ) -> None:
        self._model, self._guide, self._objective = model, guide, loss
        self._optimizer, self._all_reduce, self._precision = optimizer, all_reduce, precision
        in_tensors = loss.captured_loss
        self._agreement = Agreement(in_tensors, loss, reference)
        self._step = TensorStep(
            model, guide, in_tensors, optimizer,
            only_finite=only_finite and all_reduce is None, moves_leaves=all_reduce is None,
        )  # fmt: skip
        self._attributes = StaticKey(vars(owner) for owner in (loss.as_given, *networks))
        # Without them where the optimiser steps after the graph.
        self._options = StaticKey(self._step.groups if self._step.updates else [], _is_option)
        self._batches: list[Arguments] = []  # of the steps of the next run
        self.captured, self._several = (
            Captured(
                self._run, name, uncompared=self._step.uncompared,
                admit=self._agrees, tolerance=precision.tolerance, warns=not quiet,
            )
            for name in ("the training step", "a call of several training steps")
        )  # fmt: skip

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> StepResult | None:
        """Take a step; None where the caller must take it eagerly."""
        with self._precision.on(self._model, self._guide, args, kwargs):
            key, tensors = self._enter(args, kwargs)
            found = self.captured(key, *tensors)
        if found is None:
            return None
        loss, norm, taken, *grads = found
        if not self._step.updates and (self._all_reduce or bool(taken)):
            for leaf, grad in zip(self._step.moved, grads, strict=True):
                leaf.grad = grad
            if not self._all_reduce:
                self._optimizer.step(norm)
        return StepResult(loss, norm, taken, deferred=self._step.stops_at_first)

    def several(self, calls: Sequence[tuple[Any, ...]]) -> list[StepResult] | None:
        """Take a step for each call, all in one graph; None where the caller must take them."""
        if not self._step.updates or self._several.refusal:
            return None
        with self._precision.on(self._model, self._guide, calls[0], {}):
            entered = self._enter_all(calls)
            if entered is None:
                return None
            self.captured.interrupt()
            key, tensors = entered
            found = self._several(key, *tensors)
            if found is None:
                with keeping_buffers():
                    found = self._run(*tensors)
        threes = zip(found[::3], found[1::3], found[2::3], strict=True)
        return [StepResult(*three, deferred=self._step.stops_at_first) for three in threes]

    def series(
        self, batches: Sequence[tuple[Tensor, ...]], between: "Between | None" = None
    ) -> list[StepResult] | None:
        """Take a step on each batch, with little Python between two of them.

        The graph is that of one step. What a step asks for each time (the key of its settings,
        the precision) is asked for once. Where what is done before a step changes an option of
        the optimiser other than its rates, the series ends before that step.

        Args:
            batches: Alike in shapes, strides, types and devices.
            between: What is done before and after each step. Without, these steps are those of a
                call that has failed: they draw their random numbers, and change nothing.

        Returns:
            What the steps that were taken gave; None where no graph of such a step is in use yet.
        """
        if not self._step.stops_at_first or self._all_reduce is not None:
            return None
        with self._precision.on(self._model, self._guide, batches[0], {}):
            key, _ = self._enter(batches[0], {})
            ready = self.captured.ready(key)
            if ready is None:
                return None
            before, after = between or (_nothing, _nothing)
            found, call, write_rates = [], ready.call, self._step.write_rates
            options = self._options.key()
            kept = nullcontext() if between else kept_values(ready.changed)
            with torch.no_grad(), kept:
                for i, batch in enumerate(batches):
                    before(i)
                    if self._options.key() != options:
                        break
                    write_rates()
                    loss, norm, taken = call(*batch)[:3]
                    if loss.is_cuda:  # the next replay writes into the same tensors
                        loss, norm, taken = loss.clone(), norm.clone(), taken.clone()
                    found.append(StepResult(loss, norm, taken, deferred=True))
                    after(i)
        return found

    def prepare(self, calls: Sequence[tuple[Any, ...]], fresh: Sequence[tuple[Any, ...]]) -> None:
        """Capture the steps of a call on some batches and check them on others; undo both."""
        captured = self.captured if len(calls) == 1 else self._several
        with self._precision.on(self._model, self._guide, calls[0], {}):
            others, entered = self._enter_all(fresh), self._enter_all(calls)
            if entered is not None and others is not None and entered[0] == others[0]:
                captured.prepare(*entered, others[1])

    @property
    def seconds(self) -> float:
        """Time spent on capturing and compiling."""
        return self.captured.seconds + self._several.seconds

    @property
    def is_current(self) -> bool:
        """Whether the optimiser has kept its state; `load_state_dict` replaces it."""
        return cast(Any, self._optimizer.torch).param_groups is self._step.groups

    def _enter(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Hashable, list[Tensor]]:
        """Key and tensors of one step; sets what else the graph reads."""
        arguments = arguments_of(args, kwargs)
        self._batches = [arguments]
        self._step.write_rates()
        return (arguments.key, self._static_key()), arguments.tensors

    def _enter_all(self, calls: Sequence[tuple[Any, ...]]) -> tuple[Hashable, list[Tensor]] | None:
        """`_enter` for the steps of one call; None where their kinds differ."""
        key, tensors = self._enter(calls[0], {})
        if len(calls) == 1:
            return key, tensors
        for args in calls[1:]:
            arguments = arguments_of(args, {})
            if arguments.key != self._batches[0].key:
                return None
            tensors += arguments.tensors
            self._batches.append(arguments)
        return (len(calls), key), tensors

    def _static_key(self) -> Hashable:
        """What a graph freezes besides the arguments."""
        return (
            (self._optimizer.clip_norm, self._optimizer.clip_value),
            self._attributes.key(),
            self._options.key(),
            tuple(leaf.requires_grad for leaf in self._step.leaves),
            getattr(self._objective, "num_particles", None),
            self._all_reduce.part if self._all_reduce else None,
        )

    def _run(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        given, results = iter(tensors), []
        self._step.is_alone = len(self._batches) == 1
        for batch in self._batches:
            args, kwargs = batch.restored(given)
            results.append(self._step(*args, **kwargs))
        if len(results) == 1:
            return results[0]
        return tuple(tensor for result in results for tensor in result[:3])  # no gradients

    def _agrees(self, *_: Tensor) -> bool:
        """Whether the loss in the graph is the user's own, on the batch that is entered."""
        batch = self._batches[0]
        args, kwargs = batch.restored(batch.tensors)
        return self._agreement.holds(self._model, self._guide, args, kwargs, self._step.leaves)


def _is_option(name: str, value: Any) -> bool:  # noqa: ANN401
    # A schedule adds "initial_lr" with the first step, which no update reads.
    return name not in ("params", "lr", "initial_lr") and (is_plain(value) or type(value) is tuple)


def _nothing(_: int) -> None:
    pass
