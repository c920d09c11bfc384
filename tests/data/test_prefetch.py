"""Reading ahead changes neither values nor errors."""

import threading

import pytest

from pyrovae.data.prefetch import prefetched


def test_the_next_value_is_computed_while_one_is_in_use():
    begun, seen = [threading.Event() for _ in range(5)], []

    def source():
        for number, event in enumerate(begun):
            event.set()
            yield number

    values = prefetched(source())
    assert not begun[0].is_set()  # nothing before it is asked for
    for number in values:
        seen.append(number)
        if number < 4:
            assert begun[number + 1].wait(10)
        if number < 3:
            assert not begun[number + 2].is_set()  # one ahead, not two
    assert seen == [0, 1, 2, 3, 4]


def test_an_error_comes_where_its_value_is_asked_for():
    def source():
        yield 1
        raise KeyError("in the thread")

    values = prefetched(source())
    assert next(values) == 1
    with pytest.raises(KeyError, match="in the thread"):
        next(values)


def test_the_thread_ends_with_the_iterator():
    before = threading.active_count()
    values = prefetched(iter(range(10)))
    assert next(values) == 0 and threading.active_count() == before + 1
    values.close()
    assert threading.active_count() == before
    for values in (prefetched(iter(range(3))), prefetched(iter(()))):
        list(values)
    assert threading.active_count() == before
