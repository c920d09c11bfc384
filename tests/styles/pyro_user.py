"""As a Pyro user writes it: functions, parameters in the store, a loop over minibatches."""

import pyro
import pyro.distributions as dist
import torch
import torch.nn as nn
from pyro.infer import Trace_ELBO
from pyro.optim import Adam
from sklearn.datasets import load_digits

from pyrovae import SVI  # from pyro.infer import SVI


class Encoder(nn.Module):
    def __init__(self, z_dim, hidden_dim):
        super().__init__()
        self.fc1 = nn.Linear(64, hidden_dim)
        self.fc21 = nn.Linear(hidden_dim, z_dim)
        self.fc22 = nn.Linear(hidden_dim, z_dim)
        self.softplus = nn.Softplus()

    def forward(self, x):
        hidden = self.softplus(self.fc1(x.reshape(-1, 64)))
        return self.fc21(hidden), torch.exp(self.fc22(hidden))


class Decoder(nn.Module):
    def __init__(self, z_dim, hidden_dim):
        super().__init__()
        self.fc1 = nn.Linear(z_dim, hidden_dim)
        self.fc21 = nn.Linear(hidden_dim, 64)
        self.softplus = nn.Softplus()

    def forward(self, z):
        return torch.sigmoid(self.fc21(self.softplus(self.fc1(z))))


class VAE(nn.Module):
    def __init__(self, z_dim=5, hidden_dim=50):
        super().__init__()
        self.encoder = Encoder(z_dim, hidden_dim)
        self.decoder = Decoder(z_dim, hidden_dim)
        self.z_dim = z_dim

    def model(self, x):
        pyro.module("decoder", self.decoder)
        scale = pyro.param("prior_scale", torch.tensor(1.0), constraint=dist.constraints.positive)
        with pyro.plate("data", x.shape[0]):
            z_loc = torch.zeros(x.shape[0], self.z_dim, dtype=x.dtype, device=x.device)
            z = pyro.sample("latent", dist.Normal(z_loc, scale).to_event(1))
            loc_img = self.decoder.forward(z)
            pyro.sample(
                "obs",
                dist.Bernoulli(loc_img, validate_args=False).to_event(1),
                obs=x.reshape(-1, 64),
            )
            return loc_img

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        with pyro.plate("data", x.shape[0]):
            z_loc, z_scale = self.encoder.forward(x)
            pyro.sample("latent", dist.Normal(z_loc, z_scale).to_event(1))


pyro.clear_param_store()
pyro.set_rng_seed(0)
images = torch.tensor(load_digits().images / 16.0, dtype=torch.float32)
train, test = images[:1500], images[1500:]

vae = VAE()
optimizer = Adam({"lr": 1.0e-3})
elbo = Trace_ELBO()
svi = SVI(vae.model, vae.guide, optimizer, loss=elbo)

train_elbo = []
for epoch in range(3):
    epoch_loss = 0.0
    for x in train.split(256):
        epoch_loss += svi.step(x)
    train_elbo.append(-epoch_loss / len(train))
    print(f"[epoch {epoch:03d}]  average training loss: {epoch_loss / len(train):.4f}")

test_loss = 0.0
for x in test.split(256):
    test_loss += svi.evaluate_loss(x)
print(f"average test loss: {test_loss / len(test):.4f}")

print(pyro.param("prior_scale").item())
print(sorted(pyro.get_param_store().keys())[:3])
torch.save(vae.state_dict(), "vae.pt")
pyro.get_param_store().save("vae.store")
z_loc, z_scale = vae.encoder(test[:3])
sample_loc_i = vae.model(test[0:1])
