"""Writing into tensors of which some elements are one number in memory."""

from torch import Tensor


def write(tensor: Tensor, value: Tensor) -> None:
    """Copy a value of the same shape into a tensor, into an expanded one too.

    `torch.ones(1).expand(5)`, as a buffer of a network say, is one number that is seen five times.
    torch refuses to write into it; here it gets the first of the values along such an axis.
    """
    for axis, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        if size > 1 and stride == 0:
            tensor, value = tensor.narrow(axis, 0, 1), value.narrow(axis, 0, 1)
    tensor.copy_(value)
