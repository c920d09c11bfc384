"""Counts of words and of genes: topic models, and cells with and without labels."""

from functools import partial

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, TraceMeanField_ELBO, config_enumerate
from torch import nn
from torch.nn import functional

from pyrovae.errors import ReparamError, SiteError

from .base import Pair, Structure, halves, mlp, rows

B, V, L, C = 5, 6, 2, 3
COUNTS_X = (rows(B, V) * 6).floor() + 1
LABELS = functional.one_hot(torch.tensor([0, 2, 1, 1, 0]), C).float()


class Scanvi(nn.Module):
    """A factor in the guide where labels are known; the label is summed out where not."""

    def __init__(self):
        super().__init__()
        self.z2_decoder = nn.Sequential(
            nn.Linear(L + C, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2 * L)
        )
        self.x_decoder = mlp(L, 4, 2 * V)
        self.encoder = mlp(V, 4, 2 * L + 2)
        self.classifier = mlp(L, 4, C)
        self.z1_encoder = mlp(L + C, 4, 2 * L)

    def flat(self, net, parts):
        shape = torch.broadcast_shapes(*(part.shape[:-1] for part in parts))
        both = torch.cat([part.expand(*shape, part.shape[-1]) for part in parts], -1)
        return halves(net(both.reshape(-1, both.shape[-1])).reshape(*shape, -1))

    def model(self, x, y=None):
        pyro.module("scanvi", self)
        theta = pyro.param("theta", 10.0 * x.new_ones(V), dist.constraints.positive)
        with pyro.plate("batch", len(x)), poutine.scale(scale=1.0 / (B * V)):
            z1 = pyro.sample("z1", dist.Normal(0, x.new_ones(L)).to_event(1))
            y = pyro.sample("y", dist.OneHotCategorical(logits=x.new_zeros(C)), obs=y)
            z2 = pyro.sample("z2", dist.Normal(*self.flat(self.z2_decoder, [z1, y])).to_event(1))
            size = pyro.sample("l", dist.LogNormal(2.0, x.new_ones(1)).to_event(1))
            gate, mu = self.x_decoder(z2).chunk(2, -1)
            logits = (size * mu.softmax(-1) + 5e-3).log() - (theta + 5e-3).log()
            fn = dist.ZeroInflatedNegativeBinomial(
                gate_logits=gate, total_count=theta, logits=logits
            )
            pyro.sample("x", fn.to_event(1), obs=x)

    def guide(self, x, y=None):
        pyro.module("scanvi", self)
        with pyro.plate("batch", len(x)), poutine.scale(scale=1.0 / (B * V)):
            loc, scale = halves(self.encoder(torch.log1p(x)))
            pyro.sample("l", dist.LogNormal(loc[..., -1:], scale[..., -1:]).to_event(1))
            z2 = pyro.sample("z2", dist.Normal(loc[..., :-1], scale[..., :-1]).to_event(1))
            fn = dist.OneHotCategorical(logits=self.classifier(z2))
            if y is None:
                y = pyro.sample("y", fn)
            else:
                pyro.factor("classification_loss", -0.1 * fn.log_prob(y), has_rsample=False)
            pyro.sample("z1", dist.Normal(*self.flat(self.z1_encoder, [z2, y])).to_event(1))


class ProdLda(nn.Module):
    """Batch statistics in both networks, and a softmax over the axis that is the second."""

    def __init__(self):
        super().__init__()
        self.hidden, self.to_loc, self.to_log = mlp(V, 4), nn.Linear(4, L), nn.Linear(4, L)
        self.norm_loc, self.norm_log = (nn.BatchNorm1d(L, affine=False) for _ in range(2))
        self.topics = nn.Linear(L, V, bias=False)
        self.norm = nn.BatchNorm1d(V, affine=False)

    def model(self, docs):
        pyro.module("decoder", nn.ModuleList([self.topics, self.norm]))
        with pyro.plate("documents", docs.shape[0]):
            prior = dist.Normal(docs.new_zeros(len(docs), L), docs.new_ones(len(docs), L))
            theta = functional.softmax(pyro.sample("logtheta", prior.to_event(1)), -1)
            probs = functional.softmax(self.norm(self.topics(theta)), dim=1)
            total = int(docs.sum(-1).max())
            pyro.sample("obs", dist.Multinomial(total, probs), obs=docs)

    def guide(self, docs):
        modules = [self.hidden, self.to_loc, self.to_log, self.norm_loc, self.norm_log]
        pyro.module("encoder", nn.ModuleList(modules))
        with pyro.plate("documents", docs.shape[0]):
            h = functional.softplus(self.hidden(docs))
            loc, log = self.norm_loc(self.to_loc(h)), self.norm_log(self.to_log(h))
            pyro.sample("logtheta", dist.Normal(loc, (0.5 * log).exp()).to_event(1))


