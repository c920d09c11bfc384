"""The entry points that all estimators share, and what a new estimator gets from them."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import SVI
from pyro.infer.autoguide import AutoMultivariateNormal, AutoNormal, AutoNormalMessenger

from pyrovae.data import LinearGaussian
from pyrovae.errors import PlateError, ScaleError, ShapeError, SiteError
from pyrovae.math import log_mean_exp
from pyrovae.objectives import ELBO, IWAE, Beta, ParticleELBO, Renyi
from tests.objectives.copies import discrete_copies, gaussian_copies, gaussian_truth
from tests.oracles import lg2, t15, t15_iwae_by_enumeration, z_scores
from tests.pairs import STYLES


class OwnIWAE(ParticleELBO):
    """A user's estimator: one hook."""

    def bound(self, p):
        return log_mean_exp(p.log_w)


class HalfGradient(OwnIWAE):
    """A user's estimator whose gradient is not that of its value."""

    def surrogate(self, p):
        bound = self.bound(p)
        return bound.detach() + 0.5 * (bound - bound.detach())


class Counted:
    """A program that counts how often it runs."""

    def __init__(self, program):
        self.program, self.runs = program, 0

    def __call__(self, *args, **kwargs):
        self.runs += 1
        return self.program(*args, **kwargs)


class TestOwnEstimator:
    def test_value(self):
        pair, x = lg2()
        values = []
        for objective in (OwnIWAE(5), IWAE(5)):
            pyro.set_rng_seed(1)
            values.append(objective.loss(pair.model, pair.guide, x))
        assert values[0] == values[1]

    def test_gradient_of_discrete_latents_comes_with_it(self):
        pair, x = t15()
        truth = torch.from_numpy(t15_iwae_by_enumeration(2)[1])
        scores = z_scores(discrete_copies(pair, x, 100_000).gradients(OwnIWAE(2)), truth)
        assert (scores.abs() < 4.5).all(), scores

    def test_surrogate_decides_the_gradient_and_not_the_value(self):
        pair, x = lg2()
        truth = gaussian_truth(pair, x, lambda x: pair.iwae(x, 3)) / 2
        copies = gaussian_copies(pair, x, 50_000)
        scores = z_scores(copies.gradients(HalfGradient(3)), truth)
        assert (scores.abs() < 4.5).all(), scores
        losses = []
        for call in ("loss", "differentiable_loss", "loss_and_grads"):
            pyro.set_rng_seed(1)
            losses.append(getattr(HalfGradient(3), call)(pair.model, pair.guide, x).detach())
        assert losses[0] == losses[1] == losses[2]

    def test_a_bound_is_needed(self):
        with pytest.raises(TypeError, match="abstract"):
            ParticleELBO()

    def test_trains(self):
        pair = STYLES["module_functions"](torch.float32)
        svi = SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 0.02}), OwnIWAE(3))
        losses = [svi.step(*pair.args) for _ in range(60)]
        assert sum(losses[-10:]) < sum(losses[:10])


@pytest.mark.parametrize("make", [ELBO, IWAE, partial(Renyi, 0.5), partial(Beta, 0.5)])
def test_particles_below_one_are_refused(make):
    for num_particles in (0, -3):
        with pytest.raises(ShapeError, match=rf"num_particles={num_particles}, needs >= 1"):
            make(num_particles)


@pytest.mark.parametrize("num_particles", [1, 4])
@pytest.mark.parametrize("vectorize", [True, False])
def test_losses_are_tensors_without_a_graph_but_one(num_particles, vectorize):
    pair = STYLES["module_functions"](torch.float64)
    objective = IWAE(num_particles, vectorize_particles=vectorize)
    call = (pair.model, pair.guide, *pair.args)
    assert not objective.loss(*call).requires_grad
    assert not objective.loss_and_grads(*call).requires_grad
    assert not objective.per_datum(*call).requires_grad
    assert objective.differentiable_loss(*call).requires_grad
    assert objective.loss(*call).shape == ()


def test_gradients_add_up():
    pair, x = lg2()
    leaf, objective = pair.encoder.loc, ELBO()
    for _ in range(2):
        pyro.set_rng_seed(1)
        objective.loss_and_grads(pair.model, pair.guide, x)
    twice = leaf.grad.clone()
    leaf.grad = None
    pyro.set_rng_seed(1)
    objective.loss_and_grads(pair.model, pair.guide, x)
    torch.testing.assert_close(twice, 2 * leaf.grad)


def test_a_pair_without_parameters_has_a_loss():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(0.5 * x, 0.5**0.5))

    x = torch.tensor([0.3, -2.0])
    loss = IWAE(3).loss_and_grads(model, guide, x)  # the guide is the posterior: no noise
    torch.testing.assert_close(loss, -dist.Normal(0.0, 2**0.5).log_prob(x).sum())


