"""What every hierarchy keeps: objectives, and weights by layer."""

import pyro
import pytest
import torch

from pyrovae import fit
from pyrovae.objectives import Beta, DReG, Renyi
from pyrovae.particles import draw
from pyrovae.particles.kl import site_kl
from pyrovae.particles.parameters import trainable
from pyrovae.train import Anneal, Callback
from tests.models.hierarchies import BATCH, FAMILIES, made, x_of
from tests.objectives.copies import repeated_gradients, two_sample_z
from tests.objectives.test_contract import (
    OTHER_GRADIENT,
    _check_directional_derivative,
    in_turn,
)
from tests.pairs import Pair

pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")


@pytest.fixture(params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture
def vae(name):
    return made(name)


class TestObjectives:
    @pytest.mark.parametrize(("make", "family"), in_turn(FAMILIES))
    def test_every_objective(self, make, family):
        """Finite, of the right shape, and with a gradient for every parameter that should move."""
        objective, vae = make(), made(family)
        call = (vae.model, vae.guide, x_of(vae))
        pyro.set_rng_seed(1)
        per_datum = objective.per_datum(*call)
        assert per_datum.shape == (BATCH,) and per_datum.isfinite().all()
        leaves = trainable(*call)
        assert len(leaves) == len(list(vae.parameters()))
        pyro.set_rng_seed(11)
        loss = objective.differentiable_loss(*call)
        found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
        grads = dict(zip(leaves, found, strict=True))
        moving = grads.keys()
        if objective.is_upper_bound:  # those move the guide alone, which never looks at z1 again
            moving = draw(*call).guide_parameters.keys()
            moving = {n for n in moving if not n.startswith("groups$$$1.project")}
        assert all(grads[n] is not None and grads[n].isfinite().all() for n in moving)
        if not isinstance(objective, Beta) and objective.num_particles > 1:  # there zero is right
            assert all(grads[n].any() for n in moving)
        if not isinstance(objective, OTHER_GRADIENT):
            _check_directional_derivative(objective, call, leaves, grads)

    @pytest.mark.parametrize("closed_form_kl", [True, False])
    def test_weights_by_layer(self, vae, closed_form_kl):
        """The weighted terms add up, each with its own KL."""
        call = (vae.model, vae.guide, x_of(vae))
        weights = {"z1": torch.tensor(0.3).double(), "z2": 2.0}
        pyro.set_rng_seed(1)
        found = Beta(weights, closed_form_kl=closed_form_kl).per_datum(*call)
        pyro.set_rng_seed(1)
        p = draw(*call)
        kls = {n: site_kl(p, n, closed_form=closed_form_kl).value for n in p.guide_sites}
        expected = p.log_lik - 0.3 * kls["z1"] - 2.0 * kls["z2"]
        torch.testing.assert_close(found, expected[0])

    def test_free_bits_by_layer(self, vae):
        """A layer below the threshold feels no pull, the other does."""
        call = (vae.model, vae.guide, x_of(vae))
        pyro.set_rng_seed(1)
        p = draw(*call)
        kls = {n: site_kl(p, n).value.mean().item() for n in p.guide_sites}
        free = sum(kls.values()) / 2
        pyro.set_rng_seed(1)
        found = Beta(1.0, free_bits=free).per_datum(*call)
        low, high = sorted(kls, key=kls.get)
        expected = p.log_lik[0] - free - site_kl(p, high).value[0]
        assert kls[low] < free < kls[high]
        torch.testing.assert_close(found, expected)

    def test_warm_up_by_layer(self, vae):
        """Two layers with a schedule each."""
        weights = {"z1": torch.tensor(0.0).double(), "z2": torch.tensor(0.0).double()}
        seen = []

        class Look(Callback):
            def on_step(self, loop):
                seen.append((round(weights["z1"].item(), 3), round(weights["z2"].item(), 3)))

        fit(
            vae.model, vae.guide, x_of(vae, 8), objective=Beta(weights), epochs=4, batch_size=4,
            callbacks=[
                Anneal(weights["z1"], 0.0, 1.0, epochs=1),
                Anneal(weights["z2"], 0.0, 1.0, epochs=4),
                Look(),
            ],
            device="cpu",
        )  # fmt: skip
        assert seen[0] == (0.5, 0.125) and seen[1] == (1.0, 0.25) and seen[-1] == (1.0, 1.0)

    @pytest.mark.parametrize("objective", [DReG(3), DReG(2, 0.5)], ids=repr)
    @pytest.mark.parametrize("family", ["ladder", "hierarchical", "top_down"])
    def test_doubly_reparameterised_gradient_in_the_mean(self, family, objective):
        """Of the plain bound, group by group: of the guide alone, of the model alone, of both."""
        vae = made(family, seed=2)
        pair = Pair(vae.model, vae.guide, (x_of(vae, 1),))
        plain = Renyi(objective.alpha, objective.num_particles)
        pyro.set_rng_seed(3)
        scores = two_sample_z(*(repeated_gradients(o, pair, 40) for o in (objective, plain)))
        p = draw(vae.model, vae.guide, *pair.args)
        names = list(trainable(vae.model, vae.guide, *pair.args))
        sizes = [p.numel() for p in trainable(vae.model, vae.guide, *pair.args).values()]
        of_guide, of_model = p.guide_parameters.keys(), p.model_parameters.keys()
        groups = {"guide": [], "model": [], "both": []}
        for leaf, part in zip(names, scores.split(sizes), strict=True):
            both = leaf in of_guide and leaf in of_model
            groups["both" if both else "guide" if leaf in of_guide else "model"].append(part)
        assert bool(groups["both"]) == (family != "hierarchical")
        for group, parts in groups.items():
            if parts:
                assert (torch.cat(parts).abs() < 5).all(), group
