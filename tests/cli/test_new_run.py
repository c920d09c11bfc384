"""What a run that is resumed may change, and how a message names what it may not."""

from copy import deepcopy

import pytest
import yaml

from pyrovae.cli.new_run import check_folder
from pyrovae.errors import ConfigError

SETTINGS = {
    "data": {"name": "digits", "val_size": 200},
    "model": {"name": "VAE", "latent_dim": 2, "encoder": {
        "class_path": "pyrovae.nn.MLP", "init_args": {"hidden": [200] * 9, "activation": {
            "class_path": "torch.nn.ReLU", "init_args": {"inplace": False}}}}},
    "objective": {"name": "ELBO"}, "epochs": 1, "seed": 0, "compile": "no", "patience": None,
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(SETTINGS))
    return tmp_path


def _changed(**places):
    found = deepcopy(SETTINGS)
    for place, value in places.items():
        part, (*steps, last) = found, place.split("__")
        for step in steps:
            part = part[step]
        part[last] = value
    return found


@pytest.mark.parametrize("change", [
    {"compile": "yes"}, {"epochs": 9}, {"patience": 3}, {"steps_per_call": 4}, {"lr": 0.1}, {},
], ids=str)  # fmt: skip
def test_what_may_change(change, run):
    check_folder(run, _changed(**change), resume=True, overwrite=False)


@pytest.mark.parametrize(("change", "said"), [
    ({"seed": 1}, "seed (was 0, now 1); leave"),
    ({"model__latent_dim": 3}, "model.latent_dim (was 2, now 3); leave"),
    ({"model__encoder__init_args__hidden": [200] * 8 + [100]}, "model.encoder.hidden (was [200, "),
    ({"model__encoder__init_args__activation": {"class_path": "torch.nn.Tanh"}},
     "model.encoder.activation (was ReLU, now Tanh), model.encoder.activation.inplace (was False, "
     "now not given); leave"),
    ({"objective": {"name": "IWAE", "num_particles": 5, "a": 1, "b": 2, "c": 3}}, "and 2 more"),
], ids=str)  # fmt: skip
def test_what_may_not(change, said, run):
    with pytest.raises(ConfigError) as caught:
        check_folder(run, _changed(**change), resume=True, overwrite=False)
    assert said in str(caught.value) and "{" not in str(caught.value)
    assert len(str(caught.value)) < 500
