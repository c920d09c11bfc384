"""A graph is compiled once, and its code is what the next process loads."""

import stat

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.capture import Captured, announcing, onednn
from pyrovae.capture import stored_code as stored_code_file
from pyrovae.capture.code_folder import code_folder
from pyrovae.capture.inductor import compile_graph
from pyrovae.capture.kernel_library import KernelLibrary
from pyrovae.capture.onednn import linear
from pyrovae.capture.stored_code import code_key

_WEIGHT = torch.linspace(-1.0, 1.0, 20).reshape(5, 4)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, as on a machine where nothing has been compiled; its name has a space."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled code"))
    return code_folder()


def run(x):
    products = (x @ _WEIGHT).sin()
    return products.exp().sum(0), torch.softmax(products, -1) + torch.rand(4)


def results():
    """What a new process would get: nothing of an earlier capture is in its memory."""
    captured, found = Captured(run, "the test"), None
    for n in range(3):  # traced, compared, used
        torch.manual_seed(n)
        found = captured("key", torch.linspace(0.0, 1.0, 15).reshape(3, 5) + n)
    assert not captured.refusal
    torch.manual_seed(2)
    expected = run(torch.linspace(0.0, 1.0, 15).reshape(3, 5) + 2)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    return found


def test_the_second_time_nothing_is_compiled_and_damage_is_mended(folder, monkeypatch):
    compiled = []
    original = KernelLibrary.gathering

    def counted(library):
        compiled.append(library)
        return original(library)

    monkeypatch.setattr(KernelLibrary, "gathering", counted)
    first, second = results(), results()
    assert len(compiled) == 1 and compiled[0].is_whole
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    (entry,) = folder.glob("*.json")
    for damaged in (entry, compiled[0].libraries[0]):
        content = damaged.read_bytes()
        damaged.unlink()  # a library that is loaded is not written into
        damaged.write_bytes(content[: len(content) // 2])
        before = len(compiled)
        again = results()
        assert len(compiled) == before + 1
        assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    results()
    assert len(compiled) == 3


def test_the_key_has_shapes_versions_and_the_processor(monkeypatch):
    def key(shape=(3, 5), factor=2.0):
        graph = make_fx(lambda x: (x * factor,))(torch.ones(shape))
        return code_key(graph, [torch.ones(shape)])

    first = key()
    assert first == key() and len({first, key((5, 3)), key(factor=3.0)}) == 3
    for place, name, value in (
        (torch, "__version__", "0"),
        (stored_code_file, "_FORMAT", "0"),
        (stored_code_file, "processor", lambda: "another"),
        (torch, "get_num_threads", lambda: 77),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(place, name, value)
            assert key() != first
    assert key() == first


def test_an_operation_of_the_users_own_has_no_key():
    graph = torch.fx.symbolic_trace(torch.nn.Linear(2, 2))
    assert code_key(graph, [torch.ones(2)]) is None


@pytest.mark.skipif(not onednn.is_available(), reason="torch has no oneDNN")
def test_the_librarys_own_product_is_stored(folder):
    x, weight = torch.linspace(-1.0, 1.0, 15).reshape(3, 5), _WEIGHT.T.contiguous()
    graph = make_fx(lambda x, weight: (linear(x, weight, None, "tanh").exp(),))(x, weight)
    assert code_key(graph, [x, weight]) is not None
    for _ in range(2):  # compiled, loaded
        (found,) = compile_graph(graph, [x, weight])(x, weight)
        torch.testing.assert_close(found, (x @ weight.T).tanh().exp())


def test_a_folder_that_others_may_write_into_is_not_used(folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)
    assert code_folder() is None
    graph = make_fx(lambda x: (x * 2.0,))(torch.ones(3))
    (found,) = compile_graph(graph, [torch.ones(3)])(torch.ones(3))
    assert (found == 2).all() and not list(folder.iterdir())


def test_what_is_being_compiled_is_announced():
    heard = []
    captured = Captured(lambda x: (x * 2,), "the step", compiler=None)
    with announcing(heard.append):
        captured("key", torch.ones(3))
    captured("other", torch.ones(4))
    assert heard == ["compiling the step", ""]
