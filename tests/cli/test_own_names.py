"""One's own code: named on the command line, of the kind that is needed, and named again."""

import inspect
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from pyrovae.cli import main
from pyrovae.cli.arguments import annotations
from pyrovae.cli.config import parse
from pyrovae.cli.fit import _spelled_out
from pyrovae.cli.fit_options import fit_parser
from pyrovae.cli.kinds import asked_by
from pyrovae.cli.library import fitting, known_models, parts, sections
from pyrovae.cli.names import FINDERS, SECTIONS
from pyrovae.cli.new_run import settings_of
from pyrovae.cli.run_folder import configuration
from pyrovae.cli.stored import checked

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = ["--epochs", "1", "--batch-size", "600", "--test-particles", "0", "--device", "cpu",
         "--run", "r"]  # fmt: skip
BINOMIAL = ["--model.latent_dim", "2", "--model.likelihood", "Binomial"]

OWN = """
from functools import partial

import pyro
import torch
from pyro.infer.autoguide import AutoNormal

from pyrovae.data import Dataset, digits
from pyrovae.models import VAE, StandardNormal
from pyrovae.nn import MLP, Binomial
from pyrovae.objectives import ELBO


class Encoder(MLP):
    def __init__(self, in_shape, out_shape, *, width: int = 3, gate: type[torch.nn.Module] = None):
        super().__init__(in_shape, out_shape, hidden=(width,))


class Prior(StandardNormal): ...


class Mine(ELBO):
    def __init__(self, num_particles: int = 1, word: str = "one"):
        super().__init__(num_particles)


class Pair(VAE):
    def __init__(self, data_shape, *, latent_dim: int = 2, **kwargs):
        super().__init__(data_shape, latent_dim, likelihood=Binomial(), **kwargs)


class Set:
    def __init__(self, data_shape, latent_dim: int = 2):
        inner = VAE(data_shape, latent_dim, likelihood=Binomial())
        self.model = inner.model
        self.guide = inner.guide


def some(size: int = 300) -> Dataset:
    whole = digits()
    return Dataset("some", whole.train[:size], whole.val, whole.test)


def bare(size: int = 300):
    return some(size)


def pair(data_shape, latent_dim: int = 2) -> Pair:
    return Pair(data_shape, latent_dim=latent_dim)


small = partial(Pair, latent_dim=1)
here = Pair((1, 8, 8))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own_code.py").write_text(OWN)
    for name in ("own_code", "pyrovae_user_own_code"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def refused(capsys, *words):
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1 and error.startswith(f"pyrovae {words[0]}: "), error
    return error


NAMED = {
    "a class in a file": ["--model", "own_code.py:Pair", "--model.latent_dim", "3"],
    "a class by import path": ["--model", "own_code.Pair", "--model.posterior", "FullNormal"],
    "programs set in __init__": ["--model", "own_code.Set"],
    "a function that says it returns a pair": ["--model", "own_code.pair"],
    "arguments filled in": ["--model", "own_code.py:small"],
    "data": ["--data", "own_code.some", "--data.size", "200", *BINOMIAL],
    "data of a file that say nothing": ["--data", "own_code.py:bare", *BINOMIAL],
    "an objective": ["--objective", "own_code.Mine", "--objective.word", "two", *BINOMIAL],
    "an objective in a file": ["--objective", "own_code.py:Mine", *BINOMIAL],
    "an encoder": ["--model.encoder", "own_code.Encoder", "--model.encoder.width", "5", *BINOMIAL],
    "a prior": ["--model.prior", "own_code.Prior", *BINOMIAL],
    "two at once": ["--data", "own_code.some", "--model.encoder=own_code.Encoder", *BINOMIAL],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_ones_own_is_named_again(name, own, capsys):
    assert main(["fit", *NAMED[name], *QUICK]) == 0
    kept = Path("r/config.yaml").read_text()
    again = []
    while len(again) < 6:
        code = main(["evaluate", "r", *again, "--num-particles", "2", "--limit", "5"])
        error = capsys.readouterr().err
        if code == 0:
            break
        again += shlex.split(re.search(r"again on the command line: (.*)", error)[1])
    assert 2 <= len(again) < 6, "the message gives the words, one name after the other"
    assert main(["sample", *again, "r", "--n", "2"]) == 0
    more = ["fit", "--run", "r", "--resume", "--epochs", "2"]
    assert "name it again" in refused(capsys, *more)
    assert main([*more, *again]) == 0
    before, after = yaml.safe_load(kept), yaml.safe_load(Path("r/config.yaml").read_text())
    assert after == {**before, "epochs": 2}, "arguments are kept"


def test_a_file_that_moved_is_named_where_it_is(own, monkeypatch):
    words = ["--model", "own_code.py:Pair", "--data", "own_code.py:bare"]
    assert main(["fit", *words, *QUICK]) == 0
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    evaluate = ["evaluate", "../r", "--num-particles", "2", "--limit", "5"]
    assert main([*evaluate, "--model=../own_code.py:Pair", "--data=../own_code.py:bare"]) == 0
    assert main([*evaluate, "--model", "../own_code.py:Pair"]) == 2, "the data are one's own, too"


def test_what_an_own_class_takes_is_data_as_well(own, capsys):
    encoder = ["--model.encoder", "own_code.Encoder", "--model.encoder.gate", "torch.nn.ReLU"]
    assert main(["fit", *encoder, *BINOMIAL, *QUICK]) == 0
    error = refused(capsys, "sample", "r", *encoder[:2])
    assert "model.encoder.gate names 'torch.nn" in error
    assert main(["sample", "r", *encoder]) == 0
    path = Path("r/config.yaml")
    path.write_text(path.read_text().replace("width: 3", "width: {class_path: own_code.Prior}"))
    assert "model.encoder.width takes no class" in refused(capsys, "sample", "r", *encoder)
    path.write_text(path.read_text().replace("width:", "depth:"))
    assert "the arguments depth, gate, of which it cannot be built" in refused(
        capsys, "sample", "r", *encoder
    )


def test_a_configuration_of_ones_own_names_what_is_own_on_the_command_line(own, capsys):
    Path("c.yaml").write_text(
        "model: {name: own_code.py:Pair, latent_dim: 3}\nepochs: 1\nlr: 1e-2\nrun: r\n"
        "test_particles: 0\nobjective: {name: Beta, beta: 1e-1}\n"
    )
    error = refused(capsys, "fit", "--config", "c.yaml")
    assert error.startswith("pyrovae fit: --config c.yaml: model names 'own_code.py:Pair'")
    assert main(["fit", "--config", "c.yaml", "--model", "own_code.py:Pair"]) == 0
    kept = yaml.safe_load(Path("r/config.yaml").read_text())
    assert (kept["model"]["latent_dim"], kept["lr"], kept["objective"]["beta"]) == (3, 0.01, 0.1)


def test_fetching_data_is_said_and_not_kept(own, capsys, monkeypatch):
    parser = fit_parser()
    words = ["--data", "mnist", "--data.download", "true", *BINOMIAL]
    settings = settings_of(parser, parse(parser, words))
    assert settings["data"]["download"] is False
    Path("r").mkdir()
    Path("r/config.yaml").write_text(yaml.safe_dump({"data": {"name": "mnist", "download": True}}))
    assert "data.download would fetch data" in refused(capsys, "sample", "r")
    again = configuration(Path("r"), fit_parser(), ["--data.download", "true", *BINOMIAL])
    assert again.data.download is True


KINDS = {
    "a function of another kind": (["--data", "os.getcwd"], "is a builtin_function_or_method"),
    "a command for data": (
        ["--data", "subprocess.getoutput", "--data.cmd", "touch EXECUTED"], "annotate what it"),
    "data made of data": (["--data", "pyrovae.data.few_labels"], "must be given"),
    "tensors for data": (["--data", "pyrovae.data.join_quadrants"], "that returns Tensor"),
    "a class for data": (["--data", "collections.OrderedDict"], "is the class OrderedDict"),
    "a torch dataset": (["--data", "torch.utils.data.Dataset"], "is the class Dataset"),
    "a module for data": (["--data", "os.path"], "is a module"),
    "a command": (
        ["--objective", "subprocess.getoutput", "--objective.cmd", "touch EXECUTED"],
        "--objective subprocess.getoutput is a function that does not say what it returns"),
    "a process": (
        ["--objective", "subprocess.Popen", "--objective.args", "touch"], "is the class Popen"),
    "an abstract objective": (["--objective", "pyro.infer.ELBO"], "is abstract"),
    "inference": (["--objective", "pyro.infer.SVI"], "is the class SVI"),
    "a network for a model": (["--model", "torch.nn.Linear"], "is the class Linear"),
    "a network of the library's": (["--model", "pyrovae.nn.MLP"], "is the class MLP"),
    "an abstract family": (["--model", "pyrovae.models.Family"], "is abstract"),
    "a process for a model": (["--model", "subprocess.Popen"], "is the class Popen"),
    "a hub": (["--model", "torch.hub.load"], "does not say what it returns"),
    "a network for a likelihood": (
        [*BINOMIAL, "--model.likelihood", "pyrovae.nn.MLP"], "--model.likelihood pyrovae.nn.MLP"),
    "a function for a prior": ([*BINOMIAL, "--model.prior", "os.getcwd"], "--model.prior"),
    "a command for an encoder": (
        [*BINOMIAL, "--model.encoder", "subprocess.getoutput"], "--model.encoder"),
    "an object": (["--model", "own_code.py:here"], "is a Pair"),
    "a function that says another kind": (["--model", "own_code.some"], "that returns Dataset"),
    "a function that says nothing": (["--data", "own_code.bare"], "annotate what it returns"),
    "a relative import": (["--objective", "..own_code.Mine"], "cannot import"),
    "no module": (["--objective", ".Mine"], "cannot import"),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_name_is_looked_at_before_it_is_called(name, own, capsys):
    words, said = KINDS[name]
    error = refused(capsys, "fit", *words, *QUICK)
    assert said in error
    assert not Path("EXECUTED").exists() and not Path("r").exists()


def test_a_module_beside_a_data_file_is_not_imported(own, capsys):
    Path("rows.py").write_text("open('EXECUTED', 'w')\n")
    words = ["--data", "arrays", "--data.x", "rows.npy", *BINOMIAL]
    assert "no file" in refused(capsys, "fit", *words)
    assert not Path("EXECUTED").exists()


def looked_at(section, options):
    content = {section: options}
    return checked(content, name="c", options={}, find=FINDERS, defaults=SECTIONS, said={},
                   is_run=True)[section]  # fmt: skip


ROLES = {
    "likelihood": ("VAE", "likelihood", None),
    "prior": ("VAE", "prior", None),
    "posterior": ("VAE", "posterior", None),
    "step posterior": ("DeepMarkovModel", "posterior", None),
    "refinement": ("VAE", "refinement", None),
    "encoder": ("VAE", "encoder", None),
    "corruption": ("Autoencoder", "corruption", None),
    "quantizer": ("VQVAE", "quantizer", None),
    "code prior": ("VQVAE", "prior", None),
    "join": ("PartialVAE", "join", None),
    "activation": ("TopDownVAE", "activation", None),
    "normalization": ("LadderVAE", "normalization", None),
    "layer": ("VAE", "posterior", ("pyrovae.models.FlowPosterior", "layer")),
    "mixing": ("VAE", "prior", ("pyrovae.models.FlowPrior", "mixing")),
}
NEEDED = {
    "layers": [{"class_path": "pyrovae.nn.flows.Planar"}], "num_codes": 8, "dim": 2,
    "latent_dim": 2, "latent_dims": [2, 2], "num_classes": 3, "num_clusters": 3, "beta": 0.5,
    "alpha": 0.5, "gamma": 1.0, "capacity": 1.0, "num_groups": 2, "group_size": 2,
    "net": {"class_path": "MLP", "init_args": {"in_shape": [1], "out_shape": [1]}},
    "event_dim": 1, "x": "rows.npy", "num_features": 3, "normalized_shape": 3,
    "source": "rows.npy", "path": "lines.txt", "pairs": "lines.txt", "num_batches": 2,
}  # fmt: skip


def needed(maker, hints):
    signature = inspect.signature(maker).parameters.items()
    return {n: NEEDED[n] for n, p in signature if n in hints and p.default is p.empty and
            p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_every_class_of_the_library_may_stand_in_its_place(role):
    family, option, outer = ROLES[role]
    hints = annotations(sections()["model"][family])
    if outer is not None:
        hints, option_within = annotations(parts()[outer[0]][1], 1), outer[1]
    asked = asked_by(hints[option if outer is None else option_within])
    found = fitting(asked.kinds)
    assert found
    for name in found:
        path, cls = parts()[name]
        first = max(kind.called_with or 0 for kind in asked.kinds)
        if name == "OneBatchAxis":
            first = 0
        spec = {"class_path": path, "init_args": needed(cls, annotations(cls, first))}
        if not spec["init_args"]:
            del spec["init_args"]
        value = spec if outer is None else {"class_path": outer[0], "init_args": {outer[1]: spec}}
        seen = looked_at("model", {"name": family, option: value})[option]
        if outer is not None:
            seen = seen["init_args"][outer[1]]
        assert seen["class_path"] == path
        if "init_args" not in spec:
            short = name if outer is None else {**value, "init_args": {outer[1]: name}}
            seen = looked_at("model", {"name": family, option: short})[option]
            assert path in str(seen), "the short name stands for it"


def test_all_that_the_library_has_fits_somewhere():
    placed = set()
    for family, option, outer in ROLES.values():
        hints = annotations(sections()["model"][family])
        hints, place = (hints, option) if outer is None else (annotations(parts()[outer[0]][1], 1),
                                                              outer[1])  # fmt: skip
        placed |= set(fitting(asked_by(hints[place]).kinds))
    named = {cls.__name__ for _, cls in parts().values()}
    families = set(sections()["model"])
    assert named - placed - families == {"Amortised", "Corrupted", "Described", "Quantized"}


def test_every_family_objective_and_data_set_opens_with_all_its_settings():
    for section in SECTIONS:
        for name, maker in sections()[section].items():
            hints = annotations(maker)
            signature = inspect.signature(maker).parameters.items()
            plain = int | float | str | None
            default = {
                n: p.default for n, p in signature if n in hints and isinstance(p.default, plain)
            }
            given = {"name": name, **default, **needed(maker, hints)}
            assert looked_at(section, given).keys() == given.keys()


@pytest.mark.parametrize("family", known_models())
def test_a_family_is_written_and_read_as_it_is(family, tmp_path):
    maker = sections()["model"][family]
    given = needed(maker, annotations(maker))
    words = [word for n, value in given.items() for word in (f"--model.{n}", str(value))]
    parser = fit_parser()
    settings = _spelled_out(settings_of(parser, parse(parser, ["--model", family, *words])))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    again = fit_parser()
    assert settings_of(again, configuration(tmp_path, again)) == settings


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")))
def test_the_examples_open(path):
    parse(fit_parser(), ["--config", str(path)])
