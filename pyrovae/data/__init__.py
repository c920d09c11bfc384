"""Data sets with splits train, val and test, and minibatches of them."""

from .arrays import arrays
from .audio import Spectrogram, audio, spoken_digits, tones
from .base import Binarize, Dataset, Split
from .batches import Batches
from .channels import channels_first
from .counts import Cells, counts, documents, python_documents
from .dates import dates
from .digits import digits
from .entry import Batchable, batches, held_out, rows
from .images import cifar10, emnist, fashion_mnist, kmnist, mnist, mnist_sample, svhn
from .loader import LoaderBatches
from .minibatches import BatchSource
from .missing import missing
from .quadrants import join_quadrants, quadrants
from .rows import Rows, SparseSplit
from .semi_supervised import SemiSupervisedBatches, few_labels
from .series import pendulums, series, windows
from .shapes import ShapeGrid, shapes
from .synthetic import (
    DateFormats,
    DiscreteLatent,
    LinearGaussian,
    LinearGaussianChain,
    LinearGaussianStateSpace,
)
from .tables import TableColumns, table
from .text import Vocabulary, like_lengths, names, python_sentences, python_words, text
from .text_pairs import text_pairs

__all__ = [
    "BatchSource",
    "Batchable",
    "Batches",
    "Binarize",
    "Cells",
    "Dataset",
    "DateFormats",
    "DiscreteLatent",
    "LinearGaussian",
    "LinearGaussianChain",
    "LinearGaussianStateSpace",
    "LoaderBatches",
    "Rows",
    "SemiSupervisedBatches",
    "ShapeGrid",
    "SparseSplit",
    "Spectrogram",
    "Split",
    "TableColumns",
    "Vocabulary",
    "arrays",
    "audio",
    "batches",
    "channels_first",
    "cifar10",
    "counts",
    "dates",
    "digits",
    "documents",
    "emnist",
    "fashion_mnist",
    "few_labels",
    "held_out",
    "join_quadrants",
    "kmnist",
    "like_lengths",
    "missing",
    "mnist",
    "mnist_sample",
    "names",
    "python_documents",
    "python_sentences",
    "python_words",
    "pendulums",
    "quadrants",
    "rows",
    "series",
    "shapes",
    "spoken_digits",
    "svhn",
    "table",
    "text",
    "text_pairs",
    "tones",
    "windows",
]
