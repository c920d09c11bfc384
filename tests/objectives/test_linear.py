"""Bounds that are linear in the log-densities: scales and scores as `Trace_ELBO` has them."""

from contextlib import nullcontext

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO

from pyrovae.errors import ScaleError
from pyrovae.objectives import (
    ELBO,
    IWAE,
    MIWAE,
    REINFORCE,
    STL,
    VIMCO,
    Beta,
    DReG,
    Renyi,
    StratifiedELBO,
)

X = torch.tensor([0.4, -1.0, 2.0, 0.3]).double()
LINEAR = {
    "ELBO": lambda: ELBO(batch_plate=None),
    "Beta": lambda: Beta(1.0, closed_form_kl=False, batch_plate=None),
    "REINFORCE": lambda: REINFORCE(baseline="none", batch_plate=None),
    "STL": lambda: STL(batch_plate=None),
    "StratifiedELBO": lambda: StratifiedELBO(batch_plate=None),
    "DReG of order one": lambda: DReG(alpha=1.0, batch_plate=None),
}
WEIGHTED = [
    lambda **plate: IWAE(3, **plate),
    lambda **plate: DReG(3, **plate),
    lambda **plate: VIMCO(3, **plate),
    lambda **plate: Renyi(0.5, 3, **plate),
    lambda **plate: MIWAE(2, 2, **plate),
]


def _local(name="z", scale=None, loc=None, obs=None):
    loc = torch.zeros(()).double() if loc is None else loc
    with poutine.scale(scale=scale) if scale is not None else nullcontext():
        return pyro.sample(name, dist.Normal(loc, 1.0), obs=obs)


