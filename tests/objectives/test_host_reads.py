"""No step reads a tensor on the host or moves anything but tensors: it could be captured."""

import pyro
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pyrovae.data import DiscreteLatent
from pyrovae.objectives import EUBO, IWAE, PathELBO
from tests.objectives.test_contract import OBJECTIVES, in_turn
from tests.pairs import STYLES

pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")

READS = {
    "aten::_local_scalar_dense",  # float(t), int(t), bool(t), `if t > 0`, t.item()
    "aten::is_nonzero",
    "aten::item",
    "aten::equal",
    "aten::nonzero",
    "aten::masked_select",
    "aten::unique_dim",
    "aten::_unique2",
}


class HostReads(TorchDispatchMode):
    """Collects operations that wait for a device, or whose result has a size of its own."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().split(".")[0]
        by_mask = name.startswith("aten::index") and any(
            isinstance(i, torch.Tensor) and i.dtype == torch.bool
            for a in args if isinstance(a, (list, tuple)) for i in a
        )  # fmt: skip
        fills = name.startswith("aten::index_put") and args[2].numel() == 1  # as masked_fill does
        if name in READS or (by_mask and not fills):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def reads_of(objective, call):
    with HostReads() as mode:
        objective.loss_and_grads(*call)
    return mode.found


def pairs_for(objective):
    yield STYLES["module_functions"](torch.float32)
    yield STYLES["nested_plate"](torch.float64)
    if not isinstance(objective, PathELBO):
        pair = DiscreteLatent.random(data_dim=5, latent_dim=3, seed=0)
        yield type("Pair", (), {"model": pair.model, "guide": pair.guide,
                                "args": (pair.sample(4, seed=1),)})  # fmt: skip


@pytest.mark.parametrize(("make", "way"), in_turn(["vectorised", "sequential"]))
def test_no_step_but_the_first_waits(make, way):
    vectorize = way == "vectorised"
    for pair in pairs_for(make()):
        objective, call = make(vectorize_particles=vectorize), (pair.model, pair.guide, *pair.args)
        with pyro.validation_enabled(False):
            assert reads_of(objective, call) == [], "the first step neither, without validation"
            assert reads_of(objective, call) == []


@pytest.mark.parametrize("make", OBJECTIVES)
def test_steps_after_the_first_change_tensors_alone_and_in_place(make):
    for pair in pairs_for(make()):
        objective, call = make(), (pair.model, pair.guide, *pair.args)
        objective.loss_and_grads(*call)
        before = dict(vars(objective))
        state = objective.state_dict()
        objective.loss_and_grads(*call)
        after = vars(objective)
        assert before.keys() == after.keys()
        changed = [n for n in after if after[n] is not before[n] and after[n] != before[n]]
        assert changed == []
        assert all(objective.state_dict()[name] is tensor for name, tensor in state.items())


def test_the_watch_sees_a_read():
    pair = STYLES["module_functions"](torch.float32)

    class Reads(IWAE):
        def bound(self, p):
            bound = super().bound(p)
            return bound[bound < 0] if bound.mean() > 1e9 else bound[bound < 1e9]

    with pyro.validation_enabled(False):
        found = reads_of(Reads(3), (pair.model, pair.guide, *pair.args))
    assert "aten::_local_scalar_dense" in found and "aten::index" in found


def test_validation_looks_at_the_tail_in_the_first_step_alone():
    pair = STYLES["module_functions"](torch.float32)
    call = (pair.model, pair.guide, *pair.args)
    of_iwae, of_eubo = (
        [len(reads_of(objective, call)) for _ in range(3)] for objective in (IWAE(30), EUBO(30))
    )
    assert of_eubo[0] > of_iwae[0] and of_eubo[1:] == of_iwae[1:]


@pytest.mark.parametrize(("values", "found"), [(1.0, []), (torch.ones(2), ["aten::index_put_"])])
def test_the_watch_lets_a_mask_be_filled_by_one_number_alone(values, found):
    tensor, mask = torch.zeros(3), torch.tensor([True, False, True])
    with HostReads() as mode:
        tensor[mask] = values
    assert mode.found == found
