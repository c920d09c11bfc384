"""What a damaged or a made-up checkpoint does: it is refused with a sentence, and nothing else."""

import json
import os
import random
import struct
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pyro
import pytest
import torch
from safetensors.torch import save

from pyrovae.errors import CheckpointError
from pyrovae.objectives import ELBO
from pyrovae.train import checkpoint_file, fit
from pyrovae.train.checkpoint_file import read_checkpoint
from tests.train.pairs import QUIET, networks, pair, same, state, x_of

DTYPES = [
    "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "I16", "U16", "F16", "BF16", "I32", "U32", "F32",
    "F64", "I64", "U64", "C64", "F4", "XYZ",
]  # fmt: skip


def run(folder, nets=None, **options):
    pyro.clear_param_store()
    options = {"epochs": 2, "batch_size": 20, "resume": True, **QUIET, **options}
    return fit(*pair(*(nets or networks())), x_of(), objective=ELBO(), run_dir=folder, **options)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Files of a small run, by name."""
    folder = tmp_path_factory.mktemp("run")
    run(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def laid_out(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / "last.safetensors"


def header_of(content):
    size = struct.unpack("<Q", content[:8])[0]
    return content[8 : 8 + size], content[8 + size :]


def with_header(header, body):
    return struct.pack("<Q", len(header)) + header + body


def is_right_or_refused(path, content, tensors, meta):
    """None where it is; else what was loaded."""
    path.write_bytes(content)
    try:
        found, other = read_checkpoint(path)
    except CheckpointError:
        return None
    equal = found.keys() == tensors.keys() and all(
        found[k].dtype == t.dtype and torch.equal(found[k], t) for k, t in tensors.items()
    )
    return None if equal and other == meta else (found, other)


def test_every_byte_of_the_header(kept, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(kept["best.safetensors"])
    tensors, meta = read_checkpoint(path)
    header, body = header_of(kept["best.safetensors"])
    chance = random.Random(0)
    for place in range(len(header) + 8):
        for bit in chance.sample(range(8), 2):
            damaged = bytearray(kept["best.safetensors"])
            damaged[place] ^= 1 << bit
            assert is_right_or_refused(path, damaged, tensors, meta) is None, (place, bit)
    for _ in range(300):  # of the last one, whose plain values are long
        damaged = bytearray(kept["last.safetensors"])
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        with pytest.raises(CheckpointError):
            path.write_bytes(damaged)
            read_checkpoint(path)


def test_dtype_and_shape_of_every_tensor(kept, tmp_path):
    path = laid_out(tmp_path, kept)
    tensors, meta = read_checkpoint(path)
    header, body = header_of(kept["last.safetensors"])
    fields = json.loads(header)
    tried = 0
    for name in tensors:
        shape = fields[name]["shape"]
        shapes = [[*shape, 1], [1, *shape], [torch.Size(shape).numel()], shape[::-1], shape[1:]]
        edits = [{"dtype": dtype} for dtype in DTYPES]
        edits += [{"dtype": dtype, "shape": [size]} for dtype in DTYPES for size in (1, 2, 5, 10)]
        edits += [{"shape": other} for other in [*shapes, [0], [2**63], [-1]]]
        for edit in edits:
            changed = {**fields, name: {**fields[name], **edit}}
            if changed == fields:
                continue
            content = with_header(json.dumps(changed).encode(), body)
            assert is_right_or_refused(path, content, tensors, meta) is None, (name, edit)
            tried += 1
    assert tried > 1000


def test_names_exchanged_and_what_stands_beside(kept, tmp_path):
    path = laid_out(tmp_path, kept)
    tensors, meta = read_checkpoint(path)
    header, body = header_of(kept["last.safetensors"])
    fields = json.loads(header)
    names = sorted(tensors)
    for one, other in zip(names, names[1:], strict=False):
        changed = {**fields, one: fields[other], other: fields[one]}
        content = with_header(json.dumps(changed).encode(), body)
        assert is_right_or_refused(path, content, tensors, meta) is None, (one, other)
    said = fields["__metadata__"]
    for changed in ({**said, "note": "more"}, {k: v for k, v in said.items() if k != "version"}):
        content = with_header(json.dumps({**fields, "__metadata__": changed}).encode(), body)
        assert is_right_or_refused(path, content, tensors, meta) is None, changed
    reordered = {"__metadata__": dict(reversed(said.items()))}
    reordered |= {name: fields[name] for name in reversed(names)}
    path.write_bytes(with_header(json.dumps(reordered).encode(), body))
    assert read_checkpoint(path)[1] == meta, "the order in the file says nothing"


def test_cut_short_and_too_long(kept, tmp_path):
    path, whole = tmp_path / "x.safetensors", kept["last.safetensors"]
    lengths = [*range(0, 600), *range(600, len(whole), 301), len(whole) - 1]
    for content in (*(whole[:length] for length in lengths), whole + b"\0"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError):
            read_checkpoint(path)


# Made up: with a digest that fits


def forged(path, change):
    """Change tensors and plain values, and make the digest anew."""
    tensors, meta = read_checkpoint(path)
    tensors, text = change(tensors, meta) or (tensors, None)
    header = {"format": checkpoint_file.FORMAT, "version": str(checkpoint_file.VERSION),
              "json": json.dumps(meta) if text is None else text}  # fmt: skip
    header["digest"] = checkpoint_file._digest(header, tensors)
    path.write_bytes(save(tensors, metadata=header))


def at(*keys, value):
    """Set the plain value under these keys; ... removes it."""

    def change(tensors, meta):
        held = meta
        for key in keys[:-1]:
            held = held[key]
        if value is ...:
            del held[keys[-1]]
        else:
            held[keys[-1]] = value

    return change


def text(words):
    return lambda tensors, meta: (tensors, words)


def tensor(name, make):
    def change(tensors, meta):
        if make is None:
            del tensors[name]
        else:
            tensors[name] = make(tensors.get(name))

    return change


def without_moments(tensors, meta):
    for name in [name for name in tensors if name.startswith("optimizer/")]:
        del tensors[name]


MOMENT = "optimizer/encoder$$$0.weight/exp_avg"
STEP = "optimizer/encoder$$$0.weight/step"
PLAIN = ["epoch", "batch", "step", "sums", "history", "best", "run", "optimizer", "rng", "kind",
         "id"]  # fmt: skip
NONE_OF_IT = [None, [], {}, "1", 1e300, float("nan"), -1, 10**30, True, [[[]]], {"a": {"b": 1}}]
GROUP = ("optimizer", "groups", 0)
FORGERIES = {
    **{f"{key} removed": at(key, value=...) for key in PLAIN},
    **{f"{key}={value!r}": at(key, value=value) for key in PLAIN for value in NONE_OF_IT
       if not (key == "id" and isinstance(value, str))},
    **{f"sums {key}={value!r}": at("sums", key, value=value)
       for key in ("loss", "grad_norm", "rows", "seconds") for value in NONE_OF_IT
       if not (value == 1e300 and key != "rows") and not (key == "loss" and value in (-1, 10**30))
       and not (value == 10**30 and key in ("grad_norm", "seconds"))},
    **{f"history {key}={value!r}": at("history", 0, key, value=value)
       for key in ("epoch", "step", "train", "val", "lr", "grad_norm", "seconds", "more")
       for value in ("1", [], True, 10**400)},
    "history NaN": at("history", 0, "train", value=float("nan")),
    "an epoch beyond the history": at("epoch", value=9),
    "a batch outside": lambda tensors, meta: meta.update(batch=2, step=6),
    **{f"rates {value!r}": at(*GROUP, "options", "lr", value=value)
       for value in ("1", None, float("nan"), float("inf"), [1e-3], True)},
    **{f"{key}={value!r}": at(*GROUP, "options", key, value=value)
       for key in ("betas", "eps", "weight_decay", "amsgrad")
       for value in ("1", None, float("nan"), [1e-3])},
    **{f"{key} switched on": at(*GROUP, "options", key, value=True)
       for key in ("amsgrad", "maximize", "decoupled_weight_decay")},
    "a negative rate": at(*GROUP, "options", "lr", value=-1.0),
    "no moments at all": without_moments,
    "an option more": at(*GROUP, "options", "odd", value=1),
    "an option less": at(*GROUP, "options", "eps", value=...),
    "betas of three": at(*GROUP, "options", "betas", value=[0.9, 0.999, 0.9]),
    "parameters of others": at(*GROUP, "params", value=["a", "b"]),
    "no groups": at("optimizer", "groups", value=[]),
    "an odd scalar": at("optimizer", "scalars", value={"encoder$$$0.weight": {"exp_avg": 1.0}}),
    "a strange scalar": at("optimizer", "scalars", value={"nobody": {"step": 1.0}}),
    "numpy place": at("rng", "numpy", 2, value=10**6),
    "numpy keys": at("rng", "numpy", 1, value=[1] * 600),
    "numpy name": at("rng", "numpy", 0, value="PCG64"),
    "numpy too large": at("rng", "numpy", 1, 3, value=2**40),
    "python words": at("rng", "python", 1, value=[1, 2]),
    "python place": at("rng", "python", 1, 624, value=10**6),
    "python no words": at("rng", "python", 1, value=None),
    "python version": at("rng", "python", 0, value=77),
    "no JSON": text("{"),
    "a list": text("[]"),
    "deep": text("[" * 100_000 + "]" * 100_000),
    "deep in an object": text('{"epoch":' * 50_000 + "1" + "}" * 50_000),
    "a long number": text('{"epoch": ' + "9" * 5000 + "}"),
    "names twice": text('{"epoch": 1, "epoch": 2}'),
    "moment of one number": tensor(MOMENT, lambda t: torch.zeros(1)),
    "moment of another shape": tensor(MOMENT, lambda t: t.reshape(-1)),
    "moment too large": tensor(MOMENT, lambda t: torch.zeros(5, 6000)),
    "moment empty": tensor(MOMENT, lambda t: torch.zeros(0)),
    "moment of numbers": tensor(MOMENT, lambda t: t.view(torch.int32)),
    "moment double": tensor(MOMENT, lambda t: t.double()),
    "moment NaN": tensor(MOMENT, lambda t: t * float("nan")),
    "moment missing": tensor(MOMENT, None),
    "moment of nobody": tensor("optimizer/nobody/exp_avg", lambda t: torch.zeros(1)),
    "moment of another key": tensor("optimizer/encoder$$$0.weight/odd", lambda t: torch.zeros(1)),
    "step below zero": tensor(STEP, lambda t: t - 100),
    "step NaN": tensor(STEP, lambda t: t * float("nan")),
    "step infinite": tensor(STEP, lambda t: t / 0),
    "step in between": tensor(STEP, lambda t: t + 0.5),
    "step of two": tensor(STEP, lambda t: torch.ones(2)),
    "step whole": tensor(STEP, lambda t: t.long()),
    "parameter of another shape": tensor("parameters/encoder$$$0.weight", lambda t: t[:1]),
    "parameter NaN": tensor("parameters/encoder$$$0.weight", lambda t: t * float("nan")),
    "parameter missing": tensor("parameters/encoder$$$0.weight", None),
    "a state of the objective": tensor("objective/past", lambda t: torch.zeros(2)),
    "stream short": tensor("rng/torch", lambda t: t[:-8]),
    "stream of floats": tensor("rng/torch", lambda t: t.float()),
    "stream of ones": tensor("rng/torch", lambda t: t * 0 + 255),
    "stream missing": tensor("rng/torch", None),
    "stream of nothing": tensor("rng/odd", lambda t: torch.zeros(8)),
}  # fmt: skip


@pytest.fixture
def forgery(kept, tmp_path):
    """Path of a run that stopped within its second epoch."""

    class Stop:
        on_start = on_epoch = on_end = staticmethod(lambda loop: None)

        @staticmethod
        def on_step(loop):
            if loop.step == 3:
                loop.request_stop()

    run(tmp_path, callbacks=[Stop()])
    return tmp_path / "last.safetensors"


def test_a_made_up_file_is_refused(forgery):
    """In a process of its own, which the worst would end: moments of another shape, unchecked."""
    script = f"""
        import sys, traceback
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent.parent.parent)!r})
        import torch
        from pyrovae.errors import PyrovaeError
        from tests.train import test_corruption as t

        folder = Path({str(forgery.parent)!r})
        whole = (folder / "last.safetensors").read_bytes()
        for name, change in t.FORGERIES.items():
            (folder / "last.safetensors").write_bytes(whole)
            t.forged(folder / "last.safetensors", change)
            nets = t.networks(7)
            before = t.state(nets)
            print(name, flush=True)
            try:
                t.run(folder, nets, epochs=3)
            except PyrovaeError as error:
                message = str(error)
                assert "last.safetensors" in message and len(message) < 1500, message
            else:
                print("TAKEN", name)
            if not t.same(before, t.state(nets)):
                print("CHANGED", name)
        print("done")
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", dedent(script)],
        capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout[-300:], done.stderr[-3000:])
    lines = done.stdout.splitlines()
    assert lines[-1] == "done" and len(lines) == len(FORGERIES) + 1, [
        line for line in lines if line.startswith(("TAKEN", "CHANGED"))
    ]


