"""The VQ-VAE: a true bound, gradients straight through, and codebooks that step once."""

import copy
import itertools
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import SVI, fit, log_evidence
from pyrovae.errors import ConfigError, ShapeError, SupportError
from pyrovae.models import VQVAE, AutoregressiveCodes, UniformCodes
from pyrovae.nn import MLP
from pyrovae.nn.quantizers import FiniteScalar, LearnedCodebook, MovingAverageCodebook
from pyrovae.objectives import ELBO, IWAE, STL, Beta, DReG, Renyi
from pyrovae.train.step import compiled as compiled_steps

NET = partial(MLP, hidden=(8,))
X = torch.bernoulli(torch.full((12, 5), 0.5, dtype=torch.double))
QUANTIZERS = {
    "moving averages": lambda: MovingAverageCodebook(3, 2),
    "learned": lambda: LearnedCodebook(3, 2),
    "finite scalars": lambda: FiniteScalar([3]),
}
EACH = pytest.mark.parametrize("quantizer", QUANTIZERS.values(), ids=QUANTIZERS.keys())


def tiny(quantizer=QUANTIZERS["moving averages"], grid=(2,), seed=0, **parts):
    pyro.clear_param_store()
    pyro.set_rng_seed(seed)
    made = quantizer()
    return VQVAE((5,), grid, quantizer=made, encoder=NET, decoder=NET, **parts).double()


def every_code(vae):
    length = torch.Size(vae.grid).numel()
    rows = list(itertools.product(range(vae.num_codes), repeat=length))
    return torch.tensor(rows).reshape(-1, *vae.grid)


def exact_log_px(vae, x):
    """By enumeration of all codes [B]."""
    codes = every_code(vae)
    log_joint = vae.prior().log_prob(codes)[:, None] + torch.stack(
        [vae.decode(c).log_prob(x) for c in codes]
    )
    return log_joint.logsumexp(0).detach()


@EACH
@pytest.mark.parametrize("prior", [UniformCodes, AutoregressiveCodes])
@pytest.mark.parametrize("grid", [(2,), (1, 2)])
def test_the_bound_is_one_term_of_the_sum_over_codes(quantizer, prior, grid):
    vae = tiny(quantizer, grid, prior=prior)
    codes = vae.encode(X)
    expected = vae.prior().log_prob(codes) + vae.decode(codes).log_prob(X)
    for objective in (ELBO(), ELBO(3), IWAE(4), Renyi(0.5, 3), Beta(1.0), DReG(2), STL(2)):
        found = objective.per_datum(vae.model, vae.guide, X)
        torch.testing.assert_close(
            found, expected.detach(), msg=lambda m, o=objective: f"{o}: {m}"
        )
    assert (expected < exact_log_px(vae, X)).all()
    found = log_evidence(vae.model, vae.guide, X, num_particles=7)
    torch.testing.assert_close(found.log_px, expected.detach())


@EACH
def test_evidence_by_another_guide_reaches_log_px(quantizer):
    """One that draws codes from the prior, and so can come upon all of them."""
    vae = tiny(quantizer)

    def guide(x):
        with pyro.plate("data", len(x)):
            codes = pyro.sample("codes", vae.prior())
            pyro.sample("z", dist.Delta(vae.quantizer.embed(codes), event_dim=2))

    found = log_evidence(vae.model, guide, X, num_particles=4000, seed=0)
    error = (found.log_px - exact_log_px(vae, X)) / found.standard_error
    assert error.abs().max() < 4.5


def test_gradients_are_those_of_the_papers_loss():
    """-log p(x|e) + |sg(z) - e|^2 + c |z - sg(e)|^2, the decoder's gradient copied to z: eq. 3."""
    vae = tiny(lambda: LearnedCodebook(3, 2, commitment=0.4), grid=(3,))
    z = vae._encoded(X)
    e = vae.quantizer.codebook[vae.encode(X)]
    copied = z + (e - z).detach()
    loss = -vae._decoded(copied).log_prob(X).sum()
    loss = loss + (z.detach() - e).square().sum() + 0.4 * (z - e.detach()).square().sum()
    loss = loss + len(X) * 3 * torch.tensor(3.0).log()
    parameters = list(vae.parameters())
    expected = torch.autograd.grad(loss, parameters)
    for objective in (ELBO(), IWAE(3), STL(2)):
        found = objective.differentiable_loss(vae.model, vae.guide, X)
        torch.testing.assert_close(found, loss)
        for one, other in zip(torch.autograd.grad(found, parameters), expected, strict=True):
            torch.testing.assert_close(one, other)


@EACH
@pytest.mark.parametrize(
    "objective",
    [DReG(2), STL(3), IWAE(3, vectorize_particles=False), IWAE(4).in_chunks(1)],
    ids=["DReG", "STL", "sequential", "chunks"],
)
def test_a_step_teaches_the_codebook_once(quantizer, objective):
    """However often the guide runs in it, and whatever the objective does in between."""
    one, other = (tiny(quantizer) for _ in range(2))
    for step in range(4):
        x = X.roll(step, 1)
        pyro.set_rng_seed(step)
        ELBO().differentiable_loss(one.model, one.guide, x).backward()
        pyro.set_rng_seed(step)
        objective.differentiable_loss(other.model, other.guide, x).backward()
        for name in ("codebook", "share", "new_share", "new_total"):
            if name in dict(one.quantizer.named_buffers()):
                torch.testing.assert_close(
                    getattr(one.quantizer, name), getattr(other.quantizer, name)
                )
        with torch.no_grad():
            for module in (one, other):
                module.encoder.layers[0].bias.add_(0.01)


