"""Data sets with splits train, val and test, and minibatches of them."""

from .arrays import arrays
from .base import Binarize, Dataset, Split
from .batches import Batches
from .channels import channels_first
from .counts import counts, documents, python_documents
from .digits import digits
from .entry import Batchable, batches, held_out, rows
from .images import cifar10, emnist, fashion_mnist, kmnist, mnist, mnist_sample, svhn
from .loader import LoaderBatches
from .minibatches import BatchSource
from .missing import missing
from .quadrants import join_quadrants, quadrants
from .rows import Rows, SparseSplit
from .semi_supervised import SemiSupervisedBatches, few_labels
from .shapes import ShapeGrid, shapes
from .synthetic import DiscreteLatent, LinearGaussian, LinearGaussianChain

__all__ = [
    "BatchSource",
    "Batchable",
    "Batches",
    "Binarize",
    "Dataset",
    "DiscreteLatent",
    "LinearGaussian",
    "LinearGaussianChain",
    "LoaderBatches",
    "SemiSupervisedBatches",
    "Rows",
    "ShapeGrid",
    "SparseSplit",
    "Split",
    "arrays",
    "batches",
    "channels_first",
    "cifar10",
    "counts",
    "digits",
    "documents",
    "emnist",
    "fashion_mnist",
    "few_labels",
    "held_out",
    "join_quadrants",
    "kmnist",
    "missing",
    "mnist",
    "mnist_sample",
    "python_documents",
    "quadrants",
    "rows",
    "shapes",
    "svhn",
]
