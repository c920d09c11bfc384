"""What is said of one latent."""

from . import remedies
from .learning import History, fall_of
from .site_findings import SiteFindings
from .verdict import Remedy, Verdict

_SURE = 3.0  # standard errors
_NOTHING = 0.05  # nats per datum
_FEW = 0.1  # share of units
_SAME = 0.5  # of what a latent costs, that an exchange loses
_IGNORED = 0.1  # of what a latent costs, that it brings


def verdict_of_site(
    site: SiteFindings, history: History | None, causes: tuple[Remedy, ...], is_layer: bool
) -> Verdict:
    """Whether a latent is used.

    Args:
        site: What was measured.
        history: Of the training.
        causes: Remedies against causes that were found elsewhere, to be named first.
        is_layer: Whether it is one of several latents.
    """
    if not _is_finite(site):
        return Verdict(
            "not-finite", "fault", site.name,
            f"The KL of '{site.name}' is {site.kl}, so that no bound can be computed.",
            (remedies.SLOWER, remedies.CLIP),
        )  # fmt: skip
    if site.is_point:
        return _of_point(site)
    if _has_few_values(site):
        return Verdict(
            "few-values", "warning", site.name,
            f"Of the {site.classes} values of '{site.name}' the data use as many as "
            f"{site.perplexity:.1f} equally frequent ones.",
            (remedies.START_CODES, remedies.FEWER_CODES),
        )  # fmt: skip
    if _is_collapsed(site):
        return _collapsed(site, history, causes, is_layer)
    if _is_ignored(site):
        return Verdict(
            "ignored", "fault", site.name,
            f"'{site.name}' costs {site.kl:.2f} nats, and the model makes no use of them: with a "
            f"draw of the prior in its place, {site.redrawn:.2f} nats are lost.",
            (*causes, remedies.WARM_UP, remedies.WEAKER_DECODER, remedies.LONGER),
        )  # fmt: skip
    if site.gain is not None and site.gain_error is not None:
        loss = -site.gain
        if loss > _SURE * site.gain_error and loss > max(_NOTHING, 0.05 * site.kl):
            return Verdict(
                "costs-more-than-it-brings", "warning", site.name,
                f"'{site.name}' costs {site.kl:.2f} nats and brings {site.redrawn:.2f}: on these "
                f"data the bound would rise by {loss:.2f} nats if it were drawn from its prior.",
                (remedies.STOP_EARLY, remedies.SMALLER_ENCODER, remedies.TIGHTER_BOUND),
            )  # fmt: skip
    if _is_the_same_for_all(site):
        return Verdict(
            "same-for-all", "warning", site.name,
            f"'{site.name}' costs {site.kl:.2f} nats, and only {site.exchanged:.2f} are lost with "
            "that of another datum: most of its KL says nothing about the datum, but moves all "
            "data away from the prior.",
            (*causes, remedies.LONGER, remedies.WARM_UP, remedies.LESS_WEIGHT),
        )  # fmt: skip
    return _used(site)


def _is_the_same_for_all(site: SiteFindings) -> bool:
    """Exchanging it certainly loses less than half of its KL; exact posteriors lose all or more.

    For these the loss is I(x; z) plus the divergence in the other direction, and I(x; z) the KL.
    """
    if site.exchanged is None or site.kl < 10 * _NOTHING:
        return False
    return site.exchanged + _SURE * _known(site.exchanged_error) < _SAME * site.kl