@EACH
def test_evaluation_changes_nothing(quantizer):
    vae = tiny(quantizer)
    ELBO().differentiable_loss(vae.model, vae.guide, X)
    before = copy.deepcopy(vae.state_dict())
    log_evidence(vae.model, vae.guide, X.flip(0), num_particles=2)  # in training mode still
    vae.eval()
    IWAE(2).per_datum(vae.model, vae.guide, X.flip(0))
    for call in (vae.encode, vae.reconstruct, vae.perplexity):
        call(X.flip(0))
    assert vae.generate(3).shape == (3, 5)
    after = vae.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@EACH
def test_validation_changes_nothing(quantizer):
    ends = []
    for val in (None, X.flip(0)):
        vae = tiny(quantizer)
        fit(vae.model, vae.guide, X, objective=ELBO(), epochs=3, batch_size=4, val=val,
            progress=False, device="cpu")  # fmt: skip
        ends.append(vae.state_dict())
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@EACH
@pytest.mark.parametrize("objective", [ELBO(), IWAE(3)], ids=["ELBO", "IWAE"])
def test_captured_steps_are_the_eager_ones(quantizer, objective, monkeypatch):
    """Parameters, losses and all that the codebook keeps, with codes that die and come back."""
    interpreted = partial(compiled_steps.Captured, compiler=None)
    monkeypatch.setattr(compiled_steps, "Captured", interpreted)
    ends = []
    for compile in (False, True):
        vae = tiny(quantizer, grid=(4,))
        if isinstance(vae.quantizer, (LearnedCodebook, MovingAverageCodebook)):
            vae.quantizer.decay, vae.quantizer.revive_below = 0.3, 0.9
        svi = SVI(vae.model, vae.guide, torch.optim.Adam(vae.parameters(), 1e-2), objective,
                  compile=compile)  # fmt: skip
        pyro.set_rng_seed(5)
        losses = [svi.step(X.roll(i, 0)[:6]) for i in range(7)]
        ends.append({**vae.state_dict(), "losses": torch.tensor(losses)})
    assert svi._compiled.captured.refusal == ""
    for name, tensor in ends[0].items():
        torch.testing.assert_close(ends[1][name], tensor, msg=lambda m, n=name: f"{n}: {m}")


@EACH
def test_a_resumed_run_keeps_its_codebook(quantizer, tmp_path):
    ends = []
    for folder, spans in (("whole", [4]), ("cut", [2, 4])):
        for epochs in spans:
            vae = tiny(quantizer)
            fit(vae.model, vae.guide, X, objective=ELBO(), epochs=epochs, batch_size=5,
                run_dir=tmp_path / folder, resume=True, progress=False, device="cpu")  # fmt: skip
        ends.append(vae.state_dict())
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_a_learned_prior_takes_the_uniform_ones_place():
    vae = tiny(QUANTIZERS["finite scalars"], grid=(3,))
    before = ELBO().per_datum(vae.model, vae.guide, X)
    codes = vae.encode(X)
    prior = AutoregressiveCodes(vae.grid, vae.num_codes, width=8).double()
    fit(prior.model, prior.guide, codes, objective=ELBO(), epochs=60, lr=2e-2, progress=False)
    vae.prior = prior
    after = ELBO().per_datum(vae.model, vae.guide, X)
    assert after.mean() > before.mean() + 0.5
    assert (after < exact_log_px(vae, X)).all()
    pyro.set_rng_seed(0)
    made = vae.generate(5, mean=False)
    pyro.set_rng_seed(0)
    assert torch.equal(made, vae.decode(prior().sample(torch.Size([5]))).sample())
    vae.prior = UniformCodes((2,), 3)
    for call in (lambda: vae.model(X), lambda: vae.generate(2)):
        with pytest.raises(ShapeError, match=r"prior is over grids of \[2\] codes out of 3"):
            call()


def test_trains_its_prior_along():
    vae = tiny(grid=(3,), prior=partial(AutoregressiveCodes, width=8))
    loss = ELBO().differentiable_loss(vae.model, vae.guide, X)
    loss.backward()
    assert all(parameter.grad is not None for parameter in vae.parameters())


def test_starts_on_its_encodings():
    vae = tiny(lambda: MovingAverageCodebook(4, 2))
    vae.start(X)
    z = vae._encoded(X).detach().reshape(-1, 2)
    moved = (z[:, None] - vae.quantizer.codebook).square().sum(-1).min(-1).values.mean()
    assert moved < z.var(0).sum() / 3
    tiny(QUANTIZERS["finite scalars"]).start(X)  # needs nothing


def test_perplexity_of_data():
    vae = tiny()
    codes = vae.encode(X)
    assert 1 <= vae.perplexity(X) <= len(codes.unique()) + 1e-9


def test_says_what_does_not_fit():
    vae = tiny()
    with pytest.raises(SupportError, match=r"codes in 0..3, and has 0..2"):
        vae.decode(torch.tensor([[0, 3]]))
    with pytest.raises(SupportError, match="integer tensor"):
        vae.decode(torch.zeros(2, 2))
    with pytest.raises(ShapeError, match=r"a datum has a grid of \[2\]"):
        vae.decode(torch.zeros(2, 3).long())
    with pytest.raises(ShapeError, match="built for data of shape"):
        vae.encode(torch.zeros(3, 4).double())
    with pytest.raises(ConfigError, match=r"VQVAE got grid=\(\)"):
        VQVAE((5,), ())
    with pytest.raises(ShapeError, match="prior is over grids"):
        VQVAE((5,), (2,), prior=UniformCodes((2,), 7))
    wrong = VQVAE((5,), (2,), encoder=MLP(5, (2, 3)))
    with pytest.raises(ShapeError, match=r"MovingAverageCodebook needs \[N, 2, 16\]"):
        wrong.guide(X.float())
    with pytest.raises(SupportError):
        vae.model(X + 0.5)
