"""What happens when torchvision, the files or the network fail."""

import sys
import urllib.error

import pytest

from pyrovae.data import mnist
from pyrovae.data.images.base import build
from pyrovae.data.root import find_root
from pyrovae.errors import DataError


def forget_torchvision(monkeypatch):
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)


def test_an_absent_torchvision_is_an_error_with_a_way_out(tmp_path, monkeypatch):
    forget_torchvision(monkeypatch)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(DataError, match="mnist: torchvision .* cannot be imported .*data.arrays"):
        mnist(tmp_path)


def test_so_is_one_of_another_build(tmp_path, monkeypatch):
    forget_torchvision(monkeypatch)
    package = tmp_path / "site" / "torchvision"
    package.mkdir(parents=True)
    text = "raise RuntimeError('operator torchvision::nms does not exist')"
    (package / "__init__.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(DataError, match="nms does not exist.* install the torchvision built for"):
        mnist(tmp_path)


def test_a_failed_download_says_so(tmp_path):
    def construct():
        raise urllib.error.URLError("no route")

    with pytest.raises(DataError, match="mnist: the set could not be downloaded .*no route"):
        build("mnist", construct, (), download=True)


def test_other_faults_are_not_swallowed():
    def construct():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        build("mnist", construct, (), download=True)


def test_the_named_root_wins_over_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("PYROVAE_DATA", "/elsewhere")
    assert find_root("mnist", str(tmp_path)) == tmp_path
    assert find_root("mnist", "~/x").is_absolute()
