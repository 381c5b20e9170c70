"""A desk on a Saturday in June, and one on a Tuesday in January, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cast import SATURDAY, TUESDAY
from tests.receiver import Desk, open_desk


@pytest.fixture
def tables_of() -> str:
    return "webhook_receiver"


@pytest.fixture
def saturday_desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with open_desk(tmp_path, database_url, SATURDAY, {}) as desk:
        yield desk


@pytest.fixture
def tuesday_desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with open_desk(tmp_path, database_url, TUESDAY, {}) as desk:
        yield desk
