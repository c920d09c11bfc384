"""As a scikit-learn user writes it: frames in, fit, scores per row, an embedding, a pipeline."""

import numpy as np
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from pyrovae import VAE, fit, log_evidence, posterior_means
from pyrovae.nn import LearnedNormal

wine = load_wine(as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(
    wine.data, wine.target, stratify=wine.target, random_state=0
)
scaler = StandardScaler().set_output(transform="pandas").fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

vae = VAE(X_train.shape[1], 2, likelihood=LearnedNormal())
run = fit(vae, X_train, epochs=100, batch_size=32, lr=5e-3, device="cpu")

scores = log_evidence(vae, X_test, num_particles=200, seed=0).log_px.numpy()  # score_samples
print("mean log-likelihood", scores.mean())

noise = np.random.default_rng(0).uniform(-5, 5, X_test.shape)  # float64, as numpy gives it
outliers = log_evidence(vae, noise, num_particles=200, seed=0).log_px.numpy()
print("outliers found", (outliers < np.quantile(scores, 0.05)).mean())

Z_train, Z_test = posterior_means(vae, X_train), posterior_means(vae, X_test)
accuracy = LogisticRegression().fit(Z_train, y_train).score(Z_test, y_test)
print("accuracy from two latents", accuracy)

reconstructed = vae.reconstruct(X_test)
new_rows = scaler.inverse_transform(vae.generate(5))
