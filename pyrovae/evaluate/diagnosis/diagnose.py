"""Find what is wrong with a trained pair."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ..inputs import Data
from ..latents.elbo_parts import elbo_parts
from ..options import SweepOptions
from ..sweep import sweeps
from .diagnosis import Diagnosis
from .verdict import Verdict

_UNUSED = 0.01  # nats


@takes_pair
@sweeps
def diagnose(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    history: Sequence[Mapping[str, Any]] | None = None,
    num_particles: int = 10,
    **options: Unpack[SweepOptions],
) -> Diagnosis:
    """Say whether the latents of a pair are used, and what else is wrong.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        history: Of the training (`Run.history`).
        num_particles: K, draws per datum.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> diagnose(oracle.model, oracle.guide, oracle.sample(100, seed=1), seed=2).codes
        ('used',)
    """
    parts = elbo_parts(model, guide, x, *args, num_particles=num_particles, **options)
    verdicts = []
    for name, kl in parts.kl_by_site.items():
        mean = float(kl.mean())
        collapsed = mean < _UNUSED
        sentence = f"'{name}' has a KL of {mean:.3f} nats"
        code = "collapsed" if collapsed else "used"
        verdicts.append(Verdict(code, "fault" if collapsed else "fine", name, sentence))
    return Diagnosis(tuple(sorted(verdicts, key=lambda v: v.severity == "fine")), parts)
