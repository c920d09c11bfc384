"""The distributions that a program samples from, each given the values before it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyro.distributions import TorchDistribution
from torch import Tensor

from .handlers import Program, with_values, without_observations
from .traces import sample_sites
from .tracing import record

Choose = Callable[[str, TorchDistribution], Tensor | None]
"""Gives the value of a latent site for its name and its distribution; None for a draw."""


@dataclass(frozen=True)
class Conditional:
    """One sample statement of a program, run once.

    Attributes:
        fn: The distribution given the values of the sites before it, expanded by the plates.
        value: What was chosen, drawn or observed: batch shape and event shape of `fn`.
        is_observed: Whether it is data (or a `pyro.factor`); its value may still be a draw.
    """

    fn: TorchDistribution
    value: Tensor
    is_observed: bool


def conditionals(
    program: Program,
    *args: Any,  # noqa: ANN401
    values: Mapping[str, Tensor] | Choose | None = None,
    observe: bool = True,
    **kwargs: Any,  # noqa: ANN401
) -> dict[str, Conditional]:
    """Run a model or a guide once, at chosen values of its latents.

    Gradients flow from the values to the distributions after them. Networks run in the mode they
    are in; see `particles.modes.in_mode`.

    Args:
        program: Called as `program(*args, **kwargs)`.
        values: Of latents by name, or a function that is called at each latent in the order of the
            program; what has none is drawn.
        observe: False draws what the model observes, so that the data in the arguments only say
            how many there are.

    Returns:
        The sites by name, in the order of the program, without terms of the loss that are outside
        the bound (`particles.penalty`).

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = pair.sample(3, seed=1)
        >>> z = conditionals(pair.guide, x)["z"].fn.mean
        >>> conditionals(pair.model, x, values={"z": z})["x"].fn.log_prob(x).shape
        torch.Size([3])
    """
    if values is not None:
        program = with_values(program, values if callable(values) else _of(values))
    if not observe:
        program = without_observations(program)
    return {
        name: Conditional(
            node["fn"],
            node["value"],
            bool(node["is_observed"] or (node["infer"] or {}).get("was_observed")),
        )
        for name, node in sample_sites(record(program, args, kwargs)).items()
        if not (node["infer"] or {}).get("is_penalty")
    }


def _of(values: Mapping[str, Tensor]) -> Choose:
    return lambda name, _: values.get(name)