def test_a_file_in_the_place_of_another(kept, tmp_path):
    path = laid_out(tmp_path, kept)
    path.write_bytes(kept["best.safetensors"])
    with pytest.raises(CheckpointError, match="is 'best' of a run, in the place of 'last'"):
        run(tmp_path, epochs=3)
    path.write_bytes(kept["last.safetensors"])
    done = run(tmp_path)
    (tmp_path / "best.safetensors").write_bytes(kept["last.safetensors"])
    with pytest.raises(CheckpointError, match="is 'last' of a run, in the place of 'best'"):
        done.load_best()


def test_the_files_of_two_runs(kept, tmp_path):
    (tmp_path / "other").mkdir()
    run(tmp_path / "other")
    laid_out(tmp_path, kept)
    other = (tmp_path / "other" / "best.safetensors").read_bytes()
    (tmp_path / "best.safetensors").write_bytes(other)
    with pytest.raises(CheckpointError, match="best.safetensors beside it is of another run"):
        run(tmp_path, epochs=3)
    laid_out(tmp_path, kept)
    done = run(tmp_path, epochs=3)
    (tmp_path / "best.safetensors").write_bytes(other)
    with pytest.raises(CheckpointError, match="is of another run, which has taken its place"):
        done.load_best()


def test_an_older_format_is_named(kept, tmp_path):
    path = laid_out(tmp_path, kept)
    tensors, meta = read_checkpoint(path)
    path.write_bytes(
        save(tensors, metadata={"format": checkpoint_file.FORMAT, "version": "1", "json": "{}"})
    )
    with pytest.raises(CheckpointError, match="version '1', this library reads version 2; open"):
        run(tmp_path)


def test_what_is_checked_is_what_an_honest_run_has(forgery):
    nets, whole = networks(7), networks()
    run(forgery.parent, nets, epochs=3)
    run(forgery.parent / "whole", whole, epochs=3)
    assert same(state(nets), state(whole))
