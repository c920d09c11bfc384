"""Standard image sets, read by torchvision."""

from .colour import cifar10, svhn
from .grey import emnist, fashion_mnist, kmnist, mnist

__all__ = ["cifar10", "emnist", "fashion_mnist", "kmnist", "mnist", "svhn"]
