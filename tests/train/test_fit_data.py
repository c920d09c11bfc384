"""What `fit` makes of data that do not fit the pair, and what it says of them."""

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from pyrovae import fit
from pyrovae.data import Batches, Dataset, Split
from pyrovae.errors import ConfigError, DataError, NonFiniteError
from pyrovae.models import VAE, PartialVAE
from pyrovae.nn import Bernoulli, LearnedNormal

from .pairs import QUIET, networks, pair, x_of


def trained(data, nets=None, **options):
    options = {"epochs": 1, "batch_size": 10, **options}
    return fit(*pair(*(networks() if nets is None else nets)), data, **options, **QUIET).history[0]


def test_the_pair_may_be_one_object():
    model, guide = pair(*networks())

    class Both:
        def __init__(self):
            self.model, self.guide = model, guide

    run = fit(Both(), x_of(), epochs=1, batch_size=10, **QUIET)
    assert run.history[0]["train"] == trained(x_of())["train"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bool", "uint8", "int64"])
def test_numbers_of_every_type_are_brought_to_the_pair(dtype):
    x = (x_of() > 0).numpy().astype(dtype)
    plain = torch.from_numpy(x.astype("float32"))
    found, expected = trained(x, val=x), trained(plain, val=plain)
    for name in ("train", "val"):
        assert found[name] == pytest.approx(expected[name], rel=1e-6), name


def test_a_pair_of_64_bits_keeps_64_bits():
    nets = [net.double() for net in networks()]
    model, guide = pair(*nets)
    seen = []

    def watching(x):
        seen.append(x.dtype)
        model(x)

    for x in (x_of(), x_of().double()):
        fit(watching, guide, x, epochs=1, val=x, **QUIET)
    assert set(seen[1:]) == {torch.float64}


def test_what_would_be_lost_is_told_before_the_first_step():
    x = x_of().double()
    x[33, 2] = 1e39
    with pytest.raises(DataError, match="fit: x holds 1e\\+39 at row 33, column 2.*float32"):
        trained(x)
    with pytest.raises(DataError, match="fit: val: x holds 1e\\+39 at row 33"):
        trained(x_of(), val=x)
    with pytest.raises(DataError, match="fit, batch 3: x holds 1e\\+39 at row 3, column 2"):
        trained(DataLoader(TensorDataset(x), 10))


LABELLED = TensorDataset(x_of(), torch.arange(40))


@pytest.mark.parametrize(
    "data",
    [
        (x_of(), torch.arange(40)),
        {"image": x_of(), "label": torch.arange(40)},
        Split(x_of(), torch.arange(40)).labelled(),
        DataLoader(LABELLED, 10),
        LABELLED,
        Batches((x_of(), torch.arange(40)), 10, device="cpu"),
    ],
)
def test_labels_are_left_out_by_columns(data):
    with pytest.raises(DataError, match="batches hold 2 tensors, the pair takes 1.*`columns=0`"):
        trained(data)
    with pytest.raises(DataError, match="fit: val: batches hold 2 tensors"):
        trained(x_of(), val=data)
    assert trained(data, val=data, columns=0)["val"] == trained(x_of(), val=x_of())["val"] or (
        isinstance(data, DataLoader | Batches)
    )


def test_columns_have_names_and_an_order():
    data = {"label": np.arange(40), "image": x_of().numpy()}
    assert trained(data, columns="image")["train"] == trained(x_of())["train"]
    with pytest.raises(ConfigError, match="'x' is not among"):
        trained(data, columns="x")


def test_a_mask_that_is_missing_is_named():
    vae = PartialVAE((6,), 2, likelihood=LearnedNormal())
    with pytest.raises(DataError, match=r"hold 1 tensor, the pair takes \(x, mask\): give a tup"):
        fit(vae, torch.rand(40, 6), epochs=1, **QUIET)


def test_a_transform_is_called_on_every_batch():
    images = x_of().reshape(40, 2, 3)
    found = trained(images, val=images, transform=lambda x: x.flatten(1))
    assert found["train"] == trained(x_of())["train"]
    assert found["val"] == trained(x_of(), val=x_of())["val"]


def test_a_transform_keeps_dynamic_binarisation():
    grey = torch.rand(40, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    split = Split(grey)
    data = Dataset("grey", split, split, split).binarized("dynamic")
    seen = []

    def flat(x):
        seen.append(x)
        return x.flatten(1)

    vae = VAE((6,), 2, likelihood=Bernoulli())
    run = fit(vae, data, epochs=3, batch_size=40, transform=flat, **QUIET)
    assert run.history[-1]["val"] < 0
    training = {tuple(x.flatten().tolist()) for x in seen}
    assert len(training) > 3 and all(set(values) == {0.0, 1.0} for values in training)


def holed(rows, x=None):
    x = x_of().clone() if x is None else x
    for row in rows:
        x[row, 1] = torch.nan
    return x


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("row", [5, 25])
def test_nan_in_memory_is_told_before_the_first_step(row, shuffle):
    data = holed([row, 30])
    for given in (data, data.numpy(), Batches(data, 10, shuffle=shuffle, device="cpu")):
        with pytest.raises(DataError) as caught:
            trained(given)
        assert f"x holds nan at row {row}, column 1" in str(caught.value)
        assert len(str(caught.value)) < 300


def test_nan_in_a_loader_is_told_with_its_row():
    with pytest.raises(DataError, match="x holds nan at row 5, column 1"):
        trained(DataLoader(TensorDataset(holed([5])), 10))
    with pytest.raises(NonFiniteError) as caught:
        trained(DataLoader(TensorDataset(holed([25])), 10))
    words = str(caught.value)
    assert words.startswith(
        "epoch 1, batch 2 (of 4, from 0): x holds nan at row 25 (row 5 of the batch), column 1, "
        "and the log-density of the guide's site 'z' (row 5)"
    )
    assert "Drop or fill such rows" in words and len(words) < 600


def test_nan_in_a_shuffled_loader_is_told_with_its_batch():
    with pytest.raises((NonFiniteError, DataError), match="x holds nan at row . of the batch, co"):
        trained(DataLoader(TensorDataset(holed([25])), 10, shuffle=True))


@pytest.mark.parametrize("row", [5, 25])
@pytest.mark.parametrize("validated", [True, False])
def test_nan_in_validation_data_is_told(row, validated):
    for val in (holed([row]), DataLoader(TensorDataset(holed([row])), 10)):
        with pytest.raises(DataError) as caught, pyro.validation_enabled(validated):
            trained(x_of(), val=val)
        assert f"fit: val: x holds nan at row {row}, column 1" in str(caught.value)
        assert len(str(caught.value)) < 400


def test_infinite_labels_are_told():
    encoder, decoder = networks()
    model, guide = pair(encoder, decoder)

    def labelled(x, y):
        model(x)
        with pyro.plate("rows", len(x)):
            pyro.sample("y", dist.Normal(0.0, 1.0), obs=y)

    y = torch.zeros(40)
    y[7] = torch.inf
    with pytest.raises(DataError, match="fit: y holds inf at row 7, column 0"):
        fit(
            labelled, lambda x, y: guide(x), (x_of(), y), objective=Trace_ELBO(), epochs=1, **QUIET
        )


def test_nan_that_the_pair_masks_is_trained_on():
    net = nn.Linear(1, 1)

    def model(x):
        pyro.module("net", net)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            known = x.isfinite()
            loc = net(z[..., None])
            pyro.sample("x", dist.Normal(loc, 1.0).mask(known).to_event(1), obs=x.nan_to_num())

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(pyro.param("loc", torch.zeros(())), 1.0))

    run = fit(model, guide, holed([5])[:, :2], val=holed([6])[:, :2], epochs=2, **QUIET)
    assert run.history[-1]["val"] < 0


def test_data_on_a_large_scale_get_a_sentence():
    with pytest.raises(NonFiniteError, match=r"they reach 8.3e\+04; ") as caught:
        trained(x_of() * 3e4, (nn.Linear(6, 4), nn.Linear(2, 6)), batch_size=40)
    assert len(str(caught.value)) < 600


class Stream(IterableDataset):
    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        return iter(x_of(self.rows))


def test_streams_are_counted_or_told():
    counted = trained(Stream(40))
    assert counted["step"] == 4
    told = trained(Stream(100), num_data=40)
    assert told["step"] == 4
    with pytest.raises(ConfigError, match="num_data=41"):
        trained(x_of(), num_data=41)


def test_a_last_batch_of_one_row_is_told_for_a_stream_too():
    encoder = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))
    vae = VAE((6,), 2, encoder=encoder, decoder=nn.Linear(2, 6), likelihood=Bernoulli())
    items = (torch.rand(101, 6) > 0.5).float()

    class Rows(IterableDataset):
        def __iter__(self):
            return iter(items)

    def collate(rows):
        return torch.stack(rows)

    for data in (
        Rows(), DataLoader(TensorDataset(items), 100), DataLoader(items, 100, collate_fn=collate)
    ):  # fmt: skip
        with pytest.raises(ConfigError, match="one row.*batch norm in training mode needs more"):
            fit(vae, data, epochs=1, **QUIET)
    assert fit(vae, items, epochs=1, drop_last=True, **QUIET).steps == 1


def test_channels_last_are_recognised():
    vae = VAE((3, 8, 8), 2, likelihood=Bernoulli())
    x = (torch.rand(20, 8, 8, 3) > 0.5).float()
    with pytest.raises(ValueError, match=r"channels come last.*x\.permute\(0, 3, 1, 2\)"):
        fit(vae, x, epochs=1, **QUIET)
    run = fit(vae, x, epochs=1, transform=lambda x: x.permute(0, 3, 1, 2), **QUIET)
    assert run.steps == 1


def test_very_large_data_are_checked_batch_by_batch(monkeypatch):
    monkeypatch.setattr("pyrovae.train.fitted_batches._MOST", 100)
    x = x_of().double()
    x[33, 2] = 1e39
    with pytest.raises(DataError, match="fit, batch [0-3]: x holds 1e\\+39 at row"):
        trained(x)
    with pytest.raises((NonFiniteError, DataError), match="x holds nan at row 25"):
        trained(holed([25]))
