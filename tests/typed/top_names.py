"""What `import pyrovae` alone gives."""

from typing import assert_type

import pyrovae
import pyrovae as pv

assert_type(pyrovae.IWAE(5), pyrovae.objectives.IWAE)
assert_type(pv.VAE((64,), 2), pyrovae.models.VAE)
assert_type(pyrovae.__version__, str)

pair = pv.LadderVAE.example()
stop = pyrovae.train.EarlyStopping(3)
table = pyrovae.evaluate.Comparison([], {})
digits = pyrovae.data.digits()
head = pyrovae.nn.Bernoulli()
flow = pyrovae.nn.flows.AffineCoupling(2)
error = pyrovae.errors.PlateError("no plate")
mean = pyrovae.math.log_mean_exp
picture = pyrovae.plots.image_grid
figures = pyrovae.report
density = pyrovae.apply.fit_density
