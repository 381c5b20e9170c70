"""What will be missing: which weddings are looked at, whom their policy tells, and that each weak spot is said once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.cast import SATURDAY
from tests.fakes import FakeClock
from webhook_receiver.oncall.lookahead import look_ahead, roles_told, wedding_day_roles, wedding_windows
from webhook_receiver.oncall.metrics import OnCallMetrics
from webhook_receiver.oncall.overrides import Overrides
from webhook_receiver.oncall.review import Reviewer
from webhook_receiver.oncall.schedule import Override
from webhook_receiver.oncall.service import OnCall
from wedsync_core.season import Region, Wedding, WeddingIndex
from wedsync_core.settings import Settings, settings_from_text
from wedsync_core.storage import Database
from wedsync_core.weddings.source import WeddingsInUse

SHIPPED = (Path(__file__).parents[4] / "wedsync.yml").read_text()
LONDON = Region("london", "Europe/London")
NOW = SATURDAY - timedelta(days=3)
PRIYA_AND_TOM = WeddingIndex(
    [Wedding("priya-tom", "Europe/London", SATURDAY - timedelta(days=1), SATURDAY - timedelta(hours=16), "london")]
)
"""On a Friday."""


def settings(**changes: str) -> Settings:
    return settings_from_text(SHIPPED, {f"WEDSYNC__{key}": value for key, value in changes.items()})


def days(index: WeddingIndex | None, *, fresh: bool) -> list[str]:
    return [f"{window.day:%a}" for window in wedding_windows(index, [LONDON], NOW, list_is_fresh=fresh)]


def test_a_fresh_list_is_believed_and_anything_less_adds_the_saturdays() -> None:
    assert days(PRIYA_AND_TOM, fresh=True) == ["Fri"]
    assert days(WeddingIndex(), fresh=True) == []
    assert days(PRIYA_AND_TOM, fresh=False) == ["Fri", "Sat", "Sat", "Sat", "Sat"]
    assert days(None, fresh=False) == days(None, fresh=True) == ["Sat"] * 4


def test_whom_a_critical_incident_on_a_wedding_day_tells_first_and_second() -> None:
    assert wedding_day_roles(settings()) == (
        "wedding_day",
        ["on_call_engineer", "platform_lead", "cto", "emergency_contacts"],
    )
    one_policy = settings(ESCALATION__ROUTES="[{policy: standard}]")
    assert wedding_day_roles(one_policy) == ("standard", ["on_call_engineer", "team_lead"])


def test_the_roles_that_policies_tell_are_each_named_once_and_everybody_is_none() -> None:
    assert roles_told(settings()) == [
        "on_call_engineer", "platform_lead", "cto", "emergency_contacts", "team_lead",
    ]  # fmt: skip


def empty_hours(chosen: Settings, now: datetime, *overrides: Override) -> dict[str, float]:
    found = look_ahead(chosen, overrides, (), now).empty_seconds
    return {role: seconds / 3600 for role, seconds in found.items() if seconds}


def test_how_much_of_the_next_day_a_role_is_empty() -> None:
    assert empty_hours(settings(), NOW) == {}
    assert empty_hours(settings(ROLES__CTO="[]"), NOW) == {"cto": 24}
    before_the_first_shift = datetime(2025, 1, 12, 21, 0, tzinfo=NOW.tzinfo)
    assert empty_hours(settings(), before_the_first_shift) == {"on_call_engineer": 12}
    stands_in = Override(1, "engineers", "ines", None, before_the_first_shift, NOW)
    assert empty_hours(settings(), before_the_first_shift, stands_in) == {}


class Weddings:
    """A list that a test changes."""

    def __init__(self) -> None:
        self.known: WeddingsInUse | None = None

    def __call__(self) -> WeddingsInUse | None:
        return self.known


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """One without any table: no override can be read."""
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    yield database
    database.close()


def reviewer(chosen: Settings, database: Database, weddings: Weddings) -> tuple[Reviewer, CollectorRegistry, FakeClock]:
    registry, clock = CollectorRegistry(), FakeClock(NOW)
    metrics = OnCallMetrics(registry, roles_told(chosen))
    on_call = OnCall(chosen, Overrides(database, clock, metrics), clock)
    made = Reviewer(settings=chosen, on_call=on_call, regions=[LONDON], weddings=weddings, clock=clock, metrics=metrics)
    return made, registry, clock


def test_each_weak_spot_is_said_once_and_again_only_after_it_was_mended(database: Database) -> None:
    alone = settings(ESCALATION__POLICIES__WEDDING_DAY__STEPS="[{after: 0s, roles: [on_call_engineer]}]")
    weddings = Weddings()
    watched, registry, clock = reviewer(alone, database, weddings)

    def said() -> list[tuple[Any, Any]]:
        with structlog.testing.capture_logs() as lines:
            watched.review()
        return [(line["kind"], line["place"]) for line in lines if line["event"] == "oncall_finding"]

    def uncovered(within: str) -> float | None:
        return registry.get_sample_value("wedsync_oncall_uncovered_windows", {"within": within})

    first = said()
    assert ("single_provider", "people.noor.contact") in first
    assert [place for kind, place in first if kind == "uncovered_wedding"] == [
        "2026-06-13", "2026-06-20", "2026-06-27", "2026-07-04",
    ]  # fmt: skip
    assert (uncovered("7d"), uncovered("30d")) == (1, 4)
    assert said() == []

    weddings.known = WeddingsInUse(PRIYA_AND_TOM, True, NOW, 1, 0, 0, None)
    assert said() == [("uncovered_wedding", "2026-06-12")], "the list has arrived: Friday counts, the Saturdays no more"
    assert (uncovered("7d"), uncovered("30d")) == (1, 1)
    weddings.known = None
    assert ("uncovered_wedding", "2026-06-20") in said()
    clock.advance(timedelta(hours=1))
    assert said() == []


def test_trouble_with_the_overrides_is_logged_once_and_counted_each_time(database: Database) -> None:
    watched, registry, clock = reviewer(settings(), database, Weddings())

    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            watched.review()
            clock.advance(timedelta(minutes=10))

    assert [line["event"] for line in lines if line["event"] != "oncall_finding"] == ["overrides_unreadable"]
    assert registry.get_sample_value("wedsync_oncall_override_read_failures_total") == 3
