"""Whether a decoder can give what its likelihood takes: logits below 0, means beyond 1."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..errors import DecoderWarning, warn
from .base import OneBatchAxis
from .likelihoods.base import Likelihood

Range = tuple[float, float]

# What the last module of a network keeps its outputs in.
_RANGES: dict[type[nn.Module], Range] = {
    nn.Sigmoid: (0.0, 1.0),
    nn.Hardsigmoid: (0.0, 1.0),
    nn.Softmax: (0.0, 1.0),
    nn.Softmax2d: (0.0, 1.0),
    nn.Softmin: (0.0, 1.0),
    nn.Tanh: (-1.0, 1.0),
    nn.Softsign: (-1.0, 1.0),
    nn.ReLU: (0.0, math.inf),
    nn.ReLU6: (0.0, 6.0),
    nn.Softplus: (0.0, math.inf),
    nn.GELU: (-0.17, math.inf),
    nn.SiLU: (-0.28, math.inf),
    nn.Mish: (-0.31, math.inf),
    nn.LogSigmoid: (-math.inf, 0.0),
    nn.LogSoftmax: (-math.inf, 0.0),
}
# Modules that leave the range of numbers as it is.
_SHAPES = (nn.Identity, nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.Dropout, nn.ZeroPad2d)

_DRAWS, _LATENTS = 4, 16  # of parameters, and of latents for each
_STEP, _FAR = 3.0, 10.0  # their standard deviations
_ENOUGH = 8  # outputs of a datum, from which on a common sign is no chance


def warn_of_ending(network: nn.Module, likelihood: Likelihood) -> None:
    """Warn where the last module of a `Sequential` keeps a likelihood from what it takes.

    The likelihood is not new then: `warn_of_outputs` would say the same again.
    """
    last = _last(network)
    found = _range_of(last)
    if found is not None:
        likelihood.is_new()
        _tell(likelihood, [found] * likelihood.num_parameters, f"the {type(last).__name__}")


def warn_of_outputs(
    network: nn.Module, likelihood: Likelihood, outputs: Tensor, latent_shape: Sequence[int]
) -> None:
    """Warn where outputs keep to a range whatever the parameters, as those of a sigmoid do.

    It runs the network with other parameters, and only where the outputs at hand look like it.
    Extreme latents alone would not do: a linear layer over saturated units is bounded too, but
    not for long. It draws random numbers and leaves the parameters alone.

    Args:
        network: Maps [N, *latent_shape] to P * D values for each.
        likelihood: Head that takes them.
        outputs: Some that the network gave [N, P, D].
        latent_shape: Of one latent.
    """
    seen = outputs.detach().transpose(0, 1).flatten(1)  # [P, N * D]
    low, high = seen.amin(1), seen.amax(1)
    if not bool(((low >= 0) | (high <= 0) | ((low >= -1) & (high <= 1))).any()):
        return
    torch.manual_seed(0)
    latents = _FAR * torch.randn(_LATENTS, *latent_shape).to(outputs)
    with torch.no_grad():
        probed = [_run_elsewhere(network, latents) for _ in range(_DRAWS)]
    if torch.equal(probed[0], probed[1]):
        return  # the network does not take its parameters from where torch keeps them
    each = torch.cat(probed).reshape(-1, *outputs.shape[1:]).transpose(0, 1)
    _tell(likelihood, [_range_seen(values) for values in each], "what bounds it")


def _run_elsewhere(network: nn.Module, latents: Tensor) -> Tensor:
    """The outputs at random parameters."""
    moved = {
        name: p + _STEP * torch.randn_like(p)
        for name, p in network.named_parameters()
        if p.is_floating_point()
    }
    found: Tensor = functional_call(network, moved, (latents,))
    return found


def _last(network: nn.Module) -> nn.Module:
    while True:
        if isinstance(network, OneBatchAxis):
            network = network.net
        elif isinstance(network, nn.Sequential) and len(network):
            real = [child for child in network if not isinstance(child, _SHAPES)]
            network = real[-1] if real else nn.Identity()
        else:
            return network


def _range_of(module: nn.Module) -> Range | None:
    if type(module) is nn.Hardtanh:
        return float(module.min_val), float(module.max_val)
    if isinstance(module, nn.ELU | nn.CELU):
        return -float(module.alpha), math.inf
    return _RANGES.get(type(module))


def _range_seen(values: Tensor) -> Range | None:
    """The range of a bounded function that has these values [N, D]; None if there is none."""
    low, high = (float(end) for end in torch.aminmax(values))
    if math.isnan(low):
        return None
    if low >= -1 and high <= 1:
        return (0.0, 1.0) if low >= 0 else (-1.0, 1.0)
    if values.shape[1] >= _ENOUGH and (low >= 0 or high <= 0):
        return (0.0, math.inf) if low >= 0 else (-math.inf, 0.0)
    return None


def _tell(likelihood: Likelihood, ranges: list[Range | None], end: str) -> None:
    """Warn of the first output that cannot be what it is taken for."""
    for parameter, found in enumerate(ranges):
        if found is None:
            continue
        reading = likelihood.reading(parameter)
        if reading == "mean":
            likelihood.output_range = found  # whether it matters, data show
            continue
        why = _objection(reading, *found)
        if why is not None:
            which = "output" if parameter == 0 else f"output number {parameter + 1}"
            warn(
                f"the decoder's {which} lies in [{found[0]:g}, {found[1]:g}], and {likelihood} "
                f"{why}: remove {end} at its end, for the head applies its own, or write the "
                "pair with the distribution that takes what the decoder gives",
                DecoderWarning,
            )
            return


def _objection(reading: str, low: float, high: float) -> str | None:
    """What is wrong with outputs in a range; None if nothing is."""
    one_sided = low >= -1 or high <= 1
    if reading == "logits" and one_sided:
        least, most = (1 / (1 + math.exp(-max(min(end, 99), -99))) for end in (low, high))
        return f"takes logits, so that every probability would lie in [{least:.2f}, {most:.2f}]"
    if reading == "log" and one_sided:
        least, most = math.exp(low), math.exp(high)
        return f"takes logarithms, so that every value would lie in [{least:.3g}, {most:.3g}]"
    if reading == "class logits" and high - low <= 2:
        return (
            f"takes logits, so that no class would be more than {math.exp(high - low):.3g} times "
            "as likely as another"
        )
    if reading == "levels" and (low > -0.5 or high < 0.5):
        return "takes means in units in which the levels span -1..1"
    return None
