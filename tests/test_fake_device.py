"""Trained on a device other than the CPU, measured with data that lie on the CPU.

The device is `tests/fake_device.py`'s where there is no GPU, and has a process of its own.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT, python_blocks, smaller

FAKE_DEVICE = Path(__file__).parent / "fake_device.py"

DEVICE = """
import os, sys
sys.path.insert(0, {folder!r})
import fake_device
kept = fake_device.register()
import torch
try:
    there = torch.ones(3, 2).to("fake")
    leaf = there.clone().requires_grad_()
    (leaf.T @ there).sum().backward()
    assert torch.equal(leaf.grad.cpu(), torch.full((3, 2), 2.0))
except Exception as error:
    sys.exit(f"unknown: {{error}}")
try:
    there + torch.ones(3, 2)
except RuntimeError as error:
    assert "meets one on fake" in str(error)
else:
    raise AssertionError("two devices meet")
os._exit(0)
"""

MEASURED = """
from pathlib import Path
import pyro
import pyro.distributions as dist
import torch
from pyrovae import *
from pyrovae import data, evaluate
from pyrovae.models import VAE, ConditionalVAE
from pyrovae.nn import MLP, Binomial
from pyrovae.objectives import ELBO, IWAE, DReG
from pyrovae.reporting import pictures, report
from pyrovae.train import load_checkpoint

def make():
    return VAE((1, 8, 8), 2, encoder=MLP, decoder=MLP, likelihood=Binomial(16))

whole, vae = data.digits(), make()
digits = data.Dataset("few", whole.train[:100], whole.val[:20], whole.test, whole.info)
run = fit(vae.model, vae.guide, digits, objective=IWAE(2), epochs=1, run_dir="run")
assert all(tensor.device.type == "fake" for tensor in (*vae.parameters(), *vae.buffers()))
fit(vae.model, vae.guide, digits, objective=IWAE(2), epochs=2, run_dir="run", resume=True)
test, call = digits.test[:12], (vae.model, vae.guide)
before = log_evidence(*call, test.to("fake"), num_particles=20, seed=1).log_px
assert torch.allclose(log_evidence(*call, test, num_particles=20, seed=1).log_px, before)
assert torch.allclose(log_evidence(*call, test.x, num_particles=20, seed=1).log_px, before)
elbo_parts(*call, test)
elbo_surgery(*call, test)
active_units(*call, test)
posterior_means(*call, test)
evaluate.kl_decomposition(*call, test)
traverse(*call, test.x)
compare(*call, test.x[:4], [ELBO(), DReG(2)], num_draws=4, repeats=1, evidence_particles=20)
gradients(*call, test.x[:4], IWAE(2), num_draws=4)
ais(*call, test.x[:2], num_temperatures=3, num_particles=2)
bdmc(*call, test.x[:2], num_temperatures=3, num_particles=2)
inference_gaps(*call, test.x[:2], num_steps=2, num_particles=10)
evaluate.probe(*call, digits.train[:30], test)
report(*call, test, num_particles=10)
pictures(*call, test)
load_checkpoint(Path("run") / "last.safetensors", *call, test.x)
compare_training(lambda: make().to("fake"), digits, [ELBO()], epochs=1, seeds=[0],
                 test=test, num_particles=5, progress=False)

pair = ConditionalVAE((1, 8, 8), 2, num_classes=10, likelihood=Binomial(16))
fit(pair.model, pair.guide, digits.train.labelled(), objective=ELBO(), epochs=1)
assert pair.generate(torch.tensor([1, 2])).device.type == "fake"

encoder, decoder = torch.nn.Linear(64, 2), torch.nn.Linear(2, 64)

def model(x):
    pyro.module("decoder", decoder)
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

def guide(x):
    scale = pyro.param("scale", x.new_ones(2), constraint=dist.constraints.positive)
    pyro.module("encoder", encoder)
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(encoder(x), scale).to_event(1))

x = digits.train.x.flatten(1)
fit(model, guide, x.to("fake"), objective=ELBO(), epochs=1)  # the pair lies on the CPU
assert pyro.param("scale").device.type == "fake" == encoder.weight.device.type
log_evidence(model, guide, x, num_particles=5)
"""


@pytest.fixture(scope="module")
def fake():
    """The device, where this version of torch lets one be made of Python."""
    words = [sys.executable, "-c", DEVICE.format(folder=str(FAKE_DEVICE.parent))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode < 0 or "unknown: " in done.stderr or "ImportError" in done.stderr:
        pytest.skip((done.stderr.strip().splitlines() or ["torch aborted"])[-1])
    assert done.returncode == 0, done.stderr


def run_there(folder, *words):
    done = subprocess.run(
        [sys.executable, str(FAKE_DEVICE), *words],
        cwd=folder, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def first_block():
    """The first program of the README, at a smaller budget."""
    block = python_blocks(ROOT / "README.md")[0]
    code = smaller(block.code)
    for full, small in (("epochs=50", "epochs=1"), ("num_particles=1000", "num_particles=30")):
        assert full in code, full
        code = code.replace(full, small)
    return code


def test_the_first_program_of_the_readme(fake, tmp_path):
    (tmp_path / "first.py").write_text(first_block())
    assert "log p(x)" in run_there(tmp_path, "first.py")


def test_every_measurement(fake, tmp_path):
    (tmp_path / "measured.py").write_text(MEASURED)
    run_there(tmp_path, "measured.py")


def test_the_command(fake, tmp_path):
    words = "--data digits --data.binarize static --model.latent_dim 2 --epochs 1"
    printed = run_there(tmp_path, "fit", *words.split(), "--test-particles", "3", "--run", "run")
    assert "fake:0 -> run" in printed
    run_there(tmp_path, "evaluate", "run", "--num-particles", "3", "--limit", "20")
