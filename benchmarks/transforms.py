"""What does a layer of a flow cost?  Run: python benchmarks/transforms.py [--device cuda]

For each layer of `pyrovae.nn.flows`, conditional on x, at d = 32 and B = 128: the time to draw and
score the draw, and to score another z, eagerly and without a backward pass. Pyro's own conditional
transform, if there is one, is first shown to map and score equally, then timed too. At the end,
the cost of a guide of four coupling layers in a captured training step: it should be at most twice
that of the diagonal guide.
"""

import argparse
import inspect
from functools import partial
from statistics import median

import pyro
import pyro.distributions as dist
import pyro.distributions.transforms as T
import torch
from pyro.distributions.transforms.planar import ConditionedPlanar
from pyro.distributions.transforms.radial import ConditionedRadial
from pyro.distributions.transforms.spline import ConditionedSpline
from timing import Report, interleaved_ms, ratio, table, where
from torch import nn

from pyrovae import SVI
from pyrovae.models import VAE, DiagonalNormal, FlowPosterior
from pyrovae.nn import MLP, flows
from pyrovae.objectives import ELBO

DIM, BATCH, CONTEXT = 32, 128, 64
# Layers that are not measured with their defaults: endings of the name, and options.
BOTH_ORDERS = {", linear": {"order": "linear"}, ", quadratic": {"order": "quadratic"}}
FORMS = {
    "InverseAutoregressive": {"": {"gated": False}},  # the form that Pyro has
    "Spline": BOTH_ORDERS,
    "SplineAutoregressive": BOTH_ORDERS,
    "SplineCoupling": BOTH_ORDERS,
}


def layers():
    """Every layer that `flows` exports, by name; not `Chain`, which is made of them."""
    found = {}
    for name in flows.__all__:
        layer = getattr(flows, name)
        if (
            isinstance(layer, type)
            and issubclass(layer, flows.FlowLayer)
            and not inspect.isabstract(layer)
            and layer is not flows.Chain
        ):
            for ending, options in FORMS.get(name, {"": {}}).items():
                found[name + ending] = partial(layer, **options)
    return found


LAYERS = layers()


def pyros(layer, context):
    """Pyro's transform with the parameters of a layer, made anew as `layer.condition` makes one.

    None where Pyro has none. Its networks see the context beside z, in one product.
    """

    def network(z):
        z = torch.cat([context.expand(*z.shape[:-1], -1), z], -1)
        for i, linear in enumerate(layer.network.layers):
            weight = linear.weight * getattr(linear, "mask", 1.0)
            if i == 0:
                weight = torch.cat([layer.network.of_context.weight, weight], -1)
            z = nn.functional.linear(z if i == 0 else nn.functional.elu(z), weight, linear.bias)
        return z

    def by_element(z):
        return network(z).unflatten(-1, (-1, layer.of.num_params))

    if isinstance(layer, flows.Planar):
        u, w, b = layer.u(context), layer.w(context), layer.b(context)
        shift = torch.log(torch.expm1(u.new_ones(())))
        return ConditionedPlanar((b, u + shift * w / w.square().sum(-1, keepdim=True), w))
    if isinstance(layer, flows.Radial):
        params = (layer.centre(context), layer.alpha(context), layer.beta(context))
        return ConditionedRadial(params)
    if isinstance(layer, flows.AffineCoupling):
        return T.AffineCoupling(layer.kept, lambda z: network(z).chunk(2, -1))
    if isinstance(layer, flows.InverseAutoregressive | flows.MaskedAutoregressive):
        made = T.AffineAutoregressive(Ordered(lambda z: by_element(z).unbind(-1)))
        return made if isinstance(layer, flows.InverseAutoregressive) else made.inv
    if isinstance(layer, flows.NeuralAutoregressive):

        def parts(z):
            a, b, w = by_element(z).split(layer.of.num_units, -1)
            return (a + torch.log(torch.expm1(a.new_ones(())))).mT, w.mT, b.mT

        return T.NeuralAutoregressive(parts, hidden_units=layer.of.num_units)
    if isinstance(layer, flows.Spline):
        return spline(layer.of, layer.params(context))
    if isinstance(layer, flows.SplineAutoregressive):
        made = T.SplineAutoregressive(DIM, None)
        made.spline = SplineOf(lambda z: spline(layer.of, by_element(z)))
        return made
    return None


