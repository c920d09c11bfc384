"""Networks of a user's own: functions, images for vectors, wrong sizes, torchvision's."""

from copy import deepcopy
from functools import partial

import pytest
import torch
from torch import nn

from pyrovae import fit
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.models import (
    VAE,
    VQVAE,
    Autoencoder,
    ConditionalVAE,
    GumbelSoftmaxVAE,
    HierarchicalVAE,
    LadderVAE,
    MixtureVAE,
    PartialVAE,
    SemiSupervisedVAE,
)
from pyrovae.models.networks import Function, as_network, run
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO

L = 2
IMAGE, FLAT = (1, 8, 8), 64
X = (torch.rand(6, *IMAGE, generator=torch.Generator().manual_seed(0)) < 0.5).float()

net, head = nn.Linear(FLAT, 16), nn.Linear(16, L)


class TwoHeaded(nn.Module):
    def __init__(self, size=FLAT, dim=L):
        super().__init__()
        self.mean, self.log_var = nn.Linear(size, dim), nn.Linear(size, dim)

    def forward(self, x):
        x = x.flatten(1)
        return self.mean(x), self.log_var(x)


def reads_truth(q, encoder, seen):
    mean, log_var = encoder(seen)
    torch.testing.assert_close(q.mean, mean)
    torch.testing.assert_close(q.variance, log_var.exp())


class TestTwoHeads:
    def test_the_issue(self):
        class Encoder(nn.Module):
            def __init__(self):
                super().__init__()
                self.mean, self.log_var = nn.Linear(6, 2), nn.Linear(6, 2)

            def forward(self, x):
                return self.mean(x), self.log_var(x)

        for seed in range(20):  # the heads' biases have any sign
            torch.manual_seed(seed)
            encoder, x = Encoder(), torch.zeros(3, 6)
            reads_truth(VAE((6,), 2, encoder=encoder).encode(x), encoder, x)

    @pytest.mark.parametrize("lead", [1, 3], ids=["one particle", "three"])
    def test_every_objective_trains_it(self, lead):
        vae = VAE(IMAGE, L, encoder=TwoHeaded())
        ELBO(num_particles=lead)(vae.model, vae.guide)(X).backward()
        assert all(p.grad is not None for p in vae.parameters())

    def test_it_fits(self):
        vae = VAE(IMAGE, L, encoder=TwoHeaded())
        fit(vae.model, vae.guide, X, epochs=1, batch_size=3, device="cpu", progress=False)

    def test_partial(self):
        encoder, mask = TwoHeaded(), torch.ones_like(X).bool()
        reads_truth(PartialVAE(IMAGE, L, encoder=encoder).encode(X, mask), encoder, X)

    def test_mixture(self):
        encoder = TwoHeaded()
        reads_truth(MixtureVAE(IMAGE, L, 3, encoder=encoder).encode(X), encoder, X)

    def test_labels(self):
        encoder, y = TwoHeaded(FLAT + 3), torch.arange(6) % 3
        seen = torch.cat([X.flatten(1), nn.functional.one_hot(y, 3)], -1)
        for family in (
            ConditionalVAE(IMAGE, L, num_classes=3, encoder=encoder),
            SemiSupervisedVAE(IMAGE, L, 3, encoder=encoder),
        ):
            reads_truth(family.encode(X, y), encoder, seen)

    def test_layers(self):
        encoder, upper = TwoHeaded(dim=3), TwoHeaded(3, L)
        lower = TwoHeaded(L, 3)
        vae = HierarchicalVAE(IMAGE, (3, L), encoder=encoder, upper_encoder=[upper],
                              upper_decoder=[lower])  # fmt: skip
        found = vae.encode(X)
        reads_truth(found["z1"], encoder, X)
        assert vae.generate(2).shape == (2, *IMAGE)
        LadderVAE(IMAGE, (3, L), upper_decoder=[lower]).reconstruct(X)

    @pytest.mark.parametrize(
        ("family", "said"),
        [
            (Autoencoder(IMAGE, L, encoder=TwoHeaded()), "tuple of 2; it needs one tensor"),
            (VQVAE(IMAGE, 4, encoder=TwoHeaded()), "tuple of 2; it needs one tensor"),
            (GumbelSoftmaxVAE(IMAGE, 4, encoder=TwoHeaded()), "tuple of 2; it needs one tensor"),
        ],
    )
    def test_families_without_a_normal_say_so(self, family, said):
        with pytest.raises(ShapeError, match=f"the encoder gave a {said}"):
            family.encode(X)


