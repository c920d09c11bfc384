"""Which objective disentangles?  Run: python benchmarks/disentangling.py --help

One net (1024-256-256, 10 latents, ReLU, mirrored) is trained on `data.shapes` for equal steps
(Adam, cosine schedule), once for each objective and seed. All metrics are computed on all 10,368
images, from posterior means. An objective is written NAME:WEIGHT, its first argument; it also gets
the number of data if it takes that. ELBO has no weight. Total correlation falls late, and needs
large batches and many steps. For example:

    python benchmarks/disentangling.py --objectives Beta:6 TCVAE:6 --batch-size 512 --epochs 500
"""

import argparse
import inspect
import time
from functools import partial
from statistics import mean, stdev

import pyro
import sklearn
import torch
from timing import Report, where

from pyrovae import disentanglement, elbo_parts, fit, objectives, posterior_means
from pyrovae.data import Dataset, shapes
from pyrovae.models import VAE
from pyrovae.nn import MLP
from pyrovae.train.optim import schedules

COLUMNS = {
    "mig": "MIG", "dci_disentanglement": "DCI D", "dci_completeness": "DCI C",
    "dci_informativeness": "DCI I", "sap": "SAP", "factor_vae": "FacVAE", "beta_vae": "betaVAE",
    "reconstruction": "recon", "kl": "KL",
}  # fmt: skip


def objective(words, **options):
    name, _, weight = words.partition(":")
    made = getattr(objectives, name)
    known = inspect.signature(made).parameters
    own = {option: value for option, value in options.items() if option in known}
    return made(*([float(weight)] if weight else []), **own)


def all_of(data: Dataset):
    splits = [data.train, data.val, data.test]
    return torch.cat([split.x for split in splits]), torch.cat([split.y for split in splits])


def trained(words, data, options, seed):
    """Scores by name, and seconds."""
    x, y = all_of(data)
    pyro.clear_param_store()
    pyro.set_rng_seed(seed)
    net = partial(MLP, hidden=tuple(options.hidden))
    vae = VAE(data.shape, options.latent_dim, encoder=net, decoder=net)
    started = time.perf_counter()
    fit(
        vae.model, vae.guide, x, epochs=options.epochs,
        objective=objective(words, num_data=len(x), sampling=options.sampling),
        batch_size=options.batch_size, lr=options.lr, schedule=schedules.cosine(), seed=seed,
        compile=not options.smoke, device=options.device, progress=False,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    codes = posterior_means(vae.model, vae.guide, x.to(options.device))
    scores = disentanglement(codes, y, names=data.info["factors"], seed=seed)
    parts = elbo_parts(vae.model, vae.guide, x[::10].to(options.device), seed=seed).means()
    kept = {name: parts[name] for name in ("reconstruction", "kl")}
    return scores.summary() | kept, scores.num_live, seconds


def main(options):
    if options.smoke:
        options.epochs, options.seeds, small = 1, options.seeds[:1], {"num_positions": 4}
    else:
        small = {}
    say = Report(options.out, "disentangling.txt")
    say(f"{where(torch.device(options.device))}, scikit-learn {sklearn.__version__}")
    data = shapes(val_size=0, test_size=1, **small)
    say(
        f"{len(data.train) + 1} shapes {list(data.shape)}, factors {data.info['factors']}; "
        f"MLP {options.hidden}, {options.latent_dim} latents, {options.epochs} epochs of batch "
        f"{options.batch_size}, Adam {options.lr} falling to zero, sampling of TCVAE "
        f"{options.sampling}; disentanglement() as it is\n"
    )
    head = "".join(f"{title:>9s}" for title in COLUMNS.values())
    say(f"{'':12s}{'seed':>5s}{head}{'live':>6s}{'seconds':>9s}")
    for words in options.objectives:
        every = []
        for seed in options.seeds:
            scores, live, seconds = trained(words, data, options, seed)
            every.append(scores)
            row = "".join(f"{scores[name]:9.3f}" for name in COLUMNS)
            say(f"{words:12s}{seed:5d}{row}{live:6d}{seconds:9.0f}")
        if len(every) > 1:
            for title, of in (("mean", mean), ("s.d.", stdev)):
                row = "".join(f"{of(s[name] for s in every):9.3f}" for name in COLUMNS)
                say(f"{words:12s}{title:>5s}{row}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--objectives", nargs="+", default=["Beta:1", "Beta:4", "Beta:8"], metavar="NAME:WEIGHT")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2])
    add("--epochs", type=int, default=100)
    add("--batch-size", type=int, default=64)
    add("--lr", type=float, default=2e-3)
    add("--sampling", choices=["stratified", "weighted"], default="weighted", help="of TCVAE")
    add("--hidden", type=int, nargs="+", default=[256, 256])
    add("--latent-dim", type=int, default=10)
    add("--device", default="cpu")
    add("--smoke", action="store_true", help="one epoch of few images: does it run?")
    add("--out", help="by default benchmarks/results/disentangling.txt")
    main(parser.parse_args())
