import pytest

from patients import coarser, scenario
from perspect.io.templates import icbm_2009a
from perspect.phantom import virtual_patient


@pytest.fixture(scope="session")
def standard():
    return icbm_2009a()


@pytest.fixture(scope="session")
def template(standard):
    """At 2 mm: an eighth of the voxels."""
    return coarser(standard, 2)


@pytest.fixture(scope="session")
def patient(template):
    return virtual_patient(scenario("high-grade-glioma"), template, 3)


@pytest.fixture(scope="session")
def coarse_patient(standard):
    """At 3 mm, for scans on coarse grids."""
    return virtual_patient(scenario("high-grade-glioma"), coarser(standard, 3), 3)
