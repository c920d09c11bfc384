"""Does a trained pair beat general-purpose compressors?  Run: python benchmarks/compression.py

The same images, each side first shown to give them back exactly, then its size and its speed:
packed bits; gzip, bz2 and lzma as one stream, of bytes and of packed bits; PNG and WebP (lossless,
by Pillow), each image by itself and all in one tiling; and `pyrovae.apply.compress`. Embedded
digits with a pair that is trained here, or the test data of a run:

    PYROVAE_DATA=DIR python benchmarks/compression.py --run RUN --out results/compression.md

Bits per pixel are of all bytes that are written, the initial bits of bits back and the checksums
of its file among them; the model is not, and stated beside it. The last table shows the peak
memory of a process that compresses a file, against the number of images in it.
"""

import argparse
import bz2
import gzip
import lzma
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from time import perf_counter

import numpy as np
import pyro
from PIL import Image, __version__
from timing import Report, where

from pyrovae import data, fit, load
from pyrovae.apply import compress, compress_file, decompress
from pyrovae.models import VAE
from pyrovae.nn import Binomial

SAVING = {"PNG": {"optimize": True}, "WebP": {"lossless": True, "quality": 100}}


def of_stream(compressor, packed):
    """One stream of all bytes, or of all bits."""

    def encode(x):
        return compressor.compress((np.packbits(x) if packed else x).tobytes())

    def decode(content, like):
        found = np.frombuffer(compressor.decompress(content), np.uint8)
        return (np.unpackbits(found)[: like.size] if packed else found).reshape(like.shape)

    return encode, decode


class Plain:
    compress = decompress = staticmethod(bytes)


def saved(image, kind, bits):
    file = BytesIO()
    shown = Image.fromarray(image * 255).convert("1") if bits and kind == "PNG" else None
    (Image.fromarray(image) if shown is None else shown).save(file, kind, **SAVING[kind])
    return file.getvalue()


def opened(content, bits, kind):
    found = np.asarray(Image.open(BytesIO(content)).convert("L"))
    return found // 255 if bits and kind == "PNG" else found


def of_images(kind, bits):
    """A file for each image."""

    def encode(x):
        return [saved(image, kind, bits) for image in x]

    def decode(content, like):
        return np.stack([opened(one, bits, kind) for one in content])

    return encode, decode


def of_tiling(kind, bits):
    """All images in one picture, about as wide as high."""

    def encode(x):
        count, height, width = x.shape
        columns = int(np.ceil(np.sqrt(count)))
        rows = -(-count // columns)
        whole = np.zeros((rows * columns, height, width), np.uint8)
        whole[:count] = x
        grid = whole.reshape(rows, columns, height, width).swapaxes(1, 2)
        return saved(grid.reshape(rows * height, columns * width), kind, bits)

    def decode(content, like):
        count, height, width = like.shape
        found = opened(content, bits, kind)
        rows, columns = found.shape[0] // height, found.shape[1] // width
        grid = found.reshape(rows, height, columns, width).swapaxes(1, 2)
        return grid.reshape(-1, height, width)[:count]

    return encode, decode


def codecs(pair, shape, bits):
    """By name: x -> bytes or a list of them, and back."""
    found = {}
    for packed in (False, True) if bits else (False,):
        of = "bits" if packed else "bytes"
        if packed or not bits:
            found[f"plain {of}"] = of_stream(Plain, packed)
        for name, compressor in (("gzip", gzip), ("bz2", bz2), ("lzma", lzma)):
            found[f"{name} of {of}"] = of_stream(compressor, packed)
    for kind in SAVING:
        found[f"{kind}, each image"] = of_images(kind, bits)
        found[f"{kind}, one tiling"] = of_tiling(kind, bits)
    found["pyrovae"] = (
        lambda x: compress(pair, x, shape=shape, chunk=len(x), verify=False),
        lambda content, like: decompress(pair, content),
    )
    return found


def size_of(content):
    return sum(map(len, content)) if isinstance(content, list) else len(content)


def row(name, codec, x):
    encode, decode = codec
    started = perf_counter()
    content = encode(x)
    encoded = perf_counter()
    found = decode(content, x)
    decoded = perf_counter()
    assert found.dtype == x.dtype and np.array_equal(found, x), f"{name} changes the images"
    speeds = [len(x) / (encoded - started), len(x) / (decoded - encoded)]
    return 8 * size_of(content) / x.size, *speeds


def trained(epochs=150):
    """A pair of the embedded digits."""
    digits = data.digits()
    pyro.set_rng_seed(0)
    pair = VAE(digits.shape, 8, likelihood=Binomial(16))
    fit(pair.model, pair.guide, digits.train, epochs=epochs, lr=2e-3, seed=0, device="cpu",
        compile=False, progress=False)  # fmt: skip
    return pair, digits


PEAK = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from compression import load, trained
from pyrovae.apply import compress_file
pair = {pair}


def peak():
    # Of this program alone: that of `getrusage` counts the process that started it, too.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


before = peak()
compress_file(pair, {source!r}, {out!r}, shape={shape!r}, chunk={chunk}, verify=False)
print(before, peak())
"""


def opened_pair(run):
    if run is None:
        return trained()
    found = load(run, device="cpu")
    return found, found.data()


def peak_megabytes(x, run, shape, chunk):
    """Before and after a process compresses a .npy file."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "x.npy", Path(folder) / "x.pv"
        np.save(source, x)
        here = str(Path(__file__).parent)
        pair = "trained(1)[0]" if run is None else f"load({run!r}, device='cpu')"
        code = PEAK.format(folder=here, pair=pair, source=str(source), out=str(out), chunk=chunk,
                           shape=tuple(shape))  # fmt: skip
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return [int(found) / 1024 for found in done.stdout.split()]


def main(options):
    say = Report(options.out, "compression.md")
    pair, held = opened_pair(options.run)
    x = held.test.x[: options.test].numpy().astype(np.uint8).reshape(-1, *held.shape[-2:])
    bits = x.max() <= 1
    say(f"{where()}, Pillow {__version__}\n")
    say(f"{held.name}, {len(x):,} test images of {x[0].size} pixels, {x.max() + 1} levels\n")
    say("| | bits/pixel | images/s to encode | to decode |\n|---|---|---|---|")
    for name, codec in codecs(pair, held.shape, bits).items():
        rate, encoding, decoding = row(name, codec, x)
        say(f"| {name} | {rate:.4f} | {encoding:,.0f} | {decoding:,.0f} |")
    with tempfile.TemporaryDirectory() as folder:
        found = compress_file(pair, x, Path(folder) / "x.pv", shape=held.shape, num_particles=1)
    say(f"\npyrovae in chunks of 1000, verified:\n\n```\n{found}\n```\n")
    say("Peak memory of a process (MB), Linux:\n")
    say("| images | file (MB) | the model loaded | the file compressed |\n|---|---|---|---|")
    for times in options.repeats:
        many = np.tile(x[: options.chunk], (times, 1, 1))
        before, peak = peak_megabytes(many, options.run, held.shape, options.chunk)
        say(f"| {len(many):,} | {many.nbytes / 1e6:.1f} | {before:.0f} | {peak:.0f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--run", default=None, help="folder of a run; its test data are compressed")
    add("--test", type=int, default=10_000, help="images of the test data")
    add("--chunk", type=int, default=250, help="of the peaks of memory")
    add("--repeats", type=int, nargs="+", default=[1, 4, 16], help="chunks of the peaks")
    add("--out", default=None, help="file for the tables")
    main(parser.parse_args())
