"""Deep Markov models, with and without flows and annealing; hidden Markov models, enumerated."""

from functools import partial

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions import TransformedDistribution
from pyro.distributions.transforms import affine_autoregressive
from pyro.infer import Trace_ELBO, TraceEnum_ELBO
from pyro.infer.autoguide import AutoDelta
from torch import nn

from pyrovae.errors import ScaleError, SiteError

from .base import Pair, Structure, halves, mlp, rows

B, T, D, L, H = 4, 2, 2, 2, 3
LENGTHS = torch.tensor([2, 1, 2, 2])
MASK = (torch.arange(T) < LENGTHS[:, None]).float()  # [B, T]
SEQUENCES_X = (rows(B, T, D) > 0.4).float() * MASK[..., None]
BACKWARDS = torch.zeros_like(SEQUENCES_X)
for _b, _n in enumerate(LENGTHS.tolist()):
    BACKWARDS[_b, :_n] = SEQUENCES_X[_b, :_n].flip(0)


class DeepMarkov(nn.Module):
    def __init__(self, num_flows=0):
        super().__init__()
        self.transition, self.emitter = mlp(L, 4, 2 * L), mlp(L, 4, D, out=nn.Sigmoid())
        self.to_hidden, self.combiner = nn.Linear(L, H), nn.Linear(H, 2 * L)
        self.rnn = nn.RNN(D, H, nonlinearity="relu", batch_first=True)
        self.flows = [affine_autoregressive(L, hidden_dims=[4]) for _ in range(num_flows)]
        self.flow_modules = nn.ModuleList(self.flows)
        self.z_0, self.z_q_0 = (nn.Parameter(torch.zeros(L)) for _ in range(2))
        self.h_0 = nn.Parameter(torch.zeros(1, 1, H))

    def model(self, x, x_reversed, mask, lengths, factor=1.0):
        pyro.module("dmm", self)
        z = self.z_0.expand(x.size(0), L)
        with pyro.plate("z_minibatch", len(x)):
            for t in pyro.markov(range(1, x.size(1) + 1)):
                loc, scale = halves(self.transition(z))
                seen = mask[:, t - 1 : t]
                with poutine.scale(scale=factor):
                    z = pyro.sample(f"z_{t}", dist.Normal(loc, scale).mask(seen).to_event(1))
                fn = dist.Bernoulli(self.emitter(z)).mask(seen).to_event(1)
                pyro.sample(f"obs_x_{t}", fn, obs=x[:, t - 1, :])

    def guide(self, x, x_reversed, mask, lengths, factor=1.0):
        pyro.module("dmm", self)
        out, _ = self.rnn(x_reversed, self.h_0.expand(1, x.size(0), H).contiguous())
        turned = (lengths[:, None] - 1 - torch.arange(x.size(1))).clamp_min(0)
        out = out.gather(1, turned[..., None].expand_as(out))
        z = self.z_q_0.expand(x.size(0), L)
        with pyro.plate("z_minibatch", len(x)):
            for t in pyro.markov(range(1, x.size(1) + 1)):
                mixed = 0.5 * (torch.tanh(self.to_hidden(z)) + out[:, t - 1, :])
                loc, scale = halves(self.combiner(mixed))
                with poutine.scale(scale=factor):
                    if self.flows:
                        fn = TransformedDistribution(dist.Normal(loc, scale), self.flows)
                        assert fn.event_shape == (L,)
                        z = pyro.sample(f"z_{t}", fn.mask(mask[:, t - 1]))
                    else:
                        fn = dist.Normal(loc, scale).mask(mask[:, t - 1 : t])
                        z = pyro.sample(f"z_{t}", fn.to_event(1))


def _deep(num_flows=0, *extra):
    net = DeepMarkov(num_flows)
    return Pair(net.model, net.guide, (SEQUENCES_X, BACKWARDS, MASK, LENGTHS, *extra))


STATES = 3


