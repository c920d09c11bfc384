"""Networks and tensors of an objective itself, which steps change."""

from abc import ABC
from collections.abc import Mapping
from copy import deepcopy
from typing import Self

import torch
from torch import Tensor, nn

from ..errors import CheckpointError
from ..particles.own_parameters import own_parameters
from ..particles.parameters import declare, declared
from .objective import Objective


class KeepsState(Objective, ABC):
    """An objective whose attributes that are modules train along with the pair."""

    @property
    def networks(self) -> dict[str, nn.Module]:
        """Networks of this estimator itself, by the name of their attribute. Most have none."""
        return {n: value for n, value in vars(self).items() if isinstance(value, nn.Module)}

    def leaves(self) -> dict[str, Tensor]:
        """Trainable parameters of the networks, by the names under which a step declares them."""
        each = [declared(_declared_name(n), network) for n, network in self.networks.items()]
        return {name: leaf for leaves in each for name, leaf in leaves.items()}

    def declare_networks(self) -> None:
        """Declare the networks to Pyro, so that the optimiser of a step trains them."""
        with own_parameters():
            for name, network in self.networks.items():
                declare(_declared_name(name), network)

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors that steps change, by name, as they are: no copies. Most estimators have none.

        By default those of the networks. `pyrovae.fit` keeps them in its checkpoints. Steps write
        into them in place.
        """
        found: dict[str, Tensor] = {}
        for name, network in self.networks.items():
            for local, tensor in (*network.named_parameters(), *network.named_buffers()):
                found[f"{name}.{local}"] = tensor
        return found

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Write what `state_dict` gave into this objective's own tensors: all or nothing.

        Raises:
            CheckpointError: It is the state of another objective.
        """
        own = self.state_dict()
        here, there = (
            {name: list(tensor.shape) for name, tensor in tensors.items()}
            for tensors in (own, state)
        )
        if here != there:
            raise CheckpointError(
                f"{self} keeps {here or 'no state'} between steps, and the state to load is "
                f"{there or 'empty'}; load it into an objective made like the one that was saved"
            )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(state[name])

    def __copy__(self) -> Self:
        """A copy has networks of its own, since steps write into them."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        for name, network in self.networks.items():
            setattr(other, name, deepcopy(network))
        return other


def _declared_name(network: str) -> str:
    return f"objective.{network}"
