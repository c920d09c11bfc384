"""A last batch of one row under batch norm: said before the first step, and left out if asked."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import data, fit
from pyrovae.errors import ConfigError
from pyrovae.evaluate import log_evidence
from pyrovae.models import VAE
from pyrovae.nn import Normal
from pyrovae.objectives import ELBO, IWAE
from pyrovae.runtime.distributed import Team

QUIET = {"device": "cpu", "progress": False}


def x_of(n=101, d=6):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0))


def pair(norm_encoder=True, norm_decoder=False, **options):
    torch.manual_seed(0)

    def net(inputs, outputs, norm):
        middle = nn.BatchNorm1d(8, **options) if norm else nn.Identity()
        return nn.Sequential(nn.Linear(inputs, 8), middle, nn.ReLU(), nn.Linear(8, outputs))

    return VAE(
        (6,), 2, encoder=net(6, 4, norm_encoder), decoder=net(2, 6, norm_decoder),
        likelihood=Normal(),
    )  # fmt: skip


def train(vae, source=None, objective=None, **options):
    options = {"epochs": 1, **QUIET, **options}
    return fit(
        vae.model, vae.guide, x_of() if source is None else source,
        objective=objective or ELBO(), **options,
    )  # fmt: skip


@pytest.mark.parametrize("loaded", [False, True])
def test_said_before_the_first_step(loaded, tmp_path):
    vae = pair()
    before = {key: value.clone() for key, value in vae.state_dict().items()}
    source = DataLoader(TensorDataset(x_of()), batch_size=100) if loaded else x_of()
    with pytest.raises(ConfigError, match=r"last batch .* one row \(101 data in batches of 100"):
        train(vae, source, run_dir=tmp_path / "run")
    assert all(torch.equal(value, before[key]) for key, value in vae.state_dict().items())
    assert not (tmp_path / "run" / "last.safetensors").exists()


def test_each_way_out_is_one():
    assert train(pair(), drop_last=True).steps == 1
    assert train(pair(), batch_size=50, drop_last=True, epochs=3).steps == 6
    assert train(pair(), batch_size=102).steps == 1
    assert train(pair(), DataLoader(TensorDataset(x_of()), 100, drop_last=True)).steps == 1
    vae = pair()
    vae.encoder.eval()
    assert train(vae).steps == 2


def test_batches_of_one_row_all_of_them():
    with pytest.raises(ConfigError, match="each batch has one row") as caught:
        train(pair(), batch_size=1)
    assert "drop_last" not in str(caught.value)


def test_no_alarm_where_a_row_is_enough():
    assert train(pair(norm_encoder=False)).steps == 2  # no batch norm
    assert train(pair(), x_of(102)).steps == 2  # two rows left
    torch.manual_seed(0)  # several places per channel make statistics of one image
    conv = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2 * 2 * 2, 4)
    )
    vae = VAE((1, 4, 4), 2, encoder=conv, likelihood=Normal())
    assert train(vae, torch.randn(5, 1, 4, 4), batch_size=4).steps == 2


@pytest.mark.parametrize("where", [(False, True), (True, True)])
def test_any_network_of_the_pair(where):
    with pytest.raises(ConfigError, match="drop_last=True"):
        train(pair(*where), objective=IWAE(8))


def test_networks_without_statistics_need_rows_in_any_mode():
    vae = pair(track_running_stats=False).eval()
    with pytest.raises(ConfigError, match="batch norm"):
        train(vae)


def test_dropped_rows_differ_from_epoch_to_epoch_and_are_not_counted():
    seen = []

    class Watches(ELBO):
        def bound(self, p):
            seen.append(p.batch_size)
            return super().bound(p)

    run = train(pair(), objective=Watches(), drop_last=True, epochs=2)
    assert run.steps == 2 and set(seen[-2:]) == {100}
    assert [entry["step"] for entry in run.history] == [1, 2]
    source = data.batches(x_of(), 100, device="cpu", drop_last=True)
    kept = [next(iter(source.epoch(i)))[0] for i in range(2)]
    left = [set(map(tuple, x_of().tolist())) - set(map(tuple, x.tolist())) for x in kept]
    assert all(len(rows) == 1 for rows in left) and left[0] != left[1]


def test_the_mean_of_an_epoch_is_one_per_datum_that_it_saw():
    frozen = {"optimizer": lambda leaves: torch.optim.SGD(leaves, lr=0.0)}
    vae = pair(norm_encoder=False)
    run = train(vae, drop_last=True, **frozen)
    source = data.batches(x_of(), 100, device="cpu", drop_last=True)
    (x,) = next(iter(source.epoch(0)))
    found = log_evidence(vae.model, vae.guide, x, num_particles=1, seed=0).log_px
    assert run.history[0]["train"] == pytest.approx(found.mean().item(), abs=0.5)


def test_a_run_is_resumed_bit_for_bit(tmp_path):
    whole, halves = pair(), pair()
    train(whole, epochs=4, drop_last=True)
    train(halves, epochs=2, drop_last=True, run_dir=tmp_path)
    train(halves, epochs=4, drop_last=True, run_dir=tmp_path, resume=True)
    for a, b in zip(whole.state_dict().values(), halves.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_batches_that_keep_their_last_are_not_dropped_in_silence():
    for source in (
        data.Batches(x_of(), 100, device="cpu"),
        DataLoader(TensorDataset(x_of()), 100),
        data.LoaderBatches(DataLoader(TensorDataset(x_of()), 100), device="cpu"),
    ):
        with pytest.raises(ConfigError, match="build it with drop_last=True"):
            train(pair(), source, drop_last=True)


def test_the_smallest_batch_is_known():
    x = x_of(10)
    assert [data.Batches(x, b, device="cpu").smallest for b in (1, 3, 5, 9, 10, 20)] == [
        1, 1, 5, 1, 10, 10,
    ]  # fmt: skip
    assert data.Batches(x, 3, device="cpu", drop_last=True).smallest == 3
    for b in (1, 3, 5, 9, 20):
        source = data.batches(TensorDataset(x), b, device="cpu")
        assert source.smallest == min(len(batch[0]) for batch in source.epoch(0))
    odd = DataLoader(
        TensorDataset(x), 3, collate_fn=lambda rows: torch.stack([r[0] for r in rows])
    )
    assert data.LoaderBatches(odd, device="cpu").smallest is None
    y = torch.tensor([0, 1] + [-1] * 8)
    few = data.SemiSupervisedBatches(data.Split(x, y), 5, num_labelled=2, device="cpu")
    assert few.smallest == min(len(batch[0]) for batch in few.epoch(0)) == 4


def test_a_rank_may_get_one_row():
    class Three(Team):
        size, rank = 3, 0

    assert Three.sizes(Three.__new__(Three), 100) == [33, 33, 34]
    assert Three.sizes(Three.__new__(Three), 2) == [1, 1, 1]  # one of them counts for nothing


def test_one_datum_is_reconstructed():
    assert pair().reconstruct(x_of(1)).shape == (1, 6)