def _hidden(guide, vectorized):
    """States are summed out, and the tables are parameters or have a prior."""
    tables = guide == "tables"
    # Made outside of the program: torch 2.11 captures no generator.
    start, unit = rows(STATES, STATES, seed=1) + 0.5, dist.constraints.unit_interval
    start, emissions = start / start.sum(-1, keepdim=True), 0.2 + 0.6 * rows(STATES, D, seed=2)

    def globals_():
        if tables:
            eye = dist.Dirichlet(0.5 * torch.eye(STATES) + 0.4)
            move = pyro.sample("probs_x", eye.to_event(1))
            emit = pyro.sample("probs_y", dist.Beta(1.0, 2.0).expand([STATES, D]).to_event(2))
            return move, emit
        move = pyro.param("move", start, dist.constraints.simplex)
        return move, pyro.param("emit", emissions, unit)

    def one_by_one(x, lengths):
        move, emit = globals_()
        tones = pyro.plate("tones", D, dim=-1)
        for i in pyro.plate("sequences", len(x)):
            state = 0
            for t in pyro.markov(range(int(lengths[i]))):
                fn = dist.Categorical(move[state])
                state = pyro.sample(f"x_{i}_{t}", fn, infer={"enumerate": "parallel"})
                with tones:
                    fn = dist.Bernoulli(emit[state.squeeze(-1)])
                    pyro.sample(f"y_{i}_{t}", fn, obs=x[i, t])

    def all_at_once(x, lengths):
        move, emit = globals_()
        tones = pyro.plate("tones", D, dim=-1)
        with pyro.plate("sequences", len(x), dim=-2):
            state = 0
            for t in pyro.markov(range(x.shape[1])):
                with poutine.mask(mask=(t < lengths).unsqueeze(-1)):
                    fn = dist.Categorical(move[state])
                    state = pyro.sample(f"x_{t}", fn, infer={"enumerate": "parallel"})
                    with tones:
                        fn = dist.Bernoulli(emit[state.squeeze(-1)])
                        pyro.sample(f"y_{t}", fn, obs=x[:, t])

    model = all_at_once if vectorized else one_by_one
    if tables:
        exposed = poutine.block(model, expose=["probs_x", "probs_y"])
        return Pair(model, AutoDelta(exposed), (SEQUENCES_X, LENGTHS))
    return Pair(model, lambda *args: None, (SEQUENCES_X, LENGTHS))


UNEQUAL = (ScaleError, "scale")
SUMMED_OUT = (SiteError, "the model samples 'x_.*', and the guide does not")


def _all(pair):
    return pair.args


def _hmm(guide, vectorized, depth, **more):
    return Structure(
        partial(_hidden, guide, vectorized), lambda: TraceEnum_ELBO(max_plate_nesting=depth),
        elbo=SUMMED_OUT, iwae=SUMMED_OUT, dreg=SUMMED_OUT, measured=SUMMED_OUT, **more,
    )  # fmt: skip


SEQUENCES = {
    "dmm": Structure(_deep, Trace_ELBO, "z_minibatch", fits=_all),
    "dmm, flows": Structure(partial(_deep, 2), Trace_ELBO, "z_minibatch", fits=_all),
    "dmm, annealed": Structure(
        partial(_deep, 0, 0.3), Trace_ELBO, "z_minibatch",
        iwae=UNEQUAL, dreg=UNEQUAL,
    ),
    "dmm, flows, annealed": Structure(
        partial(_deep, 1, 0.3), Trace_ELBO, "z_minibatch",
        iwae=UNEQUAL, dreg=UNEQUAL,
    ),
    "dmm, TraceEnum": Structure(
        _deep, lambda: TraceEnum_ELBO(max_plate_nesting=1), "z_minibatch", fits=_all
    ),
    "hmm, parameters": _hmm("none", True, 2, fits=_all),
    "hmm, tables with a prior": _hmm("tables", True, 2, fits=_all),
    "hmm, one sequence after the other": _hmm("tables", False, 1, compiles=False),
}  # fmt: skip
