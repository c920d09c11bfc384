"""How do time and memory grow?  Run: python benchmarks/scale.py [--axis NAME] [--again] [--draw]

Along each axis (rows of data, particles, latent size, stochastic layers, layers of a network, rows
of a batch, ranks) a few small points over up to three decades: seconds of one core, and the most
memory that the tensors (of rows of data: the process) take beyond what was there before. One
thread, but for the ranks. A point that is in `results/scale.json` is not measured again, so that a
run may be stopped and go on. `--draw` writes the table and the figure of `docs/scale.md`.
"""

import argparse
import json

import torch
from scale_axes import AXES
from scale_page import draw
from timing import RESULTS, where

KEPT = RESULTS / "scale.json"


def load():
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def save(kept):
    lines = {name: {**axis, "points": None} for name, axis in kept.items()}
    text = json.dumps(lines, indent=1)
    for axis in kept.values():  # a line a point
        points = ",\n".join("   " + json.dumps(point) for point in axis["points"])
        text = text.replace('"points": null', f'"points": [\n{points}\n  ]', 1)
    KEPT.write_text(text + "\n")


def run(name, again):
    """Measure the points of an axis that are missing, and keep each at once."""
    kept = load()
    if again or name not in kept:
        kept[name] = {"machine": where(), "points": []}
    points = kept[name]["points"]
    done = {(point["curve"], point["x"]) for point in points}
    print(f"{name}: {where()}", flush=True)
    for curve, x, measure in AXES[name]():
        if (curve, x) in done:
            continue
        point = {"curve": curve, "x": x, **measure()}
        points.append(point)
        save(kept)
        print("  ".join(f"{key} {_short(value)}" for key, value in point.items()), flush=True)


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axis", choices=AXES, action="append", help="all, where none is named")
    parser.add_argument("--again", action="store_true", help="measure all points again")
    parser.add_argument("--draw", action="store_true", help="write the page's table and figure")
    words = parser.parse_args()
    if words.draw:
        draw(load())
        return
    torch.set_num_threads(1)
    for name in words.axis or AXES:
        run(name, words.again)


if __name__ == "__main__":
    main()
