"""The key of what objects hold follows every change, and costs next to nothing without one."""

from torch import nn

from pyrovae.capture import StaticKey


def test_it_follows_values_and_not_what_is_left_out():
    held = {"beta": 0.5, "table": [1], "name": "x"}
    static = StaticKey([held, {"k": 3}])
    first = static.key()
    held["table"] = [2]
    assert static.key() == first and hash(static.key()) == hash(first)
    held["beta"] = 0.25
    second = static.key()
    assert second != first
    held["beta"] = 0.5
    assert static.key() == first != second


def test_it_sees_attributes_that_come_and_go():
    network = nn.Linear(2, 2)
    static = StaticKey([vars(network)])
    first = static.key()
    network.temperature = 1.0
    assert static.key() != first
    del network.temperature
    assert static.key() == first
    network.eval()
    assert static.key() != first


def test_a_new_value_in_the_memory_of_the_old_is_seen():
    held, static, keys = {}, None, set()
    for value in range(1000):
        held["beta"] = value + 0.5  # CPython puts a float where one was freed
        static = static or StaticKey([held])
        keys.add(static.key())
    assert len(keys) == 1000


def test_nothing_is_picked_anew_without_a_change():
    asked = []
    static = StaticKey([{"a": 1}], lambda name, value: bool(asked.append(name)) or True)
    first = static.key()
    assert static.key() is first and asked == ["a"]
