"""Inputs that a command must refuse in one sentence, by what is wrong with them."""

import io
import zipfile
from pathlib import Path

import numpy as np
import yaml

FIT = [
    "fit", "--data", "digits", "--model.latent_dim", "2", "--model.likelihood", "Binomial",
    "--model.encoder", "MLP", "--model.encoder.hidden", "[4]",
    "--model.decoder", "MLP", "--model.decoder.hidden", "[4]",
    "--epochs", "1", "--batch-size", "600", "--test-particles", "0", "--device", "cpu",
    "--run", "new",
]  # fmt: skip
BARE = [*FIT[:1], *FIT[-10:]]  # without names and their options

# By option, values that do not fit it.
VALUES = {
    "--epochs": ["0", "-3", "many", "1.5", "", "nan", "inf", "1e3x", "[1]", "{a: 1}", "true",
                 "9" * 40],
    "--batch-size": ["0", "-1", "ten", "2.5", "[600]", "nan", "9" * 30],
    "--lr": ["0", "-1", "fast", "nan", "inf", "[0.1]", "1e999", "-inf"],
    "--adam-eps": ["inf", "nan", "-1", "small"],
    "--schedule": ["downwards", "", "3", "[cosine]"],
    "--optimizer": ["adma", "3", "adam(lr", "adam(nothing=1)", "torch.optim.Adam", "os.system"],
    "--weight-decay": ["-1", "nan", "inf", "x"],
    "--ema": ["1", "-0.1", "nan", "x", "2"],
    "--lr-of": ["encoder", "encoder=x", "nothing=0.1", "=1", "encoder=nan", "encoder=-1"],
    "--clip-norm": ["0", "-1", "nan", "inf", "much"],
    "--patience": ["0", "-1", "x", "1.5", "inf"],
    "--kl-warmup": ["-1", "nan", "inf", "x"],
    "--seed": ["-1", "4294967296", "1.5", "x", "9" * 30, "1e400", "nan"],
    "--device": ["meta", "cpu:7", "gpu7", "cuda:99", "", "7", "cpu:x", "cpu cuda", "mps:3"],
    "--compile": ["maybe", "1"],
    "--steps-per-call": ["0", "x", "-1", "9" * 30],
    "--precision": ["half", "16"],
    "--memory": ["0", "-5", "4GB", "1e999"],
    "--test-particles": ["-1", "x", "1.5", "9" * 30],
    "--num-labelled": ["0", "-1", "x", "5000000"],
    "--missing": ["-0.1", "1", "1.5", "nan", "inf", "x"],
    "--quadrants": ["0", "4", "x", "9" * 20],
    "--start": ["0", "-1", "x"],
    "--only": ["nothing", "encoder nothing", "model.encoder"],
    "--labels": ["maybe", "2"],
    "--from": ["nowhere", ""],
    "--config": ["nowhere.yaml", "", ".", "x.npz"],
    "--data-root": ["nowhere\x00"],
    "--run": ["x" * 300, "x.npz", "a\x00b", "x.npz/inside"],
    "--data": ["mnits", "", "1", "nowhere.py:f", "nowhere.x", "..x", "x.npz:x", ":", "a.b.c",
    "[1]",
               "nan", "{a: 1}", "os.system", "arrays", "builtins.print", "text.txt", "empty.npz"],
    "--data.val_size": ["-1", "1000000", "x", "nan", "1.5"],
    "--data.binarize": ["maybe", "1", "[dynamic]"],
    "--data.nothing": ["1"],
    "--model": ["VEA", "", "nan", "MLP", "IWAE", "torch.nn.Linear", "nowhere.Model", "x.npz",
                "digits", "os", "..a", "a..b", "pyrovae.models.Family", "pyrovae.models.nothing"],
    "--model.latent_dim": ["0", "-1", "2.5", "many", "nan", "[2]", "{a: 1}", "9" * 25, "true", ""],
    "--model.nothing": ["1"],
    "--model.prior": ["nan", "MLP", "nothing", "[]", "3", "os.system", "nowhere.P"],
    "--model.likelihood.total_count": ["0", "-1", "x", "1" + "0" * 30, "nan", "1.5", "[3]"],
    "--model.likelihood": ["nan", "Binomal", "MLP", "3", "[Binomial]", "true", "inf",
                           "{class_path: nothing}", "{class_path: [1]}", "{a: 1}"],
    "--model.encoder": ["nan", "Binomial", "mlp", "3", "[MLP]", "nowhere.py:Enc",
    "torch.nn.Linear",
                        "torch.nn.ReLU", "os.system", "x.npz"],
    "--model.encoder.hidden": ["[0]", "[-1]", "[a]", "3.5", "[[3]]", "nan", "[9999999999999]",
                               "{a: 1}", "true", "[1.5]", "[nan]"],
    "--model.encoder.activation": ["Relu", "nan", "torch.relu", "MLP", "3", "torch.nn.Linear"],
    "--model.encoder.nothing": ["1"],
    "--objective": ["IWEA", "", "nan", "VAE", "torch.nn.Linear", "nowhere.Objective", "MLP",
                    "pyrovae.objectives.ParticleELBO", "IWAE(5)"],
    "--objective.num_particles": ["0", "-1", "x", "nan", "1.5", "[1]", "9" * 25],
    "--objective.nothing": ["1"],
    "--nothing": ["1"],
    "--epoch": ["1"],
    "-x": ["1"],
}  # fmt: skip

