"""Data sets with splits train, val and test, and minibatches of them."""

from .arrays import arrays
from .audio import Spectrogram, audio, spoken_digits, tones
from .base import Binarize, Dataset, Split
from .batches import Batches
from .channels import channels_first
from .digits import digits
from .entry import Batchable, batches, held_out, rows
from .images import cifar10, emnist, fashion_mnist, kmnist, mnist, mnist_sample, svhn
from .loader import LoaderBatches
from .minibatches import BatchSource
from .missing import missing
from .quadrants import join_quadrants, quadrants
from .rows import Rows
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
    "Spectrogram",
    "Split",
    "arrays",
    "audio",
    "batches",
    "channels_first",
    "cifar10",
    "digits",
    "emnist",
    "fashion_mnist",
    "few_labels",
    "held_out",
    "join_quadrants",
    "kmnist",
    "missing",
    "mnist",
    "mnist_sample",
    "quadrants",
    "rows",
    "shapes",
    "spoken_digits",
    "svhn",
    "tones",
]
