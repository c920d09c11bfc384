"""Decoders that cannot give what a likelihood takes are named; ordinary ones are not."""

import warnings

import pytest
import torch
from torch import nn

from pyrovae import nn as pn
from pyrovae.errors import DecoderWarning
from pyrovae.models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from pyrovae.nn.reach import warn_of_outputs
from pyrovae.objectives import ELBO

D, LATENT = 10, 2
BINARY = torch.arange(30.0).reshape(3, D) % 2
NORMAL = 3 * torch.randn(20, D, generator=torch.Generator().manual_seed(0))


class Ends(nn.Module):
    """A network with a function at its end, which no structure shows."""

    def __init__(self, end, parameters=1, *, bias=None, **options):
        super().__init__()
        self.net, self.end = pn.MLP(LATENT, (parameters, D), **options), end
        if bias is not None:
            nn.init.constant_(self.net.layers[-1].bias, bias)
            nn.init.normal_(self.net.layers[-1].weight, std=0.1)

    def forward(self, z):
        return self.end(self.net(z))


class Constant(nn.Module):
    """A network whose outputs depend on nothing."""

    def forward(self, z):
        return torch.full((len(z), D), 0.5)


def ending(*modules, parameters=1):
    flat = nn.Sequential(nn.Linear(LATENT, parameters * D), nn.Unflatten(-1, (parameters, D)))
    return nn.Sequential(flat, *modules, nn.Identity())


def told(likelihood, decoder, x, calls=2):
    """The sentences that building a VAE and scoring data give."""
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vae = VAE((D,), LATENT, likelihood=likelihood, encoder=pn.MLP, decoder=decoder)
        for _ in range(calls):
            ELBO()(vae.model, vae.guide)(x)
    assert all(w.category is DecoderWarning for w in caught)
    return [str(w.message) for w in caught]


LOGITS = {
    "Bernoulli": (pn.Bernoulli(), BINARY),
    "Binomial": (pn.Binomial(1), BINARY),
    "ContinuousBernoulli": (pn.ContinuousBernoulli(), BINARY),
    "BetaBinomial": (pn.BetaBinomial(2, 3.0), BINARY),
    "Beta": (pn.Beta(3.0), 0.2 + BINARY / 2),
}
ENDS = {
    "Sigmoid": (nn.Sigmoid(), torch.sigmoid),
    "Softmax": (nn.Softmax(-1), lambda y: y.softmax(-1)),
    "Hardsigmoid": (nn.Hardsigmoid(), nn.functional.hardsigmoid),
    "Tanh": (nn.Tanh(), torch.tanh),
    "ReLU": (nn.ReLU(), torch.relu),
    "LogSigmoid": (nn.LogSigmoid(), nn.functional.logsigmoid),
    "Softplus": (nn.Softplus(), nn.functional.softplus),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("head", LOGITS)
def test_probabilities_where_logits_are_wanted(head, end):
    likelihood, x = LOGITS[head]
    module, function = ENDS[end]
    for decoder, culprit in ((ending(module), f"the {end}"), (Ends(function), "what bounds it")):
        likelihood._is_new = True
        (sentence,) = told(likelihood, decoder, x)
        assert repr(likelihood) in sentence and "takes logits" in sentence
        assert f"remove {culprit}" in sentence


def test_says_what_it_costs():
    (sentence,) = told(pn.Bernoulli(), ending(nn.Sigmoid()), BINARY)
    assert "the decoder's output lies in [0, 1], and Bernoulli() takes logits" in sentence
    assert "every probability would lie in [0.50, 0.73]" in sentence


OTHERS = {
    "sigmoid over a bounded network": (
        pn.Bernoulli(), Ends(torch.sigmoid, hidden=(3,), activation=nn.Tanh), BINARY),
    "sigmoid of nothing yet": (pn.Bernoulli(), Ends(torch.sigmoid, bias=0.0), BINARY),
    "softmax before classes": (pn.Categorical(3), Ends(lambda y: y.softmax(-2), 3), BINARY),
    "softmax before shares": (pn.Poisson(size_factor="total"), ending(nn.Softmax(-1)), BINARY),
    "exp before a log-mean": (pn.Poisson(), Ends(torch.exp), BINARY),
    "softplus before a log-mean": (pn.Gamma(1.0), ending(nn.Softplus()), BINARY + 0.5),
    "softplus of the spread": (
        pn.PredictedNormal(),
        Ends(lambda y: torch.cat([y[:, :1], nn.functional.softplus(y[:, 1:])], 1), 2), NORMAL),
    "sigmoid of the spread": (
        pn.NegativeBinomial(),
        Ends(lambda y: torch.cat([y[:, :1], torch.sigmoid(y[:, 1:])], 1), 2), BINARY),
    "sigmoid of the gate": (
        pn.ZeroInflatedPoisson(),
        Ends(lambda y: torch.cat([y[:, :1], torch.sigmoid(y[:, 1:])], 1), 2), BINARY),
    "sigmoid before levels": (
        pn.DiscretizedLogistic(2),
        Ends(lambda y: torch.cat([torch.sigmoid(y[:, :1]), y[:, 1:]], 1), 2), BINARY),
    "tanh before means beyond": (pn.Normal(), ending(nn.Tanh()), NORMAL),
    "tanh before means beyond, unseen": (pn.Normal(), Ends(torch.tanh), NORMAL),
    "relu before negative means": (pn.StudentT(1.0, 5.0), ending(nn.ReLU()), NORMAL),
    "sigmoid before bytes": (pn.LearnedNormal(), ending(nn.Sigmoid()), 255 * BINARY),
    "relu before logs of small data": (pn.LogNormal(0.5), ending(nn.ReLU()), BINARY + 0.01),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_relatives(name):
    (sentence,) = told(*OTHERS[name])
    assert "the decoder's output" in sentence and "remove" in sentence


def _zero(decoder):
    last = [m for m in decoder.modules() if isinstance(m, nn.Linear)][-1]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return decoder


def _biased(value):
    decoder = ending()
    nn.init.constant_(decoder[0][0].bias, value)
    nn.init.normal_(decoder[0][0].weight, std=0.01)
    return decoder


FINE = {
    "linear": (pn.Bernoulli(), ending(), BINARY),
    "constants": (pn.Bernoulli(), Constant(), BINARY),
    "zeros at the end": (pn.Bernoulli(), _zero(ending()), BINARY),
    "small positive outputs": (pn.Bernoulli(), _biased(0.5), BINARY),
    "small positive outputs of a bounded network": (
        pn.Bernoulli(), Ends(lambda y: y, hidden=(3,), activation=nn.Tanh, bias=0.5), BINARY),
    "small negative outputs": (pn.Bernoulli(), _biased(-3.0), BINARY),
    "tanh inside": (pn.Bernoulli(), nn.Sequential(nn.Tanh(), ending()), BINARY),
    "scaled tanh": (pn.Bernoulli(), Ends(lambda y: 10 * torch.tanh(y)), BINARY),
    "log-probabilities of classes": (
        pn.Categorical(3), Ends(lambda y: y.log_softmax(-2), 3), BINARY),
    "a sigmoid for means in [0, 1]": (pn.Normal(), ending(nn.Sigmoid()), BINARY),
    "with a little noise": (pn.Normal(), ending(nn.Sigmoid()), 1.2 * BINARY - 0.1),
    "a tanh for levels": (
        pn.DiscretizedLogistic(2),
        Ends(lambda y: torch.cat([torch.tanh(y[:, :1]), y[:, 1:]], 1), 2), BINARY),
    "relu for positive means": (pn.LearnedNormal(), ending(nn.ReLU()), 255 * BINARY),
    "counts": (pn.NegativeBinomial(), pn.MLP, BINARY),
    "not a number far out": (pn.Bernoulli(), Ends(lambda y: y / (y.abs() < 1e2)), BINARY),
}  # fmt: skip


@pytest.mark.parametrize("name", FINE)
def test_no_false_alarm(name):
    assert told(*FINE[name]) == []


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.Softplus])
@pytest.mark.parametrize("size", [1, 8, 64])
def test_no_false_alarm_of_any_network_at_the_start(activation, size):
    """100 networks of each kind, as they come from their initialisation."""
    torch.manual_seed(0)
    for seed in range(100):
        hidden = [(8,), (32, 32)][seed % 2]
        network = pn.MLP(LATENT, (1, size), hidden=hidden, activation=activation)
        with torch.no_grad():
            outputs = network(torch.randn(5, LATENT))
        warn_of_outputs(network, pn.Bernoulli(), outputs, (LATENT,))


