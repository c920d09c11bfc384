"""The deep top-down VAE: every size of image, a quiet start, work done once per datum."""

import pytest
import torch
from torch import nn

from pyrovae import data, fit
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.models import VAE, TopDownVAE
from pyrovae.models.capabilities import StartsFromData
from pyrovae.nn import Binomial, DiscretizedLogistic, Normal
from pyrovae.objectives import ELBO, IWAE
from pyrovae.particles import draw
from pyrovae.particles.parameters import trainable


@pytest.mark.parametrize(
    ("data_shape", "options", "sizes"),
    [
        ((1, 8, 8), {}, [(2, 2), (4, 4), (4, 4)]),
        ((1, 28, 28), {"channels": (4, 4, 4), "groups": (1, 1, 1)}, [(4, 4), (7, 7), (14, 14)]),
        ((3, 32, 32), {"channels": (4, 6), "groups": (1, 2)}, [(8, 8), (8, 8), (16, 16)]),
        ((1, 28, 28), {"stride": 4, "channels": (4,), "groups": (1,)}, [(7, 7)]),
        ((1, 8, 8), {"stride": 1, "channels": (4, 4), "groups": (1, 1)}, [(4, 4), (8, 8)]),
        ((2, 5, 7), {"stride": 3, "channels": (4, 4), "groups": (1, 1)}, [(1, 2), (2, 3)]),
        ((1, 1, 1), {"channels": (1, 1), "blocks": 0, "latent_channels": 1}, 3 * [(1, 1)]),
    ],
)
def test_every_size_of_image(data_shape, options, sizes):
    vae = TopDownVAE(data_shape, likelihood=Normal(), **options)
    x = torch.randn(2, *data_shape)
    p = draw(vae.model, vae.guide, x, num_particles=3)
    channels = options.get("latent_channels", 4)
    names = [f"z{i}" for i in range(len(sizes), 0, -1)]
    assert {n: tuple(z.shape) for n, z in p.latents.items()} == {
        n: (3, 2, channels, *size) for n, size in zip(names, sizes, strict=True)
    }
    assert list(p.model_sites) == [*names, "x"] and list(p.guide_sites) == names
    assert p.log_w.isfinite().all()
    assert vae.reconstruct(x).shape == x.shape and vae.generate(3).shape == (3, *data_shape)


def test_colour_images_of_levels():
    vae = TopDownVAE((3, 8, 8), likelihood=DiscretizedLogistic(), channels=(6, 4), groups=(1, 1))
    x = torch.randint(0, 256, (2, 3, 8, 8)).float()
    assert IWAE(2).per_datum(vae.model, vae.guide, x).isfinite().all()


def test_a_deep_one_starts_quietly():
    """At the start q is p, N(0, 1) in every group, and forty groups do not make the state loud."""
    torch.manual_seed(0)
    shallow, deep = (
        TopDownVAE((1, 8, 8), likelihood=Normal(), channels=(16, 16), groups=groups)
        for groups in ((1, 1), (20, 20))
    )
    x = torch.randn(8, 1, 8, 8)
    loud = []
    for vae in (shallow, deep):
        p = draw(vae.model, vae.guide, x)
        torch.testing.assert_close(p.log_q, p.log_prior)
        q = p.guide_sites["z1"].distributions[0]
        assert q.mean.abs().max() == 0 and (q.stddev == 1).all()
        state = vae._descend(lambda _, fn: fn.sample(), x)
        loud.append(state.std().item())
        loss = ELBO().loss_and_grads(vae.model, vae.guide, x)
        assert loss.isfinite()
        assert all(w.grad.isfinite().all() for w in vae.parameters() if w.grad is not None)
    assert loud[1] < 2 * loud[0]


def test_the_way_up_is_walked_once_per_datum():
    """Whatever the number of particles; the top of the way down even once for all data."""
    vae = TopDownVAE((1, 8, 8), likelihood=Normal())
    rows = {}
    for name, module in (
        ("pyramid", vae.pyramid),
        ("features", vae.posteriors[2].of_features),
        ("top", vae.groups[0].enter),
        ("bottom", vae.groups[2].enter),
    ):
        module.register_forward_hook(
            lambda _, args, __, name=name: rows.setdefault(name, []).append(len(args[0]))
        )
    p = draw(vae.model, vae.guide, torch.randn(5, 1, 8, 8), num_particles=7, max_plate_nesting=1)
    assert p.num_particles == 7
    assert rows == {"pyramid": [5], "features": [5], "top": [1, 1], "bottom": [35, 35]}


