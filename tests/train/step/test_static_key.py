"""The key of what objects hold follows every change, and costs next to nothing without one."""

from torch import nn

from pyrovae.train.step.static_key import Settings


def plain(name, value):
    return type(value) in (bool, int, float, str, type(None))


def test_it_follows_values_and_not_what_is_left_out():
    held = {"beta": 0.5, "table": [1], "name": "x"}
    settings = Settings([held, {"k": 3}], plain)
    first = settings.key()
    held["table"] = [2]
    assert settings.key() == first and hash(settings.key()) == hash(first)
    held["beta"] = 0.25
    second = settings.key()
    assert second != first
    held["beta"] = 0.5
    assert settings.key() == first != second


def test_it_sees_attributes_that_come_and_go():
    network = nn.Linear(2, 2)
    settings = Settings([vars(network)], plain)
    first = settings.key()
    network.temperature = 1.0
    assert settings.key() != first
    del network.temperature
    assert settings.key() == first
    network.eval()
    assert settings.key() != first


def test_a_new_value_in_the_memory_of_the_old_is_seen():
    held, settings, keys = {}, None, set()
    for value in range(1000):
        held["beta"] = value + 0.5  # CPython puts a float where one was freed
        settings = settings or Settings([held], plain)
        keys.add(settings.key())
    assert len(keys) == 1000


def test_nothing_is_picked_anew_without_a_change():
    asked = []
    settings = Settings([{"a": 1}], lambda name, value: bool(asked.append(name)) or True)
    first = settings.key()
    assert settings.key() is first and asked == ["a"]
