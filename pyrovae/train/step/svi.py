"""A drop-in for `pyro.infer.SVI`: one optimiser over all leaves, one gradient norm."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, cast

import pyro
import torch
from pyro.infer import ELBO as PyroELBO
from pyro.infer.util import torch_item
from pyro.optim import PyroOptim
from torch import Tensor, nn
from torch.optim import Optimizer

from ...capture import keeping_buffers
from ...capture.network_calls import watched_networks
from ...errors import ParameterError
from ...particles.tracing import Program, captured_parameters, isolated, own_parameters
from ...runtime.grad_mode import computes_gradients
from ..optim.joint import JointOptimizer
from ..ranks.all_reduce import AllReduce
from .compiled import CompiledStep
from .precision import Precision, PrecisionName
from .result import StepResult
from .unreached import check_reached


class SVI(pyro.infer.SVI):
    """Stochastic variational inference with the interface of `pyro.infer.SVI`.

    Differs from it in this: one optimiser steps all parameters together, `clip_norm` limits one
    norm over all of them, a torch optimiser is accepted, networks train whatever the parameter
    store holds under their names, and a pair whose parameters would not train is an error.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        optim: A `pyro.optim` wrapper, or a torch optimiser over the pair's parameters.
        loss: Any `pyro.infer.ELBO` (Pyro's or `pyrovae.objectives`), or a function of model,
            guide and arguments.
        loss_and_grads: As in Pyro, for a `loss` that is a function.
        num_samples: Deprecated in Pyro, as `num_steps`.
        num_steps: Deprecated in Pyro.
        clip_norm: Largest gradient norm over all parameters; None does not clip.
        compile: Capture the whole step (Pyro's handlers, backward pass, clipping, optimiser) as
            one tensor graph and run it compiled. The first steps, calls of another shape that come
            alone, and pairs that cannot be frozen run eagerly, the last with a `CaptureWarning`
            that says why. Changes of tensors in place and of learning rates take effect; Python
            numbers in a function's closure are frozen. Costs seconds, once.
        precision: "full" computes as the tensors are; "bf16" runs networks, and nothing else, in
            bfloat16; "tf32" lets CUDA round the factors of matrix products: see `Precision`.
            Steps alone: `evaluate_loss` is in full.

    Raises:
        ParameterError: At the first step, where the pair declares no parameters, or computes with
            a network that it does not declare.
        ConfigError: `optim` is no optimiser, or `precision` is unknown.

    Example:
        >>> from pyro.infer import Trace_ELBO
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> svi = SVI(oracle.model, oracle.guide, pyro.optim.Adam({"lr": 1e-3}), Trace_ELBO())
        >>> loss = svi.step(oracle.sample(3, seed=1))  # a float, in nats
    """

    def __init__(
        self,
        model: Program,
        guide: Program,
        optim: PyroOptim | Optimizer,
        loss: PyroELBO | Callable[..., Any],
        loss_and_grads: Callable[..., Any] | None = None,
        num_samples: int = 0,
        num_steps: int = 0,
        *,
        clip_norm: float | None = None,
        compile: bool = False,
        precision: PrecisionName = "full",
    ) -> None:
        self._precision = Precision(precision)
        self.optimizer = JointOptimizer(optim, clip_norm)
        wrapper = optim if isinstance(optim, PyroOptim) else PyroOptim(type(optim), {})
        super().__init__(model, guide, wrapper, loss, loss_and_grads, num_samples, num_steps)
        self.optim = optim
        self._objective, self.compile = loss, compile
        self._captured: dict[str, Tensor] = {}
        self._checked = False
        self._networks: list[nn.Module] = []
        self._compiled: CompiledStep | None = None
        self.all_reduce: AllReduce | None = None  # where several ranks train together

    @computes_gradients
    def step(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Take one gradient step; returns the loss as a float (a tuple for losses with two)."""
        if self.compile and self._checked:
            with self._in_precision(args, kwargs):
                taken = self._compiled_step(only_finite=False)(args, kwargs)
            if taken is not None:
                return torch_item(taken.loss)
        loss = self.backward(*args, **kwargs)
        self.optimizer.step(only=self._captured)
        return _to_numbers(loss)

    @computes_gradients
    def steps(self, batches: Sequence[Any]) -> list[Any]:
        """Take a step on each of some batches; compiled, the steps of a call are one graph.

        That saves most of what a call costs in Python, which counts where a step takes less than
        a millisecond; compiling takes as many times as long. Learning rates, and whatever else is
        written between calls, hold for all steps of a call. Batches of unequal shapes, and all
        that is not compiled, take their steps one by one.

        Args:
            batches: Each a tensor, or a tuple of the pair's arguments.

        Returns:
            What `step` returns, for each.
        """
        calls = [batch if isinstance(batch, tuple) else (batch,) for batch in batches]
        if self.compile and self._checked and len(calls) > 1:
            with self._in_precision(calls[0], {}):
                taken = self._compiled_step(only_finite=False).several(calls)
            if taken is not None:
                return [torch_item(step.loss) for step in taken]
        return [self.step(*call) for call in calls]

    @computes_gradients
    def step_if_finite(self, *args: Any, **kwargs: Any) -> StepResult:  # noqa: ANN401
        """Take one gradient step, unless the loss or a gradient is not finite.

        Compiled, no later step is taken either, so that whoever looks at times only finds the
        parameters of the last good step.
        """
        taken = None
        if self.compile and self._checked:
            with self._in_precision(args, kwargs):
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
    def steps_if_finite(self, batches: Sequence[tuple[Any, ...]]) -> list[StepResult] | None:
        """`step_if_finite` on each of some batches, all in one graph; None where there is none."""
        if not (self.compile and self._checked) or self.all_reduce is not None:
            return None
        with self._in_precision(batches[0], {}):
            return self._compiled_step(only_finite=True).several(batches)

    @computes_gradients
    def prepare(
        self, batches: Sequence[tuple[Any, ...]], fresh: Sequence[tuple[Any, ...]]
    ) -> None:
        """Compile `step_if_finite` before the first step: capture on a batch, check on another.

        Nothing changes by it: neither parameters nor random streams.

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
        with self._in_precision(batches[0], {}):
            step.prepare(batches, fresh)

    def evaluate_loss(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Estimate the loss, without a step."""
        with torch.no_grad(), own_parameters():
            return _to_numbers(self.loss(self.model, self.guide, *args, **kwargs))

    @property
    def compile_seconds(self) -> float:
        """Time spent on capturing and compiling."""
        return self._compiled.seconds if self._compiled is not None else 0.0

    @computes_gradients
    def backward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Loss of one batch, with gradients in the leaves of `self.optimizer`, not yet applied."""
        if self._checked:
            with (
                self._in_precision(args, kwargs),
                self._keeping_buffers(),
                captured_parameters() as leaves,
            ):
                loss = self.loss_and_grads(self.model, self.guide, *args, **kwargs)
        else:
            with (
                self._in_precision(args, kwargs),
                _networks_run(self.model, self.guide) as without_grad,
                keeping_buffers() as networks,
                captured_parameters() as leaves,
            ):
                loss = self.loss_and_grads(self.model, self.guide, *args, **kwargs)
            _check_declared(without_grad, leaves)
            if any(leaf.grad is None for leaf in leaves.values()):
                check_reached(self.model, self.guide, args, kwargs, leaves)
            self._networks, self._checked = list(networks), True
        self.optimizer.cover(leaves)
        self._captured = leaves
        return loss

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

    def _in_precision(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> AbstractContextManager[None]:
        return self._precision.on(self.model, self.guide, args, kwargs)

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
                only_finite=only_finite,
                all_reduce=self.all_reduce,
                tolerance=self._precision.tolerance,
                reference=self.loss_and_grads,
            )
        return self._compiled


def _to_numbers(loss: Any) -> Any:  # noqa: ANN401
    if isinstance(loss, tuple):
        return type(loss)(map(torch_item, loss))
    return torch_item(loss)


@contextmanager
def _networks_run(*programs: Program) -> Iterator[dict[Tensor, str]]:
    """Parameters without a gradient, of all networks that run in this context, with a name.

    Those of an object whose methods the programs are count too, its `PyroParam`s among them.
    """
    found: dict[Tensor, str] = {}

    def remember(module: nn.Module) -> None:
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad and parameter.grad is None:
                found[parameter] = f"{name} of a {type(module).__name__}"

    for program in programs:
        if isinstance(owner := getattr(program, "__self__", None), nn.Module):
            for module in owner.modules():
                remember(module)
    with watched_networks(remember):
        yield found


def _check_declared(without_grad: dict[Tensor, str], leaves: dict[str, Tensor]) -> None:
    declared = {id(leaf) for leaf in leaves.values()}
    for parameter, name in without_grad.items():
        if parameter.grad is not None and id(parameter) not in declared:
            raise ParameterError(
                f"the loss depends on {name}, of shape {list(parameter.shape)}, which is not "
                "declared to Pyro and so would never train; call `pyro.module('name', network)` "
                "in the pair, use a PyroModule, or freeze it with `requires_grad_(False)`"
            )
