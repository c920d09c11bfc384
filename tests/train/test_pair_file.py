"""A pair comes back from a file bit for bit, and is not run for that."""

import os
import subprocess
import sys
from textwrap import dedent

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import config_enumerate
from pyro.infer.autoguide import AutoNormal
from safetensors.torch import load_file
from torch import nn

import pyrovae
from pyrovae import fit, models
from pyrovae.errors import CheckpointError, ConfigError, ParameterError
from pyrovae.objectives import ELBO
from pyrovae.particles.held_networks import held_networks
from pyrovae.particles.held_tensors import held_tensors
from pyrovae.train.checkpoint_file import read_checkpoint
from tests.models.matrix import PAIRS
from tests.train import saved_pairs
from tests.train.pairs import QUIET, networks, pair, same, state
from tests.train.saved_pairs import STYLES, Both, X, values


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.filterwarnings("ignore:.*not registered in the param store because requires_grad")
@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("style", STYLES)
def test_a_pair_comes_back_bit_for_bit(style, local, tmp_path):
    if local and style == "automatic":
        pytest.skip("Pyro's automatic guides do not set themselves up in that mode")
    with pyro.settings.context(module_local_params=local):
        made = STYLES[style](0)
        expected = values(made)
        pyrovae.save(tmp_path / "pair", made)
        pyro.clear_param_store()
        other = STYLES[style](1)
        assert not equal(expected, values(other))
        pyro.clear_param_store()
        other = STYLES[style](1)
        loaded = pyrovae.load(tmp_path / "pair", other)
        assert loaded.pair is other and loaded.run is None
        assert equal(expected, values(other))


@pytest.mark.parametrize("name", PAIRS)
def test_every_family_comes_back(name, tmp_path):
    torch.manual_seed(0)
    made, other = PAIRS[name](), PAIRS[name]()
    with torch.no_grad():
        for tensor in [*made.parameters(), *made.buffers()]:
            if tensor.is_floating_point():
                tensor.add_(torch.randn_like(tensor))
    pyrovae.save(tmp_path / "pair", made.model, made.guide)
    pyrovae.load(tmp_path / "pair", other)
    assert equal(dict(made.state_dict()), dict(other.state_dict()))


def test_names_are_those_of_the_code_and_any_reader_reads_them(tmp_path):
    pyrovae.save(tmp_path / "a", models.VAE((6,), 2))
    names = {"held/encoder.layers.0.weight", "held/decoder.layers.2.bias"}
    assert names <= load_file(tmp_path / "a").keys()
    pyrovae.save(tmp_path / "b", *pair(*networks()))
    assert "held/guide.encoder.0.weight" in load_file(tmp_path / "b")
    assert read_checkpoint(tmp_path / "a")[1]["kind"] == "pair"


def test_another_process_gives_the_same_names(tmp_path):
    """Those of globals too, which a set would list in an order of its own."""
    script = """
        import sys, torch, pyro, pyrovae, pyro.distributions as dist
        one, two, three, four = (torch.nn.Linear(1, 1) for _ in range(4))
        def model(x):
            for net, name in ((one, "one"), (two, "two"), (three, "three"), (four, "four")):
                pyro.module(name, net)
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                pyro.sample("x", dist.Normal(four(three(two(one(z[:, None]))))[:, 0], 1.0), obs=x)
        def guide(x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(0.0, 1.0))
        if sys.argv[1] == "save":
            for number, net in enumerate((one, two, three, four)):
                torch.nn.init.constant_(net.weight, number)
            pyrovae.save("pair", model, guide)
        else:
            pyrovae.load("pair", model, guide)
            print([net.weight.item() for net in (one, two, three, four)])
    """
    for seed, what in (("1", "save"), ("2", "load"), ("3", "load")):
        done = subprocess.run(
            [sys.executable, "-c", dedent(script), what], capture_output=True, text=True,
            cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": seed}, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[0.0, 1.0, 2.0, 3.0]"


def test_values_of_params_follow_into_a_store_that_has_them(tmp_path):
    made = STYLES["constrained_functions"](0)
    expected = values(made)
    pyrovae.save(tmp_path / "pair", made)
    leaf = pyro.get_param_store()._params["scale"]
    with torch.no_grad():
        leaf += 1
    pyrovae.load(tmp_path / "pair", made)
    assert pyro.get_param_store()._params["scale"] is leaf
    assert equal(expected, values(made))


def test_what_was_loaded_is_trained_on(tmp_path):
    made = STYLES["constrained_functions"](0)
    values(made)
    pyrovae.save(tmp_path / "pair", made)
    pyro.clear_param_store()
    other = pyrovae.load(tmp_path / "pair", STYLES["constrained_functions"](1))
    before = pyro.param("scale").item()
    fit(other.model, other.guide, X, objective=ELBO(), epochs=1, lr=0.1, **QUIET)
    assert pyro.param("scale").item() != before
    adam = pyro.optim.Adam({"lr": 0.1})
    before = pyro.param("loc").item()
    pyro.infer.SVI(other.model, other.guide, adam, pyro.infer.Trace_ELBO()).step(X)
    assert pyro.param("loc").item() != before


def computed_names(seed):
    def model(x):
        total = sum(pyro.param(f"w{i}", torch.tensor(float(seed + i))) for i in range(3))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(total, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x[:, 0])

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(0.0, 1.0))

    return Both(model, guide)


