"""All that uses give keeps the contract of results: texts, tables, files, pictures, copies."""

import pytest

from pyrovae import Result
from tests.apply.test_contract import USES, usual
from tests.result_contract import check_result

NO_PICTURE = {
    "decompress_file": "it is a file",
}

pytestmark = [
    pytest.mark.usefixtures("quick_chains"),
    pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning"),
    pytest.mark.filterwarnings("ignore::pyrovae.errors.ParticleAxisWarning"),
]


@pytest.mark.parametrize("name", USES)
def test_contract(name):
    found = usual(name)
    if not isinstance(found, Result):
        pytest.skip(f"gives a {type(found).__name__}")
    check_result(found, draws=name not in NO_PICTURE)
