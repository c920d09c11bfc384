"""One pass over the data: what each latent is worth, moments of the latents, the noise."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyro
import torch
from torch import Tensor
from torch.distributions import Independent

from ...errors import PyrovaeError
from ...particles import Particles
from ...particles.site import Site
from ..block import Block
from ..sweep import Sweep
from .exchange import (
    is_plain_data,
    latent_sites,
    log_rest,
    means_of_data,
    redrawn,
    squared_distance,
    values_of,
    with_another,
)

_WIDEST = 256  # dimensions of a latent whose covariance is kept
_ROWS, _ELEMENTS = 1000, 2000  # of the data that are kept for their leading variance


@dataclass
class Observation:
    """What one pass gives, of a block of rows or of all; float64 on the CPU.

    Attributes:
        per_datum: Means over the draws [N], by (what, site): "exchanged" and "redrawn", nats that
            are lost (see `SiteFindings`); "kl by dimension" [N, L].
        sums: Over draws and data, by (what, site): "z" [L], "zz" [L] or [L, L], "x" and "xx" [D],
            "moved" [], "error" [], "standardised" [], "elements" [], "classes" [C].
        facts: By (what, site): "prior" (mean [L] and covariance [L, L] of one normal that all
            data share), "scales" (smallest and largest), "kind", "penalties" (names).
        rows: Some observed values by site [M, D].
        draws: Over which the sums go.
        refusal: Why latents could not be exchanged; empty where they were.
    """

    per_datum: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    sums: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    facts: dict[tuple[str, str], Any] = field(default_factory=dict)
    rows: dict[str, Tensor] = field(default_factory=dict)
    draws: int = 0
    refusal: str = ""

    def add(self, what: str, site: str, value: Tensor) -> None:
        """Add to a sum."""
        value = value.double().cpu()
        held = self.sums.get((what, site))
        self.sums[what, site] = value if held is None else held + value

    def widen(self, what: str, site: str, low: float, high: float) -> None:
        """Widen a range."""
        held = self.facts.get((what, site), (low, high))
        self.facts[what, site] = (min(low, held[0]), max(high, held[1]))


def observe(sweep: Sweep, num_draws: int) -> Observation:
    """Draw each datum's latents, one at a time, and exchange them.

    Args:
        sweep: Of one particle.
        num_draws: Of each datum.
    """
    blocks = sweep.each(partial(_of_block, num_draws=num_draws))
    total = Observation(refusal=next((b.refusal for b in blocks if b.refusal), ""))
    for block in blocks:
        total.draws += block.draws
        for (what, site), value in block.sums.items():
            total.add(what, site, value)
        for key, fact in block.facts.items():
            if key[0] == "scales":
                total.widen(*key, *fact)
            elif key[0] == "prior" and key in total.facts:
                total.facts[key] = _same(total.facts[key], fact)
            else:
                total.facts[key] = fact
    for key in blocks[0].per_datum:
        if all(key in block.per_datum for block in blocks):
            total.per_datum[key] = torch.cat([block.per_datum[key] for block in blocks])
    for name in blocks[0].rows:
        total.rows[name] = torch.cat([block.rows[name] for block in blocks])[:_ROWS]
    return total


def _of_block(block: Block, num_draws: int) -> Observation:
    found = Observation(draws=num_draws * len(block.args[0]))
    kept: dict[tuple[str, str], list[Tensor]] = {}
    for index in range(num_draws):
        with pyro.validation_enabled(index == 0):
            p = block.draw(1)
            if p.penalties:
                found.facts["penalties", ""] = sorted(p.penalties)
            for name in latent_sites(p):
                _add_moments(found, p, name)
                by_dim = _kl_by_dimension(p, name)
                if by_dim is not None:
                    kept.setdefault(("kl by dimension", name), []).append(by_dim)
            _add_data(found, p, keep_rows=index == 0)
            if not found.refusal:
                _add_exchanges(found, kept, block, p)
    found.per_datum = {k: torch.stack(v).mean(0).cpu() for k, v in kept.items()}
    return found


def _add_exchanges(
    found: Observation, kept: dict[tuple[str, str], list[Tensor]], block: Block, p: Particles
) -> None:
    means = means_of_data(p)
    shift = int(torch.randint(1, p.batch_size, ())) if p.batch_size > 1 else 0
    order = latent_sites(p)
    for name in order:
        before = log_rest(p, name, order)
        try:
            if shift:
                other = with_another(block, p, name, shift)
                kept.setdefault(("exchanged", name), []).append(
                    before - log_rest(other, name, order)
                )
                after = means_of_data(other)
                if means and after.keys() == means.keys():
                    found.add("moved", name, squared_distance(means, after).sum() / 2)
            if p.model_sites[name].kind != "ImproperUniform":
                fresh = redrawn(block, p, name)
                kept.setdefault(("redrawn", name), []).append(
                    before - log_rest(fresh, name, order)
                )
        except (PyrovaeError, NotImplementedError, KeyError) as error:
            found.refusal = f"'{name}' cannot be set to another value: {error}"
            return


def _add_moments(found: Observation, p: Particles, name: str) -> None:
    site, prior = p.guide_sites[name], p.model_sites[name]
    found.facts["kind", name] = site.kind
    if not site.value.is_floating_point():
        _add_classes(found, p, name)
        return
    z = values_of(site)
    found.add("z", name, z.sum(0))
    found.add("zz", name, z.T @ z if z.shape[1] <= _WIDEST else z.square().sum(0))
    found.facts["prior", name] = _shared_normal(prior) if z.shape[1] <= _WIDEST else None


def _add_classes(found: Observation, p: Particles, name: str) -> None:
    """How often each class was drawn."""
    fn = _base(p.model_sites[name].distributions[0])
    try:
        count = len(fn.enumerate_support(expand=False))
    except (NotImplementedError, AttributeError):
        return
    value = values_of(p.guide_sites[name])
    if not fn.event_shape and 2 <= count <= 65536 and bool((value >= 0).all()):
        drawn = value.flatten().long()
        if int(drawn.max()) < count:
            found.add("classes", name, torch.bincount(drawn.cpu(), minlength=count))


def _add_data(found: Observation, p: Particles, *, keep_rows: bool) -> None:
    means = means_of_data(p)
    for name, site in p.model_sites.items():
        if not is_plain_data(site) or name not in means:
            continue
        x = values_of(site)
        off = x - means[name]
        found.add("x", name, x.sum(0))
        found.add("xx", name, x.square().sum(0))
        found.add("error", name, off.square().sum())
        found.facts["kind", name] = site.kind
        if site.kind == "Normal":
            fn = site.distributions[0]
            sd = site.layout.arrange(fn.stddev, fn.event_dim)[0].double()
            sd = sd.expand(len(x), *site.value.shape[2:]).reshape(len(x), -1)
            found.add("standardised", name, (off / sd).square().sum())
            found.add("elements", name, torch.tensor(off.numel()))
            found.widen("scales", name, float(sd.min()), float(sd.max()))
            if keep_rows and x.shape[1] <= _ELEMENTS:
                found.rows[name] = x[:_ROWS].cpu()


def _kl_by_dimension(p: Particles, name: str) -> Tensor | None:
    """log q - log p of each dimension at one draw [B, L]; None where they do not factorise."""
    site, prior = p.guide_sites[name], p.model_sites[name]
    if any(isinstance(mask, Tensor) for mask in (*site.masks, *prior.masks)):
        return None
    terms = []
    for each in (site, prior):
        fn = each.distributions[0]
        base = _base(fn)
        if base.event_shape or base is fn or type(base).__name__ == "Delta":
            return None
        value = each.layout.restore(site.value, fn.event_dim)
        log_prob = each.layout.arrange(base.log_prob(value), fn.event_dim)[0].double()
        size = site.layout.batch_size
        terms.append(log_prob.expand(size, *log_prob.shape[1:]).reshape(size, -1))
    return terms[0] - terms[1]


def _base(fn: Any) -> Any:  # noqa: ANN401
    while isinstance(fn, Independent):
        fn = fn.base_dist
    return fn


def _shared_normal(prior: Site) -> tuple[Tensor, Tensor] | None:
    """Mean [L] and covariance [L, L] of a normal prior that all data share, else None."""
    whole = prior.distributions[0]
    fn = _base(whole)
    if type(fn).__name__ not in ("Normal", "MultivariateNormal"):
        return None
    mean = prior.layout.arrange(fn.mean, whole.event_dim)[0].double().cpu()
    mean = mean.reshape(len(mean), -1)
    if type(fn).__name__ == "Normal":
        sd = prior.layout.arrange(fn.stddev, whole.event_dim)[0].double().cpu()
        spread = sd.reshape(len(sd), -1).expand_as(mean).square().diag_embed()
    else:
        spread = prior.layout.arrange(fn.covariance_matrix, 2)[0].double().cpu()
        if spread.dim() != 3:
            return None
    for tensor in (mean, spread):  # of one row, where they do not depend on the data
        if not torch.equal(tensor, tensor[:1].expand_as(tensor)):
            return None
    return mean[0], spread[0]


def _same(one: Any, other: Any) -> Any:  # noqa: ANN401
    if one is None or other is None:
        return None
    return one if all(torch.allclose(a, b) for a, b in zip(one, other, strict=True)) else None