def test_arguments_reach_the_pair():
    seen = []

    def model(x, *, level):
        seen.append(level)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z + level, 1.0), obs=x)

    def guide(x, *, level):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x - level, 1.0))

    x = torch.zeros(3)
    for call in (IWAE(2).loss, IWAE(2).loss_and_grads, IWAE(2).per_datum):
        call(model, guide, x, level=2.0)
    assert set(seen) == {2.0}


class TestNesting:
    def test_is_found_once_per_pair(self):
        pair = STYLES["nested_plate"](torch.float64)
        model = Counted(pair.model)
        objective = IWAE(3)
        for _ in range(4):
            objective.loss(model, pair.guide, *pair.args)
        assert model.runs == 6  # and whether the pair can take the particle axis

    def test_one_objective_serves_pairs_of_different_depth(self):
        flat, deep = (STYLES[n](torch.float64) for n in ("module_functions", "nested_plate"))
        objective = IWAE(3)
        for pair in (flat, deep, flat):
            assert objective.loss(pair.model, pair.guide, *pair.args).isfinite()

    @pytest.mark.parametrize("objective", [IWAE(1), IWAE(3, vectorize_particles=False)])
    def test_is_not_looked_for_where_it_is_not_needed(self, objective):
        pair = STYLES["nested_plate"](torch.float64)
        guide = Counted(pair.guide)
        objective.loss(pair.model, guide, *pair.args)
        assert guide.runs == objective.num_particles

    def test_is_taken_as_given_and_the_particle_axis_tried_once(self):
        pair = STYLES["nested_plate"](torch.float64)
        guide, objective = Counted(pair.guide), IWAE(3, max_plate_nesting=4)
        for runs in (3, 4):
            objective.loss(pair.model, guide, *pair.args)
            assert guide.runs == runs
        assert objective._known.depth == 4

    def test_more_room_than_needed_changes_nothing(self):
        pair = STYLES["nested_plate"](torch.float64)
        values = []
        for depth in (2, 5):
            pyro.set_rng_seed(1)
            objective = IWAE(3, max_plate_nesting=depth)
            values.append(objective.per_datum(pair.model, pair.guide, *pair.args))
        torch.testing.assert_close(*values)

    def test_plates_that_hold_no_density_count(self):
        def model(x):
            with pyro.plate("data", len(x), dim=-1):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                with pyro.plate("features", 3, dim=-2):
                    pyro.deterministic("twice", 2 * z)
                pyro.sample("x", dist.Normal(z, 1.0), obs=x)

        def guide(x):
            with pyro.plate("data", len(x), dim=-1):
                pyro.sample("z", dist.Normal(x, 1.0))

        assert IWAE(4).per_datum(model, guide, torch.zeros(5)).shape == (5,)

    def test_a_pair_may_grow_deeper_between_calls(self):
        def model(x, deep=False):
            with pyro.plate("data", len(x), dim=-1):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                if deep:
                    with pyro.plate("again", 2, dim=-2):
                        pyro.sample("y", dist.Normal(z, 1.0), obs=x.expand(2, -1))
                pyro.sample("x", dist.Normal(z, 1.0), obs=x)

        def guide(x, deep=False):
            with pyro.plate("data", len(x), dim=-1):
                pyro.sample("z", dist.Normal(x, 1.0))

        objective = IWAE(3)
        objective.loss(model, guide, torch.zeros(5))
        for deep in (True, False, True):
            assert objective.per_datum(model, guide, torch.zeros(5), deep=deep).shape == (5,)


class TestJointBound:
    """One latent for all data: with no plate around it, a single datum of N dimensions."""

    def _pair(self):
        n = 4
        exact = LinearGaussian(
            torch.ones(n, 1).double(), torch.zeros(n).double(), 0.8,
            q_loc=torch.tensor([0.3]).double(), q_scale=torch.tensor([0.5]).double(),
        )  # fmt: skip

        def model(x):
            z = pyro.sample("z", dist.Normal(torch.zeros(()).double(), 1.0))
            with pyro.plate("data", n):
                pyro.sample("x", dist.Normal(z, 0.8), obs=x)

        def guide(x):
            pyro.sample("z", dist.Normal(torch.tensor(0.3).double(), 0.5))

        return model, guide, torch.tensor([0.5, -0.1, 0.7, 1.2]).double(), exact

    @pytest.mark.parametrize("vectorize", [True, False])
    def test_value(self, vectorize):
        model, guide, x, exact = self._pair()
        objective = IWAE(5, batch_plate=None, vectorize_particles=vectorize)
        values = torch.stack([objective.per_datum(model, guide, x) for _ in range(200)])
        assert values.shape == (200, 1)
        assert abs(z_scores(values, exact.iwae(x[None], 5).detach())) < 4.5
        closed = ELBO(5, batch_plate=None, closed_form_kl=True)
        values = torch.stack([closed.per_datum(model, guide, x) for _ in range(200)])
        assert abs(z_scores(values, exact.elbo(x[None]).detach())) < 4.5

    def test_must_be_asked_for(self):
        model, guide, x, _ = self._pair()
        with pytest.raises(PlateError, match="site 'z' of the guide.*batch_plate=None"):
            IWAE(5).loss(model, guide, x)

    def test_subsampled_data_under_a_global_latent_are_refused(self):
        """Their scales differ, and no weight per datum exists."""
        _, guide, x, _ = self._pair()

        def model(x):
            z = pyro.sample("z", dist.Normal(torch.zeros(()).double(), 1.0))
            with pyro.plate("data", 4, subsample_size=2) as rows:
                pyro.sample("x", dist.Normal(z, 0.8), obs=x[rows])

        with pytest.raises(ScaleError, match="site 'x' of the model is scaled by 2"):
            IWAE(5, batch_plate=None).loss(model, guide, x)


