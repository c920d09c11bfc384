"""Kept buffers give the numbers of new ones, and no result lies in them."""

import ast
from threading import Barrier, Thread

import pytest
import torch

from pyrovae.capture import kept_buffers, stored_code
from pyrovae.capture.code_folder import code_folder
from pyrovae.capture.graph import trace
from pyrovae.capture.inductor import compile_graph
from pyrovae.capture.kept_buffers import add_kept_buffers, call_of

_WEIGHT = torch.linspace(-1.0, 1.0, 20).reshape(5, 4)


def run(x):
    products = (x @ _WEIGHT).sin() @ _WEIGHT.t()
    noise = torch.rand_like(products)
    return products.exp().sum(0), (products + noise) @ _WEIGHT, products


def inputs(n):
    return torch.linspace(0.0, 1.0, 15).reshape(3, 5) + n


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """Compiles `run`, with kept buffers or without; an empty folder holds the code."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    assert code_folder() is not None
    traced = trace(run, [inputs(0)])

    def make(keep=True):
        changes = add_kept_buffers if keep else lambda *_: None
        done = []
        with monkeypatch.context() as patched:
            patched.setattr(stored_code, "add_kept_buffers", changes)
            patched.setattr(stored_code, "call_of", lambda s: _noted(call_of(s), done))
            code = compile_graph(traced.graph, [*traced.externals, inputs(0)])
        assert done == ["call"]  # and not by torch itself
        return lambda x: code(*traced.externals, x)

    return make


def _noted(call, done):
    done.append("call")
    return call


def results(code, n):
    torch.manual_seed(n)
    return code(inputs(n))


def test_numbers_are_those_of_new_buffers_and_stay(compiled):
    kept, new = compiled(), compiled(keep=False)
    found = [results(kept, n) for n in range(4)]
    for n, tensors in enumerate(found):
        for one, other in zip(tensors, results(new, n), strict=True):
            assert torch.equal(one, other)
    places = [tensor.untyped_storage().data_ptr() for tensors in found for tensor in tensors]
    assert len(set(places)) == len(places)


def test_two_threads_at_once_do_not_share_a_buffer(compiled):
    kept, together = compiled(), Barrier(2)
    alone = [run_without_noise(kept, n) for n in range(2)]
    wrong = []

    def many(n):
        together.wait()
        for _ in range(200):
            if not torch.equal(run_without_noise(kept, n), alone[n]):
                wrong.append(n)

    threads = [Thread(target=many, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def run_without_noise(code, n):
    return code(inputs(n))[2]


def test_an_input_of_another_shape_is_refused(compiled):
    with pytest.raises(AssertionError, match="input"):
        compiled()(torch.ones(4, 5))


CODE = """
def call(args):
    arg0, arg1 = args
    args.clear()
    assert_size_stride(arg0, (4,), (1,), 'input')
    small = empty_strided_cpu((4,), (1,), torch.float32)
    view = reinterpret_tensor(small, (2,), (1,), 2)
    assert_size_stride_grouped((arg1,), ((4,),), ((1,),), 'input')
    kernel_0(arg0, small, view)
    again = small; del small  # reuse
    large = empty_strided_cpu((1024, 1024), (1024, 1), torch.float64)
    kernel_1(again, large)
    product = torch.ops.aten.some.default(large, again)
    del again
    renamed = product; del product  # reuse
    kernel_2(renamed)
    memory = empty_strided_cpu((4,), (1,), torch.float32)
    result = reinterpret_tensor(memory, (2, 2), (2, 1), 0)
    other = empty_strided_cpu((4,), (1,), torch.float32)
    same = torch.ops.aten.perhaps_the_same.default(other)
    return (result, same)
"""


def test_only_small_buffers_that_are_not_given_away_are_kept():
    tree = ast.parse(CODE)
    add_kept_buffers(tree)
    *outer, call, _ = tree.body[-1].body
    assert [ast.unparse(line).split(" = ")[0] for line in outer] == ["small", "view", "again"]
    lines = [ast.unparse(line) for line in call.body]
    made = [line.split(" = ")[0] for line in lines if "empty_strided_cpu" in line]
    assert made == ["large", "memory", "other"]
    checks = [line for line in lines if line.startswith("assert")]
    assert checks == [lines[2]] and "(arg0, arg1), ((4,), (4,)), ((1,), (1,))" in checks[0]
    assert not any(line.startswith("del again") for line in lines)


@pytest.mark.parametrize(
    ("old", "new"),
    [("(arg0, small, view)", "(self, small, view)"), ("product =", "large ="), ("return", "x =")],
)
def test_code_of_another_form_stays(old, new):
    tree = ast.parse(CODE.replace(old, new))
    before = ast.dump(tree)
    add_kept_buffers(tree)
    assert ast.dump(tree) == before
    assert call_of({"call": max}) is max


def test_a_call_within_a_call_gets_new_buffers():
    def call(tensors):
        return "new"

    def make():
        return lambda tensors: found(tensors) if tensors else "kept"

    found = call_of({"call": call, kept_buffers._MADE: make})
    assert found([]) == "kept" and found([1]) == "new"
