"""Arguments of a call, taken apart: tensors, which a graph is given, and all else."""

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, NamedTuple

from torch import Tensor
from torch.utils import _pytree as pytree

from .static_key import is_plain


class Arguments(NamedTuple):
    """The leaves of a call's arguments, and what tells its kind from that of other calls.

    Attributes:
        leaves: Tensors and whatever else stands in the arguments, in a fixed order.
        tree: Where the leaves stand in tuples, lists, dicts and named tuples; None where the
            arguments are the leaves.
        key: Equal for calls that one graph can serve, which differ in values of tensors alone.
    """

    leaves: list[Any]
    tree: Any
    key: Hashable

    @property
    def tensors(self) -> list[Tensor]:
        """Those among the leaves."""
        return [leaf for leaf in self.leaves if isinstance(leaf, Tensor)]

    def restored(self, tensors: Iterable[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with these tensors in the places of their own."""
        given: Iterator[Tensor] = iter(tensors)
        leaves = [next(given) if isinstance(leaf, Tensor) else leaf for leaf in self.leaves]
        if self.tree is None:
            return tuple(leaves), {}
        args, kwargs = pytree.tree_unflatten(leaves, self.tree)
        return args, kwargs


def arguments_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """Take the arguments of a call apart."""
    # Most calls are a plain list of tensors, and trees take their time.
    if not kwargs and all(isinstance(arg, Tensor) or is_plain(arg) for arg in args):
        return Arguments(list(args), None, (len(args), _frozen(args)))
    leaves, tree = pytree.tree_flatten((args, kwargs))
    return Arguments(leaves, tree, (repr(tree), _frozen(leaves)))


def _frozen(leaves: Iterable[Any]) -> Hashable:
    """What a graph freezes of leaves: shape and place of a tensor, plain values, identities."""
    return tuple(
        (leaf.shape, leaf.stride(), leaf.dtype, leaf.device)
        if isinstance(leaf, Tensor)
        else leaf if is_plain(leaf) else id(leaf)
        for leaf in leaves
    )  # fmt: skip