LATE = {}


def made_inside(seed):
    """A network that is made in the first run, and kept where no code of the pair names it."""

    def model(x):
        import tests.train.test_pair_file as here

        net = here.__dict__["LATE"].setdefault(seed, nn.Linear(2, 6))
        return pair(None, net)[0](x)

    def guide(x):
        loc = pyro.param("loc", torch.full((2,), float(seed)))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0).to_event(1))

    return Both(model, guide)


def lazy_layers(seed):
    torch.manual_seed(seed)
    return Both(*pair(nn.LazyLinear(4), nn.Linear(2, 6)))


def automatic_before_its_run(seed):
    torch.manual_seed(seed)
    model = saved_pairs.Model()
    return Both(model, AutoNormal(model))


BY_A_RUN = {
    "a computed name": (computed_names, None),
    "an automatic guide": (automatic_before_its_run, "the AutoNormal"),
}


@pytest.mark.parametrize("which", BY_A_RUN)
def test_what_only_a_run_finds_takes_a_batch(which, tmp_path):
    make, complaint = BY_A_RUN[which]
    made = make(0)
    if complaint is not None:
        with pytest.raises(ParameterError, match=f"{complaint}.*give a batch"):
            pyrovae.save(tmp_path / "pair", made)
    pyrovae.save(tmp_path / "pair", made, batch=(X,))
    expected = values(made)
    pyro.clear_param_store()
    other = make(1)
    if complaint is not None:
        with pytest.raises(CheckpointError, match=f"{complaint}.*give a batch"):
            pyrovae.load(tmp_path / "pair", other)
    pyrovae.load(tmp_path / "pair", other, batch=X)
    assert equal(expected, values(other))


@pytest.mark.parametrize("batch", [None, (X,)])
def test_a_lazy_layer_must_have_been_called(batch, tmp_path):
    made = lazy_layers(0)
    with pytest.raises(ParameterError, match="'guide.encoder.weight' of Lazy.* call it once"):
        pyrovae.save(tmp_path / "pair", made, batch=batch)
    held_tensors(made.model, made.guide)  # which leaves it as it is
    (encoder,) = (m for m in held_networks(made.guide) if isinstance(m, nn.LazyLinear))
    encoder(X)
    pyrovae.save(tmp_path / "pair", made, batch=batch)
    with pytest.raises(CheckpointError, match="call it once"):
        pyrovae.load(tmp_path / "pair", lazy_layers(1), batch=batch)


def test_networks_that_a_program_makes_take_a_batch(tmp_path):
    made, other = made_inside(0), made_inside(1)
    pyrovae.save(tmp_path / "pair", made, batch=(X,))
    expected = values(made)
    pyro.clear_param_store()
    with pytest.raises(CheckpointError, match=r"decoder\$\$\$bias.* only a run .*batch="):
        pyrovae.load(tmp_path / "pair", other)
    assert not list(pyro.get_param_store().keys())
    pyrovae.load(tmp_path / "pair", other, batch=(X,))
    assert equal(expected, values(other))


def test_a_computed_name_is_in_doubt_only_beside_unknown_values(tmp_path):
    values(computed_names(0))
    with pytest.raises(ParameterError, match="computes names .* holds 'w0', 'w1', 'w2'.*batch="):
        pyrovae.save(tmp_path / "pair", computed_names(0))
    assert not (tmp_path / "pair").exists()


def test_values_of_another_pair_stay_out(tmp_path):
    pyro.param("of another", torch.tensor(3.0))
    made = STYLES["constrained_functions"](0)
    values(made)
    pyrovae.save(tmp_path / "pair", made)
    assert "store/of another" not in load_file(tmp_path / "pair")


def test_nothing_is_run(tmp_path):
    net = nn.Linear(2, 2)

    def model(x):
        raise AssertionError("was run", net)

    pyrovae.save(tmp_path / "pair", model, model)
    torch.nn.init.zeros_(net.weight)
    pyrovae.load(tmp_path / "pair", model, model)
    assert net.weight.any()


