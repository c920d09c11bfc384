"""Variational autoencoder of text."""

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
from ..nn import GRUDecoder, GRUEncoder, Network, Shape, build
from ..nn.condition import Condition
from ..nn.sequences.closed import closed
from ..nn.sequences.word_dropout import WordDropout
from ..nn.sizes import as_size
from .any_data import Companion, takes_any_data, takes_whole_data
from .base import (
    Latent,
    as_tensor_or_count,
    drawn_count,
    evaluated,
    evaluated_outside_programs,
    latent_of,
    latent_parts,
    params_of,
)
from .beginnings import as_beginnings, log_prob_of, with_end
from .decoding import Continued, Decoding, Greedy, Sampling
from .decoding.base import checked
from .networks import built
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .priors import Prior, PriorFactory, StandardNormal
from .texts import Texts

_ROWS = 4096  # rows of codes that are scored at a time


class TextVAE(Texts):
    r"""VAE of texts as rows of codes: of characters, bytes or words.

    The model is z ~ p(z), :math:`x \sim \prod_t p(x_t|x_{<t}, z)` up to and with the end of the
    text, the guide z ~ q(z|x). `model` and `guide` are Pyro programs over a batch x [B, T] of
    codes, as `vocabulary.encode` and `data.text` make them, with the sites "z" (event [L]) and
    "x" inside the plate "data". Padding after the end has no part in it: rows padded to any
    length have the same bound. Rows may be shorter than `data_shape` says, not longer.

    A decoder that sees all codes before can do without z, and then the KL goes to zero and z
    tells nothing (posterior collapse). Look at the KL; `objectives.Beta(free_bits=...)`,
    `train.CyclicAnneal` and `word_dropout` are remedies, best together.

    With word dropout the decoder reads "unknown" in the place of a random share of the codes, in
    training alone. That trains a bound on log p(x) still: of the mixture over which codes are
    hidden, drawn anew for each particle. In evaluation mode nothing is hidden, and bounds are
    those of the model that reads all codes.

    With `num_classes` the programs are called as (x, y), y [B] classes 0..C-1, and bounds are on
    log p(x|y): the decoder sees z and the class, the encoder the class as a code before the text.

    Args:
        data_shape: (T,), the codes of the longest text and its end.
        latent_dim: Size of z, L.
        vocabulary: A `data.Vocabulary`, or its JSON form; `Dataset.supplies` holds it.
        encoder: Maps codes [N, T] to [N, posterior.num_parameters], without regard to padding: a
            module, or a factory `encoder((V,), out_shape)` such as `nn.GRUEncoder`,
            `nn.LSTMEncoder`, `nn.TransformerEncoder`, or a partial of them.
        decoder: Maps codes so far and z to logits of the next one: a module that is an
            `nn.SequenceDecoder` or has its three methods, or a factory `decoder((L,), (V,))`
            such as `nn.GRUDecoder`, `nn.LSTMDecoder`, `nn.TransformerDecoder`.
        prior: p(z): a module or a factory `prior(latent_dim)`.
        posterior: Form of q(z|x): a module or a factory `posterior(latent_dim)`.
        word_dropout: Share of the codes that the decoder does not see in training, from 0 to 1.
        num_classes: C, where texts have classes that are given.

    Raises:
        ConfigError: A size is too small, the dropout no share, there is no vocabulary, or the
            prior learns data of its own, as `VampPrior` does, which codes cannot be.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        DataError: Rows are no texts of the vocabulary, or a class is out of range (checked in
            every call while `pyro.enable_validation` is on, as it is by default).

    Source:
        Generating Sentences from a Continuous Space (Bowman et al., 2016),
        https://arxiv.org/abs/1511.06349

    Example:
        >>> names = Vocabulary.of(["anna", "otto"])
        >>> vae = TextVAE(8, 2, vocabulary=names)
        >>> x = names.encode(["otto"], 8)
        >>> vae.encode(x).mean.shape, len(vae.to_text(vae.generate(3)))
        (torch.Size([1, 2]), 3)
    """

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        *,
        vocabulary: Vocabulary | Mapping[str, Any],
        encoder: Network = GRUEncoder,
        decoder: Network = GRUDecoder,
        prior: PriorFactory | Prior = StandardNormal,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
        word_dropout: float = 0.0,
        num_classes: int | None = None,
    ) -> None:
        super().__init__(data_shape, vocabulary)
        self.latent_dim = latent_dim = as_size(latent_dim, "latent_dim", "TextVAE")
        self.prior, self.posterior = latent_parts("TextVAE", latent_dim, prior, posterior)
        if self.prior.needs_encoder:
            raise ConfigError(
                f"{type(self.prior).__name__} learns data of its own by gradients, and texts are "
                "codes; take MixturePrior or FlowPrior"
            )
        self.condition, classes = None, 0
        if num_classes is not None:
            self.condition = Condition(num_classes, None, "TextVAE")
            (classes,) = self.condition.shape
            self.generate_classes = self._generate_classes  # what a pair has says what it can do
        self.takes_labels = self.condition is not None
        codes = len(self.vocabulary)
        self.encoder = built(encoder, (codes + classes,), (self.posterior.num_parameters,))
        self.decoder = closed(build(decoder, (latent_dim + classes,), (codes,)))
        self.word_dropout = WordDropout(word_dropout)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        small = {"width": 5, "embedding": 3}
        return cls(
            6, 2, vocabulary=Vocabulary.of(["abcd"]),
            encoder=partial(GRUEncoder, **small), decoder=partial(GRUDecoder, **small),
        )  # fmt: skip

    def example_y(self, x: Tensor) -> Tensor:
        """Classes of data x [N, T]."""
        classes = 1 if self.condition is None else self.condition.shape[0]
        return torch.arange(len(x), device=x.device) % classes

    def model(self, x: Tensor, y: Tensor | None = None) -> None:
        """p(z)p(x|z) over a batch x [B, T], with classes y [B] where the pair has some."""
        self.declare("decoder", "prior")
        codes, given = self._checked(x, y, "model")
        with pyro.plate("data", len(codes)):
            z = pyro.sample("z", self.prior())
            seen = self._with(z, given)
            inputs = shifted(codes).expand(*seen.shape[:-1], codes.shape[-1])
            known = codes, self._logits(self.word_dropout(inputs), seen)
            pyro.sample("x", CodeSequence(self.decoder, seen, codes.shape[-1], known), obs=codes)

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """q(z|x) over a batch x [B, T], with classes y [B] where the pair has some."""
        self.declare("encoder", "posterior")
        codes, given = self._checked(x, y, "guide")
        if self.condition and given is not None and self.training and torch.is_grad_enabled():
            self.condition.note(given)
        with pyro.plate("data", len(codes)):
            pyro.sample("z", self._encode(codes, given))

    @takes_any_data
    @evaluated_outside_programs
    def encode(self, x: Tensor, y: Companion = None) -> dist.TorchDistribution:
        """The distribution q(z|x), batch shape [B], event shape [L].

        Args:
            x: Codes [B, T], of any kind that `pyrovae.data.rows` takes.
            y: Classes [B], where the pair has some.
        """
        return self._encode(*self._checked(x, y, "encode"))

    @evaluated_outside_programs
    def decode(self, z: Tensor, y: Tensor | None = None) -> CodeSequence:
        """The distribution p(x|z) of rows of codes, event shape [T], for z [..., L].

        Where the pair has classes, y [B] are those of z [..., B, L].
        """
        given = None if y is None else self._classes(y, z.shape[-2:-1] or y.shape[:1], "decode")
        return CodeSequence(self.decoder, self._with(z, given), self.data_shape[0])

    @takes_whole_data
    @evaluated
    def start(self, x: Tensor, *, seed: int = 0) -> None:
        """Fit the prior to codes z of training data x [N, T], before training.

        Raises:
            ConfigError: The pair has classes, without which it does not encode.
            DataError: There are fewer data than the prior has components.
        """
        if self.condition is not None:
            raise ConfigError(
                "TextVAE.start encodes texts, and this pair needs their classes for it; leave "
                "num_classes out, or start with the prior as it is"
            )
        self.prior.start(self._checked(x, None, "start")[0], self.encode, seed=seed)

    @evaluated
    @torch.no_grad()
    def generate(self, n: int | Tensor, *, decoding: Decoding | None = None) -> Tensor:
        """Draw z from the prior and decode it: codes of texts [n, T].

        Args:
            n: How many, or of which classes [N]; a number takes classes of the training at random.
            decoding: How codes are chosen; `Sampling()`, draws from p(x|z), by default.

        Raises:
            DataError: A class is out of range, or was none of the training.
        """
        n = as_tensor_or_count(n, "TextVAE.generate")
        count = drawn_count(n, "TextVAE.generate") if isinstance(n, int) else len(n)
        given = None
        if isinstance(n, Tensor):
            given = self._classes(n, n.shape[:1], "generate")
            if self.condition is not None:
                self.condition.check_seen(given)
        elif self.condition is not None:
            seen = self.condition.seen
            each = (seen | ~seen.any()).to(self.condition.classes.dtype)  # all before training
            given = self._classes(each.multinomial(max(n, 1), replacement=True), None, "generate")
        z = self.prior().expand(torch.Size([max(count, 1)])).sample()
        return self._decoded(self._with(z, given), decoding or Sampling(), None)[:count]

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def reconstruct(
        self,
        x: Tensor,
        y: Companion = None,
        *,
        decoding: Decoding | None = None,
        latent: Latent = "sample",
    ) -> Tensor:
        """Encode x and decode it again: codes of texts [B, T].

        Args:
            x: Codes [B, T], of any kind that `pyrovae.data.rows` takes.
            y: Classes [B], where the pair has some.
            decoding: How codes are chosen; `Greedy()`, the likeliest at each step, by default.
            latent: z is a draw from q(z|x), "sample", or its mean, "mean".

        Raises:
            ConfigError: The mean of q(z|x) is not known in closed form.
        """
        codes, given = self._checked(x, y, "reconstruct")
        z = self._with(latent_of(self._encode(codes, given), latent), given)
        return self._decoded(z, decoding or Greedy(), codes.shape[-1])

    @evaluated
    @torch.no_grad()
    def complete(
        self,
        beginnings: Tensor | Sequence[str] | str,
        y: Tensor | None = None,
        *,
        decoding: Decoding | None = None,
        num_particles: int = 200,
    ) -> Tensor:
        r"""Texts that go on from beginnings: codes [N, T], draws from p(text|beginning).

        z is drawn from p(z|beginning): of K candidates, half of them from the prior and half from
        q(z|x), which takes the beginning for a whole text, one is chosen in proportion to
        :math:`p(z)\,p(\text{beginning}|z)` over the density it was drawn with. That is exact as K
        grows. One z is drawn for each text: give a beginning n times for n texts.

        Args:
            beginnings: Texts; or codes [N, P], whose ends do not count.
            y: Classes [N], where the pair has some.
            decoding: How the codes after the beginning are chosen; `Sampling()` by default.
            num_particles: K. A posterior that scores no z but its own draws leaves all to the
                prior, and then long beginnings need many.

        Raises:
            DataError: A beginning leaves no room, or holds codes of no vocabulary.
            ConfigError: The pair has classes and none are given, or K is below one.
        """
        count = as_size(num_particles, "num_particles", "TextVAE.complete")
        length = self.data_shape[0]
        codes = as_beginnings(beginnings, self.vocabulary, length, "TextVAE.complete")
        ended, given = self._checked(with_end(codes), y, "complete")
        found = [codes.new_zeros(0, length)]
        for some in torch.arange(len(codes)).split(max(1, _ROWS // count)) if len(codes) else ():
            of = None if given is None else given[some]
            z = self._with(self._z_given(codes[some], ended[some], of, count), of)
            network = Continued(self.decoder, codes[some])
            found.append((decoding or Sampling()).decode(network, z, max_length=length))
        return torch.cat(found)

    def _z_given(
        self, codes: Tensor, ended: Tensor, given: Tensor | None, count: int
    ) -> Tensor:  # [N, L]
        """A draw from p(z|beginning) for each beginning, by importance resampling."""
        prior, q = self.prior().expand(codes.shape[:1]), self._encode(ended, given)
        from_q = count // 2 if self.posterior.scores_any else 0
        z = torch.cat([prior.sample((count - from_q,)), q.sample((from_q,))])
        log_prior = prior.log_prob(z)
        log_w = log_prob_of(codes, self._logits, self._with(z, given))
        if from_q:
            shares = log_prior.new_tensor([count - from_q, from_q]).div(count).log()
            drawn = torch.stack([log_prior, q.log_prob(z)]) + shares[:, None, None]
            log_w = log_w + log_prior - drawn.logsumexp(0)
        chosen = dist.Categorical(logits=log_w.T).sample()
        return z[chosen, torch.arange(len(codes), device=z.device)]

    def _generate_classes(self, classes: Tensor, *, mean: bool = False) -> Tensor:
        """A new text of each of these classes [N]; with `mean` the likeliest code at each step."""
        return self.generate(classes, decoding=Greedy() if mean else Sampling())

    def _decoded(self, z: Tensor, decoding: Decoding, length: int | None) -> Tensor:
        checked(decoding, "TextVAE")
        return decoding.decode(self.decoder, z, max_length=length or self.data_shape[0])

    def _encode(self, codes: Tensor, given: Tensor | None) -> dist.TorchDistribution:
        if given is not None:
            label = len(self.vocabulary) + given.argmax(-1, keepdim=True)
            codes = torch.cat([label, codes], -1)
        return self.posterior(params_of(self.encoder, self.posterior, codes, 1, "encoder"))

    def _logits(self, inputs: Tensor, z: Tensor) -> Tensor:
        logits = logits_of(self.decoder, inputs, z)
        if logits.shape != (*inputs.shape, len(self.vocabulary)):
            raise ShapeError(
                f"the decoder gave shape {list(logits.shape)} for inputs of shape "
                f"{list(inputs.shape)}; it needs a logit for each of the {len(self.vocabulary)} "
                "codes at each step, [N, T, V]"
            )
        return logits
