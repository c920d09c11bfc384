"""Do more particles help the guide?  Run: python examples/06_snr_against_k.py [--smoke]

On a linear-Gaussian pair the exact gradient of the K-particle bound is known, and so is the signal
of the signal-to-noise ratio (SNR). The SNR of IWAE's guide gradient falls as K grows, with slope
-1/2 (Rainforth et al., 2018); that of DReG rises, with +1/2 (Tucker et al., 2019). The SNR of the
model's gradient rises under both. Writes snr_against_k.png.
"""

import argparse

import torch
from matplotlib.figure import Figure

from pyrovae import data, gradients, trainable
from pyrovae.objectives import IWAE, DReG


def exact_gradient(oracle, x, num_particles):
    """Of the loss, by the names of the leaves."""
    leaves = trainable(oracle.model, oracle.guide, x)
    loss = -oracle.iwae(x, num_particles).sum()
    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def slope(ks, values):
    """Least squares of log values on log K."""
    k, v = (torch.tensor(t, dtype=torch.float64).log() for t in (ks, values))
    k = k - k.mean()
    return ((k * v).sum() / k.square().sum()).item()


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    oracle = data.LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = oracle.sample(1, seed=1)
    ks = [16, 64, 256] if smoke else [4, 8, 16, 32, 64, 128, 256, 512, 1024]
    draws = 50 if smoke else 2000
    figure = Figure(figsize=(9, 3.6), dpi=150, layout="constrained")
    panels = dict(zip(("guide", "model"), figure.subplots(1, 2, sharey=True), strict=True))
    for i, objective in enumerate((IWAE, DReG)):
        found = {"guide": [], "model": []}
        for k in ks:
            statistics = gradients(
                oracle.model,
                oracle.guide,
                x,
                objective(num_particles=k),
                num_draws=draws,
                reference=exact_gradient(oracle, x, k),
            )
            for group, row in statistics.summary().items():
                found[group].append(row["snr"])
        for group, values in found.items():
            late = [(k, v) for k, v in zip(ks, values, strict=True) if k >= 16]
            name, power = objective.__name__, slope(*zip(*late, strict=True))
            panels[group].loglog(ks, values, "os"[i] + "-", ms=4, label=f"{name}: {power:+.2f}")
            print(f"{name:<5} {group}: SNR {values[0]:.4f} at K={ks[0]}, {values[-1]:.4f} at "
                  f"K={ks[-1]}, slope {power:+.2f}")  # fmt: skip
    for group, axes in panels.items():
        axes.set(title=f"{group} parameters", xlabel="K")
        axes.set_xticks(ks, ks)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, title="slope from K = 16")
    panels["guide"].set_ylabel("median SNR of the gradient")
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("snr_against_k.png")
    print(f"{draws} draws each; snr_against_k.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
