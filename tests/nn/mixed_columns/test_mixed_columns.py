"""Mixed columns: each kind against scipy in the table's units, normalised, masked and checked."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import expit, log_softmax

from pyrovae.errors import ConfigError, ShapeError, SupportError
from pyrovae.nn import MixedColumns

COLUMNS = [
    {"name": "colour", "kind": "categorical", "values": ["r", "g", "b"]},
    {"name": "t", "kind": "real", "shift": 170.0, "scale": 8.0},
    {"name": "grade", "kind": "ordinal", "values": [1, 2, 3, 4]},
    {"name": "shape", "kind": "categorical", "values": ["x", "y"]},
    {"name": "income", "kind": "positive", "shift": 3.0, "scale": 0.5},
    {"name": "smokes", "kind": "binary", "values": ["no", "yes"]},
    {"name": "kids", "kind": "count", "shift": 0.75, "scale": 0.5},
    {"name": "size", "kind": "ordinal", "values": ["S", "L"]},
    {"name": "u", "kind": "real", "shift": -1.0, "scale": 0.125},
]
D, P = 9, 12
X = torch.tensor([[2, 181.0, 3, 1, 12.5, 1, 4, 0, -1.2], [0, 150.0, 0, 0, 55.0, 0, 0, 1, -0.9]])
X = X.double()
OUT = torch.randn(2, P, generator=torch.Generator().manual_seed(1)).double()


def made(**options):
    torch.manual_seed(0)
    head = MixedColumns(COLUMNS, **options).double()
    with torch.no_grad():  # as if it were trained
        for p in head.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return head


def by_scipy(head, outputs, x, poisson=False):
    """log p of the cells of one row, by the tables of the docstring and scipy's densities."""
    groups = {kind: iter(part.tolist()) for kind, part in zip(
        head.groups, outputs.split(head._outputs), strict=True)}  # fmt: skip
    seconds = {
        kind: iter(head.groups[kind].second.log(outputs.new_zeros(n), iter(())).exp().tolist())
        for kind, n in (("real", 2), ("positive", 1), ("count", 1))
        if head.groups[kind].second is not None
    }
    cuts = iter(head.groups["ordinal"].thresholds().tolist())
    found = []
    for spec, value in zip(COLUMNS, x.tolist(), strict=True):
        kind, outputs_of = spec["kind"], groups[spec["kind"]]
        if kind == "categorical":
            logits = [next(outputs_of) for _ in spec["values"]]
            found.append(log_softmax(logits)[int(value)])
            continue
        r = next(outputs_of)
        if kind == "real":
            sd = spec["scale"] * next(seconds[kind])
            found.append(stats.norm(spec["shift"] + spec["scale"] * r, sd).logpdf(value))
        elif kind == "positive":
            sd, median = spec["scale"] * next(seconds[kind]), spec["shift"] + spec["scale"] * r
            found.append(stats.lognorm(sd, scale=np.exp(median)).logpdf(value))
        elif kind == "count":
            mean = np.exp(spec["shift"] + spec["scale"] * r)
            if poisson:
                found.append(stats.poisson(mean).logpmf(value))
            else:
                theta = next(seconds[kind])
                found.append(stats.nbinom(theta, theta / (theta + mean)).logpmf(value))
        elif kind == "binary":
            found.append(stats.bernoulli(expit(r)).logpmf(value))
        else:
            own = [*next(cuts)[: len(spec["values"]) - 1], np.inf]
            below = expit(own[int(value) - 1] - r) if value else 0.0
            found.append(np.log(expit(own[int(value)] - r) - below))
    return np.array(found)


