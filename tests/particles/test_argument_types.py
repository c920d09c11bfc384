"""Numbers are brought to the types of the pair, unless something would be lost."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae.errors import DataError
from pyrovae.particles.argument_types import ArgumentTypes, argument_types

F16, F32, F64, B16 = torch.float16, torch.float32, torch.float64, torch.bfloat16


class Normal:
    """Networks of any number type, on data and perhaps a mask or labels."""

    def __init__(self, dtype=F32, observed=None):
        torch.manual_seed(0)
        self.encoder, self.decoder = nn.Linear(3, 2).to(dtype), nn.Linear(1, 3).to(dtype)
        self.observed = dtype if observed is None else observed

    def model(self, x, y=None):
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", len(x)):
            zero = torch.zeros(1, dtype=self.decoder.weight.dtype)
            z = pyro.sample("z", dist.Normal(zero, 1.0).to_event(1))
            pyro.sample("x", dist.Normal(self.decoder(z), 1.0).to_event(1), obs=x)

    def guide(self, x, y=None):
        pyro.module("encoder", self.encoder)
        loc, scale = self.encoder(x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, scale.exp()).to_event(1))


class Stored:
    """Parameters in Pyro's store alone."""

    def model(self, x):
        loc = pyro.param("loc", torch.zeros(3, dtype=F64))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(x @ torch.diag(loc) - loc, 1.0).to_event(1), obs=x)

    def guide(self, x):
        pass


class Counts:
    """Takes whole numbers as they are."""

    def __init__(self):
        self.rate = nn.Parameter(torch.zeros(3))
        self.embedding = nn.Embedding(9, 3)

    def model(self, x):
        pyro.module("embedding", self.embedding)
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Poisson(self.rate.exp()).to_event(1), obs=x)

    def guide(self, x):
        pyro.module("embedding", self.embedding)
        self.embedding(x.long() if x.dtype == torch.uint8 else x)


class TwoTables(Normal):
    """Joins two tables of numbers, which both have to be floats."""

    def guide(self, x, y=None):
        super().guide(x + nn.functional.linear(y, torch.eye(3)))


def changes(pair, *args):
    return argument_types(pair.model, pair.guide, args).types


X = torch.randn(4, 3)
WHOLE = torch.ones(4, 3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("pair", "args", "types"),
    [
        (Normal(), (X,), (None,)),
        (Normal(), (X.double(),), (F32,)),
        (Normal(), (X.half(),), (F32,)),
        (Normal(), (X.bfloat16(),), (F32,)),
        (Normal(F64), (X.double(),), (None,)),
        (Normal(F64), (X,), (F64,)),
        (Normal(B16), (X,), (B16,)),
        (Normal(), (WHOLE,), (F32,)),
        (Normal(), (WHOLE.byte(),), (F32,)),
        (Normal(), (WHOLE.bool(),), (F32,)),
        (Normal(F64), (WHOLE.bool(),), (F64,)),
        (Normal(), (X.double(), torch.arange(4)), (F32, None)),
        (Normal(), (WHOLE, torch.arange(4)), (F32, None)),
        (Normal(), (X, X > 0), (None, None)),
        (Normal(), (X.double(), X > 0), (F32, None)),
        (Normal(), (X, X.double()), (None, F32)),
        (Normal(), (X, "name"), (None, None)),
        (TwoTables(), (X, WHOLE), (None, F32)),
        (TwoTables(), (WHOLE, WHOLE.bool()), (F32, F32)),
        (Stored(), (X,), (F64,)),
        (Stored(), (X.double(),), (None,)),
        (Counts(), (WHOLE,), (None,)),
        (Counts(), (WHOLE.byte(),), (None,)),
        (Counts(), (WHOLE.int(),), (None,)),
    ],
)
def test_what_becomes_of_arguments(pair, args, types):
    with pyro.get_param_store().scope():
        before = torch.get_rng_state()
        assert changes(pair, *args) == types
        assert torch.equal(torch.get_rng_state(), before)


def test_a_pair_of_several_types_keeps_what_it_takes():
    pair = Normal()
    pair.other = nn.Linear(2, 2).double()
    assert changes(pair, X) == (None,)
    assert changes(pair, X.double()) == (F32,)


def test_a_pair_that_fails_all_the_same_gets_floats():
    """Then its error is of the shapes, and not of the types."""
    pair = Normal()
    assert changes(pair, torch.ones(4, 5, dtype=torch.int64)) == (F32,)


def checked(x, dtype):
    types = ArgumentTypes((dtype,), ("x",))
    types.check((x,), "the data", start=10)
    return types((x,))[0]


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (torch.randn(50, 3, dtype=F64), F32),
        (torch.full((5, 2), 0.1, dtype=F64), F32),  # rounded, and lost is nothing
        (torch.rand(5, 2, dtype=F64) * 1e30, F32),
        (torch.tensor([[torch.nan, 1.0], [0.5, torch.inf]], dtype=F64), F32),
        (torch.arange(2**24 + 1)[-9:, None], F32),
        (torch.arange(300).reshape(100, 3).short(), F32),
        (torch.tensor(2.5, dtype=F64), F32),
        (torch.zeros(0, 3, dtype=F64), F32),
        (torch.randn(9, dtype=F32), F64),
        (1e5 + torch.randn(50, 1, dtype=F64) * 100, F32),
    ],
)
def test_what_is_kept(x, dtype):
    torch.testing.assert_close(
        checked(x, dtype).double(), x.double(), rtol=1e-6, atol=0, equal_nan=True
    )


@pytest.mark.parametrize(
    ("x", "dtype", "words"),
    [
        (torch.tensor([[0], [2**24 + 1]]), F32, "16777217 at row 11, column 0.*16,777,216"),
        (torch.tensor([[0, 2**62 + 1]]), F64, "row 10, column 1"),
        (torch.tensor([[3, 257]]), B16, "257 at row 10, column 1.*bfloat16.* 256 only"),
        (torch.tensor([[1.0], [1e39]], dtype=F64), F32, "1e\\+39 at row 11.*beyond float32"),
        (torch.tensor([[7e4]]), F16, "70000 at row 10.*beyond float16"),
        (1.7e9 + torch.rand(50, 2, dtype=F64), F32, "column 0.*float32.*subtract the mean"),
        (torch.randn(50, 2), B16, "column 0.*rounded by up to .* in bfloat16"),
    ],
)
def test_what_would_be_lost_is_told(x, dtype, words):
    with pytest.raises(DataError, match=f"the data: x .*{words}") as caught:
        checked(x, dtype)
    assert len(str(caught.value)) < 400
