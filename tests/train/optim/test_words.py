"""Names with options as one text."""

import pytest

from pyrovae.errors import ConfigError
from pyrovae.train.optim.words import name_and_options, simplified, unknown_name


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("adam", ("adam", {})),
        (" adam ", ("adam", {})),
        ("adam()", ("adam", {})),
        ("adam(betas=(0.5, 0.9), amsgrad=True)", ("adam", {"betas": (0.5, 0.9), "amsgrad": True})),
        ("linear (floor=-1e-3)", ("linear", {"floor": -1e-3})),
    ],
)
def test_names_and_options(words, expected):
    assert name_and_options(words, "optimizer") == expected


@pytest.mark.parametrize(
    "words",
    ["a(1)", "a(b=c)", "a(b=1", "a(b=1))", "a(**{})", "a(b=f())", "a()(b=1)", "a(b=1)(c=2)"],
)
def test_what_cannot_be_read_is_an_error(words):
    with pytest.raises(ConfigError, match="cannot read its options; write them as 'a"):
        name_and_options(words, "optimizer")


def test_the_nearest_name():
    assert simplified(" Warm-up_Cosine") == "warmupcosine"
    error = str(unknown_name("schedule", "cosin", ["linear", "cosine"], "others"))
    assert "did you mean 'cosine'? Or choose one of linear, cosine; others" in error
    assert "did you mean" not in str(unknown_name("schedule", "zzz", ["linear"], "others"))
