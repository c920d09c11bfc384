"""Encoders that give the mean and the spread of a normal apart."""

from collections import namedtuple
from dataclasses import dataclass

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor, nn

from pyrovae.errors import ConfigError, ShapeError
from pyrovae.nn import TwoHeads
from pyrovae.nn.two_heads import heads_of

MEAN = torch.tensor([[1.0, -2.0], [0.5, 3.0], [0.0, 0.1]])
SCALE = torch.tensor([[0.5, 2.0], [1.0, 0.1], [3.0, 1.5]])
SECONDS = {
    "log_variance": 2 * SCALE.log(),
    "variance": SCALE**2,
    "log_scale": SCALE.log(),
    "scale": SCALE,
}
Named = namedtuple("Named", ["mu", "logvar"])


def named(fields):
    return namedtuple("Some", fields)


@dataclass
class Output:
    z_loc: Tensor
    z_scale: Tensor


class Gives(nn.Module):
    """A network of one output, whatever the data."""

    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, x):
        return self.output


def close_to_truth(params):
    torch.testing.assert_close(params, torch.cat([MEAN, SCALE.log()], -1))


@pytest.mark.parametrize("kind", SECONDS)
@pytest.mark.parametrize("way", ["tuple", "list", "one tensor", "mapping", "convolution"])
def test_the_second_output_is_what_is_said(kind, way):
    second = SECONDS[kind]
    output = {
        "tuple": (MEAN, second),
        "list": [MEAN, second],
        "one tensor": torch.cat([MEAN, second], -1),
        "mapping": {"mean": MEAN, "std": second},
        "convolution": (MEAN[..., None, None], second[..., None, None]),
    }[way]
    close_to_truth(TwoHeads(Gives(output), kind)(MEAN))


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ({"mean": MEAN, "log_var": SECONDS["log_variance"]}, "log_variance"),
        ({"mu": MEAN, "logvar": SECONDS["log_variance"], "h": MEAN}, "log_variance"),
        ({"embedding": MEAN, "log_covariance": SECONDS["log_variance"]}, "log_variance"),
        ({"loc": MEAN, "scale": SCALE}, "scale"),
        ({"mean": MEAN, "std": SCALE}, "scale"),
        ({"Z_mu": MEAN, "Z_sigma": SCALE}, "scale"),
        ({"qz_loc": MEAN, "qz_log_std": SECONDS["log_scale"]}, "log_scale"),
        ({"log_var_z": SECONDS["log_variance"], "mean_z": MEAN}, "log_variance"),
        (named("log_var_z mu_z")(SECONDS["log_variance"], MEAN), "log_variance"),
        (named("log_var mean_z")(SECONDS["log_variance"], MEAN), "log_variance"),
        (named("std mean")(SCALE, MEAN), "scale"),
        (named("logVar Mu h")(SECONDS["log_variance"], MEAN, SCALE), "log_variance"),
        ({"log-var": SECONDS["log_variance"], "mu": MEAN}, "log_variance"),
        ({"mean": MEAN, "variance": SECONDS["variance"]}, "variance"),
        ({"mean": MEAN, "var": SECONDS["variance"]}, "variance"),
        (Named(MEAN, SECONDS["log_variance"]), "log_variance"),
        (Output(MEAN, SCALE), "scale"),
        (torch.distributions.Normal(MEAN, SCALE), "scale"),
        (torch.distributions.Independent(torch.distributions.Normal(MEAN, SCALE), 1), "scale"),
        (dist.Normal(MEAN, SCALE).to_event(1), "scale"),
    ],
    ids=repr,
)
def test_names_say_what_the_second_output_is(output, kind):
    heads = heads_of(output, "mine")
    assert heads.kind == kind
    close_to_truth(heads.params())


@pytest.mark.parametrize("output", [(MEAN, SECONDS["log_variance"]), [MEAN, 2 * SCALE.log()]])
def test_without_names_it_is_a_log_variance(output):
    heads = heads_of(output, "mine")
    assert heads.kind is None
    close_to_truth(heads.params())


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ((MEAN, SCALE, MEAN), "a tuple of 3"),
        ((MEAN,), "a tuple of 1"),
        (MEAN, r"shape \[3, 2\]"),
        ({"a": MEAN, "b": SCALE}, r"a dict of \['a', 'b'\]"),
        ({"mean": MEAN, "loc": MEAN, "scale": SCALE}, r"a dict of \['mean', 'loc', 'scale'\]"),
        ((MEAN, 3.0), "a tuple of 2"),
        (None, "a NoneType"),
        ("text", "a str"),
        (dist.Laplace(MEAN, SCALE), "a Laplace"),
    ],
    ids=["triple", "single", "tensor", "names", "two means", "number", "none", "text", "other"],
)
def test_what_are_no_two_heads_is_refused(output, said):
    with pytest.raises(ShapeError, match=f"mine gave {said}; it needs one tensor, or two .*TwoHe"):
        heads_of(output, "mine")


@dataclass
class Unknown:
    mean: Tensor
    log_precision: Tensor


@pytest.mark.parametrize(
    "output",
    [
        named("precision mean")(SCALE, MEAN),
        named("mean log_precision")(MEAN, SCALE),
        named("first second")(MEAN, SCALE),
        named("mean mu")(MEAN, SCALE),
        named("std logvar")(SCALE, SCALE),
        named("mean std logvar")(MEAN, SCALE, SCALE),
        Unknown(MEAN, SCALE),
        {"mean": MEAN, "z_mean": SCALE, "scale": SCALE},
        {"mean": MEAN, "mean_z": SCALE, "scale": SCALE},
        {"mean": MEAN, "scale": SCALE, "z_scale": MEAN},
        {"mean": MEAN, "precision": SCALE},
    ],
    ids=str,
)
@pytest.mark.parametrize("with_word", [False, True])
def test_names_that_are_not_those_of_one_mean_and_one_other_are_refused(output, with_word):
    understood = r"TwoHeads\(encoder, .*'mean', .*'mu', .*'logvar', .*'scale', .*plain tuple"
    with pytest.raises(ShapeError, match=understood):
        TwoHeads(Gives(output), "scale")(MEAN) if with_word else heads_of(output, "mine")


@pytest.mark.parametrize("other", [SCALE[:, :1], SCALE[:2], SCALE[0], SCALE[None]])
def test_heads_of_different_shapes_are_refused(other):
    with pytest.raises(ShapeError, match=r"both need the shape \[N, L\]"):
        heads_of((MEAN, other), "mine")


@pytest.mark.parametrize("second", ["logvar", "std", None, 2])
def test_another_word_is_refused(second):
    with pytest.raises(ConfigError, match="'log_variance', 'variance', 'log_scale' or 'scale'"):
        TwoHeads(Gives(MEAN), second)


def test_a_function_is_no_network():
    with pytest.raises(ConfigError, match="needs a torch.nn.Module"):
        TwoHeads(lambda x: (x, x))


def test_its_network_trains_and_is_shown():
    heads = TwoHeads(nn.Linear(3, 4), "scale")
    assert {name for name, _ in heads.named_parameters()} == {"network.weight", "network.bias"}
    assert "second='scale'" in repr(heads)
