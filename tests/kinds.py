"""The same rows in every kind of data that the library takes."""

from collections import namedtuple

import h5py
import numpy as np
import pandas
import polars
import scipy.sparse
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from pyrovae import data

NAMES = [f"bit{i}" for i in range(8)]


def bits(n=40):
    """Rows [N, 8] of zeros and ones, each another one, in float32: exact in every type."""
    number = (np.arange(n) * 37 + 1) % 256
    return ((number[:, None] >> np.arange(8)) & 1).astype(np.float32)


class Items(Dataset):
    """A map-style dataset."""

    def __init__(self, items):
        self.items = list(items)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


class Plain:
    """A map-style dataset that is no subclass of torch's."""

    def __init__(self, items):
        self.items = list(items)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        if not 0 <= index < len(self.items):
            raise IndexError(index)
        return self.items[index]


class Stream(IterableDataset):
    """Without a length."""

    def __init__(self, items):
        self.items = list(items)

    def __iter__(self):
        return iter(self.items)


class Counted(Stream):
    def __len__(self):
        return len(self.items)


class Source:
    """A user's own source of batches."""

    def __init__(self, x, size=7):
        self.parts = torch.as_tensor(x).split(size)
        self.num_data = len(x)

    def __len__(self):
        return len(self.parts)

    def epoch(self, epoch, start=0):
        for part in self.parts[start:]:
            yield (part,)


class OtherArray:
    """An array of another library."""

    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return np.array(self.x)


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def field_of_records(x):
    records = np.zeros(len(x), dtype=[("a", "i1"), ("x", "f4", x.shape[1:])])
    records["x"] = x
    return records["x"]


def memmap(x, folder):
    made = np.memmap(folder / "x.bin", np.float32, "w+", shape=x.shape)
    made[:] = x
    return made


def saved_npy(x, folder, name="x.npy"):
    np.save(folder / name, x)
    return folder / name


def saved_npz(folder, **arrays):
    np.savez(folder / "x.npz", **arrays)
    return str(folder / "x.npz")


def saved_pt(held, folder):
    torch.save(held, folder / "x.pt")
    return folder / "x.pt"