def annealed(scale, sides="both"):
    """One site weighed by `poutine.scale`, as Pyro's deep Markov model anneals its KL."""

    def model(x):
        with pyro.plate("data", len(x)):
            z = _local(scale=scale if sides != "guide" else None)
            _local("x", loc=z * pyro.param("w", torch.tensor(1.5).double()), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            loc = pyro.param("a", torch.tensor(0.3).double()) * x
            _local(scale=scale if sides != "model" else None, loc=loc)

    return model, guide


def two_plates():
    """Subsampled by two and by three."""

    def model(x):
        with pyro.plate("rows", 8, subsample=torch.arange(4)):
            z = _local()
            _local("x", loc=z * pyro.param("w", torch.tensor(1.5).double()), obs=x)
        with pyro.plate("others", 6, subsample=torch.arange(2)):
            _local("v")
            _local("y", loc=pyro.param("w") * z.mean(), obs=x[:2])

    def guide(x):
        with pyro.plate("rows", 8, subsample=torch.arange(4)):
            _local(loc=pyro.param("a", torch.tensor(0.3).double()) * x)
        with pyro.plate("others", 6, subsample=torch.arange(2)):
            _local("v", loc=pyro.param("b", torch.tensor(0.1).double()))

    return model, guide


def regression():
    """A weight of all data, a minibatch of them: no plate around the weight."""

    def model(x):
        w = _local("w")
        with pyro.plate("data", 40, subsample=torch.arange(4)):
            _local("x", loc=w * pyro.param("s", torch.tensor(0.5).double()), obs=x)

    def guide(x):
        _local("w", loc=pyro.param("a", torch.tensor(0.3).double()))

    return model, guide


def a_scale_each():
    """A weight per datum on the latents, another on the data."""
    return annealed(torch.tensor([1.0, 0.5, 0.25, 2.0]).double())


PAIRS = {
    "annealed": lambda: annealed(0.1),
    "annealed by a tensor": lambda: annealed(torch.tensor(0.1).double()),
    "the model alone": lambda: annealed(0.1, "model"),
    "the guide alone": lambda: annealed(0.1, "guide"),
    "a scale for each datum": a_scale_each,
    "two plates": two_plates,
    "regression": regression,
}


def _loss_and_gradients(objective, pair, seed=3):
    pyro.clear_param_store()
    pyro.set_rng_seed(seed)
    loss = float(objective.loss_and_grads(*pair, X))
    leaves = pyro.get_param_store().named_parameters()
    return loss, {name: leaf.grad.clone() for name, leaf in leaves}


@pytest.mark.parametrize("validates", [True, False])
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("objective", LINEAR)
def test_each_site_keeps_its_scale(objective, pair, validates):
    with pyro.validation_enabled(validates):
        ours, mine = _loss_and_gradients(LINEAR[objective](), PAIRS[pair]())
        theirs, own = _loss_and_gradients(Trace_ELBO(), PAIRS[pair]())
    assert ours == pytest.approx(theirs, rel=1e-12)
    if objective not in ("STL", "DReG of order one"):  # whose gradient has no score
        torch.testing.assert_close(mine, own, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("pair", ["annealed", "two plates", "regression"])
def test_paths_have_the_same_mean_gradient(pair):
    """STL differs from the plain gradient by the scaled score, of mean zero."""
    draws = [
        [_loss_and_gradients(make(), PAIRS[pair](), seed)[1] for seed in range(100)]
        for make in (LINEAR["STL"], Trace_ELBO)
    ]
    for name in draws[0][0]:
        ours, theirs = (torch.stack([g[name] for g in each]) for each in draws)
        error = ((ours.var(0) + theirs.var(0)) / 100).sqrt() + 1e-12
        assert ((ours.mean(0) - theirs.mean(0)).abs() < 4.5 * error).all(), name


@pytest.mark.parametrize("pair", ["annealed", "a scale for each datum"])
def test_closed_form_terms_keep_their_scale(pair):
    ours, mine = _loss_and_gradients(ELBO(closed_form_kl=True), PAIRS[pair]())
    theirs, own = _loss_and_gradients(TraceMeanField_ELBO(), PAIRS[pair]())
    assert ours == pytest.approx(theirs, rel=1e-12)
    torch.testing.assert_close(mine, own, rtol=1e-10, atol=1e-12)
    beta, _ = _loss_and_gradients(Beta(1.0), PAIRS[pair]())
    assert beta == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("options", [{"vectorize_particles": False}, {}])
@pytest.mark.parametrize("pair", ["annealed", "two plates", "regression"])
def test_particles_keep_the_scale(pair, options):
    ours, mine = _loss_and_gradients(ELBO(3, batch_plate=None, **options), PAIRS[pair]())
    vectorised = {"vectorize_particles": True, "max_plate_nesting": 1} if not options else {}
    theirs, own = _loss_and_gradients(Trace_ELBO(3, **vectorised), PAIRS[pair]())
    assert ours == pytest.approx(theirs, rel=1e-12)
    torch.testing.assert_close(mine, own, rtol=1e-10, atol=1e-12)
    chunked, _ = _loss_and_gradients(ELBO(3, batch_plate=None).in_chunks(3), PAIRS[pair]())
    if not options:
        assert chunked == pytest.approx(theirs, rel=1e-12)


def test_chunks_keep_the_scale():
    pair = annealed(0.25)
    pyro.set_rng_seed(1)
    one = ELBO(6).in_chunks(2)
    losses = torch.stack([one.loss(*pair, X) for _ in range(100)])
    whole = torch.stack([ELBO(6).loss(*pair, X) for _ in range(100)])
    error = ((losses.var() + whole.var()) / 100).sqrt()
    assert abs(losses.mean() - whole.mean()) < 4.5 * error
    loss = one.differentiable_loss(*pair, X)
    loss.backward()  # each chunk is drawn again, with its scale


@pytest.mark.parametrize("validates", [True, False])
@pytest.mark.parametrize("pair", ["annealed", "annealed by a tensor", "the model alone"])
@pytest.mark.parametrize("make", WEIGHTED)
def test_weights_refuse_unequal_scales(make, pair, validates):
    """Whatever Pyro's validation is set to."""
    with pyro.validation_enabled(validates), pytest.raises(ScaleError, match="objectives.ELBO"):
        make().loss_and_grads(*PAIRS[pair](), X)


def test_free_bits_need_one_scale():
    """A floor under the KL is not linear."""
    with pytest.raises(ScaleError, match="site 'x' of the model is scaled by 1"):
        Beta(1.0, free_bits=0.1).loss(*annealed(0.1), X)


def test_a_bound_per_datum_has_no_scale():
    pyro.set_rng_seed(0)
    bound = ELBO().per_datum(*annealed(0.1), X)
    pyro.set_rng_seed(0)
    torch.testing.assert_close(bound, ELBO().per_datum(*annealed(1.0), X))


_STARTS = [("l", 0.1), ("a", 1.0), ("c", -1.0)]


def mixture(local=True):
    """A mean of all data and a class for each."""

    def model(x):
        m = pyro.sample("m", dist.Normal(0.0, 3.0))
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Bernoulli(0.3))
            pyro.sample("x", dist.Normal(m + 2 * k, 1.0), obs=x)

    def guide(x):
        loc, a, c = (pyro.param(n, torch.tensor(v).double()) for n, v in _STARTS)
        fn = dist.Normal(loc, 0.1)
        fn.has_rsample = local
        pyro.sample("m", fn)
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Bernoulli(logits=a * x + c))

    return model, guide