WORDS = {
    f"{option} {value[:30]}": [*FIT, option,
    *(value.split(" ") if option == "--only" else [value])]
    for option, values in VALUES.items()
    for value in values
} | {
    "an option without its value": [*FIT, "--lr"],
    "a name without its value": [*FIT, "--model"],
    "a word too many": [*FIT, "more"],
    "--only twice": [*FIT, "--only", "encoder", "--only", "decoder"],
    "--resume --overwrite": [*FIT, "--resume", "--overwrite"],
    "missing values for a plain VAE": [*FIT, "--missing", "0.1"],
    "labels for a plain VAE": [*FIT, "--labels", "true"],
    "quadrants for a plain VAE": [*FIT, "--quadrants", "1"],
    "few labels for a plain VAE": [*FIT, "--num-labelled", "100"],
    "warm-up of what has no weight": [*FIT, "--kl-warmup", "1"],
    "to start what does not start": [*FIT, "--start", "10"],
    "grey levels under Bernoulli": [*BARE, "--model.latent_dim", "2"],
    "no latent dimension": BARE,
    "convolutions of vectors": [*FIT, "--data", "flat.npz", "--model.encoder", "ConvEncoder"],
    "a weight that is no number": [*FIT, "--objective", "Beta", "--objective.beta", "nan"],
    "a weight below zero": [*FIT, "--objective", "Beta", "--objective.beta", "-1"],
    "an infinite weight": [*FIT, "--objective", "Beta", "--objective.beta", "inf"],
    "a weight of no site": [*FIT, "--objective", "Beta", "--objective.beta", "{y: 1.0}"],
    "a weight of a wrong kind": [*FIT, "--objective", "Beta", "--objective.beta", "{z: x}"],
    "an order that is no number": [*FIT, "--objective", "Renyi", "--objective.alpha", "nan"],
    "an infinite order": [*FIT, "--objective", "Renyi", "--objective.alpha", "inf"],
    "no order": [*FIT, "--objective", "Renyi"],
    "more classes than labels": [*BARE, "--model", "ConditionalVAE", "--model.latent_dim", "2",
                                 "--model.num_classes", "12", "--model.likelihood", "Binomial",
                                 "--data", "two_classes.npz", "--labels", "x"],
    "labels out of range": [*BARE, "--model", "ConditionalVAE", "--model.latent_dim", "2",
                            "--model.num_classes", "5", "--model.likelihood", "Binomial"],
    "a family of labels without labels": [*BARE, "--model", "ConditionalVAE", "--data", "x.npz",
                                          "--model.latent_dim", "2", "--model.num_classes", "5"],
    "a scale of zero": [*FIT, "--model.likelihood", "Normal", "--model.likelihood.scale", "0"],
    "a scale that is no number": [*FIT, "--model.likelihood", "Normal",
                                  "--model.likelihood.scale", "nan"],
    "an infinite scale": [*FIT, "--model.likelihood", "Normal",
                          "--model.likelihood.scale", "inf"],
    "a flow of a network": [*FIT, "--model.posterior", "FlowPosterior",
                            "--model.posterior.layer", "MLP"],
    "a flow of no layers": [*FIT, "--model.posterior", "FlowPosterior",
                            "--model.posterior.layer", "Planar",
                            "--model.posterior.num_layers", "0"],
    "a refinement of very many steps": [*FIT, "--model.refinement", "Refinement",
                                        "--model.refinement.num_steps", "1000000000"],
    "a rank above the dimension": [*FIT, "--model.posterior", "LowRankNormal",
                                   "--model.posterior.rank", "50"],
    "a norm that does not fit": [*FIT, "--model.encoder.norm", "LayerNorm"],
    "a mixture of nothing": [*FIT, "--model.prior", "MixturePrior",
                             "--model.prior.num_components", "0"],
    "a mixture beyond all memory": [*FIT, "--model.prior", "MixturePrior",
                                    "--model.prior.num_components", "9999999999999"],
    "discrete latents for a pathwise objective": [*BARE, "--model", "VQVAE", "--objective", "DReG",
                                                  "--model.likelihood", "Binomial",
                                                  "--model.nothing", "1"],
    "too few hidden layers": [*FIT, "--model", "HierarchicalVAE", "--model.latent_dims", "[]"],
    "hidden dimensions of text": [*FIT, "--model", "LadderVAE", "--model.latent_dims", "two"],
    "no command": [], "another command": ["train"], "a command in capitals": ["FIT"],
    "a digit": ["7"], "an option for a command": ["--epochs"],
}  # fmt: skip


