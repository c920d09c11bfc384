"""What the families share: networks declared to Pyro, and calls under any leading axes."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, get_args

import numpy as np
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor, nn
from torch.compiler import is_compiling
from torch.jit import ScriptModule

from ..errors import ConfigError, ShapeError, first_line
from ..nn import Bernoulli, Likelihood, Network, Shape
from ..nn.reach import warn_of_ending, warn_of_outputs
from ..nn.sizes import as_size
from ..nn.two_heads import as_vectors
from ..particles.handlers import is_in_program
from ..particles.held_networks import is_compiled
from ..particles.isolation import isolated
from ..particles.modes import evaluating
from ..particles.parameters import declare
from .networks import built, run
from .posteriors.base import Posterior, PosteriorFactory
from .posteriors.distribution import as_posterior
from .priors.base import Prior, PriorFactory
from .priors.distribution import as_prior
from .second_output import refuse_positive
from .shape_advice import check_data as check_data

F = TypeVar("F", bound=nn.Module)
P = ParamSpec("P")
R = TypeVar("R")


class Family(nn.Module, ABC):
    """A module whose methods `model` and `guide` are a Pyro pair.

    Nothing in the library asks for this class: it only holds what the built-in families would
    otherwise repeat. Any two callables with one signature are a pair. What a pair can do besides
    is said by its methods: see `capabilities`.

    For tests and documentation a built-in family has a classmethod `example()`, which gives a
    small instance, `example_x()`, which gives data for it, and where `takes_labels` a method
    `example_y(x)`, which gives the y of such data.

    `generate`, `reconstruct`, `encode` and the like run networks in evaluation mode, and then put
    each module back into its own. Within a Pyro program, such as `guide`, `encode` and `decode`
    leave the mode as it is, so that they can be trained.

    Attributes:
        takes_labels: Whether the programs are called as (x, y), y [B, ...] what is known
            besides x.
    """

    takes_labels: bool = False

    @classmethod
    def example_x(cls, n: int = 24) -> Tensor:
        """Data of `example()`, for tests and documentation: 4x4 images of levels 0..16."""
        drawn = torch.Generator().manual_seed(0)
        return torch.randint(0, 17, (n, 1, 4, 4), generator=drawn).float()

    @abstractmethod
    def model(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """The generative program p(z)p(x|z)."""

    @abstractmethod
    def guide(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """The inference program q(z|x)."""

    def declare(self, *names: str) -> None:
        """Declare the parameters of these submodules to Pyro."""
        for name in names:
            declare(name, self.get_submodule(name))


def evaluated(
    method: Callable[Concatenate[F, P], R],
) -> Callable[Concatenate[F, P], R]:
    """The method of a network, run in evaluation mode; each module gets its own mode back."""

    @wraps(method)
    def run(self: F, *args: P.args, **kwargs: P.kwargs) -> R:
        with evaluating([self]):
            return method(self, *args, **kwargs)

    return run


def evaluated_outside_programs(
    method: Callable[Concatenate[F, P], R],
) -> Callable[Concatenate[F, P], R]:
    """The same, but for calls by a Pyro program, whose networks train in the mode they are in."""
    outside = evaluated(method)

    @wraps(method)
    def run(self: F, *args: P.args, **kwargs: P.kwargs) -> R:
        return (method if is_in_program() else outside)(self, *args, **kwargs)

    return run


def params_of(
    network: nn.Module, form: Posterior, given: Tensor, event_dim: int, role: str
) -> Tensor:
    """Parameters of `form` that a network finds from `given` [..., *event].

    Raises:
        ShapeError: The network's output does not fit; `role` names it in the message.
    """

    def read(output: Any, seen: Tensor) -> Tensor:  # noqa: ANN401
        if isinstance(output, Tensor):
            return as_vectors(output)
        return form.read(output, role, partial(refuse_positive, network, seen, role))

    params = run(network, given, event_dim, role, read)
    if params.shape[given.dim() - event_dim :] != (form.num_parameters,):
        raise ShapeError(
            f"the {role} gave shape {list(params.shape)} for an input of shape "
            f"{list(given.shape)}; {type(form).__name__}({form.latent_dim}) needs "
            f"{form.num_parameters} values per datum, [N, {form.num_parameters}]{form.hint}"
        )
    return params


def decoded(
    network: nn.Module,
    likelihood: Likelihood,
    z: Tensor,
    event_dim: int,
    data_shape: Shape,
    mask: Tensor | None = None,
) -> dist.TorchDistribution:
    """The distribution p(x|z) that a decoder finds from z [..., *event].

    With a mask [..., *data_shape] it scores the elements that were observed: see `Likelihood`.

    Raises:
        ShapeError: The decoder's output does not fit.
    """
    out = run(network, z, event_dim, "decoder")
    lead = z.shape[: z.dim() - event_dim]
    shape = likelihood.params_shape(data_shape)
    if out.numel() != lead.numel() * math.prod(shape):
        raise ShapeError(
            f"the decoder gave shape {list(out.shape)} for z of shape {list(z.shape)}; "
            f"{likelihood} on data of shape {list(data_shape)} needs {math.prod(shape)} values "
            f"per datum, [N, {', '.join(map(str, shape))}]"
        )
    if not out.is_meta and is_validation_enabled() and not is_compiling() and likelihood.is_new():
        outputs = out.reshape(lead.numel(), likelihood.num_parameters, -1)
        if not is_compiled(network) and not isinstance(network, ScriptModule):
            with isolated(), evaluating([network]):
                warn_of_outputs(network, likelihood, outputs, z.shape[z.dim() - event_dim :])
    return likelihood(out.reshape(*lead, *shape), len(data_shape), mask)


def as_likelihood(given: Likelihood | type[Likelihood] | None, family: str) -> Likelihood:
    """The likelihood that a user gave; of a class the instance that it makes without arguments.

    Raises:
        ConfigError: It is something else, or a class that needs arguments.
    """
    made = Bernoulli() if given is None else given
    if isinstance(made, type) and issubclass(made, Likelihood):
        try:
            made = made()
        except TypeError as error:
            name = made.__name__
            raise ConfigError(
                f"{family}: likelihood is the class {name}, which cannot be made without "
                f"arguments ({first_line(error)}); give an instance, nn.{name}(...)"
            ) from error
    if not isinstance(made, Likelihood):
        name = made.__name__ if isinstance(made, type) else repr(made)
        raise ConfigError(
            f"{family}: likelihood is {name}; give an instance of a likelihood of pyrovae.nn: "
            "nn.Bernoulli(), say"
        )
    return made


def build_decoder(
    network: Network, in_shape: Shape, likelihood: Likelihood, data_shape: Shape
) -> nn.Module:
    """A network from latents [N, *in_shape] to the parameters of a likelihood."""
    decoder = built(network, in_shape, likelihood.params_shape(data_shape))
    warn_of_ending(decoder, likelihood)
    return decoder


def mean_or_draw(made: dist.TorchDistribution, mean: bool) -> Tensor:
    """The mean of a distribution, or a draw from it.

    Raises:
        ConfigError: It has no mean, as a Cauchy distribution, or none that is known.
    """
    if not mean:
        return made.sample()
    try:
        found = made.mean
    except NotImplementedError:
        found = None
    if found is None or _is_nowhere(found):
        while isinstance(made, dist.Independent):
            made = made.base_dist
        raise ConfigError(
            f"p(x|z), a {type(made).__name__}, has no mean, or none in closed form; draw from it "
            "by mean=False, or take a likelihood that has one"
        )
    return found


def _is_nowhere(mean: Tensor) -> bool:
    if is_compiling() or mean.is_meta or not mean.numel():
        return False
    return bool(mean.isnan().all())


def as_tensor_or_count(given: Any, where: str) -> Tensor | int:  # noqa: ANN401
    """Classes as a tensor, of a list or an array of them, or a number of data as an int.

    Raises:
        ConfigError: It is a number, and no whole one or negative.
    """
    if isinstance(given, Tensor):
        return given
    if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str) and np.ndim(given):
        return classes_tensor(given, where)
    return drawn_count(given, where)


def classes_tensor(given: Any, where: str) -> Tensor:  # noqa: ANN401
    """Classes or other values y as a tensor, of a list or an array of them.

    Raises:
        ConfigError: They are names; a pair knows the numbers of classes alone.
    """
    array = np.asarray(given)
    if array.dtype.kind in "USO" and any(isinstance(each, str) for each in array.flat):
        raise ConfigError(
            f"{where} got {next(str(v) for v in array.flat if isinstance(v, str))!r} for a "
            "class; give its number, which is its place in info['classes'] of the data"
        )
    return torch.as_tensor(given)


Latent = Literal["sample", "mean"]
"""Which latents a reconstruction decodes: a draw from q(z|x), or its mean."""


def check_latent(latent: str) -> None:
    """Refuse another choice of latents.

    Raises:
        ConfigError: There is no such choice.
    """
    if latent not in get_args(Latent):
        raise ConfigError(
            f"latent is {latent!r}, and must be 'sample', for a draw of z from q(z|x), or 'mean'"
        )


def latent_of(q: dist.TorchDistribution, latent: Latent) -> Tensor:
    """A draw from q(z|x), or its mean.

    Raises:
        ConfigError: There is no such choice, or the mean is not known in closed form.
    """
    check_latent(latent)
    if latent == "sample":
        return q.sample()
    try:
        return q.mean
    except NotImplementedError:
        raise ConfigError(
            f"the mean of q(z|x), a {type(q).__name__}, is not known in closed form; take "
            "latent='sample', or average encode(x).sample([S]) over S draws"
        ) from None


def generated(
    made: dist.TorchDistribution,
    likelihood: Likelihood,
    count: int,
    mean: bool,
    size: Tensor | float | None,
) -> Tensor:
    """The first `count` means of p(x|z), or draws from it.

    Where nothing is to be made there is one row too many, because few networks take no data.
    """
    sized = likelihood.sized(made, size if count else None)
    return mean_or_draw(sized, mean)[:count]


def drawn_count(n: int, where: str) -> int:
    """How many data to make, 0 or more.

    Raises:
        ConfigError: It is no whole number, or negative.
    """
    return as_size(n, "n", where, at_least=0)


def latent_parts(
    where: str,
    latent_dim: int,
    prior: PriorFactory | Prior,
    posterior: PosteriorFactory | Posterior,
) -> tuple[Prior, Posterior]:
    """Prior and form of posterior of one vector of latents, built where they are not yet.

    Raises:
        ConfigError: `latent_dim` is below one, or a prior made of posteriors meets posteriors
            that score only what they drew themselves; `where` names the family.
        ShapeError: One was built for another dimension.
    """
    made, form = as_prior(prior, latent_dim), as_posterior(posterior, latent_dim)
    for role, part in (("prior", made), ("posterior", form)):
        if part.latent_dim != latent_dim:
            raise ShapeError(
                f"the {role} has latent_dim={part.latent_dim} and the {where} {latent_dim}; "
                "build both for one"
            )
    if made.needs_encoder and not form.scores_any:
        raise ConfigError(
            f"{type(made).__name__} scores z under the posteriors of other data, and this "
            f"{type(form).__name__} knows the density of what it drew itself alone; take flows "
            "with an inverse, such as AffineCoupling, or another prior"
        )
    return made, form


class Conditional(nn.Module):
    """A distribution given a value: a network finds its parameters, `form` makes it of them.

    Args:
        network: Maps [N, *in_shape] to [N, form.num_parameters]: a module or a factory.
        in_shape: Of what is given.
        form: Of the distribution.
        role: What the messages of errors call the network.
    """

    def __init__(self, network: Network, in_shape: Shape, form: Posterior, role: str) -> None:
        super().__init__()
        self.network = built(network, in_shape, (form.num_parameters,))
        self.form = form
        self.event_dim, self.role = len(in_shape), role

    def forward(self, given: Tensor) -> dist.TorchDistribution:  # [..., *in_shape]
        params = params_of(self.network, self.form, given, self.event_dim, self.role)
        return self.form(params)
