"""As a user of scvi-tools writes it: sparse counts, batches of the lab, a latent space."""

import numpy as np
import scipy.sparse as sp
from sklearn.metrics import silhouette_score

from pyrovae import ConditionalVAE, elbo_parts, fit, posterior_means
from pyrovae.nn import NegativeBinomial

rng = np.random.default_rng(0)
n_cells, n_genes, n_batches = 400, 60, 2
cell_type = rng.integers(3, size=n_cells)
batch = rng.integers(n_batches, size=n_cells)
profiles = rng.gamma(0.5, 1.0, (3, n_genes)) + 0.05
shift = rng.lognormal(0.0, 0.7, (n_batches, n_genes))
library = rng.lognormal(6.0, 0.4, n_cells)
rate = profiles[cell_type] * shift[batch]
rate *= (library / rate.sum(1))[:, None]
counts = sp.csr_matrix(rng.poisson(rng.gamma(5.0, rate / 5.0)))  # int64, as a reader gives it

model = ConditionalVAE(
    n_genes,
    5,
    num_classes=n_batches,
    likelihood=NegativeBinomial("learned", shape=(n_genes,), size_factor="total"),
)
run = fit(model, (counts, batch), epochs=60, batch_size=64, lr=3e-3, device="cpu")
print(run.history[-1]["train"])

latent = posterior_means(model, (counts, batch))
silhouette = {
    "type": silhouette_score(latent, cell_type),
    "batch": silhouette_score(latent, batch),
}
print(silhouette)
print(elbo_parts(model, (counts, batch)))
imputed = model.reconstruct(counts, batch)