def test_the_posterior_is_the_prior_shifted_and_stretched():
    """In units of the prior's scale, by what the network says."""
    torch.manual_seed(0)
    vae = TopDownVAE((1, 8, 8), likelihood=Normal())
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    said = []
    for posterior in vae.posteriors:
        posterior.register_forward_hook(lambda _, __, out: said.append(out))
    p = draw(vae.model, vae.guide, torch.randn(5, 1, 8, 8))
    for name, out in zip(p.guide_sites, said, strict=True):
        q, prior = p.guide_sites[name].distributions[0], p.model_sites[name].distributions[0]
        shift, stretch = out.chunk(2, -3)
        torch.testing.assert_close(q.mean, prior.mean + prior.stddev * shift)
        torch.testing.assert_close(q.stddev, prior.stddev * torch.exp(5 * torch.tanh(stretch / 5)))
        assert (prior.stddev - 1).abs().max() > 1e-3


def test_nothing_normalises_over_a_batch():
    vae = TopDownVAE((1, 8, 8))
    assert not any("Norm" in type(module).__name__ for module in vae.modules())


def test_the_guide_declares_what_it_shares_and_what_is_its_own():
    vae = TopDownVAE((1, 8, 8), likelihood=Normal())
    x = torch.randn(2, 1, 8, 8)
    p = draw(vae.model, vae.guide, x)
    of_guide, of_model = ({n.split("$$$")[0] for n in names} for names in
                          (p.guide_parameters, p.model_parameters))  # fmt: skip
    assert of_guide == {"pyramid", "posteriors", "initial", "groups"}
    assert of_model == {"initial", "groups", "decoder"}
    assert len(trainable(vae.model, vae.guide, x)) == len(list(vae.parameters()))


def test_it_learns_the_digits_in_seconds():
    digits = data.digits()
    torch.manual_seed(0)
    vae = TopDownVAE((1, 8, 8), likelihood=Binomial(16))
    before = ELBO().per_datum(vae.model, vae.guide, digits.val.x).mean()
    run = fit(
        vae.model, vae.guide, digits, objective=ELBO(closed_form_kl=True), epochs=3, lr=5e-3,
        device="cpu",
    )  # fmt: skip
    assert before < -500 and run.history[-1]["val"] > -300


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"data_shape": (64,)}, ShapeError, r"needs images.*\(64,\).*LadderVAE"),
        ({"channels": ()}, ConfigError, r"channels=\(\)"),
        ({"groups": (1, 1, 1)}, ConfigError, r"groups=\[1, 1, 1\]; give a width"),
        ({"groups": (1, 0)}, ConfigError, r"groups=\(1, 0\)"),
        ({"latent_channels": 0}, ConfigError, "latent_channels=0"),
        ({"stride": 0}, ConfigError, "stride=0"),
    ],
)
def test_what_does_not_fit_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        TopDownVAE(**{"data_shape": (1, 8, 8), **options})


def test_parameters_stay_those_of_the_network():
    """All of them train, from the first few steps on."""
    torch.manual_seed(0)
    vae = TopDownVAE((1, 8, 8), likelihood=Normal(), activation=nn.GELU)
    before = {n: p.detach().clone() for n, p in vae.named_parameters()}
    x = torch.randn(16, 1, 8, 8)
    fit(vae.model, vae.guide, x, objective=ELBO(), epochs=4, batch_size=8, device="cpu")
    for name, parameter in vae.named_parameters():
        assert parameter.isfinite().all() and (parameter != before[name]).any(), name


def test_it_takes_no_initial_values_from_data():
    """What is called `start` elsewhere is a method, which the command line asks for."""
    assert not isinstance(TopDownVAE.example(), StartsFromData)
    assert isinstance(VAE.example(), StartsFromData)
