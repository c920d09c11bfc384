"""Compiled code rounds alike in every process of one machine."""

import os

import pytest
import torch

from pyrovae.capture import inductor
from pyrovae.errors import CaptureError


def test_the_instructions_are_those_of_the_processor(monkeypatch):
    """A library that torch cannot load, as a killed process leaves one, changes no rounding."""
    from torch._inductor import cpu_vec_isa

    chosen = []

    def forget():
        cpu_vec_isa.valid_vec_isa_list.cache_clear()
        cpu_vec_isa.VecISA._VecISA__bool__impl.cache_clear()
        for each in cpu_vec_isa.supported_vec_isa_list:
            getattr(type(each).__bool__, "cache_clear", int)()

    def seen(graph, tensors, *_):
        chosen.append(cpu_vec_isa.pick_vec_isa().bit_width())
        return graph

    monkeypatch.setattr(inductor, "_inductor", seen)
    for loads in (True, False):
        forget()
        monkeypatch.setattr(cpu_vec_isa.VecISA, "check_build", lambda self, code, ok=loads: ok)
        graph = torch.fx.symbolic_trace(torch.nn.Identity())
        inductor.compile_graph(graph, [torch.zeros(2)])
    forget()  # what was found here holds in no other test
    assert chosen[0] == chosen[1] > 0


def test_half_a_file_in_the_cache_does_no_harm(monkeypatch):
    """It is compiled again from nothing, not left eager."""
    places = []

    def compile(graph, tensors, inner=None):
        places.append(os.environ.get("TORCHINDUCTOR_CACHE_DIR"))
        if len(places) == 1:
            raise RuntimeError("ImportError: file too short")
        return graph

    monkeypatch.setattr(inductor, "_inductor", compile)
    graph = torch.fx.symbolic_trace(torch.nn.Identity())
    assert inductor.compile_graph(graph, [torch.zeros(2)]) is not None
    assert len(places) == 2 and places[0] != places[1]
    assert os.environ.get("TORCHINDUCTOR_CACHE_DIR") == places[0]
    places.clear()
    monkeypatch.setattr(inductor, "_inductor", lambda *_: compile(places.clear(), []))
    with pytest.raises(CaptureError, match="file too short.*compiler there"):
        inductor.compile_graph(graph, [torch.zeros(2)])
