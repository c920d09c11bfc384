"""What `fit` trains, from which data, and what it refuses."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import (
    RenyiELBO,
    ReweightedWakeSleep,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
    config_enumerate,
)
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pyrovae.data import Split, arrays, batches, digits
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import (
    ConfigError,
    ParameterError,
    SupportError,
)
from pyrovae.models import VAE
from pyrovae.objectives import ELBO, IWAE, Beta, Renyi
from pyrovae.particles.parameters import trainable
from pyrovae.train import SVI, fit, load_checkpoint
from pyrovae.train.optim import schedules
from tests.pairs import STYLES
from tests.train.pairs import QUIET, networks, pair, same, state, x_of


def oracle(seed=0, **options):
    return LinearGaussian.random(data_dim=5, latent_dim=2, seed=seed, **options)


def untrained(seed=0):
    """A linear-Gaussian pair whose guide starts away from the posterior."""
    true = oracle(seed)
    torch.manual_seed(9)
    return LinearGaussian(
        0.3 * torch.randn(5, 2),
        torch.zeros(5),
        1.0,
        q_loc=torch.zeros(2),
        q_scale=torch.ones(2),
        q_weight=torch.zeros(2, 5),
    ), true.sample(300, seed=1).float()


@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_takes_the_steps_of_svi(clip_norm):
    nets, data, source = networks(), x_of(), batches(x_of(), 16, seed=7, device="cpu")
    run = fit(
        *pair(*nets), data, objective=IWAE(2), epochs=2, batch_size=16, lr=1e-2, seed=7,
        clip_norm=clip_norm, **QUIET,
    )  # fmt: skip
    by_fit = state(nets)

    pyro.clear_param_store()
    nets = networks()
    optim = torch.optim.Adam([p for n in nets for p in n.parameters()], lr=1e-2, fused=True)
    svi = SVI(*pair(*nets), optim, IWAE(2), clip_norm=clip_norm)
    pyro.set_rng_seed(7)
    losses = [[svi.step(*batch) for batch in source.epoch(epoch)] for epoch in range(2)]
    for one, other in zip(by_fit, state(nets), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    for entry, epoch_losses in zip(run.history, losses, strict=True):
        assert entry["train"] == pytest.approx(-sum(epoch_losses) / 40, rel=1e-6)


def test_reaches_the_maximum_of_the_likelihood():
    trained, x = untrained()
    run = fit(
        trained.model, trained.guide, x, objective=ELBO(), epochs=60, batch_size=50, lr=3e-2,
        schedule=schedules.cosine(), **QUIET,
    )  # fmt: skip
    log_px = trained.log_px(x).mean().item()
    assert run.history[-1]["train"] > run.history[0]["train"]
    assert log_px - trained.elbo(x).mean().item() < 0.15
    assert run.history[-1]["train"] == pytest.approx(trained.elbo(x).mean().item(), abs=0.2)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_style_of_pair(style, dtype, tmp_path):
    made = STYLES[style](dtype)
    (x,) = made.args
    with pyro.settings.context(module_local_params=made.local_params):
        before = {
            name: leaf.detach().clone()
            for name, leaf in trainable(made.model, made.guide, x).items()
        }
        run = fit(
            made.model, made.guide, x, objective=ELBO(), epochs=2, batch_size=len(x), val=x,
            run_dir=tmp_path, **QUIET,
        )  # fmt: skip
        leaves = trainable(made.model, made.guide, x)
        assert before.keys() == leaves.keys()
        for name, leaf in leaves.items():
            assert not torch.equal(before[name], leaf), name
        assert all(math.isfinite(entry[k]) for entry in run.history for k in ("train", "val"))
        trained = {name: leaf.detach().clone() for name, leaf in leaves.items()}
        for leaf in leaves.values():
            leaf.data.zero_()
        load_checkpoint(tmp_path / "last.safetensors", made.model, made.guide, x)
        assert all(torch.equal(trained[name], leaf) for name, leaf in leaves.items())


@pytest.mark.parametrize(
    "objective",
    [
        Trace_ELBO(),
        Trace_ELBO(num_particles=2, vectorize_particles=True),
        TraceMeanField_ELBO(),
        TraceGraph_ELBO(),
        RenyiELBO(alpha=0.5, num_particles=2, vectorize_particles=True),
        ReweightedWakeSleep(num_particles=2),
        ELBO(),
        Beta(0.0),
        IWAE(3),
        Renyi(0.5, 3),
    ],
    ids=lambda objective: type(objective).__name__,
)
def test_every_objective(objective):
    nets = networks()
    before = state(nets)
    run = fit(*pair(*nets), x_of(), objective=objective, epochs=1, val=x_of(7), **QUIET)
    assert math.isfinite(run.history[0]["train"]) and math.isfinite(run.history[0]["val"])
    assert not any(torch.equal(a, b) for a, b in zip(before, state(nets), strict=True))


def test_an_enumerated_pair():
    logits = nn.Linear(6, 3)

    def model(x):
        means = pyro.param("means", torch.arange(3.0))
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(torch.ones(3)))
            pyro.sample("x", dist.Normal(means[k], 1.0), obs=x[:, 0])

    @config_enumerate
    def guide(x):
        pyro.module("logits", logits)
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Categorical(logits=logits(x)))

    objective = TraceEnum_ELBO(max_plate_nesting=1)
    run = fit(model, guide, x_of(), objective=objective, epochs=3, lr=0.1, **QUIET)
    assert run.history[-1]["train"] > run.history[0]["train"]


def test_two_pairs_of_one_name_train_side_by_side():
    alone, together = [], []
    for seed in (1, 2):
        pyro.clear_param_store()
        nets = networks(seed)
        fit(*pair(*nets), x_of(), objective=ELBO(), epochs=1, **QUIET)
        alone.append(state(nets))
    pyro.clear_param_store()
    for seed in (1, 2):
        nets = networks(seed)
        fit(*pair(*nets), x_of(), objective=ELBO(), epochs=1, **QUIET)
        together.append(state(nets))
    assert same(alone[0], together[0]) and same(alone[1], together[1])


@pytest.mark.parametrize("fused", [True, False])
def test_channels_last_weights_train_as_contiguous_ones(fused):
    results = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        pyro.clear_param_store()
        torch.manual_seed(0)
        conv = nn.Conv2d(2, 4, (2, 3)).to(memory_format=memory_format)
        encoder = nn.Sequential(nn.Unflatten(1, (2, 2, 3)), conv, nn.Flatten())
        decoder = nn.Linear(2, 12)
        x = torch.randn(40, 12, generator=torch.Generator().manual_seed(2))
        optimizer = None if fused else lambda leaves: torch.optim.Adam(leaves, lr=1e-2)
        fit(
            *pair(encoder, decoder), x, objective=Trace_ELBO(), epochs=3, lr=1e-2,
            optimizer=optimizer, **QUIET,
        )  # fmt: skip
        results.append(conv.weight.detach().clone())
    torch.testing.assert_close(results[0], results[1])


def test_an_undeclared_network_is_an_error():
    with pytest.raises(ParameterError, match="pyro.module"):
        fit(*pair(*networks(), declare=False), x_of(), objective=ELBO(), epochs=1, **QUIET)


def test_gradients_left_from_before_do_not_count():
    results = []
    for left in (False, True):
        pyro.clear_param_store()
        nets = networks()
        if left:
            sum(p.sum() for net in nets for p in net.parameters()).backward()
        fit(*pair(*nets), x_of(), objective=ELBO(), epochs=1, **QUIET)
        results.append(state(nets))
    assert same(*results)


def test_the_seed_decides_the_run():
    def result(seed, before):
        pyro.clear_param_store()
        nets = networks()
        torch.manual_seed(before)
        fit(*pair(*nets), x_of(), objective=ELBO(), epochs=1, batch_size=16, seed=seed, **QUIET)
        return state(nets)

    assert same(result(3, 1), result(3, 2))
    assert not same(result(3, 1), result(4, 1))
    assert same(result(None, 1), result(None, 1))
    assert not same(result(None, 1), result(None, 2))


def test_takes_whatever_holds_data():
    x = x_of()
    results = []
    for data in (x, (x,), Split(x), arrays(x, val=0, test=0), batches(x, 100, device="cpu")):
        pyro.clear_param_store()
        nets = networks()
        fit(*pair(*nets), data, objective=ELBO(), epochs=2, **QUIET)
        results.append(state(nets))
    for other in results[1:3] + results[4:]:
        assert same(results[0], other)


def test_takes_a_data_loader():
    loader = DataLoader(TensorDataset(x_of()), batch_size=16)
    run = fit(*pair(*networks()), loader, objective=ELBO(), epochs=2, val=loader, **QUIET)
    assert run.steps == 6


def test_labels_go_to_model_and_guide():
    seen = []
    model, guide = pair(*networks())

    def labelled_model(x, y):
        seen.append(y.shape)
        return model(x)

    data = Split(x_of(), torch.arange(40)).labelled()
    fit(labelled_model, lambda x, y: guide(x), data, objective=ELBO(), epochs=1, **QUIET)
    assert set(seen) == {torch.Size([40])}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "ELBO"}, "needs an instance"),
        ({"objective": lambda: 0}, "needs an instance"),
        ({"epochs": 0}, "needs a whole number, one or more"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**32}, "needs a number from 0"),
        ({"patience": 3}, "no validation data"),
        ({"resume": True}, "give run_dir"),
        (
            {
                "optimizer": pyro.optim.ExponentialLR(
                    {"optimizer": torch.optim.SGD, "optim_args": {"lr": 0.1}, "gamma": 0.5}
                ),
                "schedule": "cosine",
            },
            "schedule='cosine' is given, and optimizer is a pyro.optim scheduler",
        ),
        ({"optimizer": lambda leaves: "adam"}, "pyro.optim wrapper"),
        ({"optimizer": "adamm"}, "did you mean 'adam'"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"lr": {"encodr": 1e-3}}, "did you mean 'encoder'"),
        ({"weight_decay": float("inf")}, "weight_decay=inf"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"schedule": "OneCycleLR(max_lr=1.0, total_steps=2)", "epochs": 3}, "give total_steps=3"),
        ({"ema": 1.0}, "ema=1.0"),
        ({"clip_norm": float("nan")}, "clip_norm=nan"),
    ],
)
def test_arguments_that_do_not_fit_are_errors(options, message):
    with pytest.raises(ConfigError, match=message):
        fit(*pair(*networks()), x_of(), **{"objective": ELBO(), "epochs": 1, **options}, **QUIET)


def test_an_error_of_the_pair_stays_what_it_is():
    model, guide = pair(*networks())

    def broken(x):
        pyro.sample("y", dist.Normal(torch.zeros(3), -1.0))

    with pytest.raises(ValueError, match="scale"):
        fit(broken, guide, x_of(), objective=ELBO(), epochs=1, **QUIET)


def test_an_error_of_the_library_stays_what_it_is():
    model, guide = pair(*networks())

    def refusing(x):
        model(x)
        raise SupportError("grey levels")

    with pytest.raises(SupportError, match="grey levels"):
        fit(refusing, guide, x_of(), objective=ELBO(), epochs=1, **QUIET)


def test_digits_in_one_call():
    data = digits(binarize="dynamic")
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
    decoder = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 64))

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(4), 1.0).to_event(1))
            likelihood = dist.Bernoulli(logits=decoder(z)).to_event(1)
            pyro.sample("x", likelihood, obs=x.flatten(1))

    def guide(x):
        pyro.module("encoder", encoder)
        loc, log_scale = encoder(x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    run = fit(model, guide, data, objective=ELBO(), epochs=15, lr=1e-2, **QUIET)
    assert run.best["val"] > run.history[0]["val"] + 3


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("style", STYLES)
def test_moves_the_pair_and_resumes_on_a_gpu(style, tmp_path):
    made = STYLES[style](torch.float32)
    with pyro.settings.context(module_local_params=made.local_params):
        before = trainable(made.model, made.guide, *made.args)
        options = dict(objective=ELBO(), run_dir=tmp_path, progress=False)
        fit(made.model, made.guide, made.args[0], epochs=1, **options)
        assert all(leaf.is_cuda for leaf in before.values())
        run = fit(made.model, made.guide, made.args[0], epochs=2, resume=True, **options)
    assert len(run.history) == 2


@pytest.mark.parametrize("given", [{"epochs": 2.5}, {"epochs": "5"}, {"steps_per_call": 1.5}])
def test_what_is_counted_is_whole(given):
    vae = VAE((6,), 2)
    with pytest.raises(ConfigError, match="needs a whole number, one or more"):
        fit(vae, torch.zeros(20, 6), **given)
