"""Tables: the exact marginal, imputation, what stands in the holes, words and errors."""

from functools import partial

import numpy as np
import pandas as pd
import pyro
import pytest
import torch
from torch.distributions import MultivariateNormal

from pyrovae import SVI, log_evidence
from pyrovae.data import TableColumns
from pyrovae.errors import ConfigError, DataError, ShapeError, SupportError
from pyrovae.models import MixturePrior, TableVAE, VampPrior
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, IWAE
from tests.oracles import z_scores

SMALL = partial(MLP, hidden=(7,))
LINEAR = partial(MLP, hidden=())


def masks(n, d, seed=1):
    mask = torch.rand(n, d, generator=torch.Generator().manual_seed(seed)) < 0.6
    mask[0], mask[:, 0] = True, True
    return mask


def wide(vae):
    """A guide that is wide, so that weights have little variance."""
    with torch.no_grad():
        last = vae.encoder.layers[-1]
        last.weight.mul_(0.3)
        last.bias[vae.latent_dim :] = 0.0
    return vae


class TestFactorAnalysis:
    """Real columns and a linear decoder: the rows are normal, also of the cells observed."""

    d, latent, n = 5, 2, 6
    columns = [{"name": f"c{i}", "kind": "real", "shift": i, "scale": 2.0**i} for i in range(5)]
    mask = masks(6, 5)

    @pytest.fixture
    def known(self):
        torch.manual_seed(0)
        vae = TableVAE(self.d, self.latent, columns=self.columns, encoder=SMALL, decoder=LINEAR)
        vae = wide(vae.double())
        layer = vae.decoder.layers[0]
        with torch.no_grad():
            layer.weight.mul_(2)
            second = vae.likelihood.groups["real"].second
            second.log_value.uniform_(-1.0, -0.3)
        units = torch.tensor([2.0**i for i in range(5)]).double()
        weight = units[:, None] * layer.weight.detach()
        self.mean = torch.arange(5).double() + units * layer.bias.detach()
        noise = units * (second.floor + second.log_value.detach().exp())
        self.covariance = weight @ weight.T + noise.square().diag()
        self.x = MultivariateNormal(self.mean, self.covariance).sample((self.n,))
        return vae

    def test_the_evidence_of_the_observed_cells(self, known):
        exact = torch.stack([
            MultivariateNormal(self.mean[m], self.covariance[m][:, m]).log_prob(x[m])
            for x, m in zip(self.x, self.mask, strict=True)
        ])  # fmt: skip
        found = log_evidence(
            known.model, known.guide, self.x, self.mask, num_particles=20_000, seed=0
        )
        z = (found.log_px - exact) / found.standard_error
        assert (found.standard_error < 0.1).all() and (z.abs() < 4.5).all(), z

    def test_imputation_is_the_conditional_mean(self, known):
        several = torch.stack(
            [known.impute(self.x, self.mask, num_particles=5000) for _ in range(15)]
        )
        assert torch.equal(several[0][self.mask], self.x[self.mask])
        for i in torch.where((~self.mask).any(1))[0]:
            seen = self.mask[i]
            block = self.covariance[seen][:, seen]
            gain = torch.linalg.solve(block, self.covariance[seen][:, ~seen]).T
            exact = self.mean[~seen] + gain @ (self.x[i] - self.mean)[seen]
            z = z_scores(several[:, i, ~seen], exact)
            assert (z.abs() < 5).all(), z


