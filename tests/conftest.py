"""Shapes and types in signatures are checked while the tests run; shared data are found beside the repository."""

import os
from pathlib import Path

# Tests run on all cores, a process on each: BLAS, which reads this when it is loaded, is to take no second one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from jaxtyping import install_import_hook

# Must come before the first import of perspect: the hook rewrites modules as they load.
_hook = install_import_hook("perspect", "tests_typecheck.check")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party reference data, which is no part of this project."""
    if not SHARED.is_dir():
        pytest.skip(f"third-party reference data are not here ({SHARED}); they are not part of this project")
    return SHARED
