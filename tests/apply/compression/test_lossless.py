"""What goes in comes out: any kind of pair and of data, all rows or some, bytes or files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae.apply import compress, compress_file, decompress, decompress_file
from pyrovae.apply.compression import encoder as encoder_file
from pyrovae.data import Split
from pyrovae.errors import CompressionError, ConfigError, DataError, PyrovaeError, ShapeError
from pyrovae.models import VAE, ConditionalVAE, HierarchicalVAE
from pyrovae.nn import Binomial, Categorical, DiscretizedLogistic, Normal
from tests.apply.compression.small import Small, bits

X = bits(7)


@pytest.fixture(scope="module")
def pair():
    return Small()


@pytest.fixture(scope="module")
def file(pair):
    return compress(pair, X, chunk=3)


def same(found, given):
    assert type(found) is type(given) and found.dtype == given.dtype
    assert found.shape == given.shape and bool((found == given).all())


DTYPES = ["bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
          "float16", "float32", "float64", ">i4"]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_comes_back_in_its_type(pair, dtype):
    given = X.astype(dtype)
    same(decompress(pair, compress(pair, given)), X.astype(given.dtype.newbyteorder("=")))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.bfloat16,
                                   torch.float32, torch.float64, torch.uint16,
                                   torch.uint32, torch.uint64])  # fmt: skip
def test_tensors_come_back_as_tensors(pair, dtype):
    given = torch.tensor(X).to(dtype)
    found = decompress(pair, compress(pair, given))
    assert found.dtype == dtype
    assert torch.equal(found.double(), given.double())


def test_one_row_and_more_rows_than_a_chunk(pair):
    for given in (X[:1], X[:3], bits(30)):
        same(decompress(pair, compress(pair, given, chunk=14)), given)


def test_splits_lists_and_frames(pair):
    plain = torch.tensor(X)
    same(decompress(pair, compress(pair, Split(plain.float()))), plain.float())
    assert (decompress(pair, compress(pair, X.tolist())) == X).all()
    found = decompress(pair, compress(pair, pd.DataFrame(X.reshape(7, 6)), shape=(2, 3)))
    assert (found == X.reshape(7, 6)).all()


def test_another_shape_of_a_datum(pair):
    flat = X.reshape(7, 1, 6)
    same(decompress(pair, compress(pair, flat, shape=(2, 3))), flat)
    with pytest.raises(ShapeError, match=r"shape=\[5\]"):
        compress(pair, X, shape=(5,))


PARTS = [(0, 7), (0, 1), (6, 7), (2, 4), (3, 6), slice(-2, None), slice(1, 5)]


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_any_rows(pair, file, part):
    rows = part if isinstance(part, slice) else slice(*part)
    same(decompress(pair, file, part=part), X[rows])


def test_only_the_chunks_of_the_rows_are_decoded(pair, file, monkeypatch):
    decoded = []
    own = encoder_file.BitsBack.decode
    monkeypatch.setattr(
        encoder_file.BitsBack,
        "decode",
        lambda self, words, count, *args: decoded.append(count) or own(self, words, count, *args),
    )
    decompress(pair, file, part=(6, 7))
    assert decoded == [1]  # the third chunk holds one row


@pytest.mark.parametrize("part", [(0, 8), (-1, 2), (3, 3), (5, 2), slice(9, 12), slice(0, 4, 2)])
def test_rows_that_are_not_there(pair, file, part):
    with pytest.raises(DataError):
        decompress(pair, file, part=part)


def functions():
    net = nn.Linear(6, 4)

    def model(x):
        weight = pyro.param("w", 0.3 * torch.ones(2, 6))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            logits = (z @ weight.to(z)).reshape(-1, 2, 3)
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(2), obs=x)

    def guide(x):
        pyro.module("net", net)
        with pyro.plate("data", len(x)):
            loc, log_scale = net(x.flatten(1)).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


LEVELS = np.arange(42, dtype=np.uint8).reshape(7, 2, 3) % 4
PAIRS = {
    "functions": (functions, X),
    "family": (lambda: (VAE((2, 3), 2),), X),
    "float64": (lambda: (VAE((2, 3), 2).double(),), X),
    "hierarchical": (lambda: (HierarchicalVAE((2, 3), (3, 2)),), X),
    "binomial": (lambda: (VAE((2, 3), 2, likelihood=Binomial(3)),), LEVELS),
    "categorical": (lambda: (VAE((2, 3), 2, likelihood=Categorical(4)),), LEVELS),
    "logistic": (lambda: (VAE((2, 3), 2, likelihood=DiscretizedLogistic(4)),), LEVELS),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_every_kind_of_pair(kind):
    make, given = PAIRS[kind]
    made = make()
    same(decompress(*made, compress(*made, given, chunk=4)), given)


def test_what_the_pair_takes_besides_is_given_again():
    pair = ConditionalVAE((2, 3), 2, condition_shape=(2,))
    y = np.linspace(-1, 1, 14, dtype=np.float32).reshape(7, 2)
    found = compress(pair, X, y, chunk=3)
    assert compress(pair, (X, y), chunk=3) == compress(pair, {"x": X, "y": y}, chunk=3)
    same(decompress(pair, found, torch.tensor(y), part=(2, 5)), X[2:5])
    for wrong in ((y + 1,), (y[:3],), ()):
        with pytest.raises(PyrovaeError):
            decompress(pair, found, *wrong)


def test_another_model_is_refused(pair, file):
    with pytest.raises(CompressionError, match="another model: parameters"):
        decompress(Small(seed=1), file)
    with pytest.raises(CompressionError, match="same parameters.*other densities"):
        decompress(Small(activation=torch.relu), file)
    with pytest.raises(CompressionError, match="another model|cannot be run"):
        decompress(VAE((5,), 2), file)
    changed = Small()
    with torch.no_grad():
        changed.decoder.bias[0] += 1e-6
    with pytest.raises(CompressionError, match="another model: parameters"):
        decompress(changed, file)


def test_a_pair_of_its_own_with_equal_parameters_reads_it(file):
    other = Small()
    same(decompress(other.model, other.guide, file), X)


def test_data_that_cannot_be_coded(pair):
    for wrong, told in ((X + 0.5, "0.5 at row 0, column 0.*whole levels"),
                        (np.where(X, np.nan, 0.0), "nan at row"),
                        (np.full((2, 2, 3), np.inf), "inf at row 0")):  # fmt: skip
        with pytest.raises(DataError, match=told):
            compress(pair, wrong)
    with pytest.raises(PyrovaeError, match="x"):
        compress(pair, X + 2)  # outside of the support
    with pytest.raises(PyrovaeError, match="empty|no data"):
        compress(pair, X[:0])
    with pytest.raises(PyrovaeError):
        compress(VAE((2, 3), 2, likelihood=Normal()), X)
    with pytest.raises(ConfigError, match="chunk is 0"):
        compress(pair, X, chunk=0)
    with pytest.raises(ConfigError, match="a chunk holds"):
        compress(pair, X, chunk=10**8)
    with pytest.raises(TypeError, match="'chunk'"):
        compress(pair, X, chunks=2)


def test_a_pair_that_does_not_repeat_itself_is_found_out(monkeypatch):
    pair, own, runs = Small(), Small.model, []

    def model(self, x):
        runs.append(1)
        with torch.no_grad():
            self.decoder.bias.data = self.decoder.bias.data + 1e-3 * len(runs)
        return own(self, x)

    monkeypatch.setattr(Small, "model", model)
    with pytest.raises(PyrovaeError):
        compress(pair, bits(50), chunk=10)


def test_dropout_that_is_never_off_is_found_out():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 2), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=z.repeat(1, 3)).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            loc = nn.functional.dropout(1 + x[:, :2])  # in evaluation mode too
            pyro.sample("z", dist.Normal(loc, 1.0).to_event(1))

    with pytest.raises(CompressionError, match="other numbers each time"):
        compress(model, guide, np.ones((9, 6), np.float32))


def test_nothing_of_the_pair_or_the_random_streams_moves(pair):
    pair.train()
    before = {name: t.clone() for name, t in pair.state_dict().items()}
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    decompress(pair, compress(pair, X))
    assert torch.equal(torch.rand(3), expected) and pair.training
    after = pair.state_dict()
    assert all(torch.equal(before[n], after[n]) and before[n].dtype == after[n].dtype
               for n in before)  # fmt: skip


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_files(pair, tmp_path, suffix):
    given, file, out = tmp_path / f"x{suffix}", tmp_path / "x.pv", tmp_path / f"back{suffix}"
    np.save(given, X) if suffix == ".npy" else np.savez_compressed(given, x=X)
    found = compress_file(pair, given, file, chunk=3, num_particles=1)
    assert file.read_bytes() == compress(pair, X, chunk=3)
    assert found.totals.file_bytes == file.stat().st_size
    assert found.gross_rate > found.net_rate and found.minus_elbo_rate is not None
    told = decompress_file(pair, file, out, part=(1, 6))
    back = np.load(out)
    same(back if suffix == ".npy" else back["x"], X[1:6])
    assert (told.count, told.total) == (5, 7)
    with pytest.raises(ConfigError, match="is there"):
        compress_file(pair, given, file)
    with pytest.raises(ConfigError, match="is there"):
        decompress_file(pair, file, out)
    decompress_file(pair, file, out, overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([given.name, file.name, out.name])


def test_files_that_are_not_there_or_of_another_kind(pair, file, tmp_path):
    with pytest.raises(ConfigError, match="decompress_file reads a file"):
        decompress(pair, "x.pv")
    with pytest.raises(CompressionError, match="cannot be read"):
        decompress_file(pair, tmp_path / "none.pv", tmp_path / "x.npy")
    (tmp_path / "x.pv").write_bytes(file)
    with pytest.raises(ConfigError, match=".npy or .npz"):
        decompress_file(pair, tmp_path / "x.pv", tmp_path / "x.png")
    (tmp_path / "x.pv").write_bytes(file[:-30])
    with pytest.raises(CompressionError, match="truncated or damaged"):
        decompress_file(pair, tmp_path / "x.pv", tmp_path / "x.npy")
    assert not (tmp_path / "x.npy").exists()


def test_another_process_decodes_it(pair, file, tmp_path):
    (tmp_path / "x.pv").write_bytes(file)
    torch.save(pair.state_dict(), tmp_path / "pair.pt")
    code = (
        "import numpy as np, torch\nfrom pyrovae.apply import decompress\n"
        "from tests.apply.compression.small import Small, bits\ntorch.set_num_threads(2)\n"
        "pair = Small(seed=5)\npair.load_state_dict(torch.load('pair.pt', weights_only=True))\n"
        "assert (decompress(pair, open('x.pv', 'rb').read()) == bits(7)).all()\nprint('same')"
    )
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path.insert(0, {root!r})\n{code}"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "same\n"
