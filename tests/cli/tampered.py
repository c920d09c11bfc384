"""Configurations that a stranger wrote, and the modules that names in them could reach."""

from pathlib import Path

import yaml

from pyrovae.cli import main
from pyrovae.cli.safe_yaml import MAX_BYTES

FIT = [
    "fit", "--data", "digits", "--model.latent_dim", "2", "--model.likelihood", "Binomial",
    "--model.encoder", "MLP", "--model.encoder.hidden", "[4]",
    "--epochs", "1", "--batch-size", "600", "--test-particles", "0", "--device", "cpu",
]  # fmt: skip

OTHERS = {
    "sample": ["sample", "run"],
    "reconstruct": ["reconstruct", "run"],
    "traverse": ["traverse", "run"],
    "disentangle": ["disentangle", "run"],
    "compare": ["compare", "run", "--objectives", "ELBO"],
    "compare-training": ["compare-training", "run", "--objectives", "ELBO"],
    "resume": ["fit", "--run", "run", "--resume", "--epochs", "2"],
    "config": ["fit", "--config", "run/config.yaml", "--run", "new"],
}

# What lies in the working folder under many names; to run any of it leaves the marker behind.
PLANTED = """
from pathlib import Path

Path({marker!r}).write_text("executed")

import torch
from pyrovae.models import StandardNormal
from pyrovae.nn import MLP, Bernoulli
from pyrovae.nn.flows import Planar
from pyrovae.objectives import ELBO
from pyrovae.data import Dataset, digits


class Encoder(MLP): ...
class Head(Bernoulli): ...
class Prior(StandardNormal): ...
class Layer(Planar): ...
class Objective(ELBO): ...
class Data(torch.utils.data.Dataset): ...
def run(*args, **kwargs) -> Dataset: return digits()
def make(*args) -> torch.nn.Module: return torch.nn.ReLU()
"""
NAMES = ("planted", "sitecustomize", "usercustomize", "digits", "VAE", "mlp", "IWAE", "models",
         "pyrovae_nn", "pyrovae_user_planted")  # fmt: skip


def refused(capsys, *words):
    capsys.readouterr()
    code = main([str(word) for word in words])
    error = capsys.readouterr().err.strip()
    assert code == 2, error
    assert len(error.splitlines()) == 1 and error.startswith(f"pyrovae {words[0]}: "), error
    assert "Traceback" not in error and error.isprintable() and len(error) < 1500, error
    return error


def edited(change):
    path = Path("run/config.yaml")
    if isinstance(change, str):
        path.write_text(change)
        return
    content = yaml.safe_load(path.read_text())
    for place, value in change.items():
        part = content
        *steps, last = place.split("/")
        for step in steps:
            part = part[step]
        part[last] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def cls(path, **init_args):
    return {"class_path": path, "init_args": init_args} if init_args else {"class_path": path}


