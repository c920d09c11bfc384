"""Names of objectives in a table, and copies that draw one by one."""

from pyro.infer import Trace_ELBO

from pyrovae.evaluate.compared_objectives import all_drawing, drawing, unique_names
from pyrovae.objectives import IWAE
from pyrovae.objectives.pyro_loss import as_objective


def test_names():
    assert as_objective(IWAE(3)).row_name == "IWAE(num_particles=3)"
    assert as_objective(Trace_ELBO(3)).row_name == "Trace_ELBO(num_particles=3)"
    names = unique_names([IWAE(2), IWAE(3), IWAE(2), IWAE(2)])
    assert [name.partition(" ")[2] for name in names] == ["", "", "#2", "#3"]


def test_one_by_one_is_asked_of_a_copy():
    own = IWAE(3)
    assert drawing(own, True) is own
    other = drawing(own, False)
    assert own.vectorize_particles and not other.vectorize_particles
    by_name = all_drawing({"a": own}, False)
    assert not by_name["a"].vectorize_particles
    assert not all_drawing([own], False)[0].vectorize_particles
