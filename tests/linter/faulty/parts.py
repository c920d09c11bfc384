"""Parts of the data: subsamples whose indices are not used, and masks on one side."""

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine

from .case import DATA, LATENT, X, case, net, sound_guide


def _subsampling(model_rows, guide_rows):
    decoder, encoder = net(LATENT, DATA, 1), net(DATA, 2 * LATENT, 2)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x), subsample_size=6) as rows:
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            data = x[rows if model_rows is None else model_rows]
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=data)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x), subsample_size=6) as rows:
            data = x[rows if guide_rows is None else guide_rows]
            loc, log_scale = encoder(data).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide, X


@case("PV222", "fault", "x", line='pyro.sample("x"')
def first_rows_observed(mended):
    return _subsampling(None if mended else slice(0, 6), None)


@case("PV222", "fault", "z", line='pyro.sample("z"')
def first_rows_encoded(mended):
    return _subsampling(None, None if mended else slice(0, 6))


@case("PV223", "fault", "z", line='pyro.sample("z"')
def masked_in_the_model_alone(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            with poutine.mask(mask=torch.arange(len(x)) < (len(x) if mended else 6)):
                z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    return model, sound_guide(), X
