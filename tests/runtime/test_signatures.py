"""Shared keywords are named in a signature."""

import inspect

from pyrovae.runtime.signatures import name_keywords


def test_keywords_stand_where_the_options_were():
    def shared(a=1, *, b: int = 2):
        pass

    def function(x, *, y=0, **options):
        return x, y, options

    name_keywords(function, inspect.signature(shared).parameters.values())
    assert str(inspect.signature(function)) == "(x, *, y=0, a=1, b: int = 2)"
    assert function(1, b=3) == (1, 0, {"b": 3})
