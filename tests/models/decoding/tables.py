"""Networks whose probabilities are a table, and all of their strings."""

from itertools import product

import torch
from torch import nn

from pyrovae.distributions.sequence_codes import BEGIN, END, PADDING

LETTERS = (END, 4, 5, 6)  # the codes of probability above zero
CODES = 7


class Table:
    """p(next code) depends on z [N, 1] and on the last `order` codes, through fixed logits.

    Args:
        order: How many codes before count, counted from the string's beginning.
        seed: Of the logits.
        kinds: Values of z that differ.
        scale: Standard deviation of the logits.
    """

    def __init__(self, order, seed=0, kinds=3, scale=1.5):
        drawn = torch.Generator().manual_seed(seed)
        shape = (kinds, *[CODES] * order, CODES)
        self.order = order
        self.logits = scale * torch.randn(shape, generator=drawn, dtype=torch.float64)
        self.logits[..., 3] = -torch.inf  # not known: never drawn
        self.num_steps = 0

    def begin(self, z):
        before = torch.full((len(z), self.order), BEGIN, device=z.device)
        return z[:, 0].long(), before

    def step(self, state, codes):
        self.num_steps += 1
        kind, before = state
        before = torch.cat([before, codes[:, None]], 1)[:, 1:] if self.order else before
        return self.logits[(kind, *before.unbind(1))], (kind, before)


class Dropped(nn.Module):
    """A network that gives nonsense in training mode."""

    def __init__(self, table):
        super().__init__()
        self.table = table

    def begin(self, z):
        return self.table.begin(z)

    def step(self, state, codes):
        logits, state = self.table.step(state, codes)
        return (logits * 0 if self.training else logits), state


def strings(length):
    """All rows of `length` codes: strings with their end and padding, and those that are cut."""
    rows = [
        [*start, END, *[PADDING] * (length - len(start) - 1)]
        for size in range(length)
        for start in product(LETTERS[1:], repeat=size)
    ] + [list(start) for start in product(LETTERS[1:], repeat=length)]
    return torch.tensor(rows)


def exact_log_prob(table, z, string):
    """By a loop over codes, in plain numbers: log p(string | z) to the end code inclusive."""
    before, total = [BEGIN] * table.order, 0.0
    for code in string.tolist():
        row = table.logits[(int(z), *before)].clone()
        row[[PADDING, BEGIN]] = -torch.inf
        total += float(row[code] - row.exp().sum().log())
        before = [*before, code][1:] if table.order else before
        if code == END:
            break
    return total
