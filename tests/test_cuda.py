"""The whole way on a GPU: a pair moves wholly, agrees with the CPU, trains, and comes back."""

import copy
import math
import warnings

import pyro
import pytest
import torch

from pyrovae import SVI, data, draw, fit, log_evidence
from pyrovae.errors import CaptureWarning
from pyrovae.models import VAE
from pyrovae.nn import MLP, Binomial, ConvDecoder, ConvEncoder
from pyrovae.objectives import ELBO, IWAE, STL, Beta, DReG, Renyi
from pyrovae.train import load_checkpoint
from tests.models.matrix import PAIRS, batch_for, objective_for

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
    found = log_evidence(again.model, again.guide, digits.test, num_particles=50)  # on the CPU
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


class TestCompiled:
    """The captured step as a CUDA graph."""

    def run(self, objective, compile, steps=8, **options):
        pyro.clear_param_store()
        vae = make_vae(conv=False).cuda()
        x = data.digits().train.x[:32].cuda()
        optim = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True)
        svi = SVI(vae.model, vae.guide, optim, objective, compile=compile, **options)
        pyro.set_rng_seed(1)
        return [svi.step(x) for _ in range(steps)], vae, svi

    @pytest.mark.parametrize("objective", [*OBJECTIVES, DReG(3), STL(2)], ids=repr)
    def test_its_first_steps_are_the_eager_steps(self, objective):
        # Replays draw from their own place in torch's stream: before them, the draws are the same.
        eager, _, _ = self.run(objective, False, steps=3)
        found, _, svi = self.run(objective, True, steps=3)
        assert svi._compiled.captured.refusal == ""
        torch.testing.assert_close(found, eager, rtol=1e-4, atol=1e-3)

    @pytest.mark.filterwarnings("error::pyrovae.errors.CaptureWarning")
    def test_an_adam_that_counts_on_the_cpu_is_replayed_too(self):
        vae = make_vae(conv=False).cuda()
        x = data.digits().train.x[:32].cuda()
        svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 1e-3}), ELBO(), compile=True)
        for _ in range(4):
            svi.step(x)
        assert all(state["step"].is_cuda for state in svi.optimizer.torch.state.values())
        svi.compile = False
        svi.step(x)
        assert {float(state["step"]) for state in svi.optimizer.torch.state.values()} == {5.0}

    @pytest.mark.filterwarnings("always::pyrovae.errors.CaptureWarning")
    def test_a_pair_that_reads_on_the_cpu_is_compiled_and_says_so(self):
        vae, scale = make_vae(conv=False).cuda(), torch.tensor(2.0)

        def guide(x):
            with pyro.poutine.scale(scale=scale):
                vae.guide(x)

        x = data.digits().train.x[:32].cuda()
        leaves = torch.optim.Adam(vae.parameters(), 1e-3)
        svi = SVI(vae.model, guide, leaves, ELBO(), compile=True)
        with pytest.warns(CaptureWarning, match="not replayed as a CUDA graph"):
            losses = [svi.step(x) for _ in range(4)]
        assert all(math.isfinite(loss) for loss in losses)

    def test_noise_is_new_at_every_replay(self):
        pyro.clear_param_store()
        vae = make_vae(conv=False).cuda()
        x = data.digits().train.x[:32].cuda()
        optim = torch.optim.SGD(vae.parameters(), lr=0.0)
        svi = SVI(vae.model, vae.guide, optim, ELBO(), compile=True)
        losses = torch.tensor([svi.step(x) for _ in range(300)])
        eager = SVI(vae.model, vae.guide, torch.optim.SGD(vae.parameters(), lr=0.0), ELBO())
        others = torch.tensor([eager.step(x) for _ in range(300)])
        error = (losses.var() / 300 + others.var() / 300).sqrt()
        assert len(losses.unique()) > 250
        assert abs(losses.mean() - others.mean()) < 5 * error

    def test_weights_and_rates_take_effect(self):
        weight = torch.tensor(0.0, device="cuda")
        _, vae, svi = self.run(Beta(weight), True)
        x = data.digits().train.x[:32].cuda()
        svi.optimizer.torch.param_groups[0]["lr"] = 0.0
        before = [p.detach().clone() for p in vae.parameters()]
        light = svi.step(x)
        weight.fill_(100.0)
        assert svi.step(x) > light + 32
        assert all(torch.equal(p, old) for p, old in zip(vae.parameters(), before, strict=True))

    def test_fit_follows_the_eager_fit(self):
        values = []
        for compile in (False, True):
            vae = make_vae(conv=False)
            run = fit(
                vae.model,
                vae.guide,
                data.digits(),
                objective=ELBO(),
                epochs=5,
                compile=compile,
                progress=False,
            )
            values.append(run.history[-1]["val"])
        assert abs(values[0] - values[1]) < 2.0


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there is one CUDA device")
def test_ranks_on_two_gpus_follow_one(tmp_path, monkeypatch):
    monkeypatch.setenv("SCENARIO_DEVICE", "cuda")
    from tests.train.ranks import test_ranks as ranks

    names = ["uneven", "fewer_rows_than_ranks", "scaled_by_the_plate", "captured"]
    (tmp_path / "one").mkdir()
    for folder, size in ((tmp_path, 2), (tmp_path / "one", 1)):
        done = ranks.scenarios(folder, *names, ranks=size)
        assert done.returncode == 0, done.stderr
    for name in names:
        (expected,) = ranks.found_by(tmp_path / "one", name, 1)
        for found in ranks.found_by(tmp_path, name):
            for part in ("state", "history", "steps"):
                torch.testing.assert_close(
                    found[part], expected[part], rtol=1e-6, atol=1e-8, check_device=False
                )