def test_a_weight_per_datum_multiplies_its_bound():
    pair, x = lg2()
    weights = torch.tensor([1.0, 0.25, 0.0625]).double()
    scaled = [poutine.scale(f, scale=weights) for f in (pair.model, pair.guide)]
    pyro.set_rng_seed(1)
    per_datum = IWAE(6).per_datum(pair.model, pair.guide, x.expand(3, -1))
    pyro.set_rng_seed(1)
    loss = IWAE(6).loss(*scaled, x.expand(3, -1))
    torch.testing.assert_close(loss, -(weights * per_datum).sum())


def test_automatic_guides():
    """A positive latent: the guide's jacobian counts, in the closed form too."""

    def model(x):
        with pyro.plate("data", len(x)):
            s = pyro.sample("s", dist.LogNormal(torch.zeros(()).double(), 1.0))
            pyro.sample("x", dist.Normal(0.0, s), obs=x)

    x = torch.tensor([0.5, 1.5, -3.0]).double()
    guide = AutoNormal(model)
    guide(x)
    losses = []
    for objective in (
        ELBO(), ELBO(closed_form_kl=True), Beta(1.0), IWAE(1), pyro.infer.Trace_ELBO(),
    ):  # fmt: skip
        pyro.set_rng_seed(1)
        losses.append(float(objective.loss(model, guide, x)))
    assert losses == pytest.approx([losses[-1]] * 5, rel=1e-12)

    joint = AutoMultivariateNormal(model)
    with pytest.raises(PlateError, match="_AutoMultivariateNormal_latent.*batch_plate=None"):
        IWAE(2).loss(model, joint, x)
    losses = []
    for objective in (ELBO(batch_plate=None), pyro.infer.Trace_ELBO()):
        pyro.set_rng_seed(1)
        losses.append(float(objective.loss(model, joint, x)))
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_a_guide_that_observes_the_data_is_refused():
    """Pyro's messenger guides run the model inside themselves: log p(x|z) would cancel out."""
    model = STYLES["module_functions"](torch.float32).model
    x = torch.zeros(4, 6)
    with pytest.raises(SiteError, match="guide observes 'x'.*AutoNormalMessenger"):
        ELBO().loss(model, AutoNormalMessenger(model), x)


@pytest.mark.parametrize("num_particles", [1, 3])
def test_sequential_particles_estimate_the_same(num_particles):
    pair, x = lg2()
    exact = pair.iwae(x, num_particles).detach()
    objective = IWAE(num_particles, vectorize_particles=False)
    values = objective.per_datum(pair.model, pair.guide, x.expand(50_000, -1))
    assert abs(z_scores(values, exact)) < 4.5


def test_batch_plate_by_name():
    def program(x, guide):
        with pyro.plate("outer", 2, dim=-2), pyro.plate("inner", 3, dim=-1):
            z = pyro.sample("z", dist.Normal(torch.zeros(2, 3), 1.0))
            if not guide:
                pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    model, guide = partial(program, guide=False), partial(program, guide=True)
    x = torch.zeros(2, 3)
    for name, size in (("outer", 2), ("inner", 3)):
        pyro.set_rng_seed(1)
        objective = ELBO(4, batch_plate=name)
        per_datum = objective.per_datum(model, guide, x)
        assert per_datum.shape == (size,)
        pyro.set_rng_seed(1)
        torch.testing.assert_close(objective.loss(model, guide, x), -per_datum.sum())
    with pytest.raises(PlateError, match="inner.*outer"):
        ELBO(4).loss(model, guide, x)


@pytest.mark.parametrize("shape", ["[4, 5]", "[]"])
def test_a_bound_of_the_wrong_shape_is_refused(shape):
    """The first slip of who writes an estimator: not reduced, or reduced too far."""

    class Slip(ParticleELBO):
        def bound(self, p):
            return p.log_w if shape == "[4, 5]" else p.log_w.mean()

    oracle = LinearGaussian.random(data_dim=3, latent_dim=2, seed=0)
    call = (oracle.model, oracle.guide, oracle.sample(5, seed=1))
    for entry in (Slip(4).loss, Slip(4).per_datum, Slip(4).loss_and_grads):
        with pytest.raises(ShapeError, match=r"Slip.bound gave shape .* \[5\]: reduce over"):
            entry(*call)
