"""What training and measuring ask of an objective, whether the library's own or Pyro's."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Literal, Self, overload

from pyro.infer import ELBO as PyroELBO
from pyro.infer.elbo import ELBOModule
from torch import Tensor, nn

from ..particles import Particles
from ..particles.pair import HasPair, takes_pair_itself
from ..particles.tracing import Program

BoundSide = Literal["lower", "upper", "estimate", "unknown"]
"""On which side of log p(x) the expectation of a bound is; an "estimate" may be on either."""


class Objective(PyroELBO, ABC):
    """A `pyro.infer.ELBO` that says all that training and measuring need to know of it.

    `ParticleELBO` is the base of the library's own and of users' estimators. `PyroLoss` wraps
    every other loss. Callers use this interface and never ask which of the two they have.
    """

    @overload
    def __call__(self, model: Program, guide: Program) -> ELBOModule: ...

    @overload
    def __call__(self, pair: HasPair, /) -> ELBOModule: ...

    @takes_pair_itself
    def __call__(self, model: Any, guide: Any) -> ELBOModule:  # noqa: ANN401
        """A module that gives the differentiable loss of the pair's arguments.

        Args:
            model: Pyro model; or, alone, an object with a `model` and a `guide`.
            guide: Pyro guide.
        """
        return ELBOModule(model, guide, self)

    num_particles: int
    vectorize_particles: bool
    batch_plate: str | None
    follows_bound: bool
    """Whether the gradient of `reference_loss` is the one that its own gradient estimates."""

    @property
    @abstractmethod
    def as_given(self) -> Any:  # noqa: ANN401
        """The object that the user gave."""

    @property
    @abstractmethod
    def class_name(self) -> str:
        """Name of the class or function that the user gave."""

    @property
    @abstractmethod
    def row_name(self) -> str:
        """Name in a table: class and arguments."""

    @property
    @abstractmethod
    def bound_side(self) -> BoundSide:
        """On which side of log p(x) the expectation of the bound is."""

    @property
    @abstractmethod
    def min_particles(self) -> int:
        """The fewest particles that it takes."""

    @property
    @abstractmethod
    def has_bound_per_datum(self) -> bool:
        """Whether `per_datum` exists; otherwise only the loss of a whole batch does."""

    @property
    @abstractmethod
    def networks(self) -> dict[str, nn.Module]:
        """Networks of the objective itself, by name."""

    @abstractmethod
    def leaves(self) -> dict[str, Tensor]:
        """Trainable parameters of its networks, by the names under which a step declares them."""

    @abstractmethod
    def state_dict(self) -> dict[str, Tensor]:
        """Tensors that steps change, by name; not copies."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Write a `state_dict` into its own tensors.

        Raises:
            CheckpointError: It is the state of another objective.
        """

    @abstractmethod
    def in_chunks(self, size: int) -> Self:
        """The same objective, which draws at most `size` particles at once.

        Raises:
            ConfigError: It cannot draw its particles in chunks.
        """

    @abstractmethod
    def draws_in_one_pass(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401
        """Whether all particles of this pair are drawn along an axis of their own."""

    @abstractmethod
    def draw(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Particles:  # noqa: ANN401
        """K particles of each datum, without the scales of their sites."""

    @property
    @abstractmethod
    def drawing_key(self) -> Hashable | None:
        """Equal for objectives whose `draw` gives equal particles from equal random states.

        None where that is not known.
        """

    @abstractmethod
    def redraw(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Particles:  # noqa: ANN401
        """Particles with the random numbers that a step takes from the same random state."""

    @abstractmethod
    def per_datum(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """The bound of each datum in nats, unscaled, without gradient [B]."""

    @abstractmethod
    def value_of(self, p: Particles) -> Tensor:
        """What `per_datum` gives where `draw` gives these particles [B]."""

    @abstractmethod
    def reference_loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """Scalar loss of the bound with the exact gradient of its expectation.

        Another gradient of the same bound is compared with this one, where it `follows_bound`.
        """

    @abstractmethod
    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Scalar loss in nats, without gradient; a tuple where there are two."""

    @abstractmethod
    def loss_and_grads(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """The loss; adds its gradient to every parameter of the pair."""

    @abstractmethod
    def differentiable_loss(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Tensor:
        """Scalar loss whose `backward()` gives the gradient."""

    @abstractmethod
    def bound_loss(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> float | Tensor:
        """The loss to judge a pair by, without gradient."""

    @abstractmethod
    def captured_loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """Scalar loss in tensors alone, with the gradient that `loss_and_grads` gives.

        Raises:
            CaptureError: It cannot be captured as a graph.
        """

    @abstractmethod
    def captured_bound_loss(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> float | Tensor:
        """`bound_loss` in tensors alone.

        Raises:
            CaptureError: It cannot be captured as a graph.
        """

    @abstractmethod
    def is_gradient_of_captured_loss(self, loss_and_grads: Callable[..., Any] | None) -> bool:
        """Whether a `loss_and_grads` is known to be the gradient of `captured_loss`."""