WORDS, DOCS = 4, 5
TEXT = (rows(WORDS, DOCS, seed=6) * V).long()  # [words, documents]


def _lda(batch_size):
    predictor = mlp(V, 4, C, out=nn.Softmax(-1))

    def model(data):
        with pyro.plate("topics", C):
            weights = pyro.sample("topic_weights", dist.Gamma(1.0 / C, 1.0))
            words = pyro.sample("topic_words", dist.Dirichlet(torch.ones(V) / V))
        with pyro.plate("documents", DOCS) as ind:
            data = data[:, ind]
            topics = pyro.sample("doc_topics", dist.Dirichlet(weights))
            with pyro.plate("words", WORDS):
                fn = dist.Categorical(topics)
                which = pyro.sample("word_topics", fn, infer={"enumerate": "parallel"})
                pyro.sample("doc_words", dist.Categorical(words[which]), obs=data)

    def guide(data):
        positive = dist.constraints.positive
        weights = pyro.param("topic_weights_posterior", lambda: torch.ones(C), positive)
        above = dist.constraints.greater_than(0.5)
        words = pyro.param("topic_words_posterior", lambda: torch.ones(C, V), above)
        with pyro.plate("topics", C):
            pyro.sample("topic_weights", dist.Gamma(weights, 1.0))
            pyro.sample("topic_words", dist.Dirichlet(words))
        pyro.module("predictor", predictor)
        with pyro.plate("documents", DOCS, batch_size) as ind:
            counts = torch.zeros(V, len(ind)).scatter_add(
                0, data[:, ind], torch.ones(WORDS, len(ind))
            )
            pyro.sample("doc_topics", dist.Delta(predictor(counts.T), event_dim=1))

    return Pair(model, guide, (TEXT,))


def _scanvi(labelled, enumerated=True):
    net = Scanvi()
    guide = config_enumerate(net.guide, "parallel", expand=True) if enumerated else net.guide
    return Pair(net.model, guide, (COUNTS_X, LABELS) if labelled else (COUNTS_X,))


def _prodlda():
    net = ProdLda()
    return Pair(net.model, net.guide, (COUNTS_X,))


def _all(pair):
    return pair.args


ENUM = partial(TraceEnum_ELBO, strict_enumeration_warning=False, max_plate_nesting=1)
FACTOR = (ReparamError, r"`pyro.factor\('classification_loss'")
LABEL = (ReparamError, "site 'y' .OneHotCategorical.")
TOPIC = (SiteError, "the model samples 'word_topics', and the guide does not")

COUNTS = {
    "scanvi, labelled": Structure(
        partial(_scanvi, True), ENUM, "batch", dreg=FACTOR, fits=_all
    ),
    "scanvi, unlabelled": Structure(
        partial(_scanvi, False), ENUM, "batch", dreg=LABEL, fits=_all
    ),
    "scanvi, labelled, Trace_ELBO": Structure(
        partial(_scanvi, True, False), Trace_ELBO, "batch", dreg=FACTOR, compiles=False
    ),
    "prodlda": Structure(
        _prodlda, TraceMeanField_ELBO, "documents", fits=_all, compiles=False, one_by_one=True
    ),
    "lda": Structure(
        partial(_lda, None), lambda: TraceEnum_ELBO(max_plate_nesting=2),
        elbo=TOPIC, iwae=TOPIC, dreg=TOPIC, measured=TOPIC,
    ),
    "lda, minibatches": Structure(
        partial(_lda, 3), lambda: TraceEnum_ELBO(max_plate_nesting=2),
        elbo=TOPIC, iwae=TOPIC, dreg=TOPIC, measured=TOPIC,
    ),
}  # fmt: skip