class TestFunctions:
    def test_a_lambda_is_an_encoder_whose_networks_train(self):
        vae = VAE(IMAGE, L, encoder=lambda x: (head(net(x.flatten(1))), head(net(x.flatten(1)))))
        names = dict(vae.encoder.named_parameters())
        assert {id(p) for p in names.values()} == {
            id(p) for n in (net, head) for p in n.parameters()
        }
        before = head.weight.clone()
        fit(vae.model, vae.guide, X, epochs=1, batch_size=3, device="cpu", progress=False)
        assert not torch.equal(before, head.weight)

    def test_a_bound_method_brings_its_owner(self):
        old = TwoHeaded()
        vae = VAE(IMAGE, L, encoder=old.forward)
        reads_truth(vae.encode(X), old, X)
        assert any(p is old.mean.weight for p in vae.parameters())

    def test_a_function_is_a_decoder(self):
        own = nn.Linear(L, FLAT)
        vae = VAE(IMAGE, L, decoder=lambda z: own(z))
        assert vae.generate(3).shape == (3, *IMAGE)
        assert any(p is own.weight for p in vae.decoder.parameters())

    def test_a_network_within_another_is_held_once(self):
        whole = nn.Sequential(nn.Flatten(), nn.Linear(FLAT, 2 * L))
        inner = whole[1]
        assert len(Function(lambda x: whole(x) + inner(x.flatten(1))).networks) == 1

    def test_its_copy_would_call_the_original(self):
        vae = VAE(IMAGE, L, encoder=lambda x: (head(net(x.flatten(1))), head(net(x.flatten(1)))))
        with pytest.raises(ConfigError, match="is a function and cannot be copied"):
            deepcopy(vae)
        deepcopy(VAE(4, L, encoder=lambda x: x))

    @pytest.mark.parametrize(
        ("encoder", "said"),
        [
            (TwoHeaded, "the encoder|TwoHeaded"),
            (lambda a, b, c: a, "cannot be called with"),
            (lambda: None, "cannot be called with"),
            (lambda in_shape, out_shape: 3, "returned a int"),
            (nn.Linear, "the network factory .* failed for in_shape="),
            (3, "3 is no network"),
            ("MLP", "'MLP' is no network"),
        ],
    )
    def test_what_is_no_network_is_refused(self, encoder, said):
        with pytest.raises((ConfigError, ShapeError), match=said):
            VAE(IMAGE, L, encoder=encoder).encode(X)

    def test_a_class_without_sizes_is_to_be_built_first(self):
        class Encoder(nn.Module):
            pass

        with pytest.raises(ConfigError, match=r"factory Encoder failed .* such as Encoder\("):
            VAE(IMAGE, L, encoder=Encoder)

    def test_modules_and_factories_stay_what_they_are(self):
        assert as_network(net) is net
        assert as_network(MLP) is MLP
        factory = partial(MLP, hidden=8)
        assert as_network(factory) is factory


