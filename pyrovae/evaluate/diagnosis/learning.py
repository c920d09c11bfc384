"""What the history of a training shows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import remedies
from .verdict import Verdict

History = Sequence[Mapping[str, Any]]

_FEW = 8  # epochs below which no trend is told
_NOISE = 5.0  # standard errors that a slope is above
_SELECTED = 6.0  # standard deviations that a fall from the best of many epochs is above
_ENDED = 0.05  # of the highest learning rate
_RISE = 0.1  # nats: what would be gained by training as long again is less than that


def curve(history: History, name: str) -> np.ndarray:
    """A column of numbers, NaN where there is none. [epochs]."""
    values = [entry.get(name) for entry in history]
    return np.array([math.nan if v is None else v for v in values], dtype=float)


def layer_curves(history: History) -> dict[str, np.ndarray]:
    """KL of each latent site by epoch."""
    names = dict.fromkeys(n for entry in history for n in entry if n.startswith("kl["))
    return {name[3:-1]: curve(history, name) for name in names}


def fall_of(history: History, site: str) -> str:
    """How the KL of a site came to zero, as a clause; empty where the history does not say."""
    kl = layer_curves(history).get(site)
    if kl is None or not np.isfinite(kl).any():
        return ""
    epochs, top = curve(history, "epoch"), int(np.nanargmax(kl))
    if kl[top] < 0.1 or kl[-1] > 0.5 * kl[top]:
        return f"In the training its KL was never above {np.nanmax(kl):.2f} nats."
    low = next(i for i in range(top, len(kl)) if kl[i] < 0.5 * kl[top])
    return (
        f"Its KL was {kl[top]:.2f} nats at epoch {epochs[top]:.0f}, less than half of that from "
        f"epoch {epochs[low]:.0f} on, and {kl[-1]:.2f} in the end."
    )


def verdicts_of_training(history: History) -> list[Verdict]:
    """Numbers that broke down, overfitting, and a training that ended too early."""
    if not history:
        return []
    found = _broken(history)
    if len(history) >= _FEW and not found:
        over = _overfitted(history)
        found += over or _still_rising(history)
    return found


def _broken(history: History) -> list[Verdict]:
    names = [n for n in ("train", "val", "reconstruction") if n in history[0]]
    names += [f"kl[{site}]" for site in layer_curves(history)]
    for name in names:
        values = curve(history, name)
        bad = ~np.isfinite(values)
        if name == "train" or not bad.all():  # without validation data there is no "val"
            if bad.any():
                epoch = curve(history, "epoch")[int(np.argmax(bad))]
                return [
                    Verdict(
                        "not-finite-in-training", "fault", None,
                        f"'{name}' of the history is not finite in {int(bad.sum())} of "
                        f"{len(values)} epochs, for the first time in epoch {epoch:.0f}.",
                        (remedies.SLOWER, remedies.CLIP),
                    )
                ]  # fmt: skip
    return []


def _overfitted(history: History) -> list[Verdict]:
    """The bound on validation data falls, while that on training data rises."""
    val, train = curve(history, "val"), curve(history, "train")
    if not np.isfinite(val).all():
        return []
    smooth = _smooth(val)
    best, noise = int(smooth.argmax()), _noise(val)
    fall = smooth[best] - smooth[-1]
    rise = _smooth(train)[-1] - _smooth(train)[best]
    if fall <= max(_RISE, _SELECTED * noise) or rise <= 0:
        return []
    epoch = curve(history, "epoch")[best]
    sentence = (
        f"From epoch {epoch:.0f} on the bound on validation data falls by {fall:.2f} nats, while "
        f"that on training data rises by {rise:.2f}: the pair is fitted to its training data too "
        "closely."
    )
    cures = (remedies.STOP_EARLY, remedies.SMALLER_ENCODER, remedies.WEIGHT_DECAY)
    return [Verdict("overfitted", "warning", None, sentence, cures)]


def _still_rising(history: History) -> list[Verdict]:
    """A line through the last quarter, drawn on for as long again as the training took."""
    rates = curve(history, "lr")
    if rates[-1] < _ENDED * np.nanmax(rates):
        return []  # the schedule has come to its end, and the bound with it
    name = "val" if np.isfinite(curve(history, "val")).all() else "train"
    last = curve(history, name)[-max(4, len(history) // 4) :]
    x = np.arange(len(last)) - (len(last) - 1) / 2
    slope = float((x * last).sum() / (x * x).sum())
    rest = last - last.mean() - slope * x
    error = math.sqrt(float((rest * rest).sum()) / max(1, len(last) - 2) / float((x * x).sum()))
    gain = slope * len(history) / 2  # a curve that flattens gains less than its line
    if slope <= _NOISE * error or gain <= max(_RISE, 0.005 * abs(float(last[-1]))):
        return []
    data = "validation" if name == "val" else "training"
    sentence = (
        f"The bound on {data} data still rises at the end, by {slope:.3f} nats an epoch over the "
        f"last {len(last)} epochs."
    )
    return [Verdict("still-rising", "warning", None, sentence, (remedies.LONGER,))]


def _smooth(values: np.ndarray) -> np.ndarray:
    """Means over three epochs, fewer at the ends."""
    return np.array([values[max(0, i - 1) : i + 2].mean() for i in range(len(values))])


def _noise(values: np.ndarray) -> float:
    """Standard deviation of a mean over three epochs, from what bends between neighbours."""
    bends = values[:-2] - 2 * values[1:-1] + values[2:]
    return float(np.median(np.abs(bends))) / 0.6745 / math.sqrt(6.0 * 3.0)
