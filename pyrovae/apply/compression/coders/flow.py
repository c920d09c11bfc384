"""Normalizing flows, by local bits-back coding."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from pyro.distributions import TransformedDistribution
from torch import Tensor
from torch.distributions import Transform
from torch.distributions import TransformedDistribution as TorchTransformedDistribution

from ....errors import InverseError
from ..stack import Array, Stack
from .base import Coder, as_array
from .choice import coder_for, kind_for
from .normals import Normals
from .triangular import TriangularNormals

_BLUR = 2.0  # standard deviation of the noise at z, in steps of its lattice
_FINER = 8.0  # steps in a standard deviation at the base, along its narrowest direction

Map = Callable[[Tensor], Tensor]


class FlowCoder(Coder):
    r"""Codes z = f(u) of a flow through a point u of its base.

    To push z, u is popped from :math:`N(f^{-1}(z), \sigma^2 J J^\top)`, J the Jacobian of the
    inverse at z; then z is pushed by :math:`N(f(u), \sigma^2)`, and u by the base. The net cost
    is that of the density of z, up to terms of order :math:`\sigma^2`: the flow is taken as
    linear over the blur sigma, two steps of the lattice. J comes from L backward passes.

    Source:
        Compression with Flows via Local Bits-Back Coding (Ho, Lohn & Abbeel, 2019), algorithm 1,
        https://arxiv.org/abs/1905.08500
    """

    is_flow = True

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        return _parts(fn) is not None

    @staticmethod
    def widths(fn: Any, value: Tensor) -> Tensor:  # noqa: ANN401
        u, jacobian = _inverse_at(fn, value, "z")
        base = _known(fn)[0]
        widths = kind_for("z", base).widths(base, u.reshape(base.batch_shape + base.event_shape))
        if widths is not None:
            jacobian = jacobian / widths.expand(u.shape).unsqueeze(-1)
        return 1 / jacobian.norm(dim=-2)

    @staticmethod
    def base_widths(fn: Any, value: Tensor, step: float) -> Tensor:  # noqa: ANN401
        _, jacobian = _inverse_at(fn, value, "z")
        factor = _factor(jacobian).diagonal(dim1=-2, dim2=-1)
        return _BLUR * step * factor.abs() / _FINER

    def push(self, stack: Stack, value: Tensor) -> None:
        u = self._near(value).pop(stack)
        self._blurred(u).push(stack, self.index(value))
        self._base().push(stack, self._point(u))

    def pop(self, stack: Stack) -> Tensor:
        base = self._base()
        u = self.lattice.base.index(base.array(base.pop(stack)))[:, None]
        value = self.padded(self.lattice.values(self._blurred(u).pop(stack)))
        self._near(value).push(stack, u)
        return value

    def _base(self) -> Coder:
        base = _known(self.fn)[0]
        return coder_for(self.name, base, self.rows, self.lattice.base, is_open=self.is_open)

    def _near(self, value: Tensor) -> TriangularNormals:
        """Of u for a value, [rows, 1, L]."""
        u, jacobian = _inverse_at(self.fn, value, self.name)
        size, step = u.shape[-1], self.lattice.base.step
        mean = as_array(u, self.rows, self.name).reshape(self.rows, 1, size)
        factor = as_array(_factor(jacobian), self.rows, self.name)
        factor = factor.reshape(self.rows, 1, size, size) * (_BLUR * self.lattice.step / step)
        return TriangularNormals(mean / step - 0.5, factor, is_open=not self.is_open)

    def _blurred(self, u: Array) -> Normals:
        """Of z for numbers u [rows, 1, L]."""
        mean = self.array(_known(self.fn)[1](self._point(u)).reshape(self.shape))
        std = np.full(mean.shape, _BLUR)
        return Normals(mean / self.lattice.step - 0.5, std, is_open=self.is_open)

    def _point(self, u: Array) -> Tensor:
        base = self._base()
        return base.padded(self.lattice.base.values(u.reshape(self.rows, -1)))


def _parts(fn: Any) -> tuple[Any, Map, Map] | None:  # noqa: ANN401
    """The base, the map from it, and its inverse; None where it is no flow of vectors."""
    if len(fn.batch_shape) != 1 or not fn.event_shape:
        return None
    if isinstance(fn, TransformedDistribution | TorchTransformedDistribution):
        base: Any = fn.base_dist
        transforms = list(fn.transforms)
        while isinstance(base, TransformedDistribution | TorchTransformedDistribution):
            base, transforms = base.base_dist, [*base.transforms, *transforms]
        return base, lambda u: _applied(transforms, u), lambda z: _inverted(transforms, z)
    zuko = sys.modules.get("zuko.distributions")  # an extra: loaded if the pair uses it
    if zuko is not None and isinstance(fn, zuko.NormalizingFlow):
        return fn.base, lambda u: fn.transform.inv(u), lambda z: fn.transform(z)
    return None


def _applied(transforms: Sequence[Transform], u: Tensor) -> Tensor:
    for transform in transforms:
        u = transform(u)
    return u


def _inverted(transforms: Sequence[Transform], z: Tensor) -> Tensor:
    for transform in reversed(transforms):
        z = transform.inv(z)
    return z


def _inverse_at(fn: Any, value: Tensor, name: str) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    """u [R, L] for values, and the Jacobian of the inverse there [R, L, L].

    Raises:
        InverseError: The flow has no inverse.
    """
    inverse = _known(fn)[2]
    with torch.enable_grad():
        # A new tensor, for transforms remember what they mapped last.
        z = value.detach().clone().reshape(len(value), -1).requires_grad_()
        try:
            u = inverse(z.reshape(value.shape)).reshape(z.shape)
        except (InverseError, KeyError, NotImplementedError) as error:
            raise InverseError(
                f"site '{name}' is a flow without an inverse, which can be drawn from, but its "
                "bits cannot be got back: the base of a given z is not known. Use layers that "
                "have one, such as nn.flows.AffineCoupling or InverseAutoregressive"
            ) from error
        jacobian = torch.stack(
            [
                torch.autograd.grad(u[:, place].sum(), z, retain_graph=True)[0]
                for place in range(z.shape[1])
            ],
            1,
        )
    return u.detach(), jacobian


def _factor(jacobian: Tensor) -> Tensor:
    """The lower triangular factor of J J^T, with a positive diagonal."""
    factor = torch.linalg.qr(jacobian.mT).R.mT
    return factor * factor.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)


def _known(fn: Any) -> tuple[Any, Map, Map]:  # noqa: ANN401
    return cast(tuple[Any, Map, Map], _parts(fn))  # see `takes`