class TestShapes:
    def test_vectors_for_images(self):
        vae = VAE(IMAGE, L, encoder=nn.Linear(FLAT, 2 * L))
        said = r"takes vectors \[N, 64\]: put torch\.nn\.Flatten\(\) before it"
        with pytest.raises(ShapeError, match=said):
            vae.encode(X)
        VAE(IMAGE, L, encoder=nn.Sequential(nn.Flatten(), nn.Linear(FLAT, 2 * L))).encode(X)

    @pytest.mark.parametrize("channels", [1, 3])
    def test_images_for_vectors(self, channels):
        size = channels * 64
        own = nn.Sequential(
            nn.Conv2d(channels, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2 * L)
        )
        said = rf"takes images \[N, {channels}, 8, 8\]: put torch\.nn\.Unflatten\(1, \({channels}"
        with pytest.raises(ShapeError, match=said):
            VAE(size, L, encoder=own).encode(torch.zeros(3, size))
        first = nn.Unflatten(1, (channels, 8, 8))
        VAE(size, L, encoder=nn.Sequential(first, own)).encode(torch.zeros(3, size))

    def test_three_channels_for_one(self):
        own = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2 * L))
        with pytest.raises(ShapeError, match=r"takes images of 3 channels: .*x\.expand\(-1, 3"):
            VAE(IMAGE, L, encoder=own).encode(X)
        vae = VAE(IMAGE, L, encoder=lambda x: own(x.expand(-1, 3, -1, -1)))
        assert vae.encode(X).batch_shape == (6,)

    def test_another_size(self):
        vae = VAE(IMAGE, L, encoder=nn.Sequential(nn.Flatten(), nn.Linear(10, 2 * L)))
        with pytest.raises(ShapeError, match=r"encoder failed .*\[6, 1, 8, 8\].*; build the net"):
            vae.encode(X)

    def test_the_size_that_is_needed(self):
        vae = VAE(IMAGE, L, encoder=nn.Sequential(nn.Flatten(), nn.Linear(FLAT, L)))
        said = r"needs 4 values per datum, \[N, 4\], a mean and a log-scale for each of 2"
        with pytest.raises(ShapeError, match=said):
            vae.encode(X)

    def test_a_decoder_may_give_its_values_in_any_shape(self):
        for decoder in (
            nn.Linear(L, FLAT),
            nn.Sequential(nn.Linear(L, FLAT), nn.Unflatten(1, IMAGE)),
        ):
            assert VAE(IMAGE, L, decoder=decoder).generate(3).shape == (3, *IMAGE)

    @pytest.mark.parametrize(
        ("decoder", "said"),
        [
            (nn.Linear(L, 10), "needs 64 values per datum"),
            (nn.Linear(L + 1, FLAT), "the decoder failed on a batch"),
            (lambda z: (z, z), "the decoder gave a tuple of 2; it needs one tensor"),
            (lambda z: torch.distributions.Bernoulli(logits=z), "the decoder gave a Bernoulli"),
            (lambda z: None, "the decoder gave a NoneType"),
        ],
    )
    def test_a_decoder_of_another_output_is_refused(self, decoder, said):
        with pytest.raises(ShapeError, match=said):
            VAE(IMAGE, L, decoder=decoder).generate(3)

    def test_an_error_that_is_none_of_shapes_stays_as_it_is(self):
        def fails(x):
            raise RuntimeError("the disk is full")

        with pytest.raises(RuntimeError, match="^the disk is full$"):
            VAE(IMAGE, L, encoder=fails).encode(X)

    def test_out_of_memory_stays_what_it_is(self):
        def fails(x):
            raise torch.OutOfMemoryError("tried to allocate a tensor of size 3")

        with pytest.raises(torch.OutOfMemoryError):
            run(Function(fails), X, 3, "encoder")

    def test_convolutions_may_keep_axes_of_one(self):
        own = nn.Conv2d(1, 2 * L, 8)
        q = VAE(IMAGE, L, encoder=own).encode(X)
        torch.testing.assert_close(q.mean, own(X)[:, :L, 0, 0])


class Resnet(nn.Module):
    """As torchvision's: images of 3 channels, batch statistics, `fc` at the end."""

    def __init__(self, num_classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(8, num_classes)

    def forward(self, x):
        return self.fc(torch.flatten(self.avgpool(self.bn1(self.conv1(x)).relu()), 1))


RESNETS = [
    pytest.param(Resnet, id="like torchvision's"),
    pytest.param(None, id="torchvision's", marks=pytest.mark.torchvision),
]


@pytest.mark.parametrize("make", RESNETS)
def test_a_resnet_is_an_encoder(make):
    if make is None:
        from torchvision.models import resnet18 as make
    colour, x = (3, 16, 16), torch.rand(4, 3, 16, 16).round()
    vae = VAE(colour, L, encoder=make(num_classes=2 * L))
    assert vae.encode(x).event_shape == (L,)
    assert vae.reconstruct(x).shape == x.shape
    ELBO(num_particles=2)(vae.model, vae.guide)(x).backward()
    with pytest.raises(ShapeError, match=r"needs 4 values per datum, \[N, 4\]"):
        VAE(colour, L, encoder=make(num_classes=10)).encode(x)
    with pytest.raises(ShapeError, match="takes images of 3 channels"):
        VAE((1, 16, 16), L, encoder=make(num_classes=2 * L)).encode(x[:, :1])
