"""The whole engine against a slow oracle: whatever happens in whatever order, the right people are told, once a step.

The oracle knows the wedding_day policy as the specification states it and nothing of rows, leases or retries. It is
compared after every step with what the provider was handed, and at the end of every run once more after the dust has
settled: every page that was still wanted has arrived.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.cast import SATURDAY
from tests.fakes import FakeClock
from tests.receiver import Desk, alert, calendar_of, receiver_settings
from webhook_receiver.incidents import store
from webhook_receiver.notify.channels import ChannelError, Envelope
from wedsync_core.clock import parse_timestamp

pytestmark = pytest.mark.faults
# Ten thousand steps and more by `make faults`; a look at the same machine in every run.
EXAMPLES, STEPS = (52, 200) if int(os.environ.get("WEDSYNC_FAULT_RUNS", "1")) > 1 else (5, 40)

MINUTE = timedelta(minutes=1)
TICK = timedelta(seconds=30)
POLICY: tuple[tuple[timedelta, frozenset[str]], ...] = (
    (0 * MINUTE, frozenset({"noor", "ines"})),
    (5 * MINUTE, frozenset({"grace", "ines"})),
    (15 * MINUTE, frozenset({"noor", "ines", "grace", "tomasz"})),
)
REPEAT = 10 * MINUTE
EXPIRES = 30 * MINUTE
REOPEN_WINDOW = 5 * MINUTE
# Three causes that have nothing to do with each other, so that none is folded into another.
CAUSES = (("photos", "photo_upload"), ("payment", "payment"), ("timeline", "timeline"))

Page = tuple[str, int, int, str]
"""Incident, cycle, level, person."""


@dataclass
class Life:
    """What the oracle knows of one incident."""

    incident_id: str
    opened_at: datetime
    status: str = "open"
    level: int = 0
    cycle: int = 0
    due: datetime | None = None
    expires: datetime | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    wanted: set[Page] = field(default_factory=set)
    withdrawn: set[Page] = field(default_factory=set)

    def step(self, now: datetime) -> None:
        position = min(self.level, len(POLICY) - 1)
        self.level += 1
        self.wanted |= {(self.incident_id, self.cycle, self.level, person) for person in POLICY[position][1]}
        later = POLICY[self.level][0] - POLICY[position][0] if self.level < len(POLICY) else REPEAT
        self.status, self.due, self.expires = "open", now + later, None

    def begin(self, now: datetime) -> None:
        self.status, self.level, self.due, self.expires = "open", 0, now, None
        self.resolved_by = self.resolved_at = None

    def quiet(self) -> None:
        """Nobody is to be told any more: what has not gone out may stay or go."""
        self.withdrawn |= self.wanted
        self.due = self.expires = None

    def pass_to(self, now: datetime) -> None:
        if self.expires is not None and self.expires <= now:
            self.cycle += 1
            self.begin(now)
        if self.status == "open" and self.due is not None and self.due <= now:
            self.step(now)


class Engine(RuleBasedStateMachine):
    """Alerts come and go, people act, the provider fails, senders die, the receiver restarts."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="engine-"))
        shutil.copy(self.template, self.folder / "wedsync.db")
        self.clock = FakeClock(SATURDAY)
        self.lives: dict[int, Life] = {}
        self.firing: dict[int, bool] = dict.fromkeys(range(len(CAUSES)), False)
        self.handed: list[Envelope] = []
        """Every message that the provider took."""
        self.lost_senders = 0
        self.restarts = 0
        self.broken: Callable[[Envelope], None] | None = None
        self.desk = self._open()

    def _open(self) -> Desk:
        chosen = receiver_settings(self.folder, f"sqlite:///{self.folder / 'wedsync.db'}", {})
        desk = Desk(chosen, self.clock, calendar_of(chosen))
        desk.pager.answer = self._take
        return desk

    def _take(self, envelope: Envelope) -> None:
        if self.broken is not None:
            self.broken(envelope)
        self.handed.append(envelope)

    def teardown(self) -> None:
        try:
            self.broken = None
            owed = [(life, life.wanted - life.withdrawn) for life in self.lives.values()]
            # A lease, the longest pause between two tries, and a span of the pager's limit.
            self._pass(7 * MINUTE)
            for life, pages in owed:
                assert pages <= self._sent(life), f"never told: {sorted(pages - self._sent(life))}"
        finally:
            self.desk.receiver.stop()
            shutil.rmtree(self.folder)

    # What happens.

    @initialize()
    def the_watchdog_is_there(self) -> None:
        self.desk.alerts(alert("Watchdog", starts_at=SATURDAY, severity="none"))

    @rule(cause=st.sampled_from(range(len(CAUSES))))
    def fires(self, cause: int) -> None:
        # What begins at the very moment of its end would be doubted: it might be a peer's old news.
        self._pass(TICK)
        self.desk.alerts(self._alert(cause))
        self.desk.turn()
        now, life = self.clock.now(), self.lives.get(cause)
        again = self.firing[cause]
        self.firing[cause] = True
        if again and life is not None and life.status != "resolved":
            self._settle()
            return
        if again and life is not None:
            self._settle_after_a_hand()
            return
        recent = life is not None and life.resolved_at is not None and now - life.resolved_at < REOPEN_WINDOW
        if life is not None and recent and life.resolved_by == "alertmanager":
            life.cycle += 1
            life.begin(now)
        else:
            self.lives[cause] = self._new_life(cause)
        self._settle()

    @rule(cause=st.sampled_from(range(len(CAUSES))))
    def clears(self, cause: int) -> None:
        self.desk.alerts(self._alert(cause, ended=True))
        life = self.lives.get(cause)
        if self.firing[cause] and life is not None and life.status != "resolved":
            life.status, life.resolved_by, life.resolved_at = "resolved", "alertmanager", self.clock.now()
            life.quiet()
        self.firing[cause] = False
        self._settle()

    @precondition(lambda self: self._open_lives())
    @rule(data=st.data())
    def somebody_acknowledges(self, data: st.DataObject) -> None:
        life = data.draw(st.sampled_from(self._open_lives()))
        answer = self.desk.post(f"/incidents/{life.incident_id}/acknowledge", {"by": "noor"})
        assert answer.status_code == 200, answer.text
        life.status = "investigating"
        life.quiet()
        life.expires = self.clock.now() + EXPIRES
        self._settle()

    @precondition(lambda self: self._open_lives())
    @rule(data=st.data(), seen=st.sampled_from(["right", "old", "none"]))
    def somebody_escalates(self, data: st.DataObject, seen: str) -> None:
        life = data.draw(st.sampled_from(self._open_lives()))
        if seen == "old" and life.level == 0:
            return
        body = {} if seen == "none" else {"currentLevel": life.level - (seen == "old")}
        answer = self.desk.post(f"/incidents/{life.incident_id}/escalate", body).get_json()
        assert answer["repeated"] is (seen == "old")
        if seen != "old":
            life.step(self.clock.now())
        assert answer["escalationLevel"] == life.level
        self._settle()

    @precondition(lambda self: self._open_lives())
    @rule(data=st.data())
    def somebody_resolves(self, data: st.DataObject) -> None:
        life = data.draw(st.sampled_from(self._open_lives()))
        assert self.desk.post(f"/incidents/{life.incident_id}/resolve", {"by": "noor"}).status_code == 200
        life.status, life.resolved_by, life.resolved_at = "resolved", "noor", self.clock.now()
        life.quiet()
        self._settle()

    @rule(ticks=st.sampled_from([1, 2, 7, 10, 20, 33]))
    def time_passes(self, ticks: int) -> None:
        self._pass(ticks * TICK)

    @rule(kind=st.sampled_from(["refuses for now", "heals"]))
    def the_provider(self, kind: str) -> None:
        def refuses(_envelope: Envelope) -> None:
            raise ChannelError("the provider answered 503", permanent=False)

        self.broken = None if kind == "heals" else refuses
        self._settle()

    @rule()
    def a_sender_dies_with_its_claims(self) -> None:
        """Another process claims what is due, and is killed: its leases have to run out."""
        self.lost_senders += 1
        self.desk.receiver.delivery._claim({"pager": 4, "console": 4})

    @rule()
    def the_receiver_restarts(self) -> None:
        self.restarts += 1
        self.desk.receiver.stop()
        upstream = self.desk.upstream
        self.desk = self._open()
        self.desk.upstream.alertmanager.held.update(upstream.alertmanager.held)
        self.desk.upstream.prometheus.fires.update(upstream.prometheus.fires)
        self._settle()

    # What must hold.

    @invariant()
    def nobody_is_told_the_same_twice(self) -> None:
        keys = [envelope.idempotency_key for envelope in self.handed]
        assert len(keys) == len(set(keys))

    @invariant()
    def exactly_the_right_people_are_told(self) -> None:
        for life in self.lives.values():
            assert set(self._pages(life)) == life.wanted, f"incident {life.incident_id}"

    @invariant()
    def nothing_open_is_forgotten(self) -> None:
        for life in self.lives.values():
            shown = self.desk.get(f"/incidents/{life.incident_id}")
            assert shown["status"] == life.status
            if life.status == "open":
                assert life.due is not None
                assert parse_timestamp(shown["next_escalation_at"]) == life.due

    # How.

    def _alert(self, cause: int, *, ended: bool = False) -> dict[str, Any]:
        service, workflow = CAUSES[cause]
        now = self.clock.now()
        return alert(
            f"Failing{cause}",
            status="resolved" if ended else "firing",
            starts_at=now - timedelta(seconds=1) if ended else now,
            ends_at=now if ended else None,
            severity="critical",
            service=service,
            type="service_failure",
            affects=workflow,
            region="london",
        )

    def _new_life(self, cause: int) -> Life:
        known = {life.incident_id for life in self.lives.values()}
        service = CAUSES[cause][0]
        ids = [one["id"] for one in self.desk.get("/incidents/active") if one["service"] == service]
        (incident_id,) = set(ids) - known
        return Life(incident_id, self.clock.now(), due=self.clock.now())

    def _open_lives(self) -> list[Life]:
        return [life for life in self.lives.values() if life.status != "resolved"]

    def _pass(self, span: timedelta) -> None:
        for _ in range(span // TICK):
            self.clock.advance(TICK)
            self._settle()
            self._settle_after_a_hand()

    def _settle(self) -> None:
        self.desk.turn()
        for life in self.lives.values():
            life.pass_to(self.clock.now())

    def _settle_after_a_hand(self) -> None:
        """What a person resolved and still fires comes back after the window: at the next look upstream, not sooner."""
        for cause, life in self.lives.items():
            if life.resolved_by != "noor" or life.resolved_at is None or not self.firing[cause]:
                continue
            waited = self.clock.now() - life.resolved_at
            if self.desk.get(f"/incidents/{life.incident_id}")["status"] == "resolved":
                assert waited <= REOPEN_WINDOW + MINUTE, "it still fires, and everybody has forgotten it"
                continue
            assert waited >= REOPEN_WINDOW
            life.cycle += 1
            life.begin(self.clock.now())
            life.pass_to(self.clock.now())

    def _sent(self, life: Life) -> set[Page]:
        named = {
            (incident_id, envelope.person)
            for envelope in self.handed
            for incident_id in (envelope.page.incident_id, *(one.incident_id for one in envelope.page.incidents))
        }
        return {
            page
            for page, row in self._pages(life).items()
            if row.state == "sent" and (life.incident_id, row.person) in named
        }

    def _pages(self, life: Life) -> dict[Page, Any]:
        with self.desk.receiver.database.read() as transaction:
            rows = store.notifications_of(transaction, int(life.incident_id))
        return {
            (life.incident_id, *_cycle_and_level(row.idempotency_key), row.person): row
            for row in rows
            if row.channel == "pager"
        }


def _cycle_and_level(key: str) -> tuple[int, int]:
    """Read ``incident-7-cycle-1-level-2-noor-pager``."""
    parts = key.split("-")
    return int(parts[parts.index("cycle") + 1]), int(parts[parts.index("level") + 1])


def test_the_engine_does_what_the_oracle_says(tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("template")
    chosen = receiver_settings(folder, f"sqlite:///{folder / 'wedsync.db'}", {})
    Desk(chosen, FakeClock(SATURDAY), calendar_of(chosen)).receiver.stop()
    Engine.template = folder / "wedsync.db"
    run_state_machine_as_test(
        Engine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            # A run of fifty steps takes a second: shrinking one takes minutes, and the steps are printed anyway.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
