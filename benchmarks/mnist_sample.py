"""Selects the images of MNIST that `pyrovae.data.mnist_sample` ships.

Run: python benchmarks/mnist_sample.py --data-root DIR [--write]

DIR holds MNIST/raw/*-ubyte. Without --write the shipped file is compared with a new selection.

From the training file 5,000 of the 60,000 images are taken and from the test file 1,000 of the
10,000, each digit in proportion to its frequency there (by largest remainders), evenly spaced over
the file, so that all writers take part. Then the images are shuffled once.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np

SHIPPED = Path(__file__).parent.parent / "pyrovae/data/images/mnist_sample.npz"
SIZES = {"train": ("train", 5_000), "test": ("t10k", 1_000)}


def chosen(labels: np.ndarray, size: int) -> np.ndarray:
    """Row numbers [size], stratified by label, evenly spaced within each, in a fixed order."""
    exact = np.bincount(labels) * size / len(labels)
    counts = np.floor(exact).astype(int)
    most = np.argsort(counts - exact, kind="stable")[: size - counts.sum()]
    counts[most] += 1
    rows = []
    for label, count in enumerate(counts):
        of_label = np.flatnonzero(labels == label)
        rows.append(of_label[((np.arange(count) + 0.5) * len(of_label) / count).astype(int)])
    return np.random.RandomState(0).permutation(np.sort(np.concatenate(rows)))


def selection(root: Path) -> dict[str, np.ndarray]:
    """Images [N, 28, 28], labels [N] and row numbers in the file [N] of each split."""
    found = {}
    for split, (stem, size) in SIZES.items():
        raw = root / "MNIST" / "raw"
        images = np.fromfile(raw / f"{stem}-images-idx3-ubyte", np.uint8)[16:]
        labels = np.fromfile(raw / f"{stem}-labels-idx1-ubyte", np.uint8)[8:]
        rows = chosen(labels, size)
        found[f"x_{split}"] = images.reshape(-1, 28, 28)[rows]
        found[f"y_{split}"] = labels[rows]
        found[f"row_{split}"] = rows.astype(np.uint16)
    return found


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """An .npz with fixed dates, so that the same arrays give the same file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            stored = io.BytesIO()
            np.save(stored, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, stored.getvalue(), compresslevel=9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    arrays = selection(options.data_root)
    if options.write:
        write(SHIPPED, arrays)
    with np.load(SHIPPED) as shipped:
        same = {name: np.array_equal(shipped[name], array) for name, array in arrays.items()}
        assert all(same.values()) and set(same) == set(shipped.files), same
    print(f"{SHIPPED.name}, {SHIPPED.stat().st_size:,} bytes, holds this selection")


if __name__ == "__main__":
    main()