def spline(of, params):
    """Pyro's spline, whose slope at the ends of the box is .999 and not one."""
    widths, heights, _, *splits = of._split(params)
    slopes = of.knots(params)[2][..., 1:-1] - 1e-3
    split = torch.sigmoid(splits[0]) if splits else None
    return ConditionedSpline((widths.softmax(-1), heights.softmax(-1), slopes, split), of.bound)


class SplineOf(nn.Module):
    def __init__(self, condition):
        super().__init__()
        self.condition = condition


class Ordered:
    """A network as Pyro's autoregressive transforms ask for it."""

    permutation = torch.arange(DIM)

    def __init__(self, network):
        self.network = network

    def __call__(self, z):
        return self.network(z)


def costs(name, device, rounds, say):
    torch.manual_seed(0)
    layer = LAYERS[name](DIM, CONTEXT).to(device)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter) / parameter.shape[-1] ** 0.5)
    context = torch.randn(BATCH, CONTEXT, device=device)
    base = dist.Normal(torch.zeros(BATCH, DIM, device=device), 1.0).to_event(1)
    sides = {"": layer.condition}
    if pyros(layer, context) is not None:
        sides["Pyro"] = partial(pyros, layer)

    def drawn(make):
        q = dist.TransformedDistribution(base, [make(context)])
        z = q.rsample()
        return z, q.log_prob(z)

    def scored(make, z):
        q = dist.TransformedDistribution(base, [make(context)])
        return q.log_prob(z.view_as(z))

    found = []
    for make in sides.values():
        pyro.set_rng_seed(1)
        found.append([t.detach() for t in drawn(make)])
    loose = 2e-2 if "Spline" in name else 1e-3
    for (z, log_q), (other_z, other_log_q) in zip(found, found[1:], strict=False):
        torch.testing.assert_close(other_z, z, rtol=loose, atol=loose)
        torch.testing.assert_close(other_log_q, log_q, rtol=loose, atol=loose)
    z = found[0][0]
    steps = {("draw", side): partial(drawn, make) for side, make in sides.items()}
    if layer.scores_any:
        steps |= {
            ("score", side): partial(scored, make, z)
            for side, make in sides.items()
            if not (side == "Pyro" and name.startswith("Radial"))
        }
    times = interleaved_ms(steps, device=device, warmup=3, repeats=rounds)
    cells = [
        f"{median(times[key]):8.2f}" if key in times else f"{'-':>8}"
        for key in (("draw", ""), ("draw", "Pyro"), ("score", ""), ("score", "Pyro"))
    ]
    say(f"{name:<32}" + "".join(cells))


def guides(device, rounds, say):
    """The captured step with a diagonal guide, and with four coupling layers on it."""
    x = torch.bernoulli(torch.full((100, 784), 0.3, device=device))
    network, steps = partial(MLP, hidden=(200,)), {}
    for name, posterior in (("diagonal", DiagonalNormal), ("four couplings", FlowPosterior)):
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        vae = VAE((784,), 50, encoder=network, decoder=network, posterior=posterior).to(device)
        optim = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True)
        svi = SVI(vae.model, vae.guide, optim, ELBO(), compile=True)
        for _ in range(6):
            svi.step(x)
        refusal = svi._compiled.captured.refusal
        assert refusal == "", f"the step of {name} is not captured: {refusal}"
        steps[name] = partial(svi.step, x)
    times = interleaved_ms(steps, device=device, warmup=3, repeats=rounds, block_ms=20)
    say("\n784-200-50, batch 100, ELBO, captured; ms per step")
    say(table(times))
    say(f"four couplings: {ratio(times, 'four couplings', 'diagonal'):.2f} (aim: at most 2)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", nargs="*", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--out", help="by default benchmarks/results/transforms_<device>.txt")
    words = parser.parse_args()
    say = Report(words.out, f"transforms_{torch.device(words.device).type}.txt")
    say(where(words.device))
    say(f"d = {DIM}, B = {BATCH}, context {CONTEXT}; ms (-: there is none)")
    say(f"{'':<32}    draw    Pyro   score    Pyro")
    for name in words.layers:
        costs(name, words.device, words.rounds, say)
    guides(words.device, words.rounds, say)