def test_bfloat16_and_tf32_follow_float32():
    digits = data.digits()
    bounds = {}
    for precision in ("full", "tf32", "bf16"):
        vae = make_vae(conv=True)
        options = dict(objective=IWAE(5), epochs=2, precision=precision, progress=False)
        bounds[precision] = fit(vae.model, vae.guide, digits, **options).history[-1]["val"]
        assert all(p.dtype == torch.float32 for p in vae.parameters())
        assert not torch.backends.cuda.matmul.allow_tf32
    assert abs(bounds["tf32"] - bounds["full"]) < 1.0, bounds
    assert abs(bounds["bf16"] - bounds["full"]) < 2.0, bounds


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_low_precision_is_captured(precision):
    vae = make_vae(conv=False)
    options = dict(objective=IWAE(5), epochs=2, compile=True, precision=precision, progress=False)
    run = fit(vae.model, vae.guide, data.digits(), **options)
    assert run.history[-1]["val"] > run.history[0]["val"]


@pytest.mark.parametrize("make", [IWAE, DReG], ids=["IWAE", "DReG"])
def test_chunks_give_the_gradient_of_all_particles(make):
    vae = make_vae(conv=True).double().cuda()
    x = data.digits().test.x[:4].double().cuda()
    found = []
    for size in (None, 1):
        objective = make(5, vectorize_particles=False)
        objective = objective if size is None else objective.in_chunks(size)
        pyro.set_rng_seed(3)
        loss = objective.differentiable_loss(vae.model, vae.guide, x)
        leaves = [p for p in vae.parameters() if p.requires_grad]
        found.append([loss.detach(), *torch.autograd.grad(loss, leaves)])
    torch.testing.assert_close(found[0], found[1], rtol=1e-8, atol=1e-10)


def test_memory_is_reported_and_a_budget_kept():
    vae = make_vae(conv=True)
    options = dict(objective=IWAE(200), epochs=1, batch_size=100, progress=False)
    plain = fit(vae.model, vae.guide, data.digits(), **options)
    assert plain.history[0]["peak_bytes"] == plain.peak_bytes > 0
    budget = plain.peak_bytes // 4
    chunked = fit(vae.model, vae.guide, data.digits(), memory=budget, **options)
    assert chunked.peak_bytes < 0.6 * plain.peak_bytes


@pytest.mark.parametrize("conv", [False, True])
def test_captured_evidence_is_the_eager_one(conv):
    vae, x = make_vae(conv).cuda(), data.digits().test.x[:70].cuda()
    options = {"num_particles": 400, "chunk": 2000, "seed": 1}
    plain = log_evidence(vae.model, vae.guide, x, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast = log_evidence(vae.model, vae.guide, x, **options, compile=True)
    # Replays draw from their own place in torch's stream.
    error = (plain.standard_error.square() + fast.standard_error.square()).sqrt()
    z = (fast.log_px - plain.log_px) / error
    assert z.abs().max() < 6 and z.std() > 0.3
    assert (fast.ess - plain.ess).mean().abs() < 0.3 * plain.ess.mean()


def test_captured_validation_is_the_eager_one():
    values = []
    for compile in (False, True):
        vae = make_vae(conv=False)
        options = {"epochs": 3, "batch_size": 32, "progress": False, "compile": compile}
        run = fit(vae.model, vae.guide, data.digits(), objective=IWAE(5), **options)
        values.append([row["val"] for row in run.history])
    assert values[1] == pytest.approx(values[0], rel=0.02)  # its noise is another


@pytest.mark.filterwarnings("ignore::pyrovae.errors.GradientWarning")
@pytest.mark.parametrize("name", PAIRS)
def test_every_guide_prior_and_family_is_captured(name):
    losses = []
    for compile in (False, True):
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        pair = PAIRS[name]().cuda()
        optim = torch.optim.SGD(pair.parameters(), 1e-4)
        objective = objective_for(pair)
        svi = SVI(pair.model, pair.guide, optim, objective, compile=compile)
        pyro.set_rng_seed(1)
        batch = [t.float() if t.is_floating_point() else t for t in batch_for(name, pair)]
        batch = [t.cuda() for t in batch]
        losses.append([float(svi.step(*batch)) for _ in range(3)])
        assert all(t.is_cuda for t in (*pair.parameters(), *pair.buffers()))
        assert pair.reconstruct(*batch).is_cuda
    torch.testing.assert_close(*map(torch.tensor, losses), rtol=1e-4, atol=1e-3)
