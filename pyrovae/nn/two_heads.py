"""Encoders that give the mean and the spread of a normal apart."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from ..errors import ConfigError, ShapeError

Second = Literal["log_variance", "variance", "log_scale", "scale"]
"""What the second output of an encoder is; a scale is a standard deviation."""

_MEANS = ("mean", "means", "mu", "mus", "loc", "locs", "embedding")
_SECONDS: Mapping[str, Second] = {
    "logvariance": "log_variance",
    "logvar": "log_variance",
    "logvars": "log_variance",
    "logcovariance": "log_variance",
    "logsigma2": "log_variance",
    "logsigmasq": "log_variance",
    "logsigmasquared": "log_variance",
    "variance": "variance",
    "var": "variance",
    "sigma2": "variance",
    "logscale": "log_scale",
    "logstd": "log_scale",
    "logsigma": "log_scale",
    "logstddev": "log_scale",
    "scale": "scale",
    "std": "scale",
    "stddev": "scale",
    "sigma": "scale",
}


@dataclass(frozen=True)
class Heads:
    """Two outputs of an encoder.

    Attributes:
        mean: Of q(z|x) [N, L].
        second: What says how wide it is [N, L].
        kind: What `second` is; None where nothing says so.
    """

    mean: Tensor
    second: Tensor
    kind: Second | None = None

    def params(self) -> Tensor:
        """Mean and log-scale [N, 2 L]; a second output that nothing names is a log-variance."""
        return torch.cat([self.mean, _log_scale(self.second, self.kind or "log_variance")], -1)


class TwoHeads(nn.Module):
    """Says what the second output of an encoder is, for posteriors that are normal.

    The network gives two tensors [N, L], as a tuple, a list, a mapping or an object with two
    fields, or one tensor [N, 2 L] that holds both. A family reads a pair of tensors as mean and
    log-variance; this module says it otherwise. Its output is what `DiagonalNormal` takes.

    Args:
        network: Maps [N, *in_shape] to mean and second output.
        second: What that is: "log_variance", "variance", "log_scale", or "scale", which is the
            standard deviation.

    Raises:
        ConfigError: `second` is none of these, or `network` is no module.
        ShapeError: The network gives anything else.

    Example:
        >>> class Encoder(nn.Module):
        ...     def forward(self, x):
        ...         return x, torch.ones_like(x)
        >>> TwoHeads(Encoder(), "scale")(torch.tensor([[1.0, 2.0]]))
        tensor([[1., 2., 0., 0.]])
    """

    def __init__(self, network: nn.Module, second: Second = "log_variance") -> None:
        super().__init__()
        if second not in get_args(Second):
            raise ConfigError(
                f"TwoHeads got second={second!r}; the second output is 'log_variance', "
                "'variance', 'log_scale' or 'scale'"
            )
        if not isinstance(network, nn.Module):
            raise ConfigError(f"TwoHeads got the network {network!r}; it needs a torch.nn.Module")
        self.network, self.second = network, second

    def forward(self, x: Tensor) -> Tensor:
        output = self.network(x)
        if isinstance(output, Tensor):
            output = tuple(output.chunk(2, -1))
        heads = heads_of(output, "the network in TwoHeads")
        return Heads(heads.mean, heads.second, self.second).params()

    def extra_repr(self) -> str:
        return f"second={self.second!r}"


def heads_of(output: Any, where: str) -> Heads:  # noqa: ANN401
    """The two outputs of an encoder, however it gives them.

    Outputs with names are read by these alone, whatever their order; others by their place.

    Args:
        output: Two tensors as a tuple or list; a mapping, named tuple or data class that names a
            mean and what comes with it; or a normal distribution.
        where: Names the encoder in the message.

    Raises:
        ShapeError: It is none of these, its names are not those of one mean and one second
            output, or the two have different shapes.

    Example:
        >>> heads_of({"loc": torch.zeros(3, 2), "scale": torch.ones(3, 2)}, "mine").kind
        'scale'
    """
    named = _named(output)
    heads = _from_distribution(output) or (_from_pair(output) if named is None else _of(named))
    if heads is None:
        names = "" if named is None else f". Names are those of one of {_MEANS} and of one of "
        names += "" if named is None else f"{tuple(_SECONDS)}; else give a plain tuple"
        raise ShapeError(
            f"{where} gave {described(output)}; it needs one tensor, or two [N, L]: the mean and "
            "the log-variance (pyrovae.nn.TwoHeads(encoder, 'scale') says that it is another)"
            f"{names}"
        )
    mean, second = as_vectors(heads.mean), as_vectors(heads.second)
    if mean.shape != second.shape or mean.dim() != 2:
        raise ShapeError(
            f"{where} gave a mean of shape {list(mean.shape)} and a second output of shape "
            f"{list(second.shape)}; both need the shape [N, L]"
        )
    return Heads(mean, second, heads.kind)


def described(output: Any) -> str:  # noqa: ANN401
    """What a network gave, in words."""
    if isinstance(output, Tensor):
        return f"shape {list(output.shape)}"
    named = _named(output)
    if named:
        return f"a {type(output).__name__} of {[name for name, _ in named]}"
    if isinstance(output, Sequence) and not isinstance(output, str):
        return f"a {type(output).__name__} of {len(output)}"
    return f"a {type(output).__name__}"


def _from_distribution(output: Any) -> Heads | None:  # noqa: ANN401
    while isinstance(output, Independent):
        output = output.base_dist
    return Heads(output.loc, output.scale, "scale") if isinstance(output, Normal) else None


def _of(named: Sequence[tuple[str, Any]]) -> Heads | None:
    """Of what names its parts, if one is a mean and one other says how wide it is."""
    tensors = [(_plain(name), part) for name, part in named if isinstance(part, Tensor)]
    means = [part for name, part in tensors if name in _MEANS]
    seconds = [(part, _SECONDS[name]) for name, part in tensors if name in _SECONDS]
    if len(means) != 1 or len(seconds) != 1:
        return None
    return Heads(means[0], *seconds[0])


def _named(output: Any) -> list[tuple[str, Any]] | None:  # noqa: ANN401
    """The parts with their names, where they have any."""
    if isinstance(output, Mapping):
        return [(str(name), part) for name, part in output.items()]
    if is_dataclass(output):
        return [(field.name, getattr(output, field.name)) for field in fields(output)]
    names = _fields_of(output)
    return list(zip(names, output, strict=True)) if names else None


def _fields_of(output: Any) -> tuple[str, ...]:  # noqa: ANN401
    """The names in a named tuple; no other tuple has any."""
    return getattr(output, "_fields", ()) if isinstance(output, tuple) else ()


def _plain(name: str) -> str:
    """A name as the tables above have it; latents are often called z: z_mean, mu_z, qz_loc."""
    letters = re.sub("[^a-z0-9]", "", name.lower())
    return letters.removeprefix("q").removeprefix("z").removesuffix("z")


def _from_pair(output: Any) -> Heads | None:  # noqa: ANN401
    """Of two tensors without names."""
    if not isinstance(output, tuple | list) or len(output) != 2:
        return None
    return Heads(*output) if all(isinstance(part, Tensor) for part in output) else None


def as_vectors(x: Tensor) -> Tensor:
    """Outputs [N, L] of convolutions [N, L, 1, 1]; others as they are."""
    return x.flatten(1) if x.dim() > 2 and x.shape[1:].numel() == x.shape[1] else x


def _log_scale(second: Tensor, kind: Second) -> Tensor:
    if kind == "log_scale":
        return second
    if kind == "log_variance":
        return second / 2
    return second.log() if kind == "scale" else second.log() / 2