def test_looks_once_and_leaves_no_trace():
    calls = []

    class Counted(Ends):
        def __init__(self):
            super().__init__(nn.functional.dropout)
            self.norm = nn.BatchNorm1d(LATENT)

        def forward(self, z):
            calls.append(len(z))
            return super().forward(self.norm(z))

    x, found = BINARY, []
    for likelihood in (pn.Bernoulli(), pn.Bernoulli()):
        torch.manual_seed(0)
        vae = VAE((D,), LATENT, likelihood=likelihood, encoder=pn.MLP, decoder=Counted())
        likelihood._is_new = not found  # the second is not looked at
        torch.manual_seed(1)
        found.append([ELBO()(vae.model, vae.guide)(x).item() for _ in range(3)])
        found[-1] += vae.decoder.norm.running_mean.tolist()
    assert found[0] == found[1]


@pytest.mark.parametrize("family", [Autoencoder, ConditionalVAE, HierarchicalVAE])
def test_every_family_says_it(family):
    size = {HierarchicalVAE: (3, 2)}.get(family, LATENT)
    width = {HierarchicalVAE: 3, ConditionalVAE: LATENT + 2}.get(family, LATENT)
    options = {"num_classes": 2} if family is ConditionalVAE else {}
    decoder = nn.Sequential(nn.Linear(width, D), nn.Sigmoid())
    with pytest.warns(DecoderWarning, match="takes logits"):
        family((D,), size, decoder=decoder, **options)


def test_a_pair_of_ones_own_is_left_alone():
    """`Bernoulli(probs)` is what a sigmoid is for."""
    import pyro
    import pyro.distributions as dist

    decoder = ending(nn.Sigmoid())

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0, torch.ones(LATENT)).to_event(1))
            pyro.sample("x", dist.Bernoulli(decoder(z)[..., 0, :]).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(0, torch.ones(len(x), LATENT)).to_event(1))

    assert ELBO()(model, guide)(BINARY).isfinite()