def saved_h5(folder, **arrays):
    with h5py.File(folder / "x.h5", "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
    return folder / "x.h5"


def saved_table(frame, folder, suffix):
    path = folder / f"x.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    return path


def frame(x):
    return pandas.DataFrame(x, columns=NAMES)


def dataset(x):
    split = data.Split(torch.tensor(x))
    return data.Dataset("bits", split, split[:0], split)


ARRAYS = {
    **{
        f"{dtype} tensor": lambda x, folder, dtype=dtype: torch.tensor(x).to(dtype)
        for dtype in (
            torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.bool, torch.uint8,
            torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32,
            torch.uint64,
        )
    },
    "tensor in another order": lambda x, folder: torch.tensor(x.T.copy()).T,
    "tensor with a gradient": lambda x, folder: torch.tensor(x, requires_grad=True),
    "parameter": lambda x, folder: torch.nn.Parameter(torch.tensor(x)),
    **{
        f"{dtype} array": lambda x, folder, dtype=dtype: x.astype(dtype)
        for dtype in (
            "float16", "float32", "float64", "bool", "int8", "int16", "int32", "int64", "uint8",
            "uint16", "uint32", "uint64", ">f4", ">f8", ">i4", ">u2",
        )
    },
    "reversed array": lambda x, folder: x[::-1].copy()[::-1],
    "strided array": lambda x, folder: np.repeat(x, 2, 1)[:, ::2],
    "column-major array": lambda x, folder: np.asfortranarray(x),
    "read-only array": lambda x, folder: read_only(x),
    "field of records": lambda x, folder: field_of_records(x),
    "masked array, nothing masked": lambda x, folder: np.ma.masked_array(x, mask=False),
    "memmap": memmap,
    "view of a memmap": lambda x, folder: memmap(np.concatenate([x, x]), folder)[: len(x)],
    "read-only memmap": lambda x, folder: np.load(saved_npy(x, folder), mmap_mode="r"),
    "array of another library": lambda x, folder: OtherArray(x),
    "nested list": lambda x, folder: x.tolist(),
    "nested list of integers": lambda x, folder: x.astype(int).tolist(),
    "nested list of truth values": lambda x, folder: x.astype(bool).tolist(),
    "nested tuple": lambda x, folder: tuple(map(tuple, x.tolist())),
    "list of tensors": lambda x, folder: list(torch.tensor(x)),
    "list of arrays": lambda x, folder: list(x),
}  # fmt: skip

SPARSE = {
    **{
        f"scipy {layout} {kind}": lambda x, folder, layout=layout, kind=kind: getattr(
            scipy.sparse, f"{layout}_{kind}"
        )(x)
        for layout in ("coo", "csr", "csc", "bsr", "dia", "dok", "lil")
        for kind in ("matrix", "array")
    },
    "scipy of integers": lambda x, folder: scipy.sparse.csr_array(x.astype(np.uint8)),
    "torch COO": lambda x, folder: torch.tensor(x).to_sparse(),
    "torch COO, not coalesced": lambda x, folder: (
        torch.tensor(x / 2).to_sparse() + torch.tensor(x / 2).to_sparse()
    ),
    "torch hybrid": lambda x, folder: torch.tensor(x).to_sparse(1),
    "torch CSR": lambda x, folder: torch.tensor(x).to_sparse_csr(),
    "torch CSC": lambda x, folder: torch.tensor(x).to_sparse_csc(),
    "torch BSR": lambda x, folder: torch.tensor(x).to_sparse_bsr((4, 4)),
    "pandas sparse": lambda x, folder: pandas.DataFrame.sparse.from_spmatrix(
        scipy.sparse.csr_array(x), columns=NAMES
    ),
}

FRAMES = {
    "pandas": lambda x, folder: frame(x),
    "pandas of whole numbers": lambda x, folder: frame(x.astype(int)),
    "pandas of truth values": lambda x, folder: frame(x.astype(bool)),
    "pandas of several kinds": lambda x, folder: frame(x).astype(
        {"bit0": bool, "bit1": "int8", "bit2": "uint64", "bit3": "float64"}
    ),
    "pandas nullable": lambda x, folder: frame(x).astype(
        {"bit0": "boolean", "bit1": "Int64", "bit2": "UInt8", "bit3": "Float32"}
    ),
    "pandas of pyarrow": lambda x, folder: frame(x).astype(
        {"bit0": "bool[pyarrow]", "bit1": "int32[pyarrow]"}
    ),
    "pandas with another index": lambda x, folder: frame(x).set_index(np.arange(len(x))[::-1]),
    "pandas without names": lambda x, folder: pandas.DataFrame(x),
    "polars": lambda x, folder: polars.DataFrame(x, schema=NAMES),
    "polars of several kinds": lambda x, folder: polars.DataFrame(x, schema=NAMES).with_columns(
        polars.col("bit0").cast(polars.Boolean), polars.col("bit1").cast(polars.UInt8)
    ),
}

SPLITS = {
    "Split": lambda x, folder: data.Split(torch.tensor(x)),
    "Split with labels": lambda x, folder: data.Split(torch.tensor(x), torch.arange(len(x))),
    "Dataset": lambda x, folder: dataset(x),
    "tuple of one": lambda x, folder: (torch.tensor(x),),
    "tuple of one array": lambda x, folder: (x,),
    "named tuple": lambda x, folder: namedtuple("Named", "x")(x),
    "dict of one": lambda x, folder: {"image": x},
    "TensorDataset": lambda x, folder: TensorDataset(torch.tensor(x)),
    "Subset": lambda x, folder: Subset(TensorDataset(torch.tensor(x)), range(len(x))),
}

ITEMS = {
    "dataset of tensors": lambda x, folder: Items(torch.tensor(x)),
    "dataset of arrays": lambda x, folder: Items(x),
    "dataset of tuples": lambda x, folder: Items((torch.tensor(row),) for row in x),
    "dataset of dicts": lambda x, folder: Items({"x": row} for row in x),
    "subset of a dataset": lambda x, folder: Subset(Items(x), range(len(x))),
    "dataset without a base class": lambda x, folder: Plain(torch.tensor(x)),
}

STREAMS = {
    "stream": lambda x, folder: Stream(x),
    "stream of dicts": lambda x, folder: Stream({"x": row} for row in x),
    "counted stream": lambda x, folder: Counted(torch.tensor(x)),
    "loader": lambda x, folder: DataLoader(TensorDataset(torch.tensor(x)), 7),
    "loader of dicts": lambda x, folder: DataLoader(Items({"x": row} for row in x), 7),
    "loader of arrays": lambda x, folder: DataLoader(Items(x), 7, collate_fn=np.stack),
    "loader of a stream": lambda x, folder: DataLoader(Stream(x), 7),
    "loader without batches": lambda x, folder: DataLoader(Stream(np.split(x, 5)), None),
    "own source": lambda x, folder: Source(x),
    "Batches": lambda x, folder: data.Batches(torch.tensor(x), 7, shuffle=False, device="cpu"),
}

FILES = {
    "npy": saved_npy,
    "npy of bytes": lambda x, folder: str(saved_npy(x.astype(np.uint8), folder)),
    "npy, column-major": lambda x, folder: saved_npy(np.asfortranarray(x), folder),
    "npz of one": lambda x, folder: saved_npz(folder, anything=x),
    "npz of x and y": lambda x, folder: saved_npz(folder, y=np.arange(len(x)), x=x),
    "npz of images and labels": lambda x, folder: saved_npz(
        folder, labels=np.arange(len(x)), images=x
    ),
    "npz of scipy": lambda x, folder: (
        scipy.sparse.save_npz(folder / "s.npz", scipy.sparse.csr_array(x)) or folder / "s.npz"
    ),
    "pt": lambda x, folder: saved_pt(torch.tensor(x), folder),
    "pt of a dict": lambda x, folder: saved_pt({"x": torch.tensor(x)}, folder),
    "pt, sparse": lambda x, folder: saved_pt(torch.tensor(x).to_sparse(), folder),
    "csv": lambda x, folder: saved_table(frame(x), folder, "csv"),
    "parquet": lambda x, folder: saved_table(frame(x), folder, "parquet"),
    "h5 of one": lambda x, folder: saved_h5(folder, anything=x),
    "h5 of x and y": lambda x, folder: saved_h5(folder, x=x, y=np.arange(len(x))),
    "h5 and a name": lambda x, folder: f"{saved_h5(folder, a=x, b=x[:3])}:/a",
    "h5 and a group": lambda x, folder: f"{saved_h5(folder, in__x=x, in__y=x, b=x)}:in",
    "open h5 dataset": lambda x, folder: h5py.File(saved_h5(folder, a=x))["a"],
    "open h5 file": lambda x, folder: h5py.File(saved_h5(folder, images=x, labels=x)),
}

KINDS = ARRAYS | SPARSE | FRAMES | SPLITS | ITEMS | STREAMS | FILES
"""Makes the data from an array [N, 8] of zeros and ones, and an empty folder for its files."""
