"""A pair whose networks cannot take the particle axis is drawn one by one, with one note."""

import warnings
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae import evaluate, fit
from pyrovae.capture import Captured
from pyrovae.data import Split
from pyrovae.errors import (
    CaptureWarning,
    ConfigError,
    ParticleAxisWarning,
    PlateError,
    ReparamError,
    ShapeError,
    SiteError,
)
from pyrovae.nn import OneBatchAxis
from pyrovae.objectives import ELBO, IWAE, RWS, STL, TVO, VIMCO, DReG, StratifiedELBO
from pyrovae.particles import draw, score
from pyrovae.train import SVI
from pyrovae.train.step import compiled

B, L, D = 4, 3, 6
X = torch.linspace(-1.0, 1.0, B * D).reshape(B, D)


class Net(nn.Module):
    """A layer after what a function makes of the latents."""

    def __init__(self, reshape, size=L, *modules):
        super().__init__()
        torch.manual_seed(1)
        self.reshape, self.last = reshape, nn.Linear(size, D)
        self.modules_ = nn.ModuleList(modules)

    def forward(self, z):
        return self.last(self.reshape(z, *self.modules_))


class Pair:
    def __init__(self, net, latent=L, num_data=B, discrete=False):
        torch.manual_seed(2)
        self.net, self.enc = net, nn.Linear(D, 2 * latent)
        self.latent, self.discrete = latent, discrete
        self.x = X[:num_data]
        self.runs = 0

    def model(self, x):
        self.runs += 1
        pyro.module("net", self.net)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(self.latent), 1.0).to_event(1))
            loc = self.net(z)
            pyro.sample("x", dist.Normal(loc, 0.5).to_event(loc.dim() - (z.dim() - 1)), obs=x)

    def guide(self, x):
        pyro.module("enc", self.enc)
        with pyro.plate("data", len(x)):
            loc, log_scale = self.enc(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    @property
    def call(self):
        return self.model, self.guide, self.x


def of_rnn(z, rnn):
    return rnn(z.unsqueeze(1))[0][:, -1]


def of_attention(z, attention):
    return attention(z.unsqueeze(1), z.unsqueeze(1), z.unsqueeze(1))[0].squeeze(1)


def unpacked(z):
    rows, columns = z.shape
    return z.reshape(rows, columns)


def asserted(z):
    assert z.dim() == 2
    return z


def images():
    up = nn.Sequential(nn.Unflatten(1, (L, 1, 1)), nn.ConvTranspose2d(L, 1, (2, 3)), nn.Flatten(1))
    return Net(lambda z, up: up(z), D, up)


# By what raises, and by what computes something else without a word.
REFUSE = {
    "flatten": lambda: Pair(Net(lambda z: z.flatten(1))),
    "view as rows": lambda: Pair(Net(lambda z: z.view(len(z), -1))),
    "one datum": lambda: Pair(Net(lambda z: z.view(len(z), -1)), num_data=1),
    "view flat": lambda: Pair(Net(lambda z: z.reshape(-1, L))),
    "convolutions": lambda: Pair(images()),
    "recurrent": lambda: Pair(Net(of_rnn, L, nn.GRU(L, L, batch_first=True))),
    "attention": lambda: Pair(Net(of_attention, L, nn.MultiheadAttention(L, 1, batch_first=True))),
    "batch norm": lambda: Pair(Net(lambda z, n: n(z), L, nn.BatchNorm1d(L))),
    "unpacked": lambda: Pair(Net(unpacked)),
    "asserted": lambda: Pair(Net(asserted)),
}
MISTAKE = {
    "softmax": lambda: Pair(Net(lambda z: z.softmax(1))),
    "unit sphere": lambda: Pair(Net(lambda z: z / z.norm(dim=1, keepdim=True))),
    "cumulated": lambda: Pair(Net(lambda z: z.cumsum(1))),
    "columns": lambda: Pair(Net(lambda z: z[:, :1], 1), latent=1),
    "centred": lambda: Pair(Net(lambda z: z - z.mean(0))),
    "batch norm of as many units as data": lambda: Pair(
        Net(lambda z, n: n(z), B, nn.BatchNorm1d(B)), latent=B
    ),
    "convolution of as many channels as data": lambda: Pair(
        Net(lambda z, c: c(z.unsqueeze(-1)).squeeze(-1), B, nn.Conv1d(B, B, 1)), latent=B
    ),
    "gated": lambda: Pair(Net(lambda z: z * z.amax(1, keepdim=True).sigmoid())),
}


def seeded(make):
    def pair():
        torch.manual_seed(3)
        return make()

    return pair


PAIRS = {name: seeded(make) for name, make in (REFUSE | MISTAKE).items()}

OBJECTIVES = [
    ELBO,
    IWAE,
    DReG,
    STL,
    VIMCO,
    RWS,
    TVO,
    lambda **options: IWAE(**options).in_chunks(2),
    lambda **options: DReG(**options).in_chunks(1),
    lambda **options: IWAE(max_plate_nesting=1, **options),
    lambda **options: DReG(max_plate_nesting=3, **options),
]


def notes(caught):
    return [w for w in caught if issubclass(w.category, ParticleAxisWarning)]


def steps(pair, objective, count=2):
    """Losses and gradients under one seed, and the notes."""
    found = []
    pyro.set_rng_seed(5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(count):
            found.append(objective.loss_and_grads(*pair.call))
        found += [p.grad.clone() for net in (pair.net, pair.enc) for p in net.parameters()]
        found += list(pair.net.buffers())
        found.append(objective.per_datum(*pair.call))
    return found, notes(caught)


@pytest.mark.parametrize("name", PAIRS)
def test_it_is_the_run_that_asks_for_it(name):
    found, said = steps(PAIRS[name](), IWAE(3))
    expected, silent = steps(PAIRS[name](), IWAE(3, vectorize_particles=False))
    assert all(map(torch.equal, found, expected))
    assert len(said) == 1 and not silent


@pytest.mark.parametrize("make", OBJECTIVES)
@pytest.mark.parametrize("name", ["flatten", "unit sphere", "batch norm"])
def test_with_every_kind_of_objective(make, name):
    found, said = steps(PAIRS[name](), make(num_particles=3))
    expected, silent = steps(PAIRS[name](), make(num_particles=3, vectorize_particles=False))
    assert all(map(torch.equal, found, expected))
    assert len(said) == 1 and not silent


def test_what_is_wrapped_is_drawn_at_once():
    pair = Pair(OneBatchAxis(Net(lambda z: z.flatten(1).softmax(1)), event_dim=1))
    p = draw(*pair.call, num_particles=3)
    assert not p.are_one_by_one


@pytest.mark.parametrize(
    "module", [nn.Dropout(0.5), OneBatchAxis(nn.BatchNorm1d(L), 1)], ids=["noise", "batch norm"]
)
def test_noise_and_statistics_of_the_batch_are_no_mistake(module):
    pair = Pair(Net(lambda z, m: m(z), L, module))
    assert not IWAE(3).draw(*pair.call).are_one_by_one


def test_it_is_looked_for_once_per_pair():
    pair, objective = PAIRS["flatten"](), IWAE(3)
    with pytest.warns(ParticleAxisWarning):
        objective.loss(*pair.call)
    pair.runs = 0
    objective.loss(*pair.call)
    assert pair.runs == 3


def test_a_batch_that_fails_later_is_drawn_one_by_one_from_then_on():
    def squeezed(z):
        return z if z.shape[-2] > 1 else z.flatten(1)

    pair, objective = Pair(Net(squeezed)), IWAE(3)
    assert not objective.draw(*pair.call).are_one_by_one
    state = torch.get_rng_state()
    with pytest.warns(ParticleAxisWarning):
        found = objective.draw(pair.model, pair.guide, X[:1])
    torch.set_rng_state(state)
    other = draw(pair.model, pair.guide, X[:1], num_particles=3, vectorize_particles=False)
    assert torch.equal(found.log_w, other.log_w)
    assert objective.draw(*pair.call).are_one_by_one


def test_scoring_given_latents():
    pair = PAIRS["flatten"]()
    p = draw(*pair.call, num_particles=3, vectorize_particles=False)
    with pytest.warns(ParticleAxisWarning):
        again = score(*pair.call, latents=p.latents)
    torch.testing.assert_close(again.log_w, p.log_w)


def test_the_error_of_the_pair_itself_is_what_is_raised():
    pair = Pair(Net(lambda z: z, L + 1))  # the wrong size of input, particles or not
    for objective in (IWAE(1), IWAE(3), IWAE(3, max_plate_nesting=1), DReG(3)):
        with pytest.raises(RuntimeError, match="mat1 and mat2") as caught:
            objective.loss_and_grads(*pair.call)
        assert not isinstance(caught.value, ShapeError)


def test_strata_need_the_axis():
    def model(x):
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(torch.ones(2)), infer={"enumerate": "parallel"})
            loc = pair.net(nn.functional.one_hot(k, L).float())
            pyro.sample("x", dist.Normal(loc, 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            logits = pyro.param("a", torch.zeros(2))
            pyro.sample("k", dist.Categorical(logits=logits), infer={"enumerate": "parallel"})

    pair = Pair(Net(unpacked))
    with pytest.raises(ConfigError, match="the pair cannot .*OneBatchAxis, or use ELBO"):
        StratifiedELBO(4).loss(model, guide, X)


class TestTraining:
    def run(self, pair, **options):
        pyro.set_rng_seed(3)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run = fit(*pair.call[:2], X, epochs=2, batch_size=2, lr=1e-2, device="cpu", seed=1,
                      progress=False, **options)  # fmt: skip
        bounds = [entry["bound"] if "bound" in entry else entry["train"] for entry in run.history]
        parameters = [p.detach() for net in (pair.net, pair.enc) for p in net.parameters()]
        return [torch.tensor(bounds), *parameters], caught

    @pytest.mark.parametrize("name", ["flatten", "unit sphere", "batch norm"])
    def test_fit(self, name):
        found, caught = self.run(PAIRS[name](), objective=IWAE(3), val=X)
        singly = IWAE(3, vectorize_particles=False)
        expected, silent = self.run(PAIRS[name](), objective=singly, val=X)
        assert all(map(torch.equal, found, expected))
        assert 1 <= len(notes(caught)) <= 2  # training, and validation
        assert not notes(silent)

    @pytest.mark.parametrize("make", [IWAE, DReG])
    def test_the_captured_step(self, make, monkeypatch):
        monkeypatch.setattr(compiled, "Captured", partial(Captured, compiler=None))
        each = []
        for options in ({}, {"vectorize_particles": False}, {"compile": True}):
            pair = PAIRS["flatten"]()
            objective = make(3, vectorize_particles=options.pop("vectorize_particles", True))
            svi = SVI(*pair.call[:2], pyro.optim.Adam({"lr": 1e-2}), objective, **options)
            pyro.set_rng_seed(5)
            with warnings.catch_warnings():
                warnings.simplefilter("error", CaptureWarning)
                warnings.simplefilter("ignore", ParticleAxisWarning)
                each.append([svi.step(pair.x) for _ in range(5)])
        assert svi._compiled.captured.refusal == ""
        assert each[0] == each[1]
        assert each[2] == pytest.approx(each[1], rel=1e-6)


def _of_pair(call):
    """A measurement of a pair, as a number that a seed repeats."""
    return lambda pair, **how: call(pair.model, pair.guide, pair.x, **how)


OBJECTIVE = IWAE(2)
MEASUREMENTS = {
    "log_evidence": _of_pair(
        lambda *c, **h: evaluate.log_evidence(*c, num_particles=9, seed=0, **h).log_px
    ),
    "elbo_parts": _of_pair(
        lambda *c, **h: evaluate.elbo_parts(*c, num_particles=4, seed=0, **h).elbo
    ),
    "kl_decomposition": _of_pair(
        lambda *c, **h: (
            evaluate.kl_decomposition(*c, num_particles=4, seed=0, **h).total_correlation
        )
    ),
    "elbo_surgery": _of_pair(
        lambda *c, **h: evaluate.elbo_surgery(*c, num_particles=4, seed=0, **h).kl
    ),
    "active_units": _of_pair(
        lambda *c, **h: evaluate.active_units(*c, num_particles=4, seed=0, **h).variance["z"]
    ),
    "posterior_means": _of_pair(
        lambda *c, **h: evaluate.posterior_means(*c, num_particles=4, seed=0, **h)
    ),
    "ais": _of_pair(
        lambda *c, **h: evaluate.ais(*c, num_particles=3, num_temperatures=4, seed=0, **h).log_px
    ),
    "bdmc": lambda pair, **how: evaluate.bdmc(
        pair.model, pair.guide, pair.x, num_particles=3, num_temperatures=4, seed=0, **how
    ).lower,
    "inference_gaps": _of_pair(
        lambda *c, **h: evaluate.inference_gaps(
            *c, num_particles=9, num_steps=2, step_particles=2, seed=0, **h
        ).elbo
    ),
    "gradients": _of_pair(
        lambda *c, **h: evaluate.gradients(*c, OBJECTIVE, num_draws=3, seed=0, **h).mean[
            "net$$$last.bias"
        ]
    ),
    "compare": _of_pair(
        lambda *c, **h: torch.tensor(
            evaluate.compare(
                *c, [OBJECTIVE, DReG(2)], num_draws=2, evidence_particles=9, repeats=1, **h
            ).rows[1]["bound"]
        )
    ),
    "compare_training": lambda pair, **how: torch.tensor(
        evaluate.compare_training(
            lambda: Pair(type(pair.net)(pair.net.reshape)), pair.x, [OBJECTIVE], epochs=1,
            seeds=(0,), test=pair.x, num_particles=9, device="cpu", progress=False, **how,
        ).rows[0]["nll"]
    ),
    "traverse": _of_pair(lambda *c, **h: evaluate.traverse(*c, seed=0, **h).images),
    "probe": lambda pair, **how: torch.tensor(
        evaluate.probe(
            pair.model, pair.guide, *2 * [Split(pair.x, torch.tensor([0, 1, 0, 1]))], **how
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MEASUREMENTS)
class TestMeasurements:
    def test_asked_and_by_itself_are_the_same(self, name):
        measure = MEASUREMENTS[name]
        asked = measure(PAIRS["flatten"](), vectorize_particles=False)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always" if name == "compare" else "default")
            by_itself = measure(PAIRS["flatten"]())
        torch.testing.assert_close(by_itself, asked, rtol=0.0, atol=0.0)
        # `compare_training` makes a pair for each objective.
        assert 1 <= len(notes(caught)) <= (3 if name == "compare_training" else 1)

    def test_a_pair_that_can_do_both(self, name):
        able = Pair(Net(lambda z: z))
        both = [
            MEASUREMENTS[name](able, vectorize_particles=how).double() for how in (True, False)
        ]
        # Other noise, at few particles: near each other, not equal.
        assert (both[0] - both[1]).abs().max() < 6.0


class TestOrderOfChecks:
    """The missing latent comes before the shape that it causes."""

    HOW = [
        {"num_particles": 1},
        {"num_particles": 5},
        {"num_particles": 5, "vectorize_particles": False},
        {"num_particles": 5, "max_plate_nesting": 1},
    ]

    @pytest.mark.parametrize("how", HOW, ids=str)
    @pytest.mark.parametrize("make", [ELBO, IWAE, DReG, VIMCO])
    def test_a_latent_that_indexes(self, make, how):
        def model(x):
            with pyro.plate("topics", 3):
                t = pyro.sample("t", dist.Normal(0.0, 1.0))
            with pyro.plate("data", len(x)):
                k = pyro.sample("k", dist.Categorical(torch.ones(3)))
                pyro.sample("x", dist.Normal(t[k], 1.0), obs=x)

        def guide(x):
            with pyro.plate("topics", 3):
                pyro.sample("t", dist.Normal(pyro.param("a", torch.zeros(3)), 1.0))

        self.check(make, how, model, guide, torch.randn(8), "the model samples 'k'")

    @pytest.mark.parametrize("how", HOW, ids=str)
    def test_an_extra_latent_of_the_guide(self, how):
        def model(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                pyro.sample("x", dist.Normal(z, 1.0), obs=x)

        def guide(x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x, 1.0))
                k = pyro.sample("k", dist.Categorical(torch.ones(3)))
            assert k.dim() == 1, "not with particles"

        self.check(IWAE, how, model, guide, torch.randn(8), "the guide samples 'k'")

    @pytest.mark.parametrize("how", HOW, ids=str)
    def test_a_latent_without_which_the_model_fails_at_once(self, how):
        def model(x):
            w = pyro.sample("w", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                pyro.sample("x", dist.Normal(z.reshape(len(x), 3) @ w, 1.0), obs=x)

        def guide(x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x, 1.0))

        self.check(IWAE, how, model, guide, torch.randn(8), "the model samples 'w'")

    @pytest.mark.parametrize("how", HOW, ids=str)
    def test_a_plate_that_the_guide_lacks(self, how):
        pair = Pair(Net(lambda z: z.flatten(1)))

        def guide(x):
            loc, log_scale = pair.enc(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(2))

        with pytest.raises(PlateError, match="site 'z' of the guide"):
            IWAE(**how).loss(pair.model, guide, X)

    @pytest.mark.parametrize("how", HOW, ids=str)
    def test_a_latent_under_another_name(self, how):
        pair = Pair(Net(asserted))

        def guide(x):
            with pyro.plate("data", len(x)):
                pyro.sample("latent", dist.Normal(x[:, :L], 1.0).to_event(1))

        self.check(IWAE, how, pair.model, guide, X, "the model samples 'z'")

    def check(self, make, how, model, guide, x, match):
        least = 2 if make is VIMCO else 1
        how = {**how, "num_particles": max(least, how["num_particles"])}
        with pytest.raises(SiteError, match=match):
            make(**how).loss_and_grads(model, guide, x)


class TestFactors:
    """A `pyro.factor` is called a factor."""

    def pair(self, has_rsample):
        def model(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                pyro.sample("x", dist.Normal(z, 1.0), obs=x)

        def guide(x):
            a = pyro.param("a", torch.tensor(0.5))
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(a * x, 1.0))
                pyro.factor("extra", -a * x.square(), has_rsample=has_rsample)

        return model, guide, X[0]

    @pytest.mark.parametrize("objective", [DReG(2), STL(1), DReG(3).in_chunks(1)], ids=repr)
    def test_along_paths(self, objective):
        match = r"`pyro.factor\('extra', ..., has_rsample=False\)`.*pass has_rsample=True.*VIMCO"
        with pytest.raises(ReparamError, match=match) as caught:
            objective.loss_and_grads(*self.pair(False))
        assert "Unit" not in str(caught.value) and "enumerate" not in str(caught.value)
        assert objective.loss_and_grads(*self.pair(True)).isfinite()

    @pytest.mark.parametrize("objective", [ELBO(2), IWAE(2), VIMCO(2), RWS(2), TVO(2)], ids=repr)
    def test_other_objectives_take_it(self, objective):
        values = []
        for has_rsample in (False, True):
            pyro.set_rng_seed(1)
            values.append(objective.loss(*self.pair(has_rsample)))
        assert torch.equal(*values)

    @pytest.mark.parametrize("objective", [DReG(2), IWAE(2), ELBO(1)], ids=repr)
    def test_one_that_says_nothing(self, objective):
        with pytest.raises(SiteError, match=r"`pyro.factor\('extra', ...\)` and does not say"):
            objective.loss(*self.pair(None))

    def test_its_kind(self):
        p = draw(*self.pair(False))
        assert p.guide_sites["extra"].kind == "pyro.factor"
        assert p.guide_sites["z"].kind == "Normal"