def _used(site: SiteFindings) -> Verdict:
    holds = f"'{site.name}' is used: it costs {site.kl:.2f} nats"
    if site.redrawn is not None:
        holds += f" and brings {site.redrawn:.2f}"
    used, units = site.num_used, site.num_units
    if used is None or units is None or site.classes is not None:
        return Verdict("used", "fine", site.name, f"{holds}.")
    count = f"{used} of {units} units are used" if units > 1 else "its one unit is used"
    if used == units:
        return Verdict("used", "fine", site.name, f"{holds}; {count}.")
    cures: tuple[Remedy, ...]
    if 0 < used <= _FEW * units:
        cures = (remedies.WARM_UP, remedies.LESS_WEIGHT, remedies.fewer_units(used))
        return Verdict("few-units", "warning", site.name, f"{holds}, but only {count}.", cures)
    rest = f"; the other {units - used} cost nothing and hold nothing"
    cures = (remedies.fewer_units(used),) if used else ()
    return Verdict("used", "fine", site.name, f"{holds}; {count}{rest}.", cures)


def _of_point(site: SiteFindings) -> Verdict:
    """A point mass has no KL; whether the decoder uses it can be told still."""
    used, units = site.num_used, site.num_units
    sentence = (
        f"The guide gives '{site.name}' one value for each datum, so that it has no KL and no "
        "information in nats"
    )
    if site.moved is not None:
        sentence += f"; exchanging it moves {100 * site.moved:.0f} % of the data's variance"
    if used is not None and used < (units or 0):
        sentence += f"; {used} of {units} units differ between the data"
    is_dead = used == 0 or (site.moved is not None and site.moved < 0.01)
    severity, code = ("fault", "ignored") if is_dead else ("fine", "point")
    cures = (remedies.LONGER, remedies.WEAKER_DECODER) if is_dead else ()
    return Verdict(code, "fault" if severity == "fault" else "fine", site.name, f"{sentence}.",
                   cures)  # fmt: skip


def _collapsed(
    site: SiteFindings, history: History | None, causes: tuple[Remedy, ...], is_layer: bool
) -> Verdict:
    units = f"none of its {site.num_units} units differs from the prior between the data"
    sentence = f"'{site.name}' has collapsed: its KL is {site.kl:.3f} nats"
    if (site.num_units or 0) > 1:
        sentence += f", and {units}"
    sentence += ". "
    if site.kl > 10 * _NOTHING:
        sentence = (
            f"'{site.name}' holds nothing about the data: it costs {site.kl:.2f} nats, but q(z|x) "
            "is the same for all of them. "
        )
    sentence += (fall_of(history, site.name) if history else "") or (
        "Posterior and prior agree, and the model does without it."
        if site.kl <= 10 * _NOTHING
        else "Exchanging it between data changes nothing."
    )
    cures = [*causes, remedies.WARM_UP, remedies.FREE_BITS, remedies.CYCLES]
    cures += [remedies.LADDER] if is_layer else []
    cures += [remedies.LESS_WEIGHT, remedies.WEAKER_DECODER, remedies.SLOWER_DECODER]
    cures += [remedies.TIGHTER_BOUND]
    return Verdict("collapsed", "fault", site.name, sentence, tuple(dict.fromkeys(cures)))


def _is_finite(site: SiteFindings) -> bool:
    return site.kl == site.kl and abs(site.kl) != float("inf")


def _is_collapsed(site: SiteFindings) -> bool:
    """No unit is used, and there is no KL, or exchanging it does not certainly change anything."""
    if site.num_used:
        return False
    units = site.num_units or 1
    is_free = site.kl + _SURE * _known(site.kl_error) < max(_NOTHING, 0.005 * units)
    if site.num_used is None or is_free or site.exchanged is None:
        return is_free
    certain = site.exchanged - _SURE * _known(site.exchanged_error)
    return certain < max(_NOTHING, _IGNORED * site.kl)


def _has_few_values(site: SiteFindings) -> bool:
    if site.classes is None or site.perplexity is None:
        return False
    return site.perplexity - 1 < _FEW * (site.classes - 1)


def _is_ignored(site: SiteFindings) -> bool:
    return site.kl > _NOTHING and _below(site.redrawn, site.redrawn_error, _IGNORED * site.kl)


def _below(value: float | None, error: float | None, limit: float) -> bool:
    return value is not None and value + _SURE * _known(error) < limit


def _known(error: float | None) -> float:
    return 0.0 if error is None or error != error else error
