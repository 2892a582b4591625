"""Shared by all tests: where foreign data lies, and clean surroundings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "logmon", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("logmon")

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that wait long: the others run beside them, and none is left alone."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture
def foreign_data() -> Path:
    """The folder of real recorded logs; tests that need it are skipped without it."""
    folder = Path(os.environ.get("LOGMON_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no foreign test data at {folder}; set LOGMON_TEST_DATA")
    return folder
