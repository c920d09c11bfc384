"""How often is the verdict on log p(x) wrong?  Run: python benchmarks/trust.py [--trained]

Pairs whose log p(x) is exact get guides that are off in many ways; each run of `log_evidence` is
judged as a whole (40 data), in parts of 5, and by single data. With --trained, nets are trained
and their verdicts set beside annealed importance sampling; --mnist names a trained run.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from timing import Report, where
from torch import Tensor

import pyrovae
from pyrovae import ais, data, fit, log_evidence
from pyrovae.data import DiscreteLatent, LinearGaussian, LinearGaussianChain
from pyrovae.evaluate import Evidence

DATA, PART = 40, 5
NET_DATA, TEMPERATURES = 12, 100
NEAR = 0.1  # nats, what the verdict promises


@dataclass(frozen=True)
class Case:
    """A pair with its data, and log p(x) of each."""

    family: str
    model: Callable[..., None]
    guide: Callable[..., None]
    x: Tensor
    log_px: Tensor
    sizes: tuple[int, ...] = (100, 1000)


def linear_gaussian() -> Iterator[Case]:
    """Posteriors N(m, S); the guide is scaled by s and shifted, for each datum differently."""
    for size in (1, 2, 5, 10, 20, 50):
        pair = LinearGaussian.random(data_dim=size + 3, latent_dim=size, seed=size)
        x = pair.sample(DATA, seed=1)
        posterior = pair.posterior(x)
        for scale in (0.5, 0.7, 0.85, 1.0, 1.2, 1.5):
            for shift in (0.0, 0.4):
                torch.manual_seed(0)
                tril = posterior.scale_tril * (scale * (0.2 * torch.randn(DATA, 1, 1)).exp())
                moved = shift * torch.randn(DATA, size, 1, dtype=torch.float64)
                loc = (posterior.mean[..., None] + posterior.scale_tril @ moved)[..., 0]
                guide = partial(_normal_guide, loc.detach(), tril.detach())
                sizes = (100, 1000, 5000) if size in (2, 10) else (100, 1000)
                yield Case("linear Gaussian", pair.model, guide, x, pair.log_px(x), sizes)


def _normal_guide(loc: Tensor, tril: Tensor, x: Tensor) -> None:
    with pyro.plate("batch", len(x)):
        pyro.sample("z", dist.MultivariateNormal(loc, scale_tril=tril))


def chains() -> Iterator[Case]:
    """Two layers; the guide's weights are disturbed and its scales multiplied."""
    for sizes in ((2, 1), (6, 3), (20, 10)):
        for order in ("bottom-up", "top-down"):
            for scale in (0.6, 0.8, 1.0, 1.3):
                for noise in (0.1, 0.3):
                    pair = LinearGaussianChain.random(
                        sizes[0] + 3, sizes, seed=sizes[0], order=order
                    )
                    x = pair.sample(DATA, seed=1)
                    torch.manual_seed(0)
                    with torch.no_grad():
                        for step in pair.encoders:
                            step.weight.mul_(1 + noise * torch.randn_like(step.weight))
                            step.log_scale.add_(torch.tensor(scale).log())
                            step.lower.mul_(scale)
                    yield Case("Gaussian hierarchy", pair.model, pair.guide, x, pair.log_px(x))


def discrete() -> Iterator[Case]:
    """Binary latents; the guide ignores the data, or answers them too strongly."""
    for size in (2, 5, 10):
        for factor in (0.0, 0.5, 1.0, 2.0, 4.0):
            for seed in (0, 1):
                pair = DiscreteLatent.random(data_dim=size + 4, latent_dim=size, seed=seed)
                with torch.no_grad():
                    pair.encoder.weight.mul_(factor)
                x = pair.sample(DATA, seed=1)
                yield Case("binary latents", pair.model, pair.guide, x, pair.log_px(x))


def heavy_tails() -> Iterator[Case]:
    """Student-t prior and a normal guide, whose weights have no variance at any scale."""
    grid = torch.linspace(-400, 400, 400_001, dtype=torch.float64)
    for df in (1.5, 3.0, 8.0):
        for size in (1, 4):
            for noise in (1.0, 3.0):
                prior = dist.StudentT(torch.tensor(df, dtype=torch.float64))
                torch.manual_seed(0)
                z = prior.sample((DATA, size)).clamp(-50, 50)
                x = z + noise * torch.randn_like(z)
                log_px = (
                    torch.stack(
                        [
                            torch.logsumexp(
                                prior.log_prob(grid) + dist.Normal(grid, noise).log_prob(value), 0
                            )
                            for value in x.flatten()
                        ]
                    )
                    + (grid[1] - grid[0]).log()
                )
                for scale in (0.7, 1.0, 1.5):
                    yield Case(
                        "Student-t prior",
                        partial(_student_model, prior, noise),
                        partial(_student_guide, scale),
                        x,
                        log_px.view(DATA, size).sum(1),
                    )