def _config(**changes):
    content = {
        "data": {"name": "digits"},
        "model": {"name": "VAE", "latent_dim": 2, "likelihood": {"class_path": "Binomial"}},
        "epochs": 1, "batch_size": 600, "test_particles": 0,
    }  # fmt: skip
    for place, value in changes.items():
        part = content
        *steps, last = place.split("__")
        for step in steps:
            part = part.setdefault(step, {})
        part[last] = value
    return yaml.safe_dump(content)


_HEAD = {"class_path": "Binomial", "init_args": {}}
YAML = {
    "no YAML": "a: [1", "a list": "- 1", "a number": "3", "nothing": "", "a text": "hello",
    "two documents": "epochs: 1\n---\nepochs: 2\n", "a zero byte": "epochs: 1\x00\n",
    "an unknown option": _config(epoch=3), "an option of no section": _config(model__nothing=1),
    "epochs of text": _config(epochs="many"), "epochs of a list": _config(epochs=[1]),
    "epochs of a mapping": _config(epochs={"a": 1}), "epochs of a share": _config(epochs=1.5),
    "epochs of true": _config(epochs=True), "no epochs": _config(epochs=None),
    "epochs that are no number": _config(epochs=float("nan")),
    "infinite epochs": _config(epochs=float("inf")), "epochs below zero": _config(epochs=-1),
    "very many epochs": _config(epochs=10**40),
    "a rate of text": _config(lr="fast"), "a rate of a list": _config(lr=[0.1]),
    "a rate that is no number": _config(lr=float("nan")), "a rate of true": _config(lr=True),
 "an infinite rate": _config(lr=float("inf")),
    "a seed too large": _config(seed=2**40), "a seed of text": _config(seed="x"),
    "a seed below zero": _config(seed=-1), "a seed of a share": _config(seed=0.5),
    "a device of a number": _config(device=3), "the device meta": _config(device="meta"),
    "a device of a list": _config(device=["cpu"]),
    "a device of a mapping": _config(device={"a": 1}),
    "a schedule of a number": _config(schedule=3),
    "a schedule of a list": _config(schedule=["iwae"]),
    "a schedule of a mapping": _config(schedule={"cosine": 1}),
    "a switch of text": _config(drop_last="yes please"),
    "a switch of a number": _config(drop_last=3),
    "compile of a mapping": _config(compile={"a": 1}), "compile of a number": _config(compile=3),
    "labels of text": _config(labels="maybe"), "labels of a number": _config(labels=5),
    "only of a number": _config(only=3), "only of numbers": _config(only=[3]),
    "only of a mapping": _config(only={"encoder": 1}),
    "from a number": _config(**{"from": 3}), "from a list": _config(**{"from": ["a"]}),
    "run of a number": _config(run=3), "run of a list": _config(run=["a"]),
    "memory of text": _config(memory="4GB"), "patience of text": _config(patience="long"),
    "a data root of a list": _config(data_root=["a"]),
    "data of a number": _config(data=3), "data of a list": _config(data=["digits"]),
    "data of a name that is a number": _config(data={"name": 3}),
    "a model of a list": _config(model=["VAE"]), "a model of true": _config(model=True),
    "a model of no name": _config(model={"name": ""}),
    "an objective of a number": _config(objective=1.5),
    "an objective that is no number": _config(objective=float("nan")),
    "latents of text": _config(model__latent_dim="two"),
    "latents of true": _config(model__latent_dim=True),
    "latents of a list": _config(model__latent_dim=[2]),
    "no latents": _config(model__latent_dim=None),
    "latents of a mapping": _config(model__latent_dim={"a": 2}),
    "latents of a share": _config(model__latent_dim=2.5),
    "latents that are no number": _config(model__latent_dim=float("nan")),
    "a head of a number": _config(model__likelihood=3),
    "a head of a list": _config(model__likelihood=["Binomial"]),
    "a head of true": _config(model__likelihood=True),
    "a head that is no number": _config(model__likelihood=float("nan")),
    "a head without a class": _config(model__likelihood={"total_count": 16}),
    "a head of a class that is a number": _config(model__likelihood={"class_path": 3}),
    "a head of arguments that are a list": _config(
        model__likelihood={"class_path": "Binomial", "init_args": [16]}),
    "a head of unknown arguments": _config(
        model__likelihood={"class_path": "Binomial", "init_args": {"n": 16}}),
    "a head of text": _config(
        model__likelihood={"class_path": "Binomial", "init_args": {"total_count": "x"}}),
    "a head of very much": _config(
        model__likelihood={"class_path": "Binomial", "init_args": {"total_count": 10**30}}),
    "an encoder of a mapping": _config(model__encoder={"hidden": [4]}),
    "hidden of text": _config(
        model__encoder={"class_path": "MLP", "init_args": {"hidden": "[4, x]"}}),
    "hidden of lists": _config(model__encoder={"class_path": "MLP",
    "init_args": {"hidden": [[4]]}}),
    "hidden of true": _config(model__encoder={"class_path": "MLP", "init_args": {"hidden": True}}),
    "hidden of nulls": _config(model__encoder={"class_path": "MLP",
    "init_args": {"hidden": [None]}}),
    "an activation of wrong arguments": _config(model__encoder={"class_path": "MLP", "init_args": {
        "activation": {"class_path": "GELU", "init_args": {"approximate": "badly"}}}}),
    "an activation of text for a number": _config(model__encoder={"class_path": "MLP",
    "init_args": {
        "activation": {"class_path": "LeakyReLU", "init_args": {"negative_slope": "x"}}}}),
    "a softplus of nothing": _config(model__encoder={"class_path": "MLP", "init_args": {
        "activation": {"class_path": "Softplus", "init_args": {"beta": "x"}}}}),
    "particles of text": _config(objective={"name": "IWAE", "num_particles": "five"}),
    "particles of true": _config(objective={"name": "IWAE", "num_particles": True}),
    "particles of null": _config(objective={"name": "IWAE", "num_particles": None}),
    "a weight of text": _config(objective={"name": "Beta", "beta": "x"}),
    "a weight of a list": _config(objective={"name": "Beta", "beta": ["a"]}),
    "a weight of a mapping of text": _config(objective={"name": "Beta", "beta": {"z": "x"}}),
    "an objective without its argument": _config(objective={"name": "Renyi"}),
    "an option of Pyro's of a wrong kind": _config(
        objective={"name": "Trace_ELBO", "num_particles": "x"}),
    "an option of Pyro's below zero": _config(
        objective={"name": "Trace_ELBO", "num_particles": -1}),
    "a validation of text": _config(data={"name": "digits", "val_size": "x"}),
    "a binarisation of a number": _config(data={"name": "digits", "binarize": 3}),
    "data that are not there": _config(data={"name": "arrays", "x": "nowhere.npy"}),
    "data of lists of text": _config(data={"name": "arrays", "x": ["a", "b"]}),
    "data of null": _config(data={"name": "arrays", "x": None}),
    "data of a ragged list": _config(data={"name": "arrays", "x": [[1], [2, 3]]}),
    "data of a mapping": _config(data={"name": "arrays", "x": {"a": 1}}),
    "a share of text": _config(data={"name": "arrays", "x": "x.npz", "val": "much"}),
    "a share above one": _config(data={"name": "arrays", "x": "x.npz", "val": 1.5}),
}  # fmt: skip


