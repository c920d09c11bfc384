"""Parameters that Pyro's store would replace."""

from collections.abc import Iterator

from torch import nn

from ..inspection import Inspection
from ..problem import Problem
from .base import Rule, listed


class StoreHasAnother(Rule):
    code, severity = "PV106", "information"
    title = "Pyro's store holds another tensor under a parameter's name"
    remedy = (
        "call `pyro.clear_param_store()` before a new pair is made, if you train with Pyro's own "
        "SVI; pyrovae.SVI and pyrovae.fit train the networks' own tensors"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side in ("guide", "model"):
            names = [
                name
                for name, leaf in seen.run.leaves(side).items()
                if isinstance(leaf, nn.Parameter)
                and name in seen.stored
                and seen.stored[name] is not leaf
                and seen.stored[name].data_ptr() != leaf.data_ptr()
            ]
            if names:
                yield self.problem(
                    f"a pair that ran before left other tensors in Pyro's store under "
                    f"{listed(names)}; with Pyro's own SVI these would be used, and the networks "
                    "of this pair would stay untrained",
                    names[0],
                    seen.line(side, names[0]),
                )


class NotContiguous(Rule):
    code, severity = "PV107", "information"
    title = "weights are not contiguous (channels_last), so Pyro's store would copy them"
    remedy = (
        "keep weights contiguous, if you train with Pyro's own SVI; pyrovae.SVI and pyrovae.fit "
        "train them as they are"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side in ("guide", "model"):
            names = [n for n, p in seen.run.leaves(side).items() if not p.is_contiguous()]
            if names:
                yield self.problem(
                    f"{listed(names)} are not contiguous; Pyro's own SVI would train copies, "
                    "and the network would keep its first weights",
                    names[0],
                    seen.line(side, names[0]),
                )
