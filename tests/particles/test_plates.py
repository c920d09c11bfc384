"""The plate over data, in small traces."""

import pyro
import pytest

from pyrovae.errors import PlateError
from pyrovae.particles.plates import batch_axis, nesting
from tests.particles.small_pairs import normal, sites_of


def test_nesting_is_the_leftmost_plate():
    def program():
        normal("outside")
        with pyro.plate("a", 2, dim=-1), pyro.plate("b", 3, dim=-4):
            normal()

    sites = sites_of(program)
    assert nesting(site for _, _, site in sites) == 4
    assert nesting([]) == 0


class TestBatchAxis:
    def test_one_plate(self):
        def program():
            with pyro.plate("data", 3, dim=-2):
                normal()

        assert batch_axis(sites_of(program), "auto") == (-2, 3)
        assert batch_axis(sites_of(program), "data") == (-2, 3)
        assert batch_axis(sites_of(program), None) == (None, 1)

    def test_nested_plates_do_not_compete(self):
        def program():
            with pyro.plate("data", 3, dim=-1):
                normal("g")
                with pyro.plate("members", 2, dim=-2):
                    normal("z")

        assert batch_axis(sites_of(program), "auto") == (-1, 3)
        with pytest.raises(PlateError, match="site 'g' of the model is outside plate 'members'"):
            batch_axis(sites_of(program), "members")

    def test_the_particle_plate_is_not_over_data(self):
        def program():
            with pyro.plate("num_particles_vectorized", 5, dim=-2), pyro.plate("data", 3, dim=-1):
                normal()

        assert batch_axis(sites_of(program), "auto") == (-1, 3)

    def test_errors_name_the_site(self):
        def program():
            normal("lonely")
            with pyro.plate("data", 3):
                normal("a")
                normal("b")

        with pytest.raises(PlateError, match="site 'lonely' of the guide is outside plate 'data'"):
            batch_axis(sites_of(program, "guide"), "auto")
        with pytest.raises(PlateError, match="in no plate"):
            batch_axis(sites_of(normal), "auto")
        with pytest.raises(PlateError, match="no sample sites"):
            batch_axis([], "auto")

    def test_sizes_that_differ(self):
        def program(size):
            with pyro.plate("data", size):
                normal()

        both = sites_of(lambda: program(3), "guide") + sites_of(lambda: program(4))
        with pytest.raises(PlateError, match="site 'z' of the model.*size 4.*size 3 of 3"):
            batch_axis(both, "auto")

    def test_subsamples_that_differ(self):
        """Equal minibatches of unequal data sets: the scales would differ."""

        def program(size):
            with pyro.plate("data", size, subsample_size=2):
                normal()

        both = sites_of(lambda: program(4), "guide") + sites_of(lambda: program(8))
        with pytest.raises(PlateError, match="size 2 of 8.*size 2 of 4"):
            batch_axis(both, "auto")
