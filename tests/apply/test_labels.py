"""Labels as classes, and where a pair has them."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch.nn.functional import one_hot

from pyrovae.apply.labels import as_labels, classes_of, labelled, numbers_of, takes_label
from pyrovae.distributions.labelled_categorical import LabelledCategorical
from pyrovae.errors import ConfigError, DataError, ShapeError, SiteError
from pyrovae.models import VAE, ConditionalVAE
from pyrovae.particles.conditionals import conditionals

X = torch.zeros(4, 2)
Y = torch.tensor([2, 0, -1, 2])


def test_classes_and_their_numbers():
    assert classes_of(Y).tolist() == [0, 2]
    assert numbers_of(Y, classes_of(Y)).tolist() == [1, 0, -1, 1]
    hot = one_hot(torch.tensor([2, 0, 1, 2]))
    assert classes_of(hot).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert numbers_of(hot, classes_of(hot)).tolist() == [2, 0, 1, 2]
    assert numbers_of(torch.tensor([-1, -1]), torch.zeros(0)).tolist() == [-1, -1]
    for values in (torch.rand(4), torch.rand(4, 3), torch.ones(4, 3)):
        with pytest.raises(ConfigError, match="no classes"):
            classes_of(values)


def test_labels_must_be_like_those_of_the_data():
    assert as_labels(torch.tensor([1.0, 2.0]), Y).dtype == Y.dtype
    with pytest.raises(ShapeError, match=r"\[2, 3\].*\[4\]"):
        as_labels(torch.zeros(2, 3), Y)
    with pytest.raises(DataError, match="empty"):
        as_labels(torch.zeros(0), Y)
    for wrong, y in (([0.5, 1.7], Y), ([258], Y.byte()), ([torch.nan], Y)):
        with pytest.raises(DataError, match="does not hold all of these"):
            as_labels(torch.tensor(wrong), y)


def _guide(*names):
    def guide(x, y):
        with pyro.plate("data", len(x)):
            for name in names:
                fn = LabelledCategorical(torch.zeros(len(x), 3), y)
                if name == "free":
                    fn = dist.Categorical(logits=torch.zeros(len(x), 3))
                pyro.sample(name, fn)

    return guide


def test_a_latent_that_is_certain_to_be_the_label_goes_with_it():
    latents = conditionals(_guide("c", "free"), X, Y)
    found = labelled((X, Y), latents, None)
    assert found.is_argument and found.sites == ("c",)
    args, values = found.relabelled(torch.tensor(1))
    assert args[1].tolist() == [1] * 4 and values["c"].tolist() == [1] * 4


def test_a_latent_that_agrees_by_chance_stays():
    x, y = X[:1], Y[:1]
    latents = conditionals(_guide("free"), x, y, values={"free": y})
    assert labelled((x, y), latents, None).sites == ()


def test_the_discrete_latent_of_a_pair_that_takes_no_label():
    latents = conditionals(_guide("c", "free"), X, Y)
    found = labelled((X,), latents, "free")
    assert found.sites == ("free",) and not found.is_argument
    assert found.relabelled(torch.tensor(1))[0] == (X,)
    with pytest.raises(SiteError, match=r"\['c', 'free'\]; name the one"):
        labelled((X,), latents, None)
    with pytest.raises(SiteError, match="no discrete latent 'z'"):
        labelled((X,), latents, "z")


def test_what_a_pair_takes_is_in_its_signature():
    with_label, without = ConditionalVAE((1, 2, 2), 2, num_classes=3), VAE((1, 2, 2), 2)
    assert takes_label(with_label.model, with_label.guide)
    assert not takes_label(without.model, without.guide)
    assert takes_label(lambda x, y=None: None, lambda x, y=None: None)
    assert not takes_label(lambda *args: None, lambda *args: None)
