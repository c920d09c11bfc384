"""A product takes the place of its memory only where nothing else looks at that."""

import ast

import pytest
import torch

from pyrovae.capture import code_products as products
from pyrovae.capture.new_results import take_new_results

CODE = """
x = empty_strided_cpu((96, 112), (112, 1), torch.float32)
extern_kernels.mm(a, b, out=x)
y = x; del x  # reuse
extern_kernels.addmm(bias, a, b, alpha=1, beta=1, out=y)
first = reinterpret_tensor(y, (1, 112), (112, 1), 0)
extern_kernels.mm(b, a, out=y)
whole = empty_strided_cpu((96, 224), (224, 1), torch.float32)
part = reinterpret_tensor(whole, (96, 112), (224, 1), 0)
extern_kernels.mm(a, b, out=part)
other = empty_strided_cpu((96, 112), (112, 1), torch.float32)
perhaps_the_same = torch.ops.aten.some.default(other)
extern_kernels.mm(a, b, out=other)
extern_kernels.mm(a, b, out=outer)
extern_kernels.mm(a, b, out=an_input)
extern_kernels.bmm(a, b, out=whole)
"""


def test_only_where_no_other_name_has_a_part_of_the_memory():
    tree = ast.parse(CODE)
    found = [ast.unparse(line) for line in take_new_results(tree.body, {"outer"})]
    assert [line for line in found if "new_" in line] == [
        "x = extern_kernels.new_mm(a, b, out=x)",
        "y = extern_kernels.new_addmm(bias, a, b, alpha=1, beta=1, out=y)",
    ]
    changed = [line.split(" = ", 1)[-1].replace(".new_", ".") for line in found if "new_" in line]
    kept = [line for line in found if "new_" not in line]
    assert sorted(changed + kept) == sorted(ast.unparse(line) for line in tree.body)


@pytest.mark.skipif(not products.prefers_onednn(), reason="torch multiplies by itself")
def test_a_new_result_is_the_copied_one_and_has_the_layout_that_was_asked_for():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(*s, generator=generator) for s in ((96, 128), (128, 112)))
    row, matrix = b[0].clone(), torch.randn(96, 112, generator=generator)
    for turned in (False, True):
        place = torch.empty(112, 96).t() if turned else torch.empty(96, 112)
        for given, new, copied in (
            ((a, b), products.new_mm, products.mm),
            ((row, a, b), products.new_addmm, products.addmm),
            ((matrix, a, b), products.new_addmm, products.addmm),
        ):
            found = new(*given, out=place)
            assert found.stride() == place.stride() and (found is place) == turned
            assert torch.equal(found, copied(*given, out=torch.empty(96, 112)))
