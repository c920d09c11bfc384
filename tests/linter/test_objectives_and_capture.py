"""Which objectives fit, and whether the step can be captured."""

import pyro
import pyro.distributions as dist
import torch

from pyrovae import check, objectives
from pyrovae.objectives import DReG

from .faulty import CASES
from .faulty.case import DATA, LATENT, X, net, sound_guide, sound_model


def _names(found, fits):
    return {each.name.partition("(")[0] for each in found.objectives if each.fits is fits}


def test_all_fit_a_plain_pair():
    found = check(sound_model(), sound_guide(), X)
    concrete = {n for n in objectives.__all__ if not getattr(objectives, n).__abstractmethods__}
    assert _names(found, True) == concrete and _names(found, False) == set()
    assert found.capture == "yes"
    assert "objectives: all" in str(found)


def test_a_discrete_latent_takes_no_path_gradients():
    model, guide, x = CASES["latent_without_rsample"].make(False)
    found = check(model, guide, x, capture=False)
    assert {"DReG", "STL", "DReGMIWAE"} <= _names(found, False)
    assert {"ELBO", "IWAE", "VIMCO", "REINFORCE"} <= _names(found, True)
    reason = next(each.reason for each in found.objectives if each.name == repr(DReG(3)))
    assert "has no reparameterised sampler" in reason


def test_unequal_scales_take_linear_bounds_only():
    model, guide, x = CASES["annealed_on_both_sides"].make(False)
    found = check(model, guide, x, capture=False)
    assert "ELBO" in _names(found, True) and "IWAE" in _names(found, False)


def test_latents_of_all_data_take_one_joint_bound():
    from .sound import global_weights

    found = check(*global_weights(), capture=False)
    assert "ELBO" in _names(found, True) and "IWAE" in _names(found, True)


def test_a_branch_on_a_value_names_its_line():
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            made = decoder(z) if z.sum() > 0 else decoder(z) + 0.0
            pyro.sample("x", dist.Normal(made, 1.0).to_event(1), obs=x)

    found = check(model, sound_guide(), X, objectives=False)
    assert found.capture.startswith("no: test_objectives_and_capture.py:")
    assert "if z.sum() > 0" in found.capture and "torch.where" in found.capture


def test_numpy_noise_is_not_captured():
    model, guide, x = CASES["numpy_noise"].make(False)
    assert check(model, guide, x, objectives=False).capture.startswith("no: ")


def test_what_does_not_run_is_not_tried():
    model, guide, x = CASES["wrong_width"].make(False)
    found = check(model, guide, x)
    assert found.objectives == () and found.capture == "not tried (the pair does not run)"


def test_a_planar_flow_is_sampled():
    model, guide, x = CASES["flow_without_inverse"].make(False)
    (z, _) = check(model, guide, x, objectives=False, capture=False).sites
    assert z.kl.startswith("sampled: no closed form") and "KL sampled" in z.cells()[-1]
    assert torch.is_tensor(x)
