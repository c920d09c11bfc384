"""Losses of Pyro and of users behind the interface of the library's own objectives."""

from collections.abc import Callable, Hashable, Mapping
from copy import copy
from reprlib import repr as short
from typing import Any, NoReturn, Self

from pyro.infer import ELBO as PyroELBO
from pyro.infer import RenyiELBO, Trace_ELBO, TraceEnum_ELBO, TraceGraph_ELBO, TraceMeanField_ELBO
from torch import Tensor, nn

from ..errors import CheckpointError, ConfigError, PlateError
from ..particles import Particles, draw
from ..particles.tracing import Program
from .iwae import IWAE
from .objective import BoundSide, Objective
from .pyro_equals import Loss, differentiable

_LOWER_BOUNDS = (Trace_ELBO, TraceEnum_ELBO, TraceGraph_ELBO, TraceMeanField_ELBO)


def as_objective(loss: PyroELBO | Callable[..., Any]) -> Objective:
    """Any loss as an `Objective`; one that is an `Objective` is returned as it is.

    Every public function that takes a loss calls this first.
    """
    return loss if isinstance(loss, Objective) else PyroLoss(loss)


class PyroLoss(Objective):
    """A loss from outside this library, behind the interface of its objectives.

    Steps and evaluations call the methods of the loss itself. A compiled step runs a loss that
    equals it in value and gradient and is made of tensors alone.

    Args:
        loss: A `pyro.infer.ELBO`, or a function of model, guide and their arguments.
    """

    batch_plate = "auto"
    follows_bound = False
    min_particles = 1
    has_bound_per_datum = False

    def __init__(self, loss: PyroELBO | Callable[..., Any]) -> None:
        self._given: Any = loss
        self._weighed: IWAE | None = None
        self._captured: tuple[Any, Loss] | None = None

    @property
    def as_given(self) -> Any:  # noqa: ANN401
        return self._given

    @property
    def class_name(self) -> str:
        return str(getattr(self._given, "__name__", type(self._given).__name__))

    @property
    def row_name(self) -> str:
        if type(self._given).__repr__ is not object.__repr__:
            return repr(self._given)
        return f"{self.class_name}(num_particles={self.num_particles})"

    @property
    def num_particles(self) -> int:
        """Particles per datum, K."""
        return int(self._given.num_particles)

    @num_particles.setter
    def num_particles(self, number: int) -> None:
        self._given.num_particles = number

    @property
    def vectorize_particles(self) -> bool:
        """Whether particles are drawn along an axis of their own."""
        return bool(self._given.vectorize_particles)

    @vectorize_particles.setter
    def vectorize_particles(self, together: bool) -> None:
        self._given.vectorize_particles = together

    @property
    def bound_side(self) -> BoundSide:
        if type(self._given) is RenyiELBO:
            return "lower" if self._given.alpha >= 0 else "estimate"
        return "lower" if type(self._given) in _LOWER_BOUNDS else "unknown"

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {}

    def leaves(self) -> dict[str, Tensor]:
        return {}

    def state_dict(self) -> dict[str, Tensor]:
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        if state:
            raise CheckpointError(
                f"{self} keeps no state between steps, and the state to load is "
                f"{short(sorted(state))}; load it into the objective that it was saved from"
            )

    def in_chunks(self, size: int) -> NoReturn:
        raise ConfigError(
            f"`memory` draws particles in chunks, which {self.class_name} cannot; use one of "
            "pyrovae.objectives, or leave memory out"
        )

    def draws_in_one_pass(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401
        return self.vectorize_particles

    def draw(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Particles:  # noqa: ANN401
        return self._drawing().draw(model, guide, *args, **kwargs)

    @property
    def drawing_key(self) -> Hashable | None:
        return self._drawing().drawing_key

    def _drawing(self) -> IWAE:
        """What draws particles in its place."""
        if self._weighed is None or self._weighed.num_particles != self.num_particles:
            self._weighed = IWAE(self.num_particles)
        return self._weighed

    def redraw(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Particles:  # noqa: ANN401
        """The particles of the first run of the pair: all, or one where they are sequential."""
        count = self.num_particles if self.vectorize_particles else 1
        return draw(model, guide, *args, num_particles=count, scales="ignored", **kwargs)

    def per_datum(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ANN401
        self._refuse_value()

    def value_of(self, p: Particles) -> NoReturn:
        self._refuse_value()

    def _refuse_value(self) -> NoReturn:
        raise PlateError(
            f"{self.class_name} gives the loss of a whole batch, and no bound for each datum; use "
            "one of pyrovae.objectives"
        )

    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return self._given.loss(model, guide, *args, **kwargs)

    def loss_and_grads(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return self._given.loss_and_grads(model, guide, *args, **kwargs)

    def differentiable_loss(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return self._given.differentiable_loss(model, guide, *args, **kwargs)

    def reference_loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """The loss itself, since its bound is not known apart from it."""
        return self.differentiable_loss(model, guide, *args, **kwargs)

    def bound_loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """The loss; of a model's and a guide's loss, as `ReweightedWakeSleep` has, the model's."""
        return _first(self.loss(model, guide, *args, **kwargs))

    def captured_loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        return self._in_tensors()(model, guide, *args, **kwargs)

    def captured_bound_loss(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return _first(self._in_tensors()(model, guide, *args, **kwargs))

    def is_gradient_of_captured_loss(self, loss_and_grads: Callable[..., Any] | None) -> bool:
        """Never known of a loss from outside."""
        return False

    def _in_tensors(self) -> Loss:
        """Kept, since it remembers the plates of the pair."""
        sizes = ("num_particles", "vectorize_particles")
        size = tuple(getattr(self._given, name, None) for name in sizes)
        if self._captured is None or self._captured[0] != size:
            self._captured = size, differentiable(self._given)
        return self._captured[1]

    def __copy__(self) -> Self:
        return type(self)(copy(self._given))

    def __repr__(self) -> str:
        return repr(self._given)

    def _get_trace(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:  # noqa: ANN401
        return self._given._get_trace(model, guide, args, kwargs)


def _first(loss: Any) -> Any:  # noqa: ANN401
    return loss[0] if isinstance(loss, tuple) else loss
