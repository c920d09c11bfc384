"""What measurements make of data that do not fit the pair, and what they say of them."""

from functools import partial

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import (
    active_units,
    compare,
    compare_training,
    draw,
    elbo_parts,
    gradients,
    log_evidence,
    posterior_means,
    traverse,
)
from pyrovae.data import Dataset, Rows, Split
from pyrovae.data.rows import TensorRows
from pyrovae.errors import DataError
from pyrovae.evaluate import why_no_evidence
from pyrovae.models import VAE, PartialVAE
from pyrovae.nn import MLP, Bernoulli, LearnedNormal, Normal
from pyrovae.objectives import ELBO
from pyrovae.reporting import report


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return VAE((6,), 2, likelihood=Normal(), encoder=nn.Linear(6, 4), decoder=nn.Linear(2, 6))


X = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
QUICK = {"num_particles": 2, "seed": 0}
FEW = {"num_draws": 2, "reference_draws": 2}
MEASURES = {
    "log_evidence": lambda p, x, **o: log_evidence(p, x, **QUICK, **o).log_px,
    "elbo_parts": lambda p, x, **o: elbo_parts(p, x, rows=10, **QUICK, **o).elbo,
    "active_units": lambda p, x, **o: active_units(p, x, seed=0, **o).variance["z"],
    "posterior_means": lambda p, x, **o: posterior_means(p, x, seed=0, **o),
    "traverse": lambda p, x, **o: traverse(p, x, seed=0, **o).images,
    "gradients": lambda p, x, **o: next(iter(gradients(p, x, ELBO(), **FEW, **o).mean.values())),
    "compare": lambda p, x, **o: torch.tensor(
        compare(p, x, [ELBO()], **FEW, repeats=1, evidence_particles=2, **o).rows[0]["bound"]
    ),
    "report": lambda p, x, **o: torch.tensor(report(p, x, num_particles=2, **o).facts["nll"]),
}


@pytest.fixture(scope="module")
def expected(vae):
    return {name: measure(vae, X) for name, measure in MEASURES.items()}


@pytest.mark.parametrize("name", MEASURES)
def test_labels_are_left_out_by_columns(vae, expected, name):
    labelled = (X, torch.arange(30))
    with pytest.raises(DataError, match="the data hold 2 tensors, the pair takes 1.*`columns=0`"):
        MEASURES[name](vae, labelled)
    loader = DataLoader(TensorDataset(*labelled), 7)
    for data in (labelled, loader, Split(*labelled).labelled()):
        torch.testing.assert_close(MEASURES[name](vae, data, columns=0), expected[name])


@pytest.mark.parametrize("name", MEASURES)
def test_a_transform_gives_the_pair_its_shape(vae, expected, name):
    images = X.reshape(30, 2, 3).double().numpy()
    found = MEASURES[name](vae, images, transform=lambda x: x.flatten(1))
    torch.testing.assert_close(found, expected[name])


@pytest.mark.parametrize("name", MEASURES)
def test_nan_is_told_with_its_row(vae, name):
    x = X.clone()
    x[25, 3] = torch.nan
    with pytest.raises(DataError) as caught:
        MEASURES[name](vae, x)
    assert "x holds nan at row 25, column 3" in str(caught.value) and len(str(caught.value)) < 400
    with pyro.validation_enabled(False), pytest.raises(DataError, match="x holds nan at row 25"):
        MEASURES[name](vae, x)


def test_what_would_be_lost_is_told(vae):
    x = X.double()
    x[25, 3] = 1e300
    with pytest.raises(DataError, match="the data: x holds 1e\\+300 at row 25, column 3.*float32"):
        elbo_parts(vae, x, rows=10)
    with pytest.raises(DataError, match="row 25, column 3"):
        gradients(vae, x, ELBO(), num_draws=2)


