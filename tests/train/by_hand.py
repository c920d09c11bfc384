"""A training loop as one writes it with torch and Pyro alone."""

import pyro
import torch
from pyro.infer import Trace_ELBO
from torch.optim.lr_scheduler import ReduceLROnPlateau

from pyrovae.data import batches
from tests.train.pairs import networks, pair, x_of

EPOCHS, BATCH, SEED = 4, 16, 7  # of 40 rows: batches of 16, 16, 8


def by_hand(make, schedule=None, *, per_step=False, after_step=None, val=None, nets=None):
    """Networks after training, losses and rates of each step.

    Args:
        make: Makes the optimiser from the parameters.
        schedule: Makes a scheduler from the optimiser.
        per_step: Step it after every step.
        after_step: Called after each step.
        val: Gives the loss that a plateau is looked for in.
        nets: To train.
    """
    pyro.clear_param_store()
    nets = nets or networks()
    model, guide = pair(*nets)
    optimizer = make([p for net in (nets[0], nets[1]) for p in net.parameters()])
    scheduler = None if schedule is None else schedule(optimizer)
    pyro.set_rng_seed(SEED)
    losses, rates = [], []
    for epoch in range(EPOCHS):
        for (x,) in batches(x_of(), BATCH, seed=SEED, device="cpu").epoch(epoch):
            rates.append([group["lr"] for group in optimizer.param_groups])
            optimizer.zero_grad()
            loss = Trace_ELBO().differentiable_loss(model, guide, x)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if scheduler is not None and per_step:
                scheduler.step()
            if after_step is not None:
                after_step()
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(-sum(losses[-3:]) / -40 if val is None else val(epoch))
        elif scheduler is not None and not per_step:
            scheduler.step()
    return nets, losses, rates


def parameters(nets):
    return [p.detach().clone() for net in nets for p in net.parameters()]


def close(one, other, **options):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, **options)
