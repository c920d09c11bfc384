"""Where particles and data lie in the tensors of a pair."""

from dataclasses import dataclass

from torch import Tensor

PARTICLE_PLATE = "num_particles_vectorized"  # Pyro's own name for it


@dataclass(frozen=True)
class Layout:
    """Where the particle axis and the batch axis lie in the log-densities of a pair."""

    particle_dim: int | None  # negative; None where each particle was traced alone
    batch_dim: int | None  # negative; None for one joint bound
    rank: int  # batch dims that plates may occupy, the particle plate included
    batch_size: int

    def reduce(self, log_prob: Tensor) -> Tensor:
        """Sum all but particles and batch. [(K), ..., B, ...] -> [K, B]."""
        full = log_prob.reshape((1,) * (self.rank - log_prob.dim()) + log_prob.shape)
        kept = [self.particle_dim, self.batch_dim]
        summed = [d for d in range(-full.dim(), 0) if d not in kept]
        reduced = full.sum(summed) if summed else full
        if self.batch_dim is None:
            reduced = reduced.unsqueeze(-1)
        return reduced if self.particle_dim is not None else reduced.unsqueeze(0)

    def by_plates(self, log_prob: Tensor) -> Tensor:
        """Keep all plates, with particles in front. [(K), ..., B, ...] -> [K, ..., B, ...]."""
        full = log_prob.reshape((1,) * (self.rank - log_prob.dim()) + log_prob.shape)
        return full if self.particle_dim is not None else full.unsqueeze(0)

    def sum_plates(self, values: Tensor) -> Tensor:
        """Sum what `by_plates` gave over all plates but that over data -> [K, B]."""
        summed = [d for d in range(1 - values.dim(), 0) if d != self.batch_dim]
        reduced = values.sum(summed) if summed else values
        return reduced.unsqueeze(-1) if self.batch_dim is None else reduced

    def arrange(self, value: Tensor, event_dim: int) -> Tensor:
        """Move particles and batch to the front. [(K), ..., B, ..., *event] -> [K, B, ...]."""
        batch_rank = value.dim() - event_dim
        full = value.reshape((1,) * (self.rank - batch_rank) + value.shape)
        if self.batch_dim is None:
            full = full.unsqueeze(-1 - event_dim)
            batch_dim = -1 - event_dim
            shift = 1
        else:
            batch_dim, shift = self.batch_dim - event_dim, 0
        if self.particle_dim is None:
            return full.movedim(batch_dim, 0).unsqueeze(0)
        return full.movedim((self.particle_dim - event_dim - shift, batch_dim), (0, 1))

    def spread(self, per_particle: Tensor, value: Tensor, event_dim: int) -> Tensor:
        """Shape one number per particle and datum as `arrange` found the axes of a value.

        [K, B] -> [(K), ..., B, ..., 1 per event dim], which broadcasts against the value.
        """
        sizes = [1] * self.rank
        if self.batch_dim is not None:
            sizes[self.batch_dim] = per_particle.shape[1]
        if self.particle_dim is not None:  # left of all plates, so that no axes change places
            sizes[self.particle_dim] = per_particle.shape[0]
        absent = max(0, self.rank - (value.dim() - event_dim))
        return per_particle.reshape(sizes[absent:] + [1] * event_dim)

    def restore(self, value: Tensor, event_dim: int) -> Tensor:
        """Undo `arrange`. [K, B, ..., *event] -> [(K), ..., B, ..., *event]."""
        if self.batch_dim is None:
            if self.particle_dim is None:
                return value.squeeze(1).squeeze(0)
            return value.squeeze(1).movedim(0, self.particle_dim - event_dim)
        batch_dim = self.batch_dim - event_dim
        if self.particle_dim is None:
            return value.squeeze(0).movedim(0, batch_dim)
        return value.movedim((0, 1), (self.particle_dim - event_dim, batch_dim))
