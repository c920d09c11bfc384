"""The whole way on a GPU: a pair moves wholly, agrees with the CPU, trains, and comes back."""

import copy
import warnings

import pyro
import pytest
import torch

from pyrovae import data, draw, fit, log_evidence
from pyrovae.models import VAE
from pyrovae.nn import MLP, Binomial, ConvDecoder, ConvEncoder
from pyrovae.objectives import ELBO, IWAE, Beta, Renyi
from pyrovae.train import load_checkpoint

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

OBJECTIVES = [ELBO(), ELBO(3, closed_form_kl=True), IWAE(5), Renyi(0.5, 5), Beta(0.5)]


def make_vae(conv):
    pyro.set_rng_seed(0)
    networks = (ConvEncoder, ConvDecoder) if conv else (MLP, MLP)
    return VAE((1, 8, 8), 4, encoder=networks[0], decoder=networks[1], likelihood=Binomial(16))


@pytest.mark.parametrize("conv", [False, True])
def test_densities_agree_with_the_cpu(conv):
    vae = make_vae(conv).double()
    x = data.digits().test.x[:10].double()
    there = copy.deepcopy(vae).cuda()
    p = draw(there.model, there.guide, x.cuda(), num_particles=3)
    z = p.latents["z"].cpu()
    expected = vae.decode(z).log_prob(x) + vae.prior().log_prob(z) - vae.encode(x).log_prob(z)
    torch.testing.assert_close(p.log_w.cpu(), expected)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_fit_measure_and_resume(objective, tmp_path):
    vae = make_vae(conv=False)
    digits = data.digits()
    options = dict(objective=objective, run_dir=tmp_path, progress=False)
    run = fit(vae.model, vae.guide, digits, epochs=2, **options)
    assert next(vae.parameters()).is_cuda
    assert run.history[-1]["val"] > run.history[0]["val"]
    again = make_vae(conv=False)
    run = fit(again.model, again.guide, digits, epochs=3, resume=True, **options)
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    found = log_evidence(again.model, again.guide, digits.test.to("cuda"), num_particles=50)
    assert found.log_px.isfinite().all()
    assert again.generate(3).is_cuda


def test_a_run_from_the_gpu_is_measured_on_the_cpu(tmp_path):
    vae = make_vae(conv=False)
    fit(vae.model, vae.guide, data.digits(), objective=ELBO(), epochs=1, run_dir=tmp_path)
    here = make_vae(conv=False)
    x = data.digits().test.x[:20]
    load_checkpoint(tmp_path / "last.safetensors", here.model, here.guide, x)
    for a, b in zip(vae.parameters(), here.parameters(), strict=True):
        torch.testing.assert_close(a.cpu(), b)


@pytest.mark.parametrize("conv", [False, True])
def test_captured_evidence_is_the_eager_one(conv):
    vae, x = make_vae(conv).cuda(), data.digits().test.x[:70].cuda()
    options = {"num_particles": 400, "chunk": 2000, "seed": 1}
    plain = log_evidence(vae.model, vae.guide, x, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast = log_evidence(vae.model, vae.guide, x, **options, compile=True)
    torch.testing.assert_close(fast.log_px, plain.log_px, rtol=1e-4, atol=1e-3)
    assert fast.log_px.unique().numel() > 60, "replays draw anew and overwrite no earlier result"


def test_captured_validation_is_the_eager_one():
    values = []
    for compile in (False, True):
        vae = make_vae(conv=False)
        options = {"epochs": 3, "batch_size": 32, "progress": False, "compile": compile}
        run = fit(vae.model, vae.guide, data.digits(), objective=IWAE(5), **options)
        values.append([row["val"] for row in run.history])
    assert values[1] == pytest.approx(values[0], rel=1e-3)
