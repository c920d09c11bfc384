"""A replacement for `pyro.infer.SVI`: one optimiser over all leaves, one gradient norm."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast, overload

import pyro
import torch
from pyro.infer import ELBO as PyroELBO
from pyro.infer.util import torch_item
from pyro.optim import PyroOptim
from torch import Tensor, nn

from ...capture import keeping_buffers
from ...objectives.pyro_loss import as_objective
from ...particles.isolation import isolated
from ...particles.own_parameters import captured_parameters, own_parameters
from ...particles.pair import HasPair, takes_pair_itself
from ...particles.tracing import Program
from ...runtime.grad_mode import computes_gradients
from ..optim.joint import JointOptimizer
from ..optim.rates import LearningRate
from ..optim.source import OptimizerLike
from ..ranks.all_reduce import AllReduce
from .compiled import Between, CompiledStep, StepResult
from .first_step import first_backward
from .precision import Precision, PrecisionName


class SVI(pyro.infer.SVI):
    """Stochastic variational inference with the interface of `pyro.infer.SVI`.

    It differs in five ways. One optimiser steps all parameters together. `clip_norm` limits one
    norm over all of them. A torch optimiser is accepted. Networks train whatever the parameter
    store holds under their names. A pair whose parameters would not train is an error.

    Args:
        model: Pyro model. An object with a `model` and a `guide` may take the place of both.
        guide: Pyro guide.
        optim: A `pyro.optim` wrapper, a torch optimiser over the pair's parameters, or what makes
            one: a name, a class, a function. See `fit`.
        loss: Any `pyro.infer.ELBO` (Pyro's or `pyrovae.objectives`), or a function of model,
            guide and arguments.
        loss_and_grads: As in Pyro, for a `loss` that is a function.
        num_samples: Deprecated in Pyro, as `num_steps`.
        num_steps: Deprecated in Pyro.
        lr: Learning rate, or rates by part of the pair; see `fit`, as for `weight_decay`.
        clip_norm: Largest gradient norm over all parameters; None does not clip.
        compile: Capture the whole step (Pyro's handlers, backward pass, clipping, optimiser) as
            one tensor graph and run it compiled, which costs seconds once. The first steps, and a
            single call of another shape, run eagerly. A pair that cannot be frozen runs eagerly
            with a `CaptureWarning` that says why. Changes of tensors in place and of learning
            rates take effect; Python numbers in a function's closure are frozen.
        precision: Of the steps. "full" computes in the types of the tensors; "bf16" runs networks,
            and nothing else, in bfloat16; "tf32" lets CUDA round the factors of matrix products:
            see `Precision`. `evaluate_loss` computes in full.

    Raises:
        ParameterError: At the first step, where the pair declares no parameters, or computes with
            a network that it does not declare.
        ConfigError: `optim` is no optimiser and makes none, `lr` or `weight_decay` do not fit it,
            or `precision` is unknown.

    Example:
        >>> from pyro.infer import Trace_ELBO
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> svi = SVI(oracle.model, oracle.guide, pyro.optim.Adam({"lr": 1e-3}), Trace_ELBO())
        >>> loss = svi.step(oracle.sample(3, seed=1))  # a float, in nats
    """

    @overload
    def __init__(
        self,
        model: Program,
        guide: Program,
        optim: OptimizerLike,
        loss: PyroELBO | Callable[..., Any],
        loss_and_grads: Callable[..., Any] | None = None,
        num_samples: int = 0,
        num_steps: int = 0,
        *,
        lr: LearningRate | None = None,
        weight_decay: float | None = None,
        clip_norm: float | None = None,
        compile: bool = False,
        precision: PrecisionName = "full",
    ) -> None: ...

    @overload
    def __init__(
        self,
        pair: HasPair,
        /,
        optim: OptimizerLike,
        loss: PyroELBO | Callable[..., Any],
        loss_and_grads: Callable[..., Any] | None = None,
        *,
        lr: LearningRate | None = None,
        weight_decay: float | None = None,
        clip_norm: float | None = None,
        compile: bool = False,
        precision: PrecisionName = "full",
    ) -> None: ...

    @takes_pair_itself
    def __init__(
        self,
        model: Program,
        guide: Program,
        optim: OptimizerLike,
        loss: PyroELBO | Callable[..., Any],
        loss_and_grads: Callable[..., Any] | None = None,
        num_samples: int = 0,
        num_steps: int = 0,
        *,
        lr: LearningRate | None = None,
        weight_decay: float | None = None,
        clip_norm: float | None = None,
        compile: bool = False,
        precision: PrecisionName = "full",
    ) -> None:
        self._precision = Precision(precision)
        self.optimizer = JointOptimizer(optim, clip_norm, lr=lr, weight_decay=weight_decay)
        wrapper = optim if isinstance(optim, PyroOptim) else PyroOptim(torch.optim.Adam, {})
        super().__init__(model, guide, wrapper, loss, loss_and_grads, num_samples, num_steps)
        self.optim = optim
        self._objective, self.compile = as_objective(loss), compile
        self._declared: dict[str, Tensor] = {}  # leaves of the latest step
        self._has_run = False
        self._networks: list[nn.Module] = []  # of the pair, known once it has run
        self._compiled: CompiledStep | None = None
        self.quiet = False  # about steps that cannot be captured
        self.all_reduce: AllReduce | None = None  # where several ranks train together

    @computes_gradients
    def step(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Take one gradient step; returns the loss as a float (a tuple for losses with two)."""
        if self.compile and self._has_run:
            taken = self._compiled_step(only_finite=False)(args, kwargs)
            if taken is not None:
                return torch_item(taken.loss)
        loss = self.backward(*args, **kwargs)
        self.optimizer.step(only=self._declared)
        return _to_numbers(loss)

    @computes_gradients
    def step_if_finite(self, *args: Any, **kwargs: Any) -> StepResult:  # noqa: ANN401
        """Take one gradient step, unless the loss or a gradient is not finite.

        A compiled step also takes no later step, so that a caller who checks only now and then
        finds the parameters of the last good step.
        """
        taken = None
        if self.compile and self._has_run:
            taken = self._compiled_step(only_finite=True)(args, kwargs)
            if taken is not None and self.all_reduce is None:
                return taken
        if taken is None:
            loss = self.summed_gradients(*args, **kwargs)
        else:  # the graph has left this rank's gradients in the leaves
            loss = cast(AllReduce, self.all_reduce)(taken.loss)
        norm = self.optimizer.gradient_norm()
        finite = torch.isfinite(norm + (loss[0] if isinstance(loss, tuple) else loss))
        if finite:
            self.optimizer.step(norm)
        else:
            self.optimizer.zero_grad()
        return StepResult(loss, norm, finite)

    @computes_gradients
    def backward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Loss of one batch, with gradients in the leaves of `self.optimizer`, not yet applied."""
        in_precision = self._precision.on(self.model, self.guide, args, kwargs)
        if self._has_run:
            with in_precision, self._keeping_buffers(), captured_parameters() as leaves:
                loss = self.loss_and_grads(self.model, self.guide, *args, **kwargs)
        else:
            loss, leaves, self._networks = first_backward(
                self.loss_and_grads, self.model, self.guide, args, kwargs, in_precision
            )
            self._has_run = True
        self.optimizer.cover(leaves)
        self._declared = leaves
        return loss

    def evaluate_loss(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Estimate the loss, without a step."""
        with torch.no_grad(), own_parameters():
            return _to_numbers(self.loss(self.model, self.guide, *args, **kwargs))

    # Several ranks.

    def summed_gradients(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """`backward`, and where several ranks train together, the sum over their batches."""
        if self.all_reduce is None:
            return self.backward(*args, **kwargs)
        try:
            loss = self.backward(*args, **kwargs)
        except ValueError:
            self.all_reduce.failed()  # so that the other ranks do not wait for this one
            raise
        return self.all_reduce(loss)

    # Compiled steps.

    @computes_gradients
    def steps(self, batches: Sequence[Any]) -> list[Any]:
        """Take a step on each of some batches; compiled, the steps of a call are one graph.

        That saves most of the time that a call takes in Python, which matters where a step takes
        less than a millisecond. Compiling n steps takes n times as long. A learning rate, or
        another tensor that is written between calls, holds for all steps of a call. Batches of
        unequal shapes, and a pair that is not compiled, take their steps one by one.

        Args:
            batches: Each a tensor, or a tuple of the pair's arguments.

        Returns:
            What `step` returns, for each.
        """
        calls = [batch if isinstance(batch, tuple) else (batch,) for batch in batches]
        if self.compile and self._has_run and len(calls) > 1:
            taken = self._compiled_step(only_finite=False).several(calls)
            if taken is not None:
                return [torch_item(step.loss) for step in taken]
        return [self.step(*call) for call in calls]

    @computes_gradients
    def steps_if_finite(self, batches: Sequence[tuple[Any, ...]]) -> list[StepResult] | None:
        """`step_if_finite` on each of some batches, all in one graph; None where there is none."""
        if not (self.compile and self._has_run) or self.all_reduce is not None:
            return None
        return self._compiled_step(only_finite=True).several(batches)

    def series_if_finite(
        self, batches: Sequence[tuple[Tensor, ...]], between: Between | None = None
    ) -> list[StepResult] | None:
        """`step_if_finite` on each of some batches: see `CompiledStep.series`."""
        if not (self.compile and self._has_run) or self.all_reduce is not None:
            return None
        return self._compiled_step(only_finite=True).series(batches, between)

    @computes_gradients
    def prepare(
        self, batches: Sequence[tuple[Any, ...]], fresh: Sequence[tuple[Any, ...]]
    ) -> None:
        """Compile `step_if_finite` before the first step: capture on a batch, check on another.

        Parameters and random streams stay as they are.

        Args:
            batches: Of one step, or of the steps that are to be one graph.
            fresh: As many others.
        """
        if not self.compile:
            return
        with isolated():
            self.backward(*batches[0])
            step = self._compiled_step(only_finite=True)
        self.optimizer.zero_grad()
        step.prepare(batches, fresh)

    @property
    def compile_seconds(self) -> float:
        """Time spent on capturing and compiling."""
        return self._compiled.seconds if self._compiled is not None else 0.0

    def _keeping_buffers(self) -> AbstractContextManager[Any]:
        return keeping_buffers() if self.compile else nullcontext()

    def _compiled_step(self, *, only_finite: bool) -> CompiledStep:
        if self._compiled is None or not self._compiled.is_current:
            self._compiled = CompiledStep(
                self.model,
                self.guide,
                self._objective,
                self.optimizer,
                self._networks,
                precision=self._precision,
                only_finite=only_finite,
                all_reduce=self.all_reduce,
                reference=self.loss_and_grads,
                quiet=self.quiet,
            )
        return self._compiled


def _to_numbers(loss: Any) -> Any:  # noqa: ANN401
    if isinstance(loss, tuple):
        return type(loss)(map(torch_item, loss))
    return torch_item(loss)
