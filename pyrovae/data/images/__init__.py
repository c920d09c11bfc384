"""Standard image sets, read by torchvision."""

from .colour import cifar10, svhn
from .grey import emnist, fashion_mnist, kmnist, mnist
from .mnist_sample import mnist_sample

__all__ = ["cifar10", "emnist", "fashion_mnist", "kmnist", "mnist", "mnist_sample", "svhn"]