def test_a_pair_of_nothing_is_refused(tmp_path):
    def model(x):
        return pyro.param("w", torch.tensor(1.0)) + x

    with pytest.raises(ParameterError, match="no network.*run the pair once before.*batch=.x,"):
        pyrovae.save(tmp_path / "pair", model, model)
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_replaced_unasked(tmp_path):
    path = tmp_path / "new folder" / "pair.safetensors"
    pyrovae.save(path, models.VAE((6,), 2))
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="exists; pass overwrite=True"):
        pyrovae.save(path, models.VAE((6,), 3))
    with pytest.raises(ConfigError, match="is a folder"):
        pyrovae.save(tmp_path, models.VAE((6,), 2))
    assert path.read_bytes() == before
    pyrovae.save(path, models.VAE((6,), 3), overwrite=True)
    pyrovae.load(path, models.VAE((6,), 3))
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="exists"):
        pyrovae.save(tmp_path / "link", models.VAE((6,), 2))
    with pytest.raises(CheckpointError, match="cannot be (made|written)"):
        pyrovae.save(path / "below", models.VAE((6,), 2))


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        pyrovae.save(tmp_path / "pair", models.VAE((6,), 2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((nn.Linear(2, 2),), "guide is missing"),
        ((models.VAE,), "class VAE"),
        ((3,), "of type int"),
        ((print, 3), "a int is no model"),
    ],
)
def test_what_is_no_pair_is_refused(given, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        pyrovae.save(tmp_path / "pair", *given)


@pytest.mark.parametrize("style", ["module_functions", "constrained_functions", "pyro_modules"])
@pytest.mark.parametrize("file", ["best", "last"])
def test_a_checkpoint_of_a_run_fills_a_pair_without_a_batch(style, file, tmp_path):
    made = STYLES[style](0)
    fit(made.model, made.guide, X, objective=ELBO(), epochs=1, run_dir=tmp_path, **QUIET)
    expected = values(made)
    pyro.clear_param_store()
    other = STYLES[style](1)
    pyrovae.load(tmp_path / f"{file}.safetensors", other)
    assert equal(expected, values(other))
    pyro.clear_param_store()
    other = STYLES[style](2)
    pyrovae.load(tmp_path / f"{file}.safetensors", other, batch=(X,))
    assert equal(expected, values(other))


def test_handlers_around_a_pair_do_not_change_its_names(tmp_path):
    vae, other = models.VAE((6,), 2), models.VAE((6,), 2)
    x = X.sigmoid().round()
    model, guide = poutine.scale(vae.model, 0.5), config_enumerate(vae.guide)
    fit(model, guide, x, objective=ELBO(), epochs=1, run_dir=tmp_path / "run", **QUIET)
    pyrovae.save(tmp_path / "pair", model, guide)
    for path in (tmp_path / "pair", tmp_path / "run"):
        other = pyrovae.load(path, models.VAE((6,), 2)).pair
        assert same(state([vae]), state([other]))
    loaded = pyrovae.load(tmp_path / "pair", poutine.scale(other.model, 2.0), other.guide)
    pyrovae.save(tmp_path / "again", loaded)
    assert load_file(tmp_path / "again").keys() == load_file(tmp_path / "pair").keys()


def test_averaged_parameters_are_loaded(tmp_path):
    made = networks(0)
    fit(*pair(*made), X, objective=ELBO(), epochs=3, ema=0.5, lr=0.1, run_dir=tmp_path, **QUIET)
    for which in ("last", "best"):
        other = networks(1)
        pyrovae.load(tmp_path, *pair(*other), which=which)
        assert same(state(made), state(other))


def test_pyro_alone_goes_on_with_what_was_loaded(tmp_path):
    def loss(made):
        pyro.set_rng_seed(0)
        return pyro.infer.Trace_ELBO().loss(made.model, made.guide, X)

    for style in ("module_functions", "constrained_functions", "pyro_modules", "automatic"):
        pyro.clear_param_store()
        made = STYLES[style](0)
        adam = pyro.optim.Adam({"lr": 0.05})
        svi = pyro.infer.SVI(made.model, made.guide, adam, pyro.infer.Trace_ELBO())
        for _ in range(3):
            svi.step(X)
        pyrovae.save(tmp_path / style, made)
        expected = loss(made)
        pyro.clear_param_store()
        other = STYLES[style](1)
        pyro.clear_param_store()  # what an automatic guide left at its start
        assert loss(STYLES[style](1)) != expected
        pyro.clear_param_store()
        pyrovae.load(tmp_path / style, other)
        assert loss(other) == expected, style


def test_a_compiled_network_fills_one_that_is_not(tmp_path):
    made, other = networks(0), networks(1)
    pyrovae.save(tmp_path / "pair", *pair(*(torch.compile(net, backend="eager") for net in made)))
    pyrovae.load(tmp_path / "pair", *pair(*other))
    assert same(state(made), state(other))


def test_the_path_comes_first(tmp_path):
    with pytest.raises(ConfigError, match=r"the path comes first, save\(path, model, guide\)"):
        pyrovae.save(pair(*networks())[0], tmp_path / "pair.safetensors")
