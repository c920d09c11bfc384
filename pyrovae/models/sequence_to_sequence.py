"""Sequence-to-sequence variational autoencoder."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..data import Vocabulary
from ..distributions.code_sequence import CodeSequence, logits_of, shifted
from ..errors import ConfigError, ShapeError
from ..nn import AttentiveDecoder, AttentiveEncoder, Network, Shape, build
from ..nn.sequences.attentive_decoder import GivenSource
from ..nn.sequences.word_dropout import WordDropout
from ..nn.sizes import as_size
from .any_data import IN_DATA, Companion, takes_any_data
from .base import (
    Conditional,
    Latent,
    drawn_count,
    evaluated,
    evaluated_outside_programs,
    latent_of,
    latent_parts,
)
from .decoding import Beam, Decoded, Decoding, Greedy
from .decoding.base import checked
from .given_text import GivenText
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .posteriors.distribution import as_posterior
from .priors import Prior, PriorFactory, StandardNormal


class SequenceToSequence(GivenText):
    r"""VAE of one text given another: a translation, a summary, another way to write it.

    **The target is x and the source is y.** What is scored stands first in this library, what is
    given second: `model` and `guide` are called as (target [B, T], source [B, S]), rows of codes
    as `data.text_pairs` makes them. The model is z ~ p(z), or p(z|y), then
    :math:`x \sim \prod_t p(x_t|x_{<t}, z, y)` up to and with its end; the guide z ~ q(z|x, y).
    Every bound is one on log p(x|y). Padding of either has no part in it.

    z says what the source leaves open: several z give several answers, each of which the decoder
    can then take as decided. A decoder that sees all codes before can make such choices itself,
    and then the KL goes to zero and z tells nothing. Look at the KL; `objectives.Beta` with
    `free_bits`, and `word_dropout`, are remedies.

    Args:
        data_shape: (T,), the codes of the longest target and its end.
        latent_dim: Size of z, L.
        vocabulary: Of target and source, a `data.Vocabulary` or its JSON form; `Dataset.supplies`
            holds it.
        encoder: Maps targets [N, T] and sources [N, S] to [N, posterior.num_parameters]: a module
            or a factory `encoder((V,), out_shape)`.
        decoder: Gives the logits of the next code: a module or a factory `decoder((L,), (V,))`,
            with the methods of `nn.AttentiveDecoder`.
        prior: p(z), the same for every source; `StandardNormal` by default.
        prior_network: Maps sources [N, S] to the parameters of `prior_form`, which is then p(z|y):
            a module or a factory such as `nn.GRUEncoder`. Give it or `prior`.
        prior_form: Form of p(z|y): a factory `as_posterior(prior_form, latent_dim)`.
        posterior: Form of q(z|x, y): a module or a factory `posterior(latent_dim)`.
        word_dropout: Share of the codes so far that the decoder does not see in training.

    Raises:
        ConfigError: Both priors are given, or a prior that learns data of its own; a size is too
            small, or the dropout no share.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        DataError: Rows are no texts of the vocabulary (checked in every call while
            `pyro.enable_validation` is on, as it is by default).

    Source:
        Variational Neural Machine Translation (Zhang et al., 2016), sec. 3,
        https://arxiv.org/abs/1605.07869, whose x and y are y and x here

    Example:
        >>> words = Vocabulary.of(["abc"])
        >>> pair = SequenceToSequence(6, 2, vocabulary=words)
        >>> source = words.encode(["ab", "c"])
        >>> len(pair.to_text(pair.generate(source)))
        2
    """

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        *,
        vocabulary: Vocabulary | Mapping[str, Any],
        encoder: Network = AttentiveEncoder,
        decoder: Network = AttentiveDecoder,
        prior: PriorFactory | Prior | None = None,
        prior_network: Network | None = None,
        prior_form: PosteriorFactory = DiagonalNormal,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__(data_shape, vocabulary)
        self.latent_dim = latent_dim = as_size(latent_dim, "latent_dim", "SequenceToSequence")
        codes = (len(self.vocabulary),)
        if prior is not None and prior_network is not None:
            raise ConfigError(
                "SequenceToSequence got a prior, the same for every source, and a prior_network, "
                "which makes one for each; give one of the two"
            )
        unconditional, self.posterior = latent_parts(
            "SequenceToSequence", latent_dim, StandardNormal if prior is None else prior, posterior
        )
        if unconditional.needs_encoder:
            raise ConfigError(
                f"{type(unconditional).__name__} learns data of its own by gradients, and texts "
                "are codes; take another prior, or a prior_network"
            )
        self.prior: Prior | Conditional = unconditional
        if prior_network is not None:
            form = as_posterior(prior_form, latent_dim)
            network = build(prior_network, codes, (form.num_parameters,))
            self.prior = Conditional(network, (1,), form, "prior_network")  # one axis: the codes
        self.encoder = build(encoder, codes, (self.posterior.num_parameters,))
        self.decoder: Any = build(decoder, (latent_dim,), codes)
        missing = [n for n in ("read", "begin", "step") if not hasattr(self.decoder, n)]
        if missing:
            raise ConfigError(
                f"SequenceToSequence: the decoder {type(self.decoder).__name__} has no "
                f"{' and no '.join(missing)}; it has to look at the source, so derive it from "
                "nn.AttentiveDecoder, or have its methods"
            )
        self.word_dropout = WordDropout(word_dropout)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        small = {"width": 4, "embedding": 3}
        return cls(
            6, 2, vocabulary=Vocabulary.of(["abcd"]),
            encoder=partial(AttentiveEncoder, **small), decoder=partial(AttentiveDecoder, **small),
        )  # fmt: skip

    def model(self, x: Tensor, y: Tensor) -> None:
        """p(z|y)p(x|z, y) over a batch of targets x [B, T] with their sources y [B, S]."""
        self.declare("decoder", "prior")
        target, source = self._checked(x, y, "model")
        with pyro.plate("data", len(target)):
            z = pyro.sample("z", self._prior(source))
            given = GivenSource(self.decoder, self.decoder.read(source))
            inputs = shifted(target).expand(*z.shape[:-1], target.shape[-1])
            known = target, self._logits(given, self.word_dropout(inputs), z)
            pyro.sample("x", CodeSequence(given, z, target.shape[-1], known), obs=target)

    def guide(self, x: Tensor, y: Tensor) -> None:
        """q(z|x, y) over a batch of targets x [B, T] with their sources y [B, S]."""
        self.declare("encoder", "posterior")
        target, source = self._checked(x, y, "guide")
        with pyro.plate("data", len(target)):
            pyro.sample("z", self._encode(target, source))

    @evaluated_outside_programs
    def prior_given(self, y: Tensor) -> dist.TorchDistribution:
        """The distribution p(z|y), batch shape [B], event shape [L], for sources y [B, S]."""
        source = self._sources(y, "prior_given")
        return self._prior(source).expand(source.shape[:1])

    @takes_any_data
    @evaluated_outside_programs
    def encode(self, x: Tensor, y: Companion = IN_DATA) -> dist.TorchDistribution:
        """The distribution q(z|x, y) of targets and their sources, event shape [L]."""
        return self._encode(*self._checked(x, y, "encode"))

    @evaluated_outside_programs
    def decode(self, z: Tensor, y: Tensor) -> CodeSequence:
        """The distribution p(x|z, y), event shape [T], for z [..., B, L] and sources y [B, S].

        One source stands for all z.

        Raises:
            ShapeError: There is not one z for each source.
        """
        source = self._sources_of(z, y, "decode")
        given = GivenSource(self.decoder, self.decoder.read(source))
        return CodeSequence(given, z, self.data_shape[0])

    @evaluated
    @torch.no_grad()
    def generate(
        self, y: Tensor | Sequence[str], *, decoding: Decoding | None = None, n: int | None = None
    ) -> Tensor:
        """A target for each source, [B, T]; for n draws of z each, [B, n, T].

        Args:
            y: Sources, as codes [B, S] or as texts.
            decoding: How codes are chosen; `Greedy()` by default, so that what differs between
                draws is what z says. `Sampling()` draws from p(x|y).
            n: Draws of z for each source; one by default, without an axis of its own.
        """
        source = self._sources(y, "generate")
        count = 1 if n is None else drawn_count(n, "SequenceToSequence.generate")
        z = self._prior(source).expand(source.shape[:1]).sample(torch.Size([count]))
        made = self._decoded(z, source, decoding or Greedy()).transpose(0, 1)  # [B, n, T]
        return made[:, 0] if n is None else made

    @evaluated
    @torch.no_grad()
    def alternatives(
        self, y: Tensor | Sequence[str], *, beam: Beam, z: Tensor | None = None
    ) -> Decoded:
        """The most probable targets of each source by one search: codes [B, W, T], best first.

        Args:
            y: Sources, as codes [B, S] or as texts.
            beam: The search.
            z: Latents [B, L]; the mean of p(z|y) by default.

        Raises:
            ConfigError: p(z|y) has no mean that is known.
            ShapeError: There is not one z for each source.
        """
        source = self._sources(y, "alternatives")
        if z is not None:
            source = self._sources_of(z, source, "alternatives")
        given = GivenSource(self.decoder, self.decoder.read(source))
        prior = self._prior(source).expand(source.shape[:1])
        z = latent_of(prior, "mean") if z is None else z
        return beam.alternatives(given, z, max_length=self.data_shape[0])

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def reconstruct(
        self,
        x: Tensor,
        y: Companion = IN_DATA,
        *,
        decoding: Decoding | None = None,
        latent: Latent = "sample",
    ) -> Tensor:
        """Encode targets and their sources, and decode the targets again [B, T].

        Args:
            x: Targets [B, T], of any kind that `pyrovae.data.rows` takes.
            y: Their sources [B, S]; left out where the data hold them.
            decoding: How codes are chosen; `Greedy()` by default.
            latent: z is a draw from q(z|x, y), "sample", or its mean, "mean".

        Raises:
            ConfigError: The mean of q is not known in closed form.
        """
        target, source = self._checked(x, y, "reconstruct")
        z = latent_of(self._encode(target, source), latent)
        return self._decoded(z[None], source, decoding or Greedy(), target.shape[-1])[0]

    def _prior(self, source: Tensor) -> dist.TorchDistribution:
        made: dist.TorchDistribution = (
            self.prior() if isinstance(self.prior, Prior) else self.prior(source)
        )
        return made

    def _encode(self, target: Tensor, source: Tensor) -> dist.TorchDistribution:
        params, needed = self.encoder(target, source), self.posterior.num_parameters
        if params.shape != (len(target), needed):
            raise ShapeError(
                f"the encoder gave shape {list(params.shape)} for {len(target)} targets; "
                f"{type(self.posterior).__name__}({self.latent_dim}) needs {needed} values per "
                f"datum, [N, {needed}]"
            )
        return self.posterior(params)

    def _decoded(
        self, z: Tensor, source: Tensor, decoding: Decoding, length: int | None = None
    ) -> Tensor:
        """Targets [n, B, T] for z [n, B, L] and sources [B, S]."""
        checked(decoding, "SequenceToSequence")
        given = GivenSource(self.decoder, self.decoder.read(source))
        made = decoding.decode(given, z.flatten(0, 1), max_length=length or self.data_shape[0])
        return made.unflatten(0, z.shape[:2])

    def _logits(self, given: GivenSource, inputs: Tensor, z: Tensor) -> Tensor:
        logits = logits_of(given, inputs, z)
        if logits.shape != (*inputs.shape, len(self.vocabulary)):
            raise ShapeError(
                f"the decoder gave shape {list(logits.shape)} for inputs of shape "
                f"{list(inputs.shape)}; it needs a logit for each of the {len(self.vocabulary)} "
                "codes at each step, [N, T, V]"
            )
        return logits