def _npy(shape, dtype="<f8", body=b""):
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + body


def _npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _zip(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return file.getvalue()


_FLAT = np.zeros((40, 6), np.float32)
_NAN = _FLAT.copy()
_NAN[7, 2] = np.nan
DATA = {
    "huge.npy": _npy("(400000000000,)"), "larger.npy": _npy("(10000000000000000000000,)"),
    "below.npy": _npy("(-3, 2)"), "short.npy": _npy("(4, 2)", body=b"\0" * 8),
    "objects.npy": _npy("(3,)", "|O"), "no_type.npy": _npy("(3,)", "nonsense"),
    "code.npy": _npy("__import__('os')"), "empty.npy": b"", "letters.npy": b"hello",
    "version.npy": b"\x93NUMPY\x09\x09" + b"\0" * 50, "scalar.npy": _npy("()", body=b"\0" * 8),
    "no_rows.npy": _npy("(0, 5)"), "no_values.npy": _npy("(40, 0)"), "text.npy": _npy(
        "(2,)", "<U3", "abcdef".encode("utf-32-le")),
    "dates.npy": _npy("(2,)", "<M8[D]", b"\0" * 16), "complex.npy": _npy(
        "(2,)", "<c16", b"\0" * 32),
    "nan.npz": _npz(x=_NAN), "inf.npz": _npz(x=np.full((40, 6), np.inf)),
    "three.npz": _npz(a=_FLAT, b=_FLAT, c=_FLAT), "none.npz": _npz(),
    "labels_short.npz": _npz(x=_FLAT, y=np.zeros(3)),
    "labels_nan.npz": _npz(x=_FLAT, y=np.full(40, np.nan)),
    "bad_member.npz": _zip(x__npy=b"hello"), "no_member.npz": _zip(x__txt=b"hello"),
    "huge_member.npz": _zip(x__npy=_npy("(400000000000,)")),
    "no_zip.npz": b"PK\x03\x04hello", "empty.npz": b"", "columns.csv": b"a,b\n1,x\n",
    "empty.csv": b"", "text.txt": b"hello", "no.pt": b"hello", "no.h5": b"hello",
    "no.parquet": b"PAR1hello",
}  # fmt: skip
CASES_OF_DATA = {f"data of {name}": [*FIT, "--data", "arrays", "--data.x", name] for name in DATA}

_PAIR = """
import pyro, torch
import pyro.distributions as dist

net = torch.nn.Linear(64, 4)
back = torch.nn.Linear(2, 64)

def model(x):
    pyro.module("back", back)
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(back(z), 1.0).to_event(1), obs=x.flatten(1))

def guide(x):
    pyro.module("net", net)
    with pyro.plate("data", len(x)):
        loc, scale = net(x.flatten(1)).chunk(2, -1)
        pyro.sample("z", dist.Normal(loc, scale.exp()).to_event(1))
"""


def _changed(*pairs):
    text = _PAIR
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    return text


_CLASS = """
import torch
class Own(torch.nn.Module):
    def __init__(self, {arguments}):
        super().__init__()
        {body}
    def model(self, x): ...
    def guide(self, x): ...
"""
OWN = {
    "exits": "import sys\nsys.exit(3)\n", "exits well": "import sys\nsys.exit(0)\n",
    "exits in words": "import sys\nsys.exit('no')\n", "raises an exit": "raise SystemExit\n",
    "interrupts": "raise KeyboardInterrupt\n", "divides": "1 / 0\n", "asserts": "assert False\n",
    "names nothing": "nothing\n", "is no Python": "def model(:\n",
    "is indented": "  x = 1\n x = 2\n",
    "imports nothing": "import nowhere_to_be_found\n",
    "imports no name": "from os import nothing\n",
    "stops": "raise StopIteration\n",
    "has an error of its own": "class E(Exception): ...\nraise E\n",
    "has an error of many lines": "raise ValueError('one\\ntwo\\nthree')\n",
    "has an error that cannot be printed":
        "class E(Exception):\n    def __str__(self):\n        return 'x' * 100000\nraise E\n",
    "recurses": "def f(): f()\nf()\n", "has a zero byte": "x = 1\x00\n",
    "has neither": "x = 1\n", "has no guide": _changed(("def guide", "def other")),
    "has no model": _changed(("def model", "def other")), "has a guide that is none":
        _changed(("def guide", "def other")) + "guide = 3\n",
    "takes other arguments": _changed(("def guide(x)", "def guide(x, y)")),
    "takes more": _changed(("def model(x)", "def model(x, y)"), ("def guide(x)",
    "def guide(x, y)")),
    "takes nothing": _changed(("def model(x)", "def model()")),
    "takes keywords": _changed(("def model(x)", "def model(*, x)")),
    "has NaN in the decoder": _changed(("back(z)", "back(z) * float('nan')")),
    "has NaN in the encoder": _changed(("scale.exp()", "scale.exp() * float('nan')")),
    "has a scale below zero": _changed(("scale.exp()", "-scale.exp()")),
    "has shapes that do not fit": _changed(("Linear(64, 4)", "Linear(63, 4)")),
    "has a decoder that does not fit": _changed(("Linear(2, 64)", "Linear(2, 63)")),
    "has other sites": _changed(('sample("z", dist.Normal(loc', 'sample("u", dist.Normal(loc')),
    "has a site twice": _changed(("        pyro.sample(\"x\"", "        pyro.sample(\"z\"")),
    "has no plate": _changed(('    with pyro.plate("data", len(x)):', "    if True:")),
    "exits in the model": _changed(("def model(x):", "def model(x):\n    raise SystemExit(3)")),
    "fails in the model": _changed(("def model(x):", "def model(x):\n    {}['key']")),
    "fails in the guide": _changed(("def guide(x):", "def guide(x):\n    None.nothing")),
    "asserts in the guide": _changed(("def guide(x):", "def guide(x):\n    assert False")),
    "has no parameters": _changed(('    pyro.module("back", back)\n', ""),
                                  ('    pyro.module("net", net)\n', "")),
}  # fmt: skip
OWN_CLASSES = {
    "needs what has no type": _CLASS.format(arguments="data_shape, width", body=""),
    "has a type that is not there": _CLASS.format(
        arguments="data_shape, width: 'Nothing'", body=""),
    "has an odd type": _CLASS.format(arguments="data_shape, width: 3", body=""),
    "fails as it is made": _CLASS.format(arguments="data_shape", body="1 / 0"),
    "exits as it is made": _CLASS.format(arguments="data_shape", body="raise SystemExit(3)"),
    "needs an option": _CLASS.format(arguments="data_shape, width: int", body=""),
    "takes no shape by name": _CLASS.format(arguments="data_shape, /", body=""),
    "is a function": "def Own(data_shape):\n    return 3\n",
    "is a number": "Own = 3\n",
    "is abstract": "from pyrovae.models import Family\nclass Own(Family): ...\n",
    "is no pair": "class Own: ...\n",
    "has a metaclass that fails":
        "class M(type):\n    def __call__(c, *a, **k): 1 / 0\n"
        "class Own(metaclass=M):\n    def model(s, x): ...\n    def guide(s, x): ...\n",
}  # fmt: skip
OWN_DATA = {
    "gives no data set": "def make() -> 'pyrovae.data.Dataset':\n    return 3\n",
    "gives nothing": "def make():\n    ...\n",
    "fails": "def make():\n    1 / 0\n",
    "exits": "def make():\n    raise SystemExit(1)\n",
    "needs what has no type": "def make(size):\n    ...\n",
    "is a number": "make = 3\n",
}
_BOUND = (
    "from pyrovae.objectives import ParticleELBO\nclass make(ParticleELBO):\n"
    "    def bound(self, p):\n"
)
OWN_OBJECTIVES = {
    "is no objective": "class make: ...\n",
    "gives no objective": "def make():\n    return 3\n",
    "fails": "def make():\n    1 / 0\n",
    "has no bound": "from pyrovae.objectives import ParticleELBO\nclass make(ParticleELBO): ...\n",
    "gives a bound of no shape": _BOUND + "        return 3\n",
    "fails in the bound": _BOUND + "        return p.nothing\n",
}

ON_RUNS = {
    "evaluate": {
        "--num-particles": ["0", "x", "9" * 30, "nan"], "--checkpoint": ["first", "3"],
        "--limit": ["0", "x", "9" * 30], "--split": ["train", "all"], "--chunk": ["0", "x"],
        "--probe": ["0", "x", "100000000"], "--seed": ["-1", "4294967296", "x"],
        "--device": ["meta", "cpu:7", "nowhere"], "--nothing": ["1"], "--epochs": ["3"],
        "--model": ["VQVAE", "nowhere.py"], "--model.latent_dim": ["3", "x"],
        "--objective": ["IWEA"], "--data": ["mnits"],
    },
    "sample": {
        "--n": ["0", "x", "-1", "9" * 30], "--classes": ["0", "x", "-1"],
        "--out": ["x.jpg", "", "nowhere\x00.png", "."], "--draw": ["maybe"],
        "--seed": ["4294967296"], "--device": ["meta"],
    },
    "reconstruct": {"--n": ["0", "x", "9" * 30], "--out": ["x.txt"], "--seed": ["9" * 12]},
    "traverse": {
        "--datum": ["5000", "-1", "x", "9" * 30], "--units": ["0", "x"], "--site": ["nothing",
        "x"],
        "--steps": ["0", "x"], "--range": ["0", "nan", "inf", "x"], "--out": ["x.txt"],
    },
    "disentangle": {"--site": ["nothing"], "--split": ["none"], "--seed": ["x"]},
    "compare": {
        "--objectives": ["IWEA", "Renyi", "Renyi(alpha=x)", "IWAE(", "IWAE(5)", "nowhere.py:A",
                         "Renyi(alpha=nan)", "IWAE(num_particles=0)", "IWAE(num_particles='a')",
                         "Beta(beta=[])", "VAE", "IWAE(nothing=3)", ""],
        "--num-particles": ["0", "x", "-2", "9" * 30], "--draws": ["0", "1", "x", "-1"],
        "--truth": ["none"], "--equal": ["k"], "--out": ["x.txt"],
        "--temperatures": ["0", "x"], "--chains": ["0", "x"], "--limit": ["0", "x"],
        "--evidence-particles": ["0", "x"], "--seed": ["4294967296"],
    },
    "compare-training": {
        "--seeds": ["-1", "4294967296", "x"], "--epochs": ["0", "x"], "--objectives": ["IWEA"],
        "--out": ["x.png"], "--num-particles": ["0"], "--limit": ["-1"],
    },
}  # fmt: skip
RUN_WORDS = {
    f"{command} {option} {value[:30]}": [command, "run", option, value]
    for command, options in ON_RUNS.items()
    for option, values in options.items()
    for value in values
} | {
    "no run": ["evaluate"], "a run that is not there": ["evaluate", "nowhere"],
    "a run that is a file": ["evaluate", "x.npz"], "two runs": ["evaluate", "run", "run"],
    "a run of a zero byte": ["evaluate", "a\x00b"], "a long run": ["sample", "x" * 300],
    "an empty run": ["sample", ""], "objectives twice": [
        "compare", "run", "--objectives", "ELBO", "ELBO"],
    "a run that is there": [word if word != "new" else "run" for word in FIT],
    "other settings": ["fit", "--run", "run", "--resume", "--model.latent_dim", "7"],
    "a resumed run that is not there": ["fit", "--run", "nowhere", "--resume", "--lr", "x"],
    "fewer epochs than done": ["fit", "--run", "run", "--resume", "--epochs", "x"],
}  # fmt: skip

RESUMED = {
    "the device meta": {"device": "meta"}, "the device cpu:7": {"device": "cpu:7"},
    "a schedule": {"schedule": 3}, "no schedule": {"schedule": "nothing"},
    "a precision": {"precision": "half"},
    "a rate": {"lr": float("inf")}, "steps": {"steps_per_call": 0}, "only": {"only": ["nothing"]},
    "compiling": {"compile": "maybe"}, "a clip": {"clip_norm": -1.0},
    "a start": {"from": "nowhere", "seed": 2**32}, "memory": {"memory": "much"},
}  # fmt: skip
TAMPERED = {
    "a seed": {"seed": 2**40}, "a seed of text": {"seed": "x"}, "a rate": {"lr": float("nan")},
    "a device": {"device": 3}, "labels": {"labels": True}, "labels of text": {"labels": "x"},
    "missing values": {"missing": 0.5}, "all missing": {"missing": 1.0},
    "few labels": {"num_labelled": 10}, "quadrants": {"quadrants": 7},
    "latents": {"model/latent_dim": 3}, "very many latents": {"model/latent_dim": 10**12},
    "no latents": {"model/latent_dim": 0}, "latents of text": {"model/latent_dim": "x"},
    "a count": {"model/likelihood/init_args/total_count": 10**30},
    "a count that is no number": {"model/likelihood/init_args/total_count": float("nan")},
    "a count of null": {"model/likelihood/init_args/total_count": None},
    "a count below": {"model/likelihood/init_args/total_count": 3},
    "hidden": {"model/encoder/init_args/hidden": [10**9]},
    "no hidden": {"model/encoder/init_args/hidden": [0]},
    "hidden of null": {"model/encoder/init_args/hidden": None},
    "very many layers": {"model/encoder/init_args/hidden": [1] * 5000},
    "an activation": {"model/encoder/init_args/activation": {
        "class_path": "GELU", "init_args": {"approximate": "badly"}}},
    "a norm": {"model/encoder/init_args/activation": {
        "class_path": "LayerNorm", "init_args": {"normalized_shape": [3, 7]}}},
    "a norm of text": {"model/encoder/init_args/activation": {
        "class_path": "LayerNorm", "init_args": {"normalized_shape": "x"}}},
    "a norm below zero": {"model/encoder/init_args/activation": {
        "class_path": "BatchNorm1d", "init_args": {"num_features": -3}}},
    "a slope": {"model/encoder/init_args/activation": {
        "class_path": "LeakyReLU", "init_args": {"negative_slope": [1]}}},
    "a slope of very much": {"model/encoder/init_args/activation": {
        "class_path": "PReLU", "init_args": {"num_parameters": 10**12}}},
    "a threshold": {"model/encoder/init_args/activation": {
        "class_path": "Hardtanh", "init_args": {"min_val": 3.0, "max_val": 1.0}}},
    "a refinement": {"model/refinement": {
        "class_path": "Refinement", "init_args": {"num_steps": 10**9}}},
    "a refinement of nothing": {"model/refinement": {
        "class_path": "Refinement", "init_args": {"num_steps": 0}}},
    "a mixture": {"model/prior": {
        "class_path": "MixturePrior", "init_args": {"num_components": 10**13}}},
    "a flow": {"model/posterior": {"class_path": "FlowPosterior", "init_args": {
        "layer": {"class_path": "Planar"}, "num_layers": 10**9}}},
    "another family": {"model": {"name": "VQVAE"}},
    "data of more rows": {"data": {"name": "digits", "val_size": 10**12}},
    "data that are not there": {"data": {"name": "arrays", "x": "nowhere.npz"}},
    "a batch": {"batch_size": 0},
    "a batch of text": {"batch_size": "x"}, "an objective": {"objective": {"name": "Renyi"}},
    "particles": {"objective": {"name": "IWAE", "num_particles": 10**30}},
    "particles of text": {"objective": {"name": "IWAE", "num_particles": "x"}},
}  # fmt: skip


def write_stock(folder: Path) -> None:
    """The files that the words name."""
    for name, content in DATA.items():
        (folder / name).write_bytes(content)
    levels = np.arange(40 * 64).reshape(40, 1, 8, 8) % 17
    np.savez(folder / "x.npz", x=levels.astype(np.float32))
    np.savez(folder / "two_classes.npz", x=levels.astype(np.float32), y=np.arange(40) % 2)
    np.savez(folder / "flat.npz", x=_FLAT)
