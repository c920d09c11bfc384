"""What is the standard library about?  Run: python examples/38_topics.py [--smoke]

Topics of the documentation of the standard library of this Python: a product of experts with batch
norm (ProdLDA, Srivastava & Sutton 2017) and a mixture, beside scikit-learn's latent Dirichlet
allocation and the frequencies of words. Prints perplexity of held-out documents, by importance
sampling for all models with latents, coherence (NPMI) of ten words a topic over the documents of
the training, and the topics. Writes topics.png.
"""

import argparse
import math
from functools import partial

import pyro
import torch
from sklearn.decomposition import LatentDirichletAllocation

from pyrovae import data, evaluate, fit
from pyrovae.models import TopicModel
from pyrovae.nn import MLP

K = 20


def unigram(train, test):
    """Perplexity under the frequencies of words, one added to each."""
    p = train.rows.totals_by_column().double() + 1
    x = test.rows.totals_by_column().double()
    return math.exp(-float((x * (p / p.sum()).log()).sum() / x.sum()))


def lda(train, test, words, smoke):
    """Topics of scikit-learn's LDA, and their perplexity with the variational q as proposal."""
    found = LatentDirichletAllocation(K, max_iter=2 if smoke else 30, random_state=0)
    found.fit(train.x.numpy())
    topics = torch.tensor(found.components_).double()
    topics = topics / topics.sum(1, keepdim=True)
    prior = torch.distributions.Dirichlet(torch.full((K,), found.doc_topic_prior_).double())
    total = number = 0.0
    for x in test.x.split(50):
        n = x.sum(1, keepdim=True).double()
        mean = torch.tensor(found.transform(x.numpy())).double()
        q = torch.distributions.Dirichlet(mean * (K * found.doc_topic_prior_ + n))
        theta = q.sample((20 if smoke else 200,)).clamp(min=1e-12)
        log_words = (x.double() * (theta @ topics).log()).sum(-1)
        log_w = log_words + prior.log_prob(theta) - q.log_prob(theta)
        total += float((log_w.logsumexp(0) - math.log(len(log_w))).sum())
        number += float(n.sum())
    best = [[words[i] for i in row] for row in topics.topk(10).indices.tolist()]
    return math.exp(-total / number), best


def row(name, perplexity, topics, sets):
    found = evaluate.topics(topics, sets)
    value = f"{found.mean_coherence:8.3f}{found.diversity:10.2f}"
    print(f"{name:30s}{perplexity:10.1f}{value}", flush=True)
    return found


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    sets = data.python_documents(max_words=300 if smoke else 2000)
    words = sets.supplies["vocabulary"]
    print(f"{len(sets.train):,} documents, {len(words):,} words; {len(sets.test)} held out")
    print("model                         perplexity    NPMI diversity")
    print(f"{'frequencies of words':30s}{unigram(sets.train, sets.test):10.1f}")
    row("latent Dirichlet allocation", *lda(sets.train, sets.test, words, smoke), sets)
    for mixing, concentration, lr in (("mixture", 0.2, 1e-2), ("normalized product", 1.0, 5e-3)):
        pyro.set_rng_seed(0)
        model = TopicModel(sets.shape, K, vocabulary=words, mixing=mixing,
                           concentration=concentration,
                           encoder=partial(MLP, hidden=(100,)))  # fmt: skip
        run = fit(model, sets.train, val=sets.val, epochs=2 if smoke else 60, lr=lr, seed=0,
                  device="cpu", progress=not smoke)  # fmt: skip
        run.load_best()
        found = evaluate.word_perplexity(model, sets.test, num_particles=10 if smoke else 200)
        topics = row(f"TopicModel, {mixing}", found.perplexity, model.topics(10), sets)
    print(topics)
    topics.plot().savefig("topics.png")
    print("topics.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