def test_a_mask_that_is_missing_is_named():
    masked = PartialVAE((6,), 2, likelihood=LearnedNormal())
    with pytest.raises(DataError, match=r"data hold 1 tensor, the pair takes \(x, mask\)"):
        log_evidence(masked, X)
    with pytest.raises(DataError, match="after them are 3 tensors, .* takes 2 .*give no more"):
        log_evidence(masked, X, X > 0, X)
    mask = X > 0
    one = log_evidence(masked, X.double().numpy(), mask.numpy(), **QUICK).log_px
    assert torch.equal(one, log_evidence(masked, (X, mask), **QUICK).log_px)


def test_a_pair_that_masks_nan_is_measured():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            made = dist.Normal(z[..., None], 1.0).mask(x.isfinite())
            pyro.sample("x", made.to_event(1), obs=x.nan_to_num())

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(0.0, 1.0))

    x = X.clone()
    x[3, 3] = torch.nan
    assert log_evidence(model, guide, x, **QUICK).log_px.isfinite().all()
    assert elbo_parts(model, guide, x, **QUICK).elbo.isfinite().all()
    assert gradients.__name__ == "gradients"


class Counted(Rows):
    """Rows that are not in memory, and remember how many were asked for at once."""

    def __init__(self, x):
        self.x, self.most = TensorRows([x]), 0

    def __len__(self):
        return len(self.x)

    @property
    def width(self):
        return 1

    def take(self, rows):
        found = self.x.take(rows)
        self.most = max(self.most, len(found[0]))
        return found


@pytest.mark.parametrize("name", ["log_evidence", "elbo_parts", "posterior_means", "traverse"])
def test_rows_are_read_block_by_block(vae, expected, name):
    rows = Counted(X)
    options = {} if name == "elbo_parts" else {"rows": 10}
    expected = MEASURES[name](vae, X, **options)
    torch.testing.assert_close(MEASURES[name](vae, rows, **options), expected)
    assert rows.most == 10


def test_a_report_reads_block_by_block(vae):
    rows = Counted(X.repeat(2000, 1))
    report(vae, rows, num_particles=2, chunk=1000)
    assert rows.most < 60_000


@pytest.mark.parametrize("name", MEASURES)
def test_a_loader_is_read_once(vae, expected, name):
    passes = []

    class Once(torch.utils.data.IterableDataset):
        def __iter__(self):
            passes.append(1)
            return iter(X.numpy())

    torch.testing.assert_close(MEASURES[name](vae, Once()), expected[name])
    assert len(passes) <= 2  # the first counts them


def test_of_a_dataset_its_test_data_are_measured(vae):
    data = Dataset("three", Split(X[:10]), Split(X[10:20]), Split(X[20:]))
    found = log_evidence(vae, data, **QUICK).log_px
    assert torch.equal(found, log_evidence(vae, X[20:], **QUICK).log_px)
    assert report(vae, data, num_particles=2).rows[0][1] == "10"


def test_why_no_evidence_takes_the_same(vae):
    for x in (X, X.double(), X.double().numpy(), (X,), Split(X)):
        assert why_no_evidence(vae, x) is None
    assert draw(vae, X).num_particles == 1


def test_own_pairs_are_compared_on_dynamic_images():
    grey = torch.rand(40, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    split = Split(grey, torch.arange(40))
    data = Dataset("grey", split, split, split).binarized("dynamic").labelled()

    def make():
        return VAE(
            (6,), 2, likelihood=Bernoulli(),
            encoder=partial(MLP, hidden=(4,)), decoder=partial(MLP, hidden=(4,)),
        )  # fmt: skip

    table = compare_training(
        make, data, [ELBO()], epochs=2, seeds=(0,), columns="x", transform=lambda x: x.flatten(1),
        num_particles=5, device="cpu", progress=False,
    )  # fmt: skip
    assert table.rows[0]["nll"] < 6 and table.facts["num_test"] == 40


def test_numbers_after_the_data_may_be_arrays():
    def model(x, y):
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(y, pyro.param("s", torch.ones(()))), obs=x)

    def guide(x, y):
        pass

    x = np.arange(4.0)
    found = log_evidence(model, guide, x, x + 1, **QUICK).log_px
    assert torch.allclose(found, dist.Normal(1.0, 1.0).log_prob(torch.zeros(4)).double())