TOUCH = "touch EXECUTED"
FLOW = "pyrovae.models.FlowPosterior"
SECTIONS = {
    "a shell command": {"objective": {"name": "subprocess.getoutput", "cmd": TOUCH}},
    "a shell command by os": {"objective": {"name": "os.system", "command": TOUCH}},
    "a name for a section": {"objective": "planted.Objective"},
    "eval": {"objective": {"name": "builtins.eval", "source": "open('EXECUTED', 'w')"}},
    "exec": {"data": {"name": "builtins.exec", "source": "open('EXECUTED', 'w')"}},
    "data by a command": {"data": {"name": "subprocess.getoutput", "cmd": TOUCH}},
    "data by import path": {"data": {"name": "planted.run"}},
    "data by file": {"data": {"name": "planted.py:run"}},
    "data by relative file": {"data": {"name": "./planted.py:run"}},
    "data by file in the run": {"data": {"name": "run/../planted.py:run"}},
    "data of the library's that is no source": {"data": {"name": "pyrovae.data.few_labels"}},
    "data by a module of the same name": {"data": {"name": "digits.run"}},
    "data through a library module": {"data": {"name": "pyrovae.data.arrays.np.load"}},
    "a model by file": {"model": {"name": "planted.py"}},
    "a model by absolute file": {"model": {"name": "/tmp/planted.py:Encoder"}},
    "a model by class in file": {"model": {"name": "planted.py:Encoder"}},
    "a model by import path": {"model": {"name": "models.Encoder"}},
    "a model by process": {"model": {"name": "subprocess.Popen", "args": TOUCH}},
    "a hub": {"model": {"name": "torch.hub.load", "repo_or_dir": "a/b", "model": "x"}},
    "a hub through the library": {"model": {"name": "pyrovae.nn.mlp.torch.hub.load"}},
    "a module through the library": {"model": {"name": "pyrovae.cli.names.sys"}},
    "a submodule planted": {"model": {"name": "pyrovae.planted.Encoder"}},
    "a model of another kind": {"model": {"name": "pyrovae.nn.MLP"}},
    "torch.load": {"model": {"name": "torch.load", "f": "run/last.safetensors"}},
    "pickle": {"objective": {"name": "pickle.loads", "data": "x"}},
    "a torch module": {"model": {"name": "torch.nn.Linear", "in_features": 1}},
    "an objective of another kind": {"objective": {"name": "pyrovae.nn.Bernoulli"}},
    "an objective of Pyro's not listed": {"objective": {"name": "pyro.infer.SVI"}},
    "a name that is none": {"objective": {"name": "..planted"}},
    "a name of no letters": {"objective": {"name": ""}},
    "a list of names": {"model": {"name": ["planted.Encoder"]}},
    "a list for a section": {"model": ["planted.Encoder"]},
    "a class for a section": {"objective": cls("planted.Objective")},
    "a number for a section": {"data": 3},
    "letters of a terminal": {"objective": {"name": "\x1b]0;x\x07planted.Objective"}},
    "a very long name": {"objective": {"name": "planted." * 5000}},
}  # fmt: skip
NESTED = {
    "an encoder by name": {"model/encoder": "planted.Encoder"},
    "an encoder by class path": {"model/encoder": cls("planted.Encoder", hidden=[3])},
    "a function for an encoder": {"model/encoder": "planted.make"},
    "a command for an encoder": {"model/encoder": "os.system"},
    "a lambda": {"model/encoder": "lambda *_: open('EXECUTED', 'w')"},
    "YAML in a text": {"model/encoder": "{class_path: planted.Encoder}"},
    "a hub for an encoder": {"model/encoder": cls("torch.hub.load", repo_or_dir="a/b", model="x")},
    "a file for a class": {"model/encoder": "planted.py"},
    "a file and name for a class": {"model/encoder": "planted.py:Encoder"},
    "a configuration for a class": {"model/encoder": "other.yaml"},
    "a likelihood": {"model/likelihood": cls("planted.Head")},
    "a network for a likelihood": {"model/likelihood": cls("pyrovae.nn.MLP")},
    "a class of no use": {"model/likelihood": cls("pyrovae.nn.Likelihood")},
    "a prior": {"model/prior": cls("planted.Prior")},
    "a posterior for a prior": {"model/prior": cls("pyrovae.models.DiagonalNormal")},
    "a likelihood for an encoder": {"model/encoder": cls("pyrovae.nn.Binomial", total_count=3)},
    "a posterior": {"model/posterior": "planted.Prior"},
    "a refinement": {"model/refinement": "planted.Prior"},
    "a layer of a flow": {"model/posterior": cls(FLOW, layer=cls("planted.Layer"))},
    "a layer by name": {"model/posterior": cls(FLOW, layer="planted.Layer")},
    "a mixing deep down": {"model/posterior": cls(FLOW, layer=cls(
        "pyrovae.nn.flows.Chain", layers=[cls("pyrovae.nn.flows.Planar"), cls("planted.Layer")]))},
    "a text for a list of layers": {"model/posterior": cls(FLOW, layer=cls(
        "pyrovae.nn.flows.Chain", layers="[planted.Layer]"))},
    "an activation": {"model/encoder": cls("pyrovae.nn.MLP", activation="planted.make")},
    "an activation by eval": {"model/encoder": cls("pyrovae.nn.MLP", activation="builtins.eval")},
    "a function for an activation": {
        "model/encoder": cls("pyrovae.nn.MLP", activation="torch.nn.functional.relu")},
    "numpy.load": {"model/encoder": cls("pyrovae.nn.MLP", activation=cls(
        "numpy.load", file="x.npy", allow_pickle=True))},
    "any torch module": {"model/encoder": cls("torch.nn.Linear", in_features=3)},
    "a container of torch": {"model/encoder": cls("torch.nn.Sequential")},
    "torch.nn through the library": {"model/encoder": "pyrovae.nn.mlp.nn.Identity"},
    "arguments for the keywords": {"model/encoder": {
        "class_path": "pyrovae.nn.MLP", "dict_kwargs": {"activation": "planted.make"}}},
    "arguments that come from the data": {"model/data_shape": [1, 2, 3]},
    "a list of encoders": {"model": {"name": "HierarchicalVAE", "latent_dims": [2, 2],
                                     "upper_encoder": ["MLP", cls("planted.Encoder")]}},
    "a class in a list of numbers": {"model/encoder": cls(
        "pyrovae.nn.MLP", hidden=[cls("planted.Encoder")])},
    "a class for a number": {"model/latent_dim": cls("planted.Encoder")},
    "a class for what is not annotated": {
        "objective": {"name": "Trace_ELBO", "jit_options": cls("planted.Encoder")}},
    "a text for what is not annotated": {
        "objective": {"name": "Trace_ELBO", "jit_options": "{class_path: planted.Encoder}"}},
    "letters in code": {"objective": {
        "name": "Trace_ELBO", "jit_options": '{"class\\u005fpath": planted.Encoder}'}},
    "a text for a number": {"objective": {"name": "Trace_ELBO", "num_particles": "planted.run"}},
    "a class for a tensor": {"objective": {"name": "Beta", "beta": cls("planted.Encoder")}},
    "a name for a tensor": {"objective": {"name": "Beta", "beta": "planted.make"}},
    "a name in a mapping": {"objective": {"name": "Beta", "beta": {"z": "planted.make"}}},
    "a mapping in a text": {"objective": {"name": "Beta", "beta": "{z: planted.make}"}},
    "a module beside a data file": {"data": {"name": "arrays", "x": "planted.npy"}},
    "a name for data": {"data": {"name": "arrays", "x": "planted.Data"}},
    "a class for data": {"data": {"name": "arrays", "x": cls("planted.Data")}},
    "YAML for data": {"data": {"name": "arrays", "x": "{class_path: planted.Data}"}},
    "YAML for a list of data": {
        "data": {"name": "arrays", "x": "[{class_path: planted.Data}]"}
    },
    "YAML for a folder": {"data": {"name": "mnist", "root": "{class_path: planted.Encoder}"}},
    "a class among data": {"data": {"name": "arrays", "x": [cls("planted.Data")]}},
}  # fmt: skip
OPTIONS = {
    "a dotted option": {"model.encoder": "planted.Encoder"},
    "a dotted option of the model": {"model/encoder.class_path": "planted.Encoder"},
    "a longer list": {"model/encoder+": "planted.Encoder"},
    "another file": {"config": "other.yaml"},
    "another file within": {"model/config": "other.yaml"},
    "a path of jsonargparse": {"__path__": "other.yaml"},
    "defaults of jsonargparse": {"__default_config__": "other.yaml"},
    "default files": {"default_config_files": ["other.yaml"]},
    "the environment": {"default_env": True, "env_prefix": "X"},
    "a value of the environment": {"model/encoder": "${oc.env:ENCODER}"},
    "a class for an option": {"device": cls("planted.Encoder")},
    "YAML for a list": {"only": ["{class_path: planted.Encoder}"], "latent_dim": 1},
    "a class in a list": {"only": [cls("planted.Encoder")]},
    "a class for a rate": {"lr": cls("planted.Encoder")},
    "a text for a switch": {"tensorboard": "planted.run"},
    "help": {"help": True},
    "another run folder": {"run": "elsewhere"},
    "to overwrite": {"overwrite": True},
    "to resume": {"resume": True},
    "a size that no memory holds": {"model/latent_dim": 10**13},
    "a size below nothing": {"model/encoder": cls("pyrovae.nn.MLP", hidden=[-3])},
    "a size of no number": {"model/encoder": cls("pyrovae.nn.MLP", hidden=[10**30])},
    "to fetch data": {"data": {"name": "mnist", "root": "here", "download": True}},
}
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{other}: &{other} [{', '.join([f'*{one}'] * 9)}]\n"
    for one, other in zip("abcdefgh", "bcdefghi", strict=True)
)
YAML = {
    "a tag that applies": "objective: !!python/object/apply:os.system ['touch EXECUTED']\n",
    "a tag that makes": "objective: !!python/object/new:planted.Objective {}\n",
    "a tag that names": "objective: {name: !!python/name:planted.run ''}\n",
    "a tag that imports": "objective: !!python/module:planted\n",
    "a tag in the place of a class": "model: {encoder: {class_path: !python/name:os.system x}}\n",
    "a tag of one's own": "objective: !planted {name: ELBO}\n",
    "many laughs": LAUGHS,
    "laughs in a mapping": "a: &a {b: 1, c: 2}\n" + "".join(
        f"a{i}: &a{i} {{b: *a{i - 1 if i else ''}, c: *a{i - 1 if i else ''}}}\n"
        for i in range(25)).replace("*a-1", "*a"),
    "an anchor within itself": "only: &a [*a]\n",
    "merged options": "a: &a {name: ELBO}\nobjective: {<<: *a}\n",
    "deep lists": "only: " + "[" * 3000 + "]" * 3000,
    "deep mappings": "model: " + "{a: " * 3000 + "1" + "}" * 3000,
    "deep blocks": "\n".join(" " * depth + "model:" for depth in range(300)),
    "a name twice": "objective: {name: ELBO, name: subprocess.getoutput}\n",
    "a section twice": "model: {name: VAE}\nmodel: {name: planted.Encoder}\n",
    "a number for a name": "1: planted.run\n",
    "a list for a name": "? [a, b]\n: planted.run\n",
    "nothing for a name": "~: planted.run\n",
    "a date": "run: 2020-01-01\n",
    "a number of no digits": "epochs: 0b_\n",
    "a number of many digits": "epochs: " + "9" * 10_000 + "\n",
    "a long file": "# " + "x" * MAX_BYTES + "\n",
    "two documents": "epochs: 1\n---\nepochs: 2\n",
    "nothing": "",
    "no mapping": "- planted.run\n",
    "no YAML": "a: [1\n",
    "a letter that is none": "a: \x00\n",
}  # fmt: skip
CASES = SECTIONS | NESTED | OPTIONS | YAML