@pytest.mark.parametrize("poisson", [False, True])
def test_each_column_against_scipy(poisson):
    head = made(inverse_dispersion=None) if poisson else made()
    cells = head.distribution(OUT).log_prob(X).detach()
    for row in range(2):
        known = by_scipy(head, OUT[row], X[row], poisson)
        np.testing.assert_allclose(cells[row], known, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(head(OUT).log_prob(X), cells.sum(-1))


def test_predicted_scales_are_further_outputs():
    head = made(scale="predicted", inverse_dispersion="predicted")
    assert head.params_shape((D,)) == (P + 4,)
    outputs = torch.randn(P + 4).double()
    place = sum(head._outputs[: list(head.groups).index("real")])
    mean, second = outputs[place : place + 2], outputs[place + 2 : place + 4]
    sd = np.array([8.0, 0.125]) * (head.groups["real"].second.floor + second.exp().numpy())
    known = stats.norm(np.array([170.0, -1.0]) + np.array([8.0, 0.125]) * mean.numpy(), sd)
    found = head.distribution(outputs).log_prob(X)[:, [1, 8]].detach()
    np.testing.assert_allclose(found, known.logpdf(X[:, [1, 8]].numpy()), rtol=1e-8)


def test_every_column_is_normalised():
    d = made().distribution(OUT[0])
    ends = {"t": (80, 260), "income": (1e-9, 600), "u": (-3.0, 1.0)}
    for column, spec in enumerate(COLUMNS):
        if spec["name"] in ends:
            values = torch.linspace(*ends[spec["name"]], 40_001).double()
        else:
            values = torch.arange(len(spec.get("values", range(400)))).double()
        rows = X[0].repeat(len(values), 1)
        rows[:, column] = values
        p = d.log_prob(rows)[:, column].detach().exp()
        total = torch.trapezoid(p, values) if spec["name"] in ends else p.sum()
        assert abs(total - 1) < 1e-6, (spec, total)


def test_the_density_is_that_of_the_units():
    """A column in other units shifts the density by the logarithm of their ratio."""
    heads = [
        MixedColumns([{"name": "t", "kind": "real", "shift": 3.0 * unit, "scale": 2.0 * unit}])
        for unit in (1.0, 100.0)
    ]
    one, other = (
        head(torch.zeros(1)).log_prob(torch.tensor([4.0 * unit]))
        for head, unit in zip(heads, (1.0, 100.0), strict=True)
    )
    torch.testing.assert_close(one - other, torch.tensor(100.0).log())


@pytest.mark.parametrize("garbage", [float("nan"), -7.5, 1e30])
def test_missing_cells_may_hold_anything(garbage):
    head = made()
    mask = torch.arange(2 * D).reshape(2, D) % 3 > 0
    x = torch.where(mask, X, garbage)
    out = OUT.clone().requires_grad_()
    found = head(out, 1, mask).log_prob(x)
    cells = head.distribution(OUT).log_prob(X)
    torch.testing.assert_close(found, (cells * mask).sum(-1))
    found.sum().backward()
    assert out.grad.isfinite().all()
    assert torch.equal(head.seen(x, mask), head.seen(X, mask))


def test_what_an_encoder_sees():
    head = made()
    whole = head.seen(X, torch.ones_like(X).bool())
    assert whole.shape == (2, *head.seen_shape((D,))) == (2, 12)
    by_column = {spec["name"]: whole[:, head.sources == i] for i, spec in enumerate(COLUMNS)}
    assert by_column["colour"].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert by_column["shape"].tolist() == [[0, 1], [1, 0]]
    assert by_column["smokes"].tolist() == [[1], [-1]]
    torch.testing.assert_close(by_column["t"][:, 0], (X[:, 1] - 170) / 8)
    torch.testing.assert_close(by_column["income"][:, 0], (X[:, 4].log() - 3) / 0.5)
    torch.testing.assert_close(by_column["kids"][:, 0], (X[:, 6].log1p() - 0.75) / 0.5)
    torch.testing.assert_close(by_column["grade"][:, 0], torch.tensor([1.0, -1.0]).double())
    mask = torch.ones_like(X).bool()
    mask[:, 0] = False
    seen = head.seen(X, mask)
    assert (seen[:, head.sources == 0] == 0).all()
    assert torch.equal(seen[:, head.sources != 0], whole[:, head.sources != 0])
    assert head.rescale(X).shape == X.shape


def test_draws_and_means_are_rows():
    torch.manual_seed(0)
    head = made()
    d = head(OUT)
    drawn = d.sample((4000,))
    head.check(drawn)
    assert drawn.shape == (4000, 2, D) and d.mean.shape == d.variance.shape == (2, D)
    for column in (1, 4, 6, 8):
        z = (drawn[..., column].mean(0) - d.mean[:, column]) / (
            d.variance[:, column] / 4000
        ).sqrt()
        assert z.abs().max() < 4.5, column
    for column in (0, 2, 3, 5, 7):
        counts = torch.stack([(drawn[..., column] == c).sum(0) for c in range(4)])
        assert torch.equal(counts.argmax(0).double(), d.mean[:, column]), column


def test_a_mixture_takes_the_likeliest_category_of_all():
    head = MixedColumns(COLUMNS[:2]).double()
    outputs = torch.tensor([[-1.0, 2.0, 0.0, 1.9], [1.0, 0.0, 2.0, 1.9]]).double()
    weights = torch.tensor([0.5, 0.5]).double()
    row = head.averaged(head(outputs), weights)
    assert row.tolist() == [2.0, 170.0]  # one says 0, the other 1


class TestErrors:
    @pytest.mark.parametrize(
        ("column", "value", "says"),
        [
            (0, 3.0, "'colour' is categorical and got 3; it needs codes of its categories"),
            (3, 2.0, "'shape' is categorical and got 2"),
            (1, float("inf"), "'t' is real and got inf; it needs finite numbers"),
            (2, 1.5, "'grade' is ordinal and got 1.5"),
            (4, 0.0, "'income' is positive and got 0; it needs finite numbers above 0"),
            (5, 2.0, "'smokes' is binary"),
            (6, -1.0, "'kids' is count and got -1; it needs whole numbers"),
            (7, 2.0, "'size' is ordinal and got 2"),
        ],
    )
    def test_values_that_do_not_fit_their_column(self, column, value, says):
        x = X.clone()
        x[1, column] = value
        with pytest.raises(SupportError, match=says):
            made().check(x)

    def test_rows_of_another_table(self):
        with pytest.raises(ShapeError, match="9 columns, and the data have the shape .4."):
            made().params_shape((4,))

    @pytest.mark.parametrize("columns", [[], [{"name": "t", "kind": "date"}]])
    def test_kinds(self, columns):
        with pytest.raises(ConfigError, match="it needs one or more, each real, positive"):
            MixedColumns(columns)
