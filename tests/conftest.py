"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side; many threads on tiny layers are far slower than one

import hypothesis
import pytest

hypothesis.settings.register_profile("inorder", deadline=None)  # no test depends on how busy the machine is
hypothesis.settings.load_profile("inorder")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it are skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data of ../shared/data are not here")
    return SHARED_DATA
