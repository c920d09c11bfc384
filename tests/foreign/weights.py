"""Log-weights of a pair, written down from Pyro's traces alone."""

import pyro
import torch
from pyro import poutine
from pyro.distributions.util import scale_and_mask
from pyro.poutine.util import site_is_subsample


def nesting(traces):
    nodes = [n for trace in traces for n in trace.nodes.values() if n["type"] == "sample"]
    return max((-f.dim for n in nodes for f in n["cond_indep_stack"] if f.dim), default=0)


def one_by_one(pair, num_particles):
    """Traces of guide and model for each particle, all on the subsample of the first."""
    runs = []
    for _ in range(num_particles):
        same = poutine.Trace()
        for trace in runs[0] if runs else ():
            for name, node in trace.nodes.items():
                if node["type"] == "sample" and site_is_subsample(node) and name not in same:
                    same.add_node(name, **node)
        guide = poutine.trace(poutine.replay(pair.guide, trace=same)).get_trace(*pair.args)
        model = poutine.replay(poutine.replay(pair.model, trace=same), trace=guide)
        model = poutine.trace(model).get_trace(*pair.args)
        for trace in (guide, model):
            trace.compute_log_prob()
        runs.append((guide, model))
    return runs


def at_once(pair, num_particles):
    """The same along an axis left of the plates."""
    state = pyro.util.get_rng_state()
    depth = nesting(one_by_one(pair, 1)[0])
    pyro.util.set_rng_state(state)
    with pyro.plate("all_particles", num_particles, dim=-depth - 1):
        guide = poutine.trace(pair.guide).get_trace(*pair.args)
        model = poutine.trace(poutine.replay(pair.model, trace=guide)).get_trace(*pair.args)
    for trace in (guide, model):
        trace.compute_log_prob()
    return guide, model, -depth - 1


def log_w(runs, plate):
    """Unscaled [K, B], or [K, 1] where no plate is over data."""
    return torch.stack([_side(m, plate, None)[0] - _side(g, plate, None)[0] for g, m in runs])


def log_w_at_once(guide, model, dim, plate):
    return _side(model, plate, dim) - _side(guide, plate, dim)


def elbo(runs):
    """Each site with a scale of its own, as Pyro has it."""
    total = sum(m.log_prob_sum() - g.log_prob_sum() for g, m in runs)
    return total / len(runs)


def scale(runs):
    """Of the first site; where all have the same, of the pair."""
    nodes = [n for trace in runs[0] for n in trace.nodes.values() if n["type"] == "sample"]
    return next(float(n["scale"]) for n in nodes if not site_is_subsample(n))


def _side(trace, plate, particle_dim):
    """Sum of a trace's log-densities [K, B], K = 1 without a particle dim."""
    total = torch.zeros(1, 1)
    for node in trace.nodes.values():
        if node["type"] != "sample" or site_is_subsample(node):
            continue
        score = scale_and_mask(node["unscaled_log_prob"], 1.0, node["mask"])
        dims = {f.name: f.dim for f in node["cond_indep_stack"]}
        kept = [particle_dim, dims[plate] if plate else None]
        rank = max([score.dim(), *(-d for d in kept if d is not None)])
        score = score.reshape((1,) * (rank - score.dim()) + score.shape)
        # Kept axes to the front: the particles lie left of all others, so that these stay.
        score = score.unsqueeze(0) if kept[0] is None else score.movedim(kept[0], 0)
        score = score.unsqueeze(1) if kept[1] is None else score.movedim(kept[1], 1)
        total = total + score.reshape(*score.shape[:2], -1).sum(-1)
    return total
