"""What a rank computes of a batch, and what its loss stands for."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO

from pyrovae.errors import ConfigError, SupportError
from pyrovae.objectives import ELBO
from pyrovae.objectives.pyro_loss import as_objective
from pyrovae.runtime.distributed import Team
from pyrovae.train.loss_scale import LossScale
from pyrovae.train.ranks.shard import Sharding
from tests.pairs import STYLES

X = torch.arange(20.0).reshape(10, 2)


def pair(plate):
    def model(x):
        with plate(x):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            pyro.sample("x", dist.Normal(z[..., None], 1.0).to_event(1), obs=x)

    def guide(x):
        with plate(x):
            pyro.sample("z", dist.Normal(x.sum(-1), 1.0))

    return model, guide


def divided(plate, team, *batch, objective=None):
    return Sharding(team, LossScale(*pair(plate)), objective or ELBO())(batch)


def whole(x):
    return pyro.plate("data", len(x))


def half_of_many(x):
    return pyro.plate("data", 60, subsample_size=len(x))


@pytest.mark.parametrize("plate", [whole, half_of_many])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_pieces_sum_to_the_loss_of_the_batch(plate, size):
    division = [
        Sharding(Team(rank, size), LossScale(*pair(plate)), ELBO()) for rank in range(size)
    ]
    pieces = [one((X,)) for one in division]
    assert torch.equal(torch.cat([piece.rows[0] for piece in pieces]), X)
    scale = [LossScale(*pair(plate)).scale(piece.rows) for piece in pieces]
    scaled = sum(p.weight * s * len(p.rows[0]) for p, s in zip(pieces, scale, strict=True))
    assert scaled == pytest.approx(10 * LossScale(*pair(plate)).scale((X,)))


def test_every_tensor_of_rows_is_cut():
    part = Team(1, 2).part(10)
    x, label, weight = part.of((X, torch.arange(10), torch.ones(3)))
    assert x.tolist() == X[5:].tolist() and label.tolist() == [5, 6, 7, 8, 9]
    assert weight.shape == (3,)


def test_a_row_for_a_rank_that_has_none():
    piece = divided(whole, Team(0, 2), X[:1])
    assert piece.weight == 0 and len(piece.rows[0]) == 1 and not piece.part.counts


def test_alone_a_batch_stays_what_it_is():
    piece = divided(whole, Team(), X, objective=ELBO(batch_plate=None))
    assert piece.rows[0] is X and piece.weight == 1


def test_one_joint_bound_is_refused():
    with pytest.raises(ConfigError, match="batch_plate=None .* 2 ranks"):
        divided(whole, Team(0, 2), X, objective=ELBO(batch_plate=None))


def test_a_pair_without_a_plate_over_data_is_refused():
    def model(x):
        z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(z, 1.0), obs=x[:, 0])

    def guide(x):
        pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))

    with pytest.raises(ConfigError, match="site 'z' .* train on one process"):
        Sharding(Team(0, 2), LossScale(model, guide), as_objective(Trace_ELBO()))((X,))


def test_other_errors_speak_for_themselves():
    def model(x):
        raise SupportError("whole numbers")

    with pytest.raises(SupportError, match="whole numbers"):
        Sharding(Team(0, 2), LossScale(model, lambda x: None), as_objective(Trace_ELBO()))((X,))


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_pair_can_be_cut(style):
    made = STYLES[style](torch.float64)
    with pyro.settings.context(module_local_params=made.local_params):
        piece = Sharding(Team(1, 2), LossScale(made.model, made.guide), ELBO())(made.args)
    assert piece.weight == 1 and len(piece.rows[0]) == len(made.args[0]) // 2


def test_ranks_do_not_share_a_pair_with_global_sites():
    """Each would add log p(u) - log q(u)."""

    def model(x):
        u = pyro.sample("u", dist.Normal(0.0, 1.0))
        with whole(x):
            pyro.sample("x", dist.Normal(u, 1.0).expand([2]).to_event(1), obs=x)

    def guide(x):
        pyro.sample("u", dist.Normal(0.0, 1.0))

    share = LossScale(model, guide, "data")
    assert Sharding(Team(), share, ELBO(batch_plate="data"))((X,)).weight == 1.0
    with pytest.raises(ConfigError, match="2 ranks would each count them"):
        Sharding(Team(0, 2), share, ELBO(batch_plate="data"))((X,))


def test_data_count_by_their_own_scale():
    """The weight of a KL says nothing of how many data there are."""

    def program(x, observed):
        with half_of_many(x):
            with poutine.scale(scale=0.1):
                z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            if observed:
                pyro.sample("x", dist.Normal(z[..., None], 1.0).to_event(1), obs=x)

    share = LossScale(lambda x: program(x, True), lambda x: program(x, False))
    assert share((X,)) == (6.0, 10)


def test_pyros_own_losses_count_the_data_of_a_pair_without_one_plate():
    """Their loss is that of all data: so many nats for each, by the scale of what is observed."""

    def model(x):
        u = pyro.sample("u", dist.Normal(0.0, 1.0))
        with half_of_many(x):
            pyro.sample("x", dist.Normal(u, 1.0).expand([2]).to_event(1), obs=x)

    share = LossScale(model, lambda x: pyro.sample("u", dist.Normal(0.0, 1.0)))
    assert share((X,)) == (6.0, 10)
