"""Does a VAE find a known optimum?  Run: python examples/16_linear_vae.py [--smoke]

Without hidden layers a VAE is probabilistic PCA, or factor analysis. The optimum of the first has
a closed form. EM, which optimises guide and model in turn, and gradients for both at once reach
it. (The second has several optima of similar value.) Under a weight beta on the KL, a direction of
variance lambda collapses exactly if lambda <= beta sigma^2. Writes linear_vae.png: active units
against beta.
"""

import argparse

import pyro
from matplotlib.figure import Figure
from scipy.linalg import subspace_angles
from sklearn import decomposition

from pyrovae import active_units, data, fit
from pyrovae.models import FactorAnalysis, ProbabilisticPCA, e_step, m_step
from pyrovae.objectives import ELBO, Beta
from pyrovae.train.optim import schedules

LATENT, SCALE = 8, 0.5  # sigma, in units of four grey levels


def by_em(pair, x, steps):
    for _ in range(steps):
        e_step(pair)  # the best guide for this model: the exact posterior
        m_step(pair, x)  # the best model for this guide: a regression on its codes
    e_step(pair)


def by_gradients(pair, x, objective, epochs):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    pair.start(x)
    fit(pair.model, pair.guide, x, objective=objective, epochs=epochs, batch_size=len(x), lr=0.1,
        schedule=schedules.cosine(), device="cpu", progress=False)  # fmt: skip


def show(name, pair, x, reference):
    angle = subspace_angles(pair.decoder.weight.detach(), reference).max()
    log_px, elbo = pair.log_px(x).mean(), pair.elbo(x).mean()
    print(f"{name:<28} {log_px:9.3f} {elbo:9.3f} {angle:13.4f}")


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    pyro.set_rng_seed(0)
    x = data.digits().train.x.flatten(1).double() / 4
    x = x[:, x.std(0) > 0.12]  # a constant pixel has no noise to learn
    dim = x.shape[1]
    print(f"{len(x)} digits, {dim} pixels, {LATENT} latents; nats per digit")
    print("                                log p(x)      ELBO  angle to reference")
    theirs = decomposition.PCA(LATENT).fit(x)
    closed, em, svi = (ProbabilisticPCA((dim,), LATENT).double() for _ in range(3))
    closed.solve(x)
    by_em(em, x, 20 if smoke else 300)
    by_gradients(svi, x, ELBO(4, closed_form_kl=True), 3 if smoke else 800)
    for name, pair in {"closed form": closed, "EM": em, "gradients": svi}.items():
        show(f"pPCA, {name}", pair, x, theirs.components_.T)
    their_fa = decomposition.FactorAnalysis(LATENT, tol=1e-4, max_iter=5000).fit(x)
    em, svi = (FactorAnalysis((dim,), LATENT).double() for _ in range(2))
    by_em(em, x, 20 if smoke else 2000)
    by_gradients(svi, x, ELBO(4, closed_form_kl=True), 3 if smoke else 800)
    for name, pair in {"EM": em, "gradients": svi}.items():
        show(f"factor analysis, {name}", pair, x, their_fa.components_.T)
    print(f"factor analysis, scikit-learn {their_fa.score(x):8.3f}")

    betas = [1.0, 30.0] if smoke else [1, 6, 12, 14, 16, 20, 30, 37.5, 42.5, 48]
    options = {"init_scale": SCALE, "learn_scale": False}
    spectrum = theirs.explained_variance_ * (len(x) - 1) / len(x)
    found, agree = [], 0
    for beta in betas:
        exact = ProbabilisticPCA((dim,), LATENT, **options).double()
        lengths = exact.solve(x, beta)
        pair = ProbabilisticPCA((dim,), LATENT, covariance="diagonal", **options).double()
        by_gradients(pair, x, Beta(beta, 2), 3 if smoke else 800)
        found.append(active_units(pair.model, pair.guide, x).count)
        active = int((lengths > 0).sum())
        agree += found[-1] == active
        print(f"beta {beta:5.1f}: {active} active predicted, {found[-1]} found; bound "
              f"{pair.elbo(x, beta).mean():.3f} of {exact.elbo(x, beta).mean():.3f}")  # fmt: skip
    figure = Figure(figsize=(6, 3.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    thresholds = sorted(spectrum / SCALE**2)
    axes.step([0, *thresholds], range(LATENT, -1, -1), where="post", label="predicted")
    axes.plot(betas, found, "o", label="found by training")
    axes.set(xlabel="beta", ylabel="active units", title="direction j collapses at lambda_j / s^2")
    axes.legend()
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("linear_vae.png")
    print(f"as predicted at {agree} of {len(betas)} weights, {agree / len(betas):.2f}; "
          "linear_vae.png")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
