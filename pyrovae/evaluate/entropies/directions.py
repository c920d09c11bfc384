"""Whether a pair's parameters can move so that the ELBO changes by the excess of one site."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ...particles import Particles
from .terms import Terms

TOLERANCE = 3e-4
"""Largest share of an excess that may be left, above the rounding of single precision."""

_FEW = 8  # parameters that a sentence can name

_Columns = dict[tuple[str, int], Tensor]
"""Derivatives [E] of the ELBO of each draw, by parameter and number of the direction."""


@dataclass(frozen=True)
class Found:
    """Whether there is a direction of the parameters along which the ELBO changes by an excess.

    Attributes:
        left: Share of the excess that the best direction leaves unexplained, on draws that it was
            not fitted to.
        moves: Names of parameters that move along it.
        depends: Whether the entropy of the site depends on any parameter.
    """

    left: float
    moves: tuple[str, ...]
    depends: bool

    @property
    def is_met(self) -> bool:
        """Whether there is one."""
        return self.left <= TOLERANCE


def directions_of(p: Particles, terms: Terms) -> dict[str, Found]:
    """For each site of the model the direction along which the ELBO changes by its excess.

    At a stationary point the ELBO's derivative in every direction is zero, so that the mean of an
    excess that is such a derivative, datum by datum and draw by draw, is zero as well. Directions
    are sought among scalings, shifts and, for scale parameters, unit changes of the logarithm of
    whole parameter tensors and of their halves.

    Args:
        p: Particles drawn with gradients, an even number K of them.
        terms: Of the same particles.
    """
    leaves = {**p.model_parameters, **p.guide_parameters}
    if not all(site.has_rsample for site in p.guide_sites.values()):
        # Of a draw that does not move with the guide's parameters, only the model's say anything.
        inside = {id(leaf) for leaf in p.guide_parameters.values()}
        leaves = {n: t for n, t in p.model_parameters.items() if id(t) not in inside}
    leaves = {n: t for n, t in leaves.items() if t.requires_grad}
    excess = {n: _flat(e) for n, e in _sampled(p, terms).items()}
    depends = {n: bool(h.requires_grad) for n, h in terms.entropies.items()}
    weight = torch.zeros_like(p.log_w.detach(), requires_grad=True)
    gradients = _gradients(p.log_w, leaves, weight)
    columns: _Columns = {}
    found: dict[str, Found] = {}
    for directions in (_of_whole, _of_halves):
        for name, gradient in gradients.items():
            for direction in directions(leaves[name], terms):
                column = _derivative(gradient, direction, weight)
                if bool(column.any()) and bool(column.isfinite().all()):
                    columns[name, len(columns)] = column
        found = {n: _fitted(e, columns, depends[n]) for n, e in excess.items()}
        if all(each.is_met for each in found.values()):
            break
    return found


def _sampled(p: Particles, terms: Terms) -> dict[str, Tensor]:
    """log p + entropy at the draws themselves; the closed forms of `terms` average over them."""
    return {n: (p.model_sites[n].log_prob + h).expand_as(h) for n, h in terms.entropies.items()}


def _gradients(values: Tensor, leaves: Mapping[str, Tensor], weight: Tensor) -> dict[str, Tensor]:
    """Gradient of the weighted sum of values, as a function of the weights."""
    found = torch.autograd.grad(
        values, list(leaves.values()), weight, create_graph=True, allow_unused=True
    )
    return {n: g for n, g in zip(leaves, found, strict=True) if g is not None}


def _derivative(gradient: Tensor, direction: Tensor, weight: Tensor) -> Tensor:
    """Derivative of each value along a direction of one parameter [E], on the CPU."""
    moved = (gradient * direction).sum()
    if not moved.requires_grad:
        return torch.zeros(weight.numel(), dtype=torch.float64)
    (column,) = torch.autograd.grad(moved, weight, retain_graph=True)
    return _flat(column)


def _flat(values: Tensor) -> Tensor:
    """[K, B] -> [B K], so that every other value is one of every datum."""
    return values.detach().T.flatten().cpu().double()


def _of_whole(leaf: Tensor, terms: Terms) -> Iterator[Tensor]:
    """Directions of a parameter: to scale it, to shift it, to change a scale by a unit of log."""
    yield leaf.detach()
    yield torch.ones_like(leaf)
    for entropy in terms.entropies.values():
        if entropy.requires_grad:
            (slope,) = torch.autograd.grad(
                entropy.mean(), leaf, retain_graph=True, allow_unused=True
            )
            if slope is not None and bool(slope.any()):
                yield torch.where(slope == 0, 0, 1 / slope)


def _of_halves(leaf: Tensor, _: Terms) -> Iterator[Tensor]:
    """The same of its halves, which may give a mean and a scale."""
    whole = leaf.detach()
    if whole.dim() and len(whole) % 2 == 0:
        first = torch.zeros_like(whole)
        first[: len(whole) // 2] = 1
        for part in (first, 1 - first):
            yield whole * part
            yield part


def _fitted(target: Tensor, columns: _Columns, depends: bool) -> Found:
    """Fit an excess [E] on half of the draws, and see what is left of it on the others."""
    if float(target.norm()) <= 1e-6 * len(target) ** 0.5:
        return Found(0.0, (), depends)
    if not columns:
        return Found(1.0, (), depends)
    every = torch.stack([column / column.norm() for column in columns.values()], 1)
    fit, test = slice(0, None, 2), slice(1, None, 2)
    few = _few(every[fit], target[fit])
    left = _left(every[:, few], target, fit, test)
    if left <= 0.1 * TOLERANCE:
        names = [list(columns)[i][0] for i in few]
        return Found(left, tuple(dict.fromkeys(names)), depends)
    return Found(min(left, _left(every, target, fit, test)), (), depends)


def _left(columns: Tensor, target: Tensor, fit: slice, test: slice) -> float:
    off = target[test] - columns[test] @ _solved(columns[fit], target[fit])
    return float(off.norm() / target[test].norm())


def _few(columns: Tensor, target: Tensor) -> list[int]:
    """Few columns that explain a target: orthogonal matching pursuit."""
    chosen: list[int] = []
    off = target
    while len(chosen) < min(_FEW, columns.shape[1]):
        chosen.append(int((columns.T @ off).abs().argmax()))
        off = target - columns[:, chosen] @ _solved(columns[:, chosen], target)
        if float(off.norm()) <= 0.01 * TOLERANCE * float(target.norm()):
            break
    return chosen


def _solved(columns: Tensor, target: Tensor) -> Tensor:
    found = torch.linalg.lstsq(columns, target[:, None], rcond=1e-6, driver="gelsd").solution
    return found[:, 0]