def _student_model(prior: Any, noise: float, x: Tensor) -> None:
    with pyro.plate("batch", len(x)):
        z = pyro.sample("z", prior.expand([x.shape[1]]).to_event(1))
        pyro.sample("x", dist.Normal(z, noise).to_event(1), obs=x)


def _student_guide(scale: float, x: Tensor) -> None:
    with pyro.plate("batch", len(x)):
        pyro.sample("z", dist.Normal(0.7 * x, torch.full_like(x, scale)).to_event(1))


def two_modes() -> Iterator[Case]:
    """x = z^2 + noise has two solutions, of which the guide knows one: log 2 may be missed."""
    grid = torch.linspace(-12, 12, 100_001, dtype=torch.float64)
    for root in (0.5, 1.0, 1.5, 2.0, 3.0):
        x = (root**2 + 0.3 * torch.linspace(-1, 1, DATA, dtype=torch.float64)).clamp_min(0.05)
        joint = dist.Normal(0.0, 3.0).log_prob(grid) + dist.Normal(grid**2, 0.5).log_prob(
            x[:, None]
        )
        log_px = torch.logsumexp(joint, 1) + (grid[1] - grid[0]).log()
        for scale in (0.3, 0.6, 1.0):
            yield Case(
                "two modes, one known", _square_model, partial(_square_guide, scale), x, log_px
            )


def _square_model(x: Tensor) -> None:
    with pyro.plate("batch", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(()), 3.0))
        pyro.sample("x", dist.Normal(z**2, 0.5), obs=x)


def _square_guide(scale: float, x: Tensor) -> None:
    with pyro.plate("batch", len(x)):
        pyro.sample("z", dist.Normal(x.sqrt(), scale))


FAMILIES = (linear_gaussian, chains, discrete, heavy_tails, two_modes)


def part_of(found: Evidence, rows: slice) -> Evidence:
    """The evidence of some of the data."""
    tensors = {f.name: getattr(found, f.name) for f in fields(found)}
    cut = {n: t[..., rows] for n, t in tensors.items() if isinstance(t, Tensor)}
    return replace(found, **cut)


@dataclass(frozen=True)
class Judged:
    """What was said of a mean, and what was true: nats."""

    said: float
    within: float
    off: float  # log p(x) minus the estimate


def judge(found: Evidence, log_px: Tensor) -> Judged:
    off = float((log_px.detach() - found.log_px).mean())
    return Judged(found.shortfall, found.within, off)


def measured(cases: Iterator[Case], seed: int = 0) -> Iterator[tuple[str, int, int, Judged]]:
    """Family, K, number of data and verdict."""
    for case in cases:
        for size in case.sizes:
            found = log_evidence(
                case.model, case.guide, case.x, num_particles=size, rows=DATA, seed=seed
            )
            for part in (DATA, PART, 1):
                # Parts are as many for each kind of pair, and single data not all of them.
                for start in range(0, DATA, part)[:8]:
                    rows = slice(start, start + part)
                    yield case.family, size, part, judge(part_of(found, rows), case.log_px[rows])


def row(name: str, judged: list[Judged]) -> str:
    """A row of the table of errors."""
    said, off, within = (
        torch.tensor([getattr(j, n) for j in judged]) for n in ("said", "off", "within")
    )
    near = within < NEAR
    wrong, far = near & (off.abs() >= NEAR), near & (off.abs() >= 2 * NEAR)
    low = said >= NEAR
    fine = ~near & (off.abs() < NEAR)
    cells = [name, f"{len(judged):,}", f"{int(near.sum()):,}", _share(wrong, near),
             _share(far, near), f"{int((~near).sum()):,}", _share(fine, ~near),
             f"{int(low.sum()):,}", _share(low & (off.abs() < NEAR), low)]  # fmt: skip
    ratio = (said / off)[low & (off > 0.02)]
    if len(ratio) > 4:
        q = ratio.quantile(torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9]))
        cells.append(" / ".join(f"{v:.2g}" for v in q))
    else:
        cells.append("")
    return f"| {' | '.join(cells)} |"


