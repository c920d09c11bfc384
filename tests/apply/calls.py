"""How each use of `pyrovae.apply` is called: the one place that a new use enters.

A use is a function of a trained pair and data. Its line makes the arguments after the data, and
says what it cannot be asked for, with the reason. What is no use is named with the reason too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from pyrovae.data import Split
from pyrovae.models import VAE, ConditionalVAE, DeepMarkovModel, MixturePrior
from pyrovae.nn import MLP, Binomial

SHAPE = (1, 4, 4)


def data(rows: int = 12) -> Tensor:
    """Whole numbers from 0 to 16, float32 [rows, 1, 4, 4]."""
    rng = torch.Generator().manual_seed(3)
    return torch.randint(17, (rows, *SHAPE), generator=rng).float()


class Counter(nn.Module):
    """A layer with a buffer that every call changes, and a random stream in training."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.dropout(x)


def own_pair(dtype: torch.dtype = torch.float32) -> Any:
    """A pair of plain functions, as an object that holds both."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = nn.Sequential(nn.Flatten(), Counter(), nn.Linear(16, 4)).to(dtype)
        start = torch.randn(2, 16, dtype=dtype)

    def model(x):
        weight = pyro.param("own.weight", start)
        with pyro.plate("rows", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2, dtype=dtype), 1.0).to_event(1))
            logits = (z @ weight).reshape(*z.shape[:-1], *SHAPE)
            pyro.sample("x", dist.Binomial(16, logits=logits).to_event(3), obs=x)

    def guide(x):
        pyro.module("own.net", net)
        with pyro.plate("rows", len(x)):
            loc, log_scale = net(x / 16).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return SimpleNamespace(model=model, guide=guide, net=net)


def _net(in_shape: Any, out_shape: Any) -> nn.Module:
    return nn.Sequential(Counter(), MLP(in_shape, out_shape, hidden=(8,)))


def vae() -> VAE:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return VAE(SHAPE, 2, likelihood=Binomial(16), encoder=_net)


def conditional_vae() -> ConditionalVAE:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return ConditionalVAE(SHAPE, 2, num_classes=3, likelihood=Binomial(16))


def _series_pair() -> DeepMarkovModel:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return DeepMarkovModel((8, 2), 2, transition=_net, decoder=_net)


@dataclass(frozen=True)
class Call:
    """How a use is called, `use(pair, data, *args, **keywords)`.

    Attributes:
        keywords: Options that it needs, or that make it quick.
        of_data: Makes more options, from the data.
        pair: Makes the pair.
        rows: How many data.
        labels: Makes the data that it takes, where these need labels.
        again: Options under which seeds, and that nothing is changed, are checked once more.
        cannot: By name of a part of the contract, why it does not hold of this use.
    """

    keywords: Mapping[str, Any] = field(default_factory=dict)
    of_data: Callable[[Tensor], Mapping[str, Any]] = lambda x: {}
    pair: Callable[[], Any] = vae
    rows: int = 12
    labels: Callable[[Tensor], Split] | None = None
    again: Mapping[str, Any] = field(default_factory=dict)
    cannot: Mapping[str, str] = field(default_factory=dict)


def with_labels(x: Tensor) -> Split:
    return Split(x, _labels(x))


def labelled(x: Tensor) -> Split:
    """For a pair that is called as (x, y)."""
    return with_labels(x).labelled()


def _first_are(x: Tensor) -> Tensor:
    return torch.arange(len(x)) < max(1, len(x) // 2)


def _labels(x: Tensor) -> Tensor:
    return torch.arange(len(x)) % 3


_DRAWS = {"method": "importance", "num_completions": 2, "num_particles": 8}
_HMC = {"method": "hmc", "num_steps": 8, "num_leapfrog": 1}
_TENSOR = {"finding": "it gives a tensor, or a record of several"}
_LABELLED = {
    "lists": "it needs labels, which a split holds",
    "arrays": "likewise",
}
_MEANS = "it decodes means, and draws nothing"

CALLS: dict[str, Call] = {
    "attribute_vector": Call(
        of_data=lambda x: {"has": _first_are(x)},
        cannot={
            **_TENSOR,
            "one datum": "a direction needs data with and without it",
            "draws": "it compares means",
        },
    ),
    "arithmetic": Call(
        {"minus": 0, "plus": 1},
        of_data=lambda x: {"train": with_labels(data(30))},
        labels=with_labels,
        cannot={
            **_LABELLED,
            "draws": "it moves means",
            "one datum": "of the class that is taken away",
        },
    ),
    "augment": Call(
        {"num_per_class": 4},
        of_data=lambda x: {"y": _labels(x)},
    ),
    "check_calibration": Call({"num_draws": 9}),
    "complete": Call(
        {"mask": "left half", **_DRAWS},
        rows=4,
        again=_HMC,
        cannot={"nan": "NaN is what is missing"},
    ),
    "compress": Call(
        cannot={
            **_TENSOR,
            "finding": "it gives bytes",
            "draws": "two seeds may give the same bytes",
            "kinds alike": "the bytes say of what type the array was",
        }
    ),
    "corner_grid": Call(
        {"steps": 3},
        rows=4,
        cannot={**_TENSOR, "one datum": "it has four corners", "draws": _MEANS},
    ),
    "denoise": Call(
        {"level": 1.0, "num_particles": 4, "num_steps": 4, "num_moves": 1, "num_leapfrog": 1},
        rows=4,
    ),
    "detect_anomalies": Call(
        {"scores": ["elbo"], "false_alarm_rate": 0.3},
        of_data=lambda x: {"foreign": 16 - x, "val_size": 4},
        cannot={
            "one datum": "a threshold needs more",
            "conditional": "the foreign data need labels too",
        },
    ),
    "features": Call(
        {"num_labelled": [6], "num_repeats": 2},
        of_data=lambda x: {"y": _labels(x), "train": with_labels(data(30))},
        cannot={"conditional": "latents given x and y hold what y does not say"},
    ),
    "fit_density": Call(
        {"prior": lambda dim: MixturePrior(dim, num_components=2)},
        cannot={
            "programs": "it replaces the prior of the pair, and so takes the pair",
            "own functions": "likewise: it needs .encode and .prior",
            "float64": "likewise",
            "arrays": "it takes a tensor or a split",
            "lists": "likewise",
            "one datum": "a mixture of two needs two codes",
            "finding": "it gives the prior",
            "near name": "it has no options of a sweep",
        },
    ),
    "forecast": Call(
        {"horizon": 2, "num_samples": 20},
        pair=_series_pair,
        labels=lambda x: Split(x.reshape(len(x), 8, 2) / 16),
        cannot={
            **_LABELLED,
            "own functions": "it takes the pair's own method",
            "near name": "it has no options of a sweep",
        },
    ),
    "interpolate": Call(
        {"num_pairs": 2, "num_iterations": 3, "steps": 4},
        cannot={"one datum": "a path has two ends", "draws": "it starts and ends at means"},
    ),
    "invert": Call(
        {"degradation": lambda x: x.flatten(-3)[..., :3], **_DRAWS},
        rows=4,
        again=_HMC,
    ),
    "latent_manifold": Call({"steps": 3}, cannot={**_TENSOR, "draws": _MEANS}),
    "lossy": Call({"steps": [0.5]}, cannot={"draws": "it codes means"}),
    "move": Call({"vector": torch.ones(2)}, cannot={**_TENSOR, "draws": _MEANS}),
    "predictive_check": Call({"replicates": 20, "statistics": ["mean", "element_means"]}),
    "pulled_back_metric": Call(cannot={**_TENSOR, "draws": "it draws only other latents"}),
    "super_resolve": Call(_DRAWS, rows=4, again=_HMC),
    "transfer": Call(
        pair=conditional_vae,
        labels=labelled,
        cannot={**_LABELLED, "own functions": "the pair here has no labels"},
    ),
}  # fmt: skip

NO_USES: dict[str, str] = {
    "augment_by_class": "takes a pair for each class",
    "compress_file": "`compress`, to a file",
    "decompress": "takes what `compress` gives",
    "decompress_file": "takes what `compress_file` writes",
    "discrimination": "compares scores",
    "fit_background": "trains a pair",
    "foreign_data": "makes data",
    "imputed": "takes a table; its own tests are in tables/",
    "rate_distortion": "takes several pairs",
    "resemblance": "compares tables; its own tests are in tables/",
    "restore": "`denoise`, of data that are noisy already; its own tests hold it to the contract",
    "synthesise": "takes a pair alone; its own tests are in tables/",
    "typicality_test": "compares batches of scores",
}
"""Functions of `pyrovae.apply` that do not take a pair and data, and what they are."""
