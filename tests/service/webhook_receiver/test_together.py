"""A storm heard together leaves what it would have left alert by alert: the same rows, the same numbers, in order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.cast import SATURDAY
from tests.receiver import Desk, alert, open_desk
from webhook_receiver.alerts.processing import Processing
from webhook_receiver.alerts.together import Together
from webhook_receiver.schema import EPISODES, EVENTS, INCIDENT_SERVICES, INCIDENTS, NOTIFICATIONS

SERVICES = ("photos", "messaging", "payment", "booking", "payment_provider", "s3", "blog", "unknown", "x" * 300)
WORKFLOWS = ("photo_upload", "messaging", "payment", "", "photo_upload,payment", "wedding_workflows")
LEFT_OUT = {
    NOTIFICATIONS: {"fence", "lease_until", "finished_at", "state", "attempts", "bundle", "due_at", "hold"},
    EVENTS: {"id"},
}
"""What sending does to a page, in threads of its own; the numbers of log entries, whose order is compared."""


def messages(seed: int) -> list[list[dict[str, Any]]]:
    """What might come in four bursts: new alerts of few and of many causes, repeats, ends, two of one in a message."""
    dice = random.Random(seed)
    known: list[dict[str, Any]] = []
    bursts = []
    for _ in range(4):
        burst: list[dict[str, Any]] = []
        for number in range(dice.randrange(51, 70)):
            if known and dice.random() < 0.35:
                one = dict(dice.choice(known))
                if dice.random() < 0.3:
                    one |= {"status": "resolved", "endsAt": "2026-06-13T14:20:00Z"}
                elif dice.random() < 0.2:
                    one["annotations"] = {**one["annotations"], "summary": f"It says something else: {number}"}
            else:
                labels: dict[str, Any] = {
                    "service": dice.choice(SERVICES),
                    "affects": dice.choice(WORKFLOWS),
                    "severity": dice.choice(("critical", "warning", "warning", "info")),
                    "type": dice.choice(("service_failure", "performance_degradation")),
                    "region": dice.choice(("london", "sydney", "")),
                    "instance": str(dice.randrange(10_000)),
                }
                labels |= {"source": "ingest"} if dice.random() < 0.1 else {}
                labels |= {"dependency": "payment_provider"} if dice.random() < 0.05 else {}
                one = alert(starts_at=SATURDAY, summary=f"Number {number}", **labels)
                known.append(one)
            burst.append(one)
        bursts.append(burst)
    return bursts


def rows(desk: Desk) -> dict[str, list[dict[str, Any]]]:
    found = {}
    with desk.receiver.database.read() as transaction:
        for table in (INCIDENTS, EPISODES, INCIDENT_SERVICES, EVENTS, NOTIFICATIONS):
            out = LEFT_OUT.get(table, set())
            order = table.primary_key.columns
            shown = [column for column in table.columns if column.name not in out]
            found[table.name] = [dict(row._mapping) for row in transaction.execute(select(*shown).order_by(*order))]
    return found


def story(desk: Desk, seed: int) -> dict[str, list[dict[str, Any]]]:
    desk.watchdog_heard = False
    desk.pager.answer = desk.console.answer = lambda _envelope: None
    for position, burst in enumerate(messages(seed)):
        assert desk.late_alerts(*burst).status_code == 200
        processing = _processing(desk)
        while processing.busy:
            processing.process_pending()
        if position == 1:
            for incident in desk.get("/incidents/active")[:3]:
                assert desk.post(f"/incidents/{incident['id']}/acknowledge", {"by": "noor"}).status_code == 200
        desk.clock.advance(seconds=70)
    return rows(desk)


def _processing(desk: Desk) -> Processing:
    duty = next(one for one in desk.receiver.ticker._duties if one.name == "pending_messages")
    processing = duty.run.__self__  # type: ignore[attr-defined] # a bound method
    assert isinstance(processing, Processing)
    return processing


@contextmanager
def a_desk(folder: Path, url: str) -> Iterator[Desk]:
    folder.mkdir()
    with open_desk(folder, url, SATURDAY, {}) as desk:
        yield desk


@pytest.mark.parametrize("seed", range(3))
def test_together_is_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    with a_desk(tmp_path / "together", f"sqlite:///{tmp_path / 'together.db'}") as desk:
        together = story(desk, seed)
    with monkeypatch.context() as one_by_one:
        one_by_one.setattr(Together, "_gather", lambda *_: False)
        with a_desk(tmp_path / "alone", f"sqlite:///{tmp_path / 'alone.db'}") as desk:
            alone = story(desk, seed)

    assert len(together["incidents"]) > 10
    for table, expected in alone.items():
        assert together[table] == expected, table
