"""Put a drawn value into the argument that held the observed one."""

from typing import Any

from pyro.distributions import Unit
from torch import Tensor
from torch.utils import _pytree as pytree

from ..errors import SiteError


def replace_observation(batch: Any, name: str, node: dict[str, Any]) -> Any:  # noqa: ANN401
    """The arguments with a drawn value in the tensor that held the observed one."""
    if isinstance(node["fn"], Unit):
        raise SiteError(f"the model has `pyro.factor('{name}', ...)`, and cannot be drawn from")
    observed, value = node["infer"]["obs"], node["value"]
    leaves, tree = pytree.tree_flatten(batch)
    for i, leaf in enumerate(leaves):
        if leaf is observed and value.shape == leaf.shape:
            return pytree.tree_unflatten([*leaves[:i], value, *leaves[i + 1 :]], tree)
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Tensor) and _holds(leaf, observed) and value.shape == observed.shape:
            fresh = leaf.clone()
            start = observed.storage_offset() - leaf.storage_offset()
            fresh.as_strided(observed.shape, observed.stride(), start).copy_(value)
            return pytree.tree_unflatten([*leaves[:i], fresh, *leaves[i + 1 :]], tree)
    raise SiteError(
        f"the model observes at '{name}' a tensor that is neither an argument nor a view of one, "
        "so that it cannot be replaced by a drawn one; pass the data to the pair as it observes "
        "them: `obs=x`, not `obs=x[rows]` or `obs=2 * x`"
    )


def _holds(whole: Tensor, part: Any) -> bool:  # noqa: ANN401
    if not isinstance(part, Tensor) or not whole.is_contiguous() or whole.dtype != part.dtype:
        return False
    first = part.storage_offset() - whole.storage_offset()
    last = first + sum((n - 1) * step for n, step in zip(part.shape, part.stride(), strict=True))
    if whole.untyped_storage().data_ptr() != part.untyped_storage().data_ptr():
        return False
    return bool(part.numel() > 0 and first >= 0 and last < whole.numel())
