"""As a Lightning user writes it: a module with its own forward, loaders of (x, y), callbacks."""

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from pyrovae import fit, log_evidence
from pyrovae.objectives import IWAE
from pyrovae.train import Callback, EarlyStopping


class LitVAE(nn.Module):
    def __init__(self, latent_dim=4, hidden=64):
        super().__init__()
        self.latent_dim = latent_dim
        self.encoder = nn.Sequential(nn.Linear(64, hidden), nn.BatchNorm1d(hidden), nn.ReLU())
        self.mu, self.log_var = nn.Linear(hidden, latent_dim), nn.Linear(hidden, latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Linear(hidden, 64), nn.Sigmoid()
        )

    def forward(self, x):
        mu, log_var = self.encode(x)
        return self.decoder(mu)

    def encode(self, x):
        hidden = self.encoder(x.flatten(1))
        return self.mu(hidden), self.log_var(hidden)

    def model(self, x):
        pyro.module("decoder", self.decoder)
        with pyro.plate("batch", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(self.latent_dim), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(self.decoder(z)).to_event(1), obs=x.flatten(1))

    def guide(self, x):
        pyro.module("vae", self)
        with pyro.plate("batch", len(x)):
            mu, log_var = self.encode(x)
            pyro.sample("z", dist.Normal(mu, (0.5 * log_var).exp()).to_event(1))


class PrintBound(Callback):
    def on_epoch(self, loop):
        print(f"epoch {loop.epoch}: {loop.history[-1]['val']:.2f}")


digits = load_digits()
images = torch.tensor(digits.images / 16.0 > 0.5, dtype=torch.float32).unsqueeze(1)
dataset = TensorDataset(images, torch.tensor(digits.target))
train, val = random_split(dataset, [1500, 297], generator=torch.Generator().manual_seed(0))
train_loader = DataLoader(train, batch_size=128, shuffle=True)
val_loader = DataLoader(val, batch_size=128)

vae = LitVAE()
run = fit(
    vae,
    train_loader,
    val=val_loader,
    columns=0,  # the pair takes x alone
    objective=IWAE(5),
    epochs=3,
    callbacks=[EarlyStopping(patience=2), PrintBound()],
    device="cpu",
)
found = log_evidence(vae, val_loader, columns=0, num_particles=50, seed=0)
print(found.mean())
vae.eval()
print(F.binary_cross_entropy(vae(images), images.flatten(1)).item())
