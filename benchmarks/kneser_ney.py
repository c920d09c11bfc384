"""Interpolated Kneser-Ney n-grams of rows of codes, for `benchmarks/text.py`."""

import math
from collections import Counter, defaultdict

END, BEGIN = 1, 2


class KneserNey:
    """p(code | the n - 1 codes before it), with an absolute discount at each order.

    The highest order counts how often a code follows a context; the lower ones how many different
    codes were seen before it there. What a discount takes away goes to the next lower order, and
    below the unigrams to a uniform distribution over the codes that may be drawn.

    The discount of an order is n1 / (n1 + 2 n2), n1 and n2 the numbers of n-grams that occur once
    and twice.

    Args:
        rows: Codes of texts, each with its end.
        order: n.
        support: Codes that may be drawn, the end included.

    Source:
        Improved backing-off for m-gram language modeling (Kneser & Ney, 1995),
        https://doi.org/10.1109/ICASSP.1995.479394; interpolated, and the discounts: An empirical
        study of smoothing techniques for language modeling (Chen & Goodman, 1999), sec. 2.7,
        https://doi.org/10.1006/csla.1999.0128
    """

    def __init__(self, rows, order, support):
        self.order, self.support = order, list(support)
        counts = Counter()
        for row in rows:
            padded = [BEGIN] * (order - 1) + list(row)
            counts.update(
                tuple(padded[i - order + 1 : i + 1]) for i in range(order - 1, len(padded))
            )
        self.tables, self.discounts = [], []
        for _ in range(order):  # from the highest order to the unigrams
            self.tables.append(_by_context(counts))
            once, twice = (sum(n == k for n in counts.values()) for k in (1, 2))
            self.discounts.append(once / (once + 2 * twice) if once else 0.0)
            counts = Counter(gram[1:] for gram in counts)

    def prob(self, context, code):
        """p(code | context), the context of any length."""
        padded = [BEGIN] * self.order + list(context)
        found = 1 / len(self.support)
        for length in range(self.order):
            table = self.tables[self.order - 1 - length]
            discount = self.discounts[self.order - 1 - length]
            follows = table.get(tuple(padded[len(padded) - length :]))
            if follows is not None:
                total = sum(follows.values())
                kept = max(follows.get(code, 0) - discount, 0.0) / total
                found = kept + discount * len(follows) / total * found
        return found

    def nll(self, row):
        """Nats of a row with its end."""
        return -sum(math.log(self.prob(row[:i], code)) for i, code in enumerate(row))


def _by_context(counts):
    found = defaultdict(dict)
    for gram, count in counts.items():
        found[gram[:-1]][gram[-1]] = count
    return found