class TestMixed:
    """Columns of all kinds and one latent: the marginal by quadrature."""

    def make(self, **options):
        torch.manual_seed(3)
        columns = TableVAE.example().table
        vae = TableVAE(6, 1, columns=columns, encoder=SMALL, decoder=LINEAR, **options).double()
        with torch.no_grad():
            vae.decoder.layers[0].weight.mul_(3)
        return wide(vae)

    def by_quadrature(self, vae, x, mask):
        """Nodes z [Q], log p(z) + log weight + log p(x observed|z) [Q, B]."""
        nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(150))
        made = vae.decode(nodes[:, None, None].expand(-1, len(x), 1), mask)
        log_w = (weights / weights.sum()).log()[:, None]
        return nodes, log_w + made.log_prob(x)

    def test_the_evidence(self):
        vae, x = self.make(), TableVAE.example_x(12).double()
        mask = vae.example_y(x)
        _, joint = self.by_quadrature(vae, x, mask)
        exact = joint.detach().logsumexp(0)
        found = log_evidence(vae.model, vae.guide, x, mask, num_particles=5000, seed=0)
        z = (found.log_px - exact) / found.standard_error
        assert (found.standard_error < 0.05).all() and (z.abs() < 4.5).all(), z

    def test_imputed_categories_are_the_likeliest_given_all(self):
        vae, x = self.make(), TableVAE.example_x(12).double()
        mask = torch.ones_like(x).bool()
        mask[:, 3:] = False
        nodes, joint = self.by_quadrature(vae, x, mask)
        posterior = joint.detach().softmax(0)
        cells = vae.likelihood.distribution(vae.decoder(nodes[:, None]))
        filled = vae.impute(x, mask, num_particles=4000)
        for column, size in ((3, 4), (4, 2), (5, 3)):
            p = []
            for code in range(size):
                row = x[0].clone()
                row[column] = code
                p.append(cells.log_prob(row)[:, column].detach().exp() @ posterior)
            p = torch.stack(p)
            top = p.sort(0).values
            clear = top[-1] - top[-2] > 0.03  # beyond what sampling moves
            assert clear.sum() >= 5
            assert torch.equal(filled[clear, column], p.argmax(0)[clear].double())
        draws = vae.imputations(x, mask, 50, num_particles=500)
        assert torch.equal(draws[:, mask], x[mask].expand(50, -1))
        vae.likelihood.check(draws)
        assert (draws[:, :, 5].std(0) > 0).any()

    @pytest.mark.parametrize("garbage", [float("nan"), -7.5, 1e30])
    @pytest.mark.parametrize("join", [None, TableVAE.__init__.__kwdefaults__["join"]])
    def test_what_stands_in_the_holes_does_not_matter(self, garbage, join):
        losses, gradients, filled = [], [], []
        for hole in (0.0, garbage):
            pyro.clear_param_store()
            vae, x = self.make(join=join), TableVAE.example_x(8).double()
            mask = vae.example_y(x)
            x = torch.where(mask, x, hole)
            pyro.set_rng_seed(1)
            loss = IWAE(3)(vae.model, vae.guide)(x, mask)
            loss.backward()
            losses.append(loss.detach())
            gradients.append([p.grad for p in vae.parameters()])
            filled.append(vae.impute(x, mask, num_particles=20))
        assert losses[0].isfinite() and torch.equal(*losses) and torch.equal(*filled)
        assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))

    def test_a_mixture_prior_trains(self):
        vae = self.make(prior=partial(MixturePrior, num_components=3))
        x = TableVAE.example_x().double()
        before = {n: p.detach().clone() for n, p in vae.named_parameters()}
        svi = SVI(vae.model, vae.guide, torch.optim.Adam(vae.parameters(), 3e-2), IWAE(3))
        first = [svi.step(x, vae.example_y(x)) for _ in range(9)]
        assert sum(first[-3:]) < sum(first[:3])
        assert [n for n, p in vae.named_parameters() if torch.equal(p, before[n])] == []


def test_rows_and_columns():
    rows = {
        "t": [-1.5, None, 3.25],
        "n": [0, 4, 9],
        "c": ["b", "a", None],
        "ok": [True, False, None],
    }
    vae = TableVAE(4, 2, columns=TableColumns.of(rows))
    x, mask = vae.to_rows(rows)
    assert vae.to_columns(x, mask) == rows
    made = vae.to_columns(vae.generate(5))
    assert list(made) == ["t", "n", "c", "ok"]
    assert set(made["c"]) <= {"a", "b"} and all(isinstance(n, int) for n in made["n"])
    filled = vae.to_columns(vae.impute(x, mask, num_particles=10))
    assert filled["n"] == rows["n"] and filled["c"][2] in ("a", "b")
    again = TableVAE(4, 2, columns=vae.columns.value)
    again.load_state_dict(vae.state_dict())
    other = TableVAE(4, 2, columns=TableColumns.of({**rows, "c": ["b", "z", None]}))
    with pytest.raises(RuntimeError, match="columns of the file is another one"):
        other.load_state_dict(vae.state_dict())


class TestErrors:
    vae = TableVAE.example()
    x = TableVAE.example_x(3)
    mask = torch.ones(3, 6).bool()

    def test_pseudo_inputs(self):
        with pytest.raises(ConfigError, match="VampPrior, which learns rows of its own"):
            TableVAE(6, 2, columns=self.vae.table, prior=VampPrior)

    def test_another_number_of_columns(self):
        with pytest.raises(ShapeError, match="6 columns, and the data have the shape .5."):
            TableVAE(5, 2, columns=self.vae.table)

    def test_words_for_columns(self):
        with pytest.raises(ConfigError, match="describes no column"):
            TableVAE(1, 2, columns=[{"name": "t", "sort": "real"}])
        with pytest.raises(ConfigError, match="kind 'date' is not known"):
            TableVAE(1, 2, columns=[{"name": "t", "kind": "date"}])

    def test_rows_of_nothing(self):
        mask = self.mask.clone()
        mask[1] = False
        with pytest.raises(DataError, match="TableVAE.guide got 1 of 3 rows"):
            ELBO().loss(self.vae.model, self.vae.guide, self.x, mask)

    def test_a_value_that_does_not_fit_names_its_column(self):
        x = self.x.clone()
        x[2, 5] = 3.0
        with pytest.raises(SupportError, match="column 'colour' is categorical and got 3"):
            ELBO().loss(self.vae.model, self.vae.guide, x, self.mask)
        mask = self.mask.clone()
        mask[2, 5] = False
        ELBO().loss(self.vae.model, self.vae.guide, x, mask)


def test_frames_are_read_by_name():
    vae = TableVAE.example()
    rows = vae.to_columns(vae.example_x(8))
    rows["t"][0] = rows["colour"][1] = None
    frame = pd.DataFrame(rows)
    x, mask = vae.to_rows(frame)
    for given in (frame, frame[frame.columns[::-1]]):
        assert torch.equal(vae.encode(given).mean, vae.encode(x, mask).mean)
        filled = vae.impute(given, num_particles=2)
        assert torch.equal(filled[mask], x[mask])
    with pytest.raises(DataError, match="no rows"):
        vae.impute(x[:0], mask[:0])
