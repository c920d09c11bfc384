"""One distribution of many data is what its parts are."""

import pyro.distributions as dist
import pytest
import torch

from pyrovae.distributions.joined import JoinedRows, joined
from pyrovae.distributions.normal_mixture import NormalMixture

N, L = 7, 3
LOC = torch.linspace(-1, 1, N * L).reshape(N, L)
SCALE = LOC.exp()
TRIL = torch.diag_embed(SCALE) + 0.3 * torch.ones(L, L).tril(-1)

WHOLE = {
    "Normal": lambda r: dist.Normal(LOC[r], SCALE[r]).to_event(1),
    "plain Normal": lambda r: dist.Normal(LOC[r, 0], SCALE[r, 0]),
    "MultivariateNormal": lambda r: dist.MultivariateNormal(LOC[r], scale_tril=TRIL[r]),
    "shared covariance": lambda r: dist.MultivariateNormal(LOC[r], scale_tril=TRIL[0]),
    "LowRank": lambda r: dist.LowRankMultivariateNormal(LOC[r], TRIL[r][..., :2], SCALE[r]),
    "Categorical": lambda r: dist.Categorical(logits=LOC[r]),
    "Delta": lambda r: dist.Delta(LOC[r], event_dim=1),
    "masked Delta": lambda r: dist.Delta(LOC[r], event_dim=1).mask(False),
    "transformed": lambda r: dist.TransformedDistribution(
        dist.Normal(LOC[r], SCALE[r]).to_event(1), [dist.transforms.TanhTransform()]
    ),
    "mixture": lambda r: NormalMixture(
        LOC[r].unsqueeze(1).expand(-1, 2, -1), SCALE[r].unsqueeze(1).expand(-1, 2, -1),
        LOC[r, :2],
    ),
}  # fmt: skip


def parts(name, sizes=(3, 3, 1)):
    start, found = 0, []
    for size in sizes:
        found.append(WHOLE[name](slice(start, start + size)))
        start += size
    return found


@pytest.mark.parametrize("name", WHOLE)
def test_shapes_densities_and_moments(name):
    whole, made = WHOLE[name](slice(N)), joined(parts(name))
    assert (made.batch_shape, made.event_shape) == (whole.batch_shape, whole.event_shape)
    assert made.has_rsample == whole.has_rsample
    z = whole.sample(torch.Size([2]))
    torch.testing.assert_close(made.log_prob(z), whole.log_prob(z))
    torch.testing.assert_close(made.log_prob(z[0]), whole.log_prob(z[0]))
    for size in ((), (4,)):
        drawn = made.sample(torch.Size(size))
        assert drawn.shape == (*size, *whole.batch_shape, *whole.event_shape)
        assert not drawn.requires_grad
    for moment in ("mean", "variance"):
        try:
            exact = getattr(whole, moment)
        except NotImplementedError:
            continue
        torch.testing.assert_close(getattr(made, moment), exact, equal_nan=True)


@pytest.mark.parametrize("name", WHOLE)
def test_expansion(name):
    whole, made = WHOLE[name](slice(N)), joined(parts(name))
    z = whole.expand([2, N]).sample()
    torch.testing.assert_close(made.expand([2, N]).log_prob(z), whole.expand([2, N]).log_prob(z))
    assert made.expand([2, N]).sample().shape == z.shape


@pytest.mark.parametrize("name", ["Normal", "MultivariateNormal", "LowRank", "Categorical"])
def test_usual_kinds_stay_what_they_are(name):
    assert type(joined(parts(name))) is type(WHOLE[name](slice(N)))


def test_others_are_rows_together():
    made = joined(parts("transformed"))
    assert isinstance(made, JoinedRows)
    assert made.support is not None
    torch.manual_seed(0)
    made.rsample()
    with pytest.raises(NotImplementedError):
        _ = made.mean


def test_one_part_is_itself():
    (part,) = parts("transformed", (N,))
    assert joined([part]) is part
