"""YAML that anyone may have written."""

import os

import pytest

from pyrovae.cli.safe_yaml import MAX_BYTES, MAX_DEPTH, MAX_VALUES, read_yaml
from pyrovae.errors import ConfigError


def test_plain_values_and_small_aliases_are_read(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "model: &one {hidden: [200, 1e2, .inf, 'a: b'], on it: true, off: null}\nother: *one\n"
    )
    one = {"hidden": [200, "1e2", float("inf"), "a: b"], "on it": True}
    with pytest.raises(ConfigError, match="the name of an option is no text"):
        read_yaml(path)  # `off` is false in YAML 1.1
    path.write_text(path.read_text().replace("off", "'off'"))
    one["off"] = None
    assert read_yaml(path) == {"model": one, "other": one}


def test_limits(tmp_path):
    path = tmp_path / "c.yaml"

    def read(text):
        path.write_text(text)
        return read_yaml(path, "the file")

    deepest = MAX_DEPTH - 2  # below the mapping, above the value
    assert read("a: " + "[" * deepest + "1" + "]" * deepest)
    with pytest.raises(ConfigError, match=rf"the file is nested deeper than {MAX_DEPTH} levels"):
        read("a: " + "[" * (deepest + 1) + "1" + "]" * (deepest + 1))
    half = f"[{', '.join('1' * (MAX_VALUES // 2 - 2))}]"
    assert len(read(f"a: &a {half}\nb: *a\n")["b"]) == MAX_VALUES // 2 - 2
    with pytest.raises(ConfigError, match=f"stands for more than {MAX_VALUES} values"):
        read(f"a: &a {half}\nb: *a\nc: *a\n")
    assert read("a: 1\n#".ljust(MAX_BYTES, "x")) == {"a": 1}
    with pytest.raises(ConfigError, match="longer than"):
        read("a: 1\n#".ljust(MAX_BYTES + 1, "x"))


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is no file"):
        read_yaml(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is no file"):
        read_yaml(tmp_path)
    with pytest.raises(ConfigError, match="No such file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "zero").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not YAML"):
        read_yaml(tmp_path / "zero")
