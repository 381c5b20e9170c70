"""A provider that outlives what is killed, and how often each fault is tried."""

import os
from collections.abc import Iterator

import pytest

from tests.faults.figures import Figures
from tests.faults.provider import Provider


@pytest.fixture(scope="session")
def runs() -> int:
    """How often each fault is tried: once in the ordinary suite, ``WEDSYNC_FAULT_RUNS`` times by ``make faults``."""
    return int(os.environ.get("WEDSYNC_FAULT_RUNS", "1"))


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def figures() -> Figures:
    return Figures()
