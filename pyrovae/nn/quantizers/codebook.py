"""Base of the codebooks: nearest vectors, use of codes, initialisation and revival."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ...errors import ConfigError, ShapeError
from .base import Quantized, Quantizer, nearest, perplexity, straight_through


class Codebook(Quantizer, ABC):
    """A vector for each code; an encoding takes the nearest.

    In training mode the codebook tracks how often each code is used. A code that is hardly used
    is dead, and is moved onto an encoding of the last batch (revived).

    A batch updates the codebook when the next batch begins. Within a step the vectors stay fixed,
    and a batch counts once, however often the guide runs on it (for several particles, or for an
    estimator that scores again). The means of the encodings identify a batch: equal encodings
    twice in a row are one batch. In evaluation mode or without gradients nothing is learned.

    Without `start`, the first batch initialises the codebook: each code moves onto a random
    encoding.

    With several ranks, the use of codes is that of the whole batch on all ranks. A revived code
    lies at the mean of one encoding from each rank. Without `start` all codes begin there, so
    call `start`.

    Args:
        num_codes: n.
        dim: D.
        commitment: Weight of the squared distance of an encoding from its code, in nats per
            squared unit. The paper found no difference between .1 and 2.
        decay: Decay of the moving average of the codes' use, in [0, 1).
        revive_below: A code is dead if it is used less than this fraction of even use; 0 revives
            none.

    Raises:
        ConfigError: A number is out of range.

    Source:
        Neural Discrete Representation Learning (van den Oord et al., 2017), eqs. 1-3,
        https://arxiv.org/abs/1711.00937; revival: Jukebox (Dhariwal et al., 2020), sec. 3.1,
        https://arxiv.org/abs/2005.00341
    """

    codebook: Tensor
    share: Tensor
    pending: Tensor
    started: Tensor
    seen: Tensor
    new_share: Tensor
    new_total: Tensor
    candidates: Tensor

    def __init__(
        self,
        num_codes: int,
        dim: int,
        *,
        commitment: float = 1.0,
        decay: float = 0.99,
        revive_below: float = 0.05,
    ) -> None:
        super().__init__(num_codes, dim)
        num_codes, dim = self.num_codes, self.dim
        if not (commitment >= 0 and 0 <= decay < 1 and 0 <= revive_below < 1):
            raise ConfigError(
                f"{type(self).__name__} got commitment={commitment}, decay={decay} and "
                f"revive_below={revive_below}; it needs at least 0, and twice a number in [0, 1)"
            )
        self.commitment, self.decay, self.revive_below = commitment, decay, revive_below
        for name, value in (
            ("share", torch.full((num_codes,), 1 / num_codes)),
            ("pending", torch.zeros(())),  # whether a noted batch is not learned yet
            ("started", torch.zeros(())),  # whether the codes were initialised
            ("seen", torch.zeros(2, dim)),  # marks of the noted batch
            ("new_share", torch.zeros(num_codes)),
            ("new_total", torch.zeros(num_codes, dim)),  # sum of encodings by code, per encoding
            ("candidates", torch.zeros(num_codes, dim)),
        ):
            self.register_buffer(name, value)
        self.keep(torch.randn(num_codes, dim))

    def keep(self, codebook: Tensor) -> None:
        """Register the initial vectors [n, D]; as a buffer by default."""
        self.register_buffer("codebook", codebook)

    @property
    def perplexity(self) -> Tensor:
        """`perplexity` of the codes' recent use in training."""
        return perplexity(self.share)

    def codes(self, z: Tensor) -> Tensor:
        self.check_vectors(z)
        return nearest(z, self.codebook)

    def embed(self, codes: Tensor) -> Tensor:
        return self.codebook[codes]

    def forward(self, z: Tensor) -> Quantized:
        self.check_vectors(z)
        flat = z.detach().reshape(-1, self.dim)
        learns = self.training and torch.is_grad_enabled()
        if learns:
            self._learn(self._marks(flat))
        codes = nearest(flat, self.codebook)
        if learns:
            self._note(flat, codes)
        codes = codes.reshape(z.shape[:-1])
        vectors = self.embed(codes)
        return Quantized(codes, straight_through(vectors, z), self.penalties(z, vectors))

    def penalties(self, z: Tensor, vectors: Tensor) -> dict[str, Tensor]:
        """Terms to add to the loss for each vector [...], in nats."""
        return {"commitment": self.commitment * (z - vectors.detach()).square().sum(-1)}

    @torch.no_grad()
    def start(self, encodings: Tensor, *, seed: int = 0) -> None:
        """Set the codes to the centres of encodings, found by k-means.

        Args:
            encodings: Encodings of data [..., D], at least as many as codes. About fifty per code
                suffice.
            seed: Seed of scikit-learn's k-means++.

        Raises:
            ShapeError: They have another size, or are too few.
        """
        from sklearn.cluster import KMeans  # takes a second, and only this method needs it

        self.check_vectors(encodings)
        flat = encodings.detach().reshape(-1, self.dim)
        if len(flat) < self.num_codes:
            raise ShapeError(
                f"{type(self).__name__}.start got {len(flat)} encodings for {self.num_codes} "
                "codes; give at least one each, of more data"
            )
        found = KMeans(self.num_codes, n_init=1, random_state=seed).fit(flat.double().cpu())
        self.codebook.copy_(torch.from_numpy(found.cluster_centers_))
        counts = torch.bincount(torch.from_numpy(found.labels_).long(), minlength=self.num_codes)
        self.share.copy_(counts / len(flat))
        self.started.fill_(1.0)
        self.pending.zero_()

    @abstractmethod
    def moved(self, share: Tensor) -> Tensor:
        """The codebook after the noted batch; `share` is the updated use of the codes."""

    @torch.no_grad()
    def _learn(self, marks: Tensor) -> None:
        """Learn from the noted batch, unless it is the current one."""
        is_due = (self.pending > 0.5) & (marks != self.seen).any()
        share = self.decay * self.share + (1 - self.decay) * self.new_share
        codebook, even = self.moved(share), 1 / self.num_codes
        dead = (share < self.revive_below * even) | (self.started < 0.5)
        codebook = torch.where(dead[:, None], self.candidates, codebook)
        share = torch.where(dead, even, share)
        self.codebook.copy_(torch.where(is_due, codebook, self.codebook))
        self.share.copy_(torch.where(is_due, share, self.share))
        self.started.copy_(torch.where(is_due, 1.0, self.started))

    @torch.no_grad()
    def _note(self, flat: Tensor, codes: Tensor) -> None:
        """Store what is to be learned from a new batch."""
        marks = self._marks(flat)
        is_new = (marks != self.seen).any()
        every = torch.arange(self.num_codes, device=codes.device)
        is_code = (codes[:, None] == every).to(flat.dtype)  # [N, n]
        for place, value in (
            (self.new_share, is_code.mean(0)),
            (self.new_total, is_code.T @ flat / len(flat)),
            (self.candidates, flat[self._rows(flat)]),
            (self.pending, marks.isfinite().all().to(flat.dtype)),
            (self.seen, marks),
        ):
            place.copy_(torch.where(is_new, value, place))

    @torch.no_grad()
    def _marks(self, flat: Tensor) -> Tensor:
        """Means of encodings and of their squares [2, D], which identify a batch."""
        return torch.stack([flat.mean(0), flat.square().mean(0)])

    def _rows(self, flat: Tensor) -> Tensor:
        """Indices of one random encoding per code [n], without repeats if there are enough."""
        noise = torch.rand(len(flat), device=flat.device)
        order = noise.topk(min(self.num_codes, len(flat))).indices
        return order[torch.arange(self.num_codes, device=flat.device) % len(order)]

    def extra_repr(self) -> str:
        return f"num_codes={self.num_codes}, dim={self.dim}"
