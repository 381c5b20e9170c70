"""A desk on a Saturday in June, and one on a Tuesday in January, on both databases, beside an Alertmanager."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cast import SATURDAY, TUESDAY
from tests.error_desk import ErrorDesk, open_error_desk
from tests.fakes import FakeAlertmanager


@pytest.fixture
def tables_of() -> str:
    return "exporters"


@pytest.fixture
def alertmanager() -> Iterator[FakeAlertmanager]:
    with FakeAlertmanager() as alertmanager:
        yield alertmanager


@pytest.fixture
def saturday_desk(tmp_path: Path, database_url: str, alertmanager: FakeAlertmanager) -> Iterator[ErrorDesk]:
    with open_error_desk(tmp_path, database_url, SATURDAY, [alertmanager.url]) as desk:
        yield desk


@pytest.fixture
def tuesday_desk(tmp_path: Path, database_url: str, alertmanager: FakeAlertmanager) -> Iterator[ErrorDesk]:
    with open_error_desk(tmp_path, database_url, TUESDAY, [alertmanager.url]) as desk:
        yield desk