def nested():
    """Four bits for each datum, and one for all four."""

    def model(x):
        with pyro.plate("data", len(x), dim=-2):
            s = pyro.sample("s", dist.Bernoulli(torch.tensor(0.4).double()))
            with pyro.plate("bits", 3, dim=-1):
                k = pyro.sample("k", dist.Bernoulli(0.2 + 0.6 * s))
                pyro.sample("x", dist.Normal(k, 0.7), obs=x.unsqueeze(-1).expand(-1, 3))

    def guide(x):
        loc, a, c = (pyro.param(n, torch.tensor(v).double()) for n, v in _STARTS)
        with pyro.plate("data", len(x), dim=-2):
            pyro.sample("s", dist.Bernoulli(logits=loc * x.unsqueeze(-1)))
            with pyro.plate("bits", 3, dim=-1):
                pyro.sample("k", dist.Bernoulli(logits=a * x.unsqueeze(-1) + c))

    return model, guide


def unlike_plates():
    """Two plates of one dim, of which neither counts in the other's score."""

    def model(x):
        with pyro.plate("topics", 3):
            t = pyro.sample("t", dist.Bernoulli(torch.tensor(0.5).double()))
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Bernoulli(0.3))
            pyro.sample("x", dist.Normal(k + t.sum(-1, keepdim=True), 1.0), obs=x)

    def guide(x):
        a, c = (pyro.param(n, torch.tensor(v).double()) for n, v in _STARTS[1:])
        with pyro.plate("topics", 3):
            pyro.sample("t", dist.Bernoulli(logits=c))
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Bernoulli(logits=a * x))

    return model, guide


SCORED = {
    "a global mean": (mixture, None),
    "a global score": (lambda: mixture(local=False), None),
    "nested plates": (nested, "data"),
    "nested plates, jointly": (nested, None),
    "plates of one dim": (unlike_plates, None),
}


@pytest.mark.parametrize("pair", SCORED)
@pytest.mark.parametrize("make", [ELBO, lambda **o: REINFORCE(baseline="none", **o)])
def test_scores_meet_what_shares_their_plates(make, pair):
    """Draw by draw the gradient of `Trace_ELBO`, and so its variance."""
    programs, plate = SCORED[pair]
    for seed in range(5):
        ours, mine = _loss_and_gradients(make(batch_plate=plate), programs(), seed)
        theirs, own = _loss_and_gradients(Trace_ELBO(), programs(), seed)
        assert ours == pytest.approx(theirs, rel=1e-12)
        torch.testing.assert_close(mine, own, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("pair", ["a global mean", "nested plates"])
@pytest.mark.parametrize(
    "make",
    [
        lambda **o: ELBO(2, **o),
        lambda **o: ELBO(2, closed_form_kl=True, **o),
        lambda **o: REINFORCE(2, **o),
        lambda **o: ELBO(2, **o).in_chunks(1),
    ],
    ids=["ELBO", "closed form", "REINFORCE", "in chunks"],
)
def test_scores_are_unbiased(make, pair):
    """By comparison with `Trace_ELBO`."""
    programs, plate = SCORED[pair]
    count = 100
    objective = make(batch_plate=plate)
    ours = [_loss_and_gradients(objective, programs(), seed)[1] for seed in range(count)]
    theirs = [_loss_and_gradients(Trace_ELBO(4), programs(), 1000 + s)[1] for s in range(count)]
    for name in ours[0]:
        one, other = (torch.stack([g[name] for g in each]) for each in (ours, theirs))
        error = ((one.var(0) + other.var(0)) / count).sqrt() + 1e-12
        assert ((one.mean(0) - other.mean(0)).abs() < 4.5 * error).all(), name
