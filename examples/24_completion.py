"""What can the missing half of a digit be?  Run: python examples/24_completion.py [--smoke]

A VAE is trained on whole digits (8 x 8, levels 0..16). The lower half of test digits is hidden and
drawn from p(hidden|observed) by three methods; log p(hidden|observed) says how well each does, and
how far its ways of estimating it agree. Then 4 x 4 digits are made 8 x 8, by the same VAE and by a
conditional one that was trained for it. Writes completion.png.
"""

import argparse

import pyro
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pyrovae import data, fit, log_evidence
from pyrovae.apply import complete, super_resolve
from pyrovae.models import VAE, ConditionalVAE
from pyrovae.nn import MLP, Binomial
from pyrovae.objectives import ELBO

NOISE = 0.5  # of the averages of 2 x 2 pixels, in levels


def net(in_shape, out_shape):
    return MLP(in_shape, out_shape, hidden=(128, 128))


def trained(pair, split, epochs):
    fit(pair.model, pair.guide, split, objective=ELBO(), epochs=epochs, lr=2e-3, seed=0,
        device="cpu", progress=False)  # fmt: skip
    return pair


def small(x, seed):
    """What `super_resolve` sees of digits [N, 1, 8, 8], in the units of a network."""
    noise = torch.randn(len(x), 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return (torch.nn.functional.avg_pool2d(x, 2) + NOISE * noise) / 16


def likeness(made, x):
    """PSNR in dB and SSIM of images [N, 1, 8, 8]."""
    pairs = list(zip(x.squeeze(1).numpy(), made.squeeze(1).numpy(), strict=True))
    ssim = sum(structural_similarity(a, b, data_range=16) for a, b in pairs) / len(pairs)
    return peak_signal_noise_ratio(x.numpy(), made.numpy(), data_range=16), ssim


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    pyro.set_rng_seed(0)
    digits, epochs = data.digits(), 1 if smoke else 100
    x = digits.test.x[: 4 if smoke else 50]
    options = {"num_completions": 2 if smoke else 10, "num_steps": 8 if smoke else 100,
               "num_particles": 16 if smoke else 1000, "seed": 0}  # fmt: skip
    vae = VAE(digits.shape, 10, encoder=net, decoder=net, likelihood=Binomial(16))
    trained(vae, digits.train, epochs)

    for method in ("importance", "metropolis-gibbs", "hmc"):
        found = complete(vae, x, mask="bottom half", method=method, **options)
        print(f"{found}\n")
    figure = found.plot()
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("completion.png")

    conditional = ConditionalVAE(digits.shape, 10, condition_shape=(1, 4, 4), encoder=net,
                                 decoder=net, prior_network=net,
                                 likelihood=Binomial(16))  # fmt: skip
    seen = small(digits.train.x, 1)
    trained(conditional, (digits.train.x, seen), epochs)
    y = small(x, 2)
    by_vae = super_resolve(vae, 16 * y, noise=NOISE, is_small=True, **options)
    scored = super_resolve(vae, x, noise=NOISE, **options)
    means = torch.stack([conditional.generate(y) for _ in range(options["num_particles"])]).mean(0)
    evidence = log_evidence(conditional, x, y, num_particles=options["num_particles"], seed=0)
    repeated = 16 * y.repeat_interleave(2, -1).repeat_interleave(2, -2)

    print("4 x 4 to 8 x 8        PSNR   SSIM   log p(x|y), nats")
    density = scored.numbers()["log_hidden"]["annealed"]["mean"]
    for name, made, held in (
        ("pixels repeated", repeated, ""),
        ("VAE, completed", by_vae.mean, f"{density:.1f}"),
        ("conditional VAE", means, f"{evidence.mean():.1f}"),
    ):
        psnr, ssim = likeness(made, x)
        print(f"{name:<18} {psnr:7.2f} {ssim:6.3f}   {held}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
