"""Lossless compression with a trained pair: bytes or files, all rows or some of them."""

import time
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Unpack

import numpy as np
import torch
from torch import Tensor

from ...errors import CompressionError, ConfigError
from ...evaluate import elbo_parts
from ...evaluate.inputs import Data
from ...evaluate.options import spelled_out
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.files import saved
from .archive import Archive, Part
from .array_files import ArrayWriter
from .encoder import Encoder
from .levels import as_array
from .options import CompressOptions
from .rates import Compression, Decompression

_OPTIONS = spelled_out(CompressOptions, Encoder)


@takes_pair
@_OPTIONS
def compress(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    **options: Unpack[CompressOptions],
) -> bytes:
    """Compress data without loss, by bits back with asymmetric numeral systems.

    In expectation a datum costs minus its ELBO, and `decompress` gives back what was given: the
    same numbers in the same type. The pair is not in the bytes, and is needed to decode them.

    Decoding repeats the encoder's arithmetic to the last bit. On another processor, or with
    another version of torch, it may not; that is found out, and never gives wrong data.

    Args:
        model: Pyro model p(z)p(x|z) of whole levels: Bernoulli, binomial, categorical, ...
        guide: Pyro guide q(z|x).
        x: Data [N, ...] of any kind that hold whole levels, such as images of 8 bits for a
            binomial of 255 trials.
        args: What the pair takes after the data; `decompress` must be given the same.
        options: `chunk`, `shape`, ...: see `CompressOptions`.

    Raises:
        CompressionError: The pair does not decode what it coded.
        ConfigError: The library `constriction` is not installed, or options are wrong.
        DataError: There are no data, or they are not whole levels.
        SiteError: The pair cannot code: its likelihood is continuous, say.
        SupportError: A level is outside of the support of the likelihood.

    Source:
        Practical Lossless Compression with Latent Variables using Bits Back Coding (Townsend,
        Bird & Barber, 2019), https://arxiv.org/abs/1901.04866

    Example:
        >>> from pyrovae.models import VAE
        >>> vae = VAE((6,), 2)
        >>> x = np.eye(6, dtype=np.uint8)
        >>> found = decompress(vae, compress(vae, x))
        >>> found.dtype, bool((found == x).all())
        (dtype('uint8'), True)
    """
    file = BytesIO()
    Encoder(model, guide, x, args, **options).write(file)
    return file.getvalue()


@takes_pair
def decompress(
    model: Program,
    guide: Program,
    data: bytes,
    *args: Any,  # noqa: ANN401
    part: Part = None,
    progress: bool | None = None,
) -> Tensor | np.ndarray:
    """Give back what `compress` was given, from its bytes.

    Every number that is given back was checked against the checksums of the file.

    Args:
        model: The model that compressed them.
        guide: The guide that compressed them.
        data: The bytes.
        args: What the pair takes after the data, for all N rows.
        part: Which rows, as (first, one past the last) or a slice; only their chunks are decoded.
        progress: See `SweepOptions`.

    Returns:
        A tensor [N, ...] where a tensor was compressed, else a numpy array; of the same type.

    Raises:
        CompressionError: The bytes are damaged, or another pair made them, or one that computes
            other last digits here.
        ConfigError: What is given is not bytes.
        DataError: There are no such rows.

    Example:
        See `compress`.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ConfigError(
            f"decompress takes the bytes that `compress` gave, and not {type(data).__name__}; "
            "decompress_file reads a file"
        )
    archive = Archive(model, guide, BytesIO(data), args, "what is given to decompress")
    blocks = list(archive.blocks(archive.rows(part), progress=progress))
    return torch.cat(blocks) if archive.header.array == "torch" else np.concatenate(blocks)


@takes_pair
@_OPTIONS
def compress_file(
    model: Program,
    guide: Program,
    x: Data,
    path: str | PathLike[str],
    *args: Any,  # noqa: ANN401
    overwrite: bool = False,
    num_particles: int = 0,
    **options: Unpack[CompressOptions],
) -> Compression:
    """`compress` into a file; memory does not grow with the data where they are in a file.

    Args:
        model: See `compress`.
        guide: See `compress`.
        x: See `compress`; arrays of .npy and .npz files are read chunk by chunk.
        path: Of the file, which is there whole or not at all.
        args: See `compress`.
        overwrite: Replace a file that is there.
        num_particles: Particles per datum of an ELBO, to be stated beside the rates; 0: none.
        options: See `CompressOptions`.

    Returns:
        Sizes, rates and times.

    Raises:
        ConfigError: The file is there.
        SaveError: It cannot be written.
        Others: See `compress`.
    """
    path = _free(path, overwrite)
    encoder = Encoder(model, guide, x, args, **options)
    with saved(path) as file:
        totals = encoder.write(file)
    elbo = None
    if num_particles:
        found = elbo_parts(
            model,
            guide,
            encoder.rows_of_the_pair,
            *encoder.inputs.rest,
            num_particles=num_particles,
            seed=encoder.seed,
            progress=encoder.progress,
        )
        elbo = float(found.elbo.mean())
    return Compression(totals, encoder.fingerprint.num_bytes, elbo)


@takes_pair
def decompress_file(
    model: Program,
    guide: Program,
    path: str | PathLike[str],
    out: str | PathLike[str],
    *args: Any,  # noqa: ANN401
    part: Part = None,
    overwrite: bool = False,
    progress: bool | None = None,
) -> Decompression:
    """`decompress` from a file into a .npy or .npz file, chunk by chunk.

    Args:
        model: See `decompress`.
        guide: See `decompress`.
        path: A file of `compress_file`, or one that holds what `compress` gave.
        out: A .npy file, or an .npz file that will hold the array x.
        args: See `decompress`.
        part: See `decompress`.
        overwrite: Replace a file that is there.
        progress: See `SweepOptions`.

    Raises:
        CompressionError: There is no such file; others: see `decompress`.
        ConfigError: `out` is there, or has another ending.
        SaveError: It cannot be written.
    """
    began = time.perf_counter()
    out = _free(out, overwrite)
    if out.suffix not in (".npy", ".npz"):
        raise ConfigError(f"{out}: data are written as .npy or .npz; give such a name")
    with _opened(Path(path)) as file:
        archive = Archive(model, guide, file, args, str(path))
        rows, header = archive.rows(part), archive.header
        # bfloat16 is no type of numpy; float32 holds all its numbers.
        dtype = "float32" if header.dtype == "bfloat16" else header.dtype
        with (
            saved(out) as target,
            ArrayWriter(target, out.suffix, (len(rows), *header.shape), dtype) as writer,
        ):
            for block in archive.blocks(rows, progress=progress):
                writer.add(as_array(block, dtype))
    return Decompression(len(rows), len(archive), time.perf_counter() - began)


def _free(path: str | PathLike[str], overwrite: bool) -> Path:
    path = Path(path)
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} is there; give another name, or overwrite=True")
    return path


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise CompressionError(
            f"{path} cannot be read ({error.strerror}); give a file that `compress` wrote"
        ) from error