def _share(some: Tensor, of: Tensor) -> str:
    count = int(of.sum())
    return f"{int(some.sum()) / count:.1%}" if count else ""


HEAD = (
    '| | judged | "within 0.1" | wrong | off by 0.2 or more | not "within 0.1" | was within | '
    '"about ... too low" | was within | said / true, 10, 25, 50, 75, 90 % |\n' + "|---" * 10 + "|"
)


def exact(report: Report) -> None:
    found = [judged for make in FAMILIES for judged in measured(make())]
    seen = [j for j in found if j[0] != "two modes, one known"]
    report(f"## Against exact log p(x)\n\n{len(found):,} verdicts.\n\n{HEAD}")
    for part in (DATA, PART, 1):
        report(row(f"mean of {part} data" if part > 1 else "one datum",
                   [j for _, _, n, j in seen if n == part]))  # fmt: skip
    report(f"\nMeans of {DATA} data by K, and by kind of pair\n\n{HEAD}")
    for size in (100, 1000, 5000):
        report(row(f"K = {size:,}", [j for _, k, n, j in seen if (k, n) == (size, DATA)]))
    for family in dict.fromkeys(f for f, *_ in found):
        report(row(family, [j for f, _, n, j in found if (f, n) == (family, DATA)]))
    report(
        "\nThe first tables leave out the two modes: where no draw visits the second one, nothing "
        "can be seen."
    )


def trained(report: Report, mnist: str | None, root: str | None) -> None:
    digits = data.digits()
    report("\n## Trained nets against annealed importance sampling\n")
    report("| pair | K | log p(x) | verdict | AIS | AIS is higher by | median k-hat |\n"
           + "|---" * 7 + "|")  # fmt: skip
    for name, pair, x in nets(digits, mnist, root):
        x = x[:NET_DATA]
        best = ais(
            pair.model, pair.guide, x, num_particles=8, num_temperatures=TEMPERATURES, seed=0
        )
        for size in (100, 1000, 5000):
            found = log_evidence(pair.model, pair.guide, x, num_particles=size, seed=0)
            report(
                f"| {name} | {size:,} | {found.mean():.2f} | {found.verdict} | "
                f"{best.mean():.2f} +- {best.monte_carlo_error():.2f} | "
                f"{best.mean() - found.mean():.2f} | {float(found.k_hat.nanmedian()):.2f} |"
            )


def nets(digits: Any, mnist: str | None, root: str | None) -> Iterator[tuple[str, Any, Tensor]]:
    """Name, pair and data."""
    from pyrovae.models import VAE, FlowPosterior, HierarchicalVAE
    from pyrovae.nn import Binomial
    from pyrovae.objectives import IWAE, STL

    likelihood = Binomial(16)
    if mnist is not None:
        loaded = pyrovae.load(mnist)
        test = data.mnist(root, binarize="dynamic").test
        yield "MNIST 784-200-200-50", loaded, test.binarized(0).x
    kinds = {
        "digits, 16 latents, IWAE(5)": (VAE((1, 8, 8), 16, likelihood=likelihood), IWAE(5), 50),
        "digits, 8 latents, STL": (VAE((1, 8, 8), 8, likelihood=likelihood), STL(), 100),
        "digits, 16 latents, overfitted": (VAE((1, 8, 8), 16, likelihood=likelihood), STL(), 300),
        "digits, 8 latents, flow": (
            VAE((1, 8, 8), 8, likelihood=likelihood, posterior=FlowPosterior), STL(), 50),
        "digits, hierarchy 8, 4": (
            HierarchicalVAE((1, 8, 8), (8, 4), likelihood=likelihood), STL(), 50),
    }  # fmt: skip
    for name, (pair, objective, epochs) in kinds.items():
        fit(pair, digits, objective=objective, epochs=epochs, seed=0, progress=False)
        yield f"{name}, {epochs} epochs", pair, digits.test.x


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trained", action="store_true", help="nets against ais too")
    parser.add_argument("--mnist", help="folder of a trained run on MNIST")
    parser.add_argument("--data-root", help="folder of MNIST")
    parser.add_argument("--out")
    words = parser.parse_args()
    report = Report(words.out, "trust.md")
    report(f"{where()}\n")
    exact(report)
    if words.trained:
        trained(report, words.mnist, words.data_root)
