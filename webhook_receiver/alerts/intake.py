"""The order of steps for one message: keep it as it came, read it alert by alert, turn each into what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from webhook_receiver.alerts import store
from webhook_receiver.alerts.batches import Batches
from webhook_receiver.alerts.contract import WATCHDOG, NotUnderstood, Sighting, read_alert, read_message
from webhook_receiver.alerts.episode import Move, OpenEpisode, decide
from webhook_receiver.alerts.metrics import AlertMetrics
from webhook_receiver.correlation.service import Correlation
from webhook_receiver.incidents import store as incident_store
from webhook_receiver.incidents.classification import signal_of_alert
from webhook_receiver.incidents.incident import EventKind, Status
from webhook_receiver.incidents.service import Incidents, Report
from wedsync_core.clock import Clock
from wedsync_core.jsontext import parse_json
from wedsync_core.problems import Malformed, Unavailable
from wedsync_core.redaction import redact
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

ALERTS_PER_TRANSACTION = 500
"""A storm is worked off in pieces, so that a critical alert behind it waits for one piece and not for all."""
RETRY_AFTER = timedelta(seconds=2)
KEEP_MESSAGES = timedelta(days=2)
ACTOR = "alertmanager"
NO_INCIDENT = frozenset({"info", "none"})
"""Rule severities that are recorded as episodes and open nothing."""


MESSAGES_PER_TRANSACTION = 32
PATIENCE_SECONDS = 2.0
"""Trouble is told within this: Alertmanager then tries again by itself."""


@dataclass(frozen=True)
class Accepted:
    """What became of a message. ``changed``: something may be due now."""

    outcome: str
    alerts: int
    quarantined: int
    changed: bool = True


@dataclass(frozen=True)
class Heard:
    """A sighting and the group it came with, which is a hint and nothing more."""

    sighting: Sighting
    group_key: str


@dataclass(frozen=True)
class Reading:
    """A message as it came and as it was understood; ``problem`` is set when it was not."""

    body: bytes
    truncated_alerts: int = 0
    heard: Sequence[Heard] = ()
    refused: Sequence[tuple[int, str]] = ()
    problem: str | None = None

    @property
    def state(self) -> str:
        """What the message's row says once it has been processed."""
        return "done" if self.problem is None else "quarantined"


class AlertIntake:
    """Takes Alertmanager's messages. Once one is kept, it will be processed, whatever dies meanwhile."""

    def __init__(
        self,
        *,
        database: Database,
        incidents: Incidents,
        correlation: Correlation,
        clock: Clock,
        metrics: AlertMetrics,
    ) -> None:
        self._database = database
        self._incidents = incidents
        self._correlation = correlation
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("alerts")
        self._together = Batches(self._accept_together, most=MESSAGES_PER_TRANSACTION, patience=PATIENCE_SECONDS)

    def accept(self, body: bytes) -> Accepted:
        """Keep and process a message. Raises Unavailable when it could not be kept, so that it is sent again.

        Messages that come at the same time share a transaction, in which they are kept and processed.
        """
        reading = self._read(body, self._clock.now())
        if len(reading.heard) <= ALERTS_PER_TRANSACTION:
            try:
                return self._together.do(reading)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 -- whatever it is, the message must not be lost by it
                self._log.error("message_not_processed_at_once", exc_info=error)
        with self._database.write() as transaction:
            inbox_id = store.keep_message(transaction, body, self._clock.now())
        return self._process(inbox_id, reading)

    def _accept_together(self, readings: Sequence[Reading]) -> list[Accepted]:
        now = self._clock.now()
        # In one order over all messages: two replicas then never wait for each other's rows.
        heard = sorted((one for reading in readings for one in reading.heard), key=_order)
        with self._database.write() as transaction:
            for reading in readings:
                inbox_id = store.keep_message(transaction, reading.body, now, reading.state, reading.problem)
                self._set_aside(transaction, inbox_id, reading, now)
            changed = self._apply(transaction, heard, now)
        return [_accepted(reading, changed=changed) for reading in readings]

    def process_pending(self) -> int:
        """Process messages that were kept by a request that died; returns how many."""
        with self._database.read() as transaction:
            pending = store.pending_messages(transaction, self._clock.now() - RETRY_AFTER, limit=20)
        for inbox_id, body in pending:
            self._process(inbox_id, self._read(body, self._clock.now()))
        return len(pending)

    def forget_old_messages(self) -> int:
        """Delete processed messages older than ``KEEP_MESSAGES``; returns how many."""
        with self._database.write() as transaction:
            return store.forget_messages(transaction, self._clock.now() - KEEP_MESSAGES)

    def _read(self, body: bytes, now: datetime) -> Reading:
        try:
            message = read_message(parse_json(body))
        except (Malformed, NotUnderstood) as error:
            return Reading(body, problem=str(error))
        sightings, refused = self._read_alerts(message.alerts, now)
        heard = sorted((Heard(sighting, message.group_key) for sighting in sightings), key=_order)
        return Reading(body, message.truncated_alerts, heard, refused)

    def _process(self, inbox_id: int, reading: Reading) -> Accepted:
        now = self._clock.now()
        for piece in _pieces(reading.heard):
            with self._database.write() as transaction:
                self._apply(transaction, piece, now)
        with self._database.write() as transaction:
            self._set_aside(transaction, inbox_id, reading, now)
            store.finish_message(transaction, inbox_id, reading.state, reading.problem)
        return _accepted(reading, changed=True)

    def _set_aside(self, transaction: Transaction, inbox_id: int, reading: Reading, now: datetime) -> None:
        for position, problem in reading.refused:
            store.quarantine(transaction, inbox_id, position, problem, now)
        if reading.problem is not None:
            self._log.error("message_quarantined", inbox_id=inbox_id, problem=reading.problem)
        if reading.truncated_alerts:
            self._log.warning("message_truncated", inbox_id=inbox_id, missing=reading.truncated_alerts)

    def _read_alerts(self, alerts: Sequence[object], now: datetime) -> tuple[list[Sighting], list[tuple[int, str]]]:
        sightings: list[Sighting] = []
        refused: list[tuple[int, str]] = []
        for position, alert in enumerate(alerts):
            try:
                sightings.append(read_alert(alert, now))
            except NotUnderstood as error:
                refused.append((position, str(error)))
                self._log.error("alert_quarantined", position=position, problem=str(error))
        return sightings, refused

    def _apply(self, transaction: Transaction, piece: Sequence[Heard], now: datetime) -> bool:
        """Do what the sightings mean; returns whether that was more than seeing open episodes once more."""
        self._hold_places(transaction, piece)
        episodes = store.open_episodes(transaction, (heard.sighting.fingerprint for heard in piece))
        changed = False
        for heard in piece:
            sighting = heard.sighting
            self._metrics.received.labels("firing" if sighting.firing else "resolved").inc()
            if sighting.name == WATCHDOG:
                source = sighting.labels.get("prometheus", "prometheus")
                if sighting.firing:
                    store.see_watchdog(transaction, source, now)
                continue
            episode = episodes.get(sighting.fingerprint)
            move = decide(sighting, episode).move
            changed |= move in {Move.OPEN, Move.CLOSE}
            if move is Move.OPEN:
                opened = self._open(transaction, sighting, heard.group_key, now)
                if opened is not None:
                    episodes[sighting.fingerprint] = opened
            elif episode is not None and move is Move.SEE_AGAIN:
                self._see_again(transaction, sighting, episode, now)
            elif episode is not None and move is Move.CLOSE:
                self._close(transaction, sighting, episode, now)
                del episodes[sighting.fingerprint]
        return changed

    def _hold_places(self, transaction: Transaction, piece: Sequence[Heard]) -> None:
        """Before anything else is locked (see Correlation.hold), and only where an alert will be placed."""
        firing = {heard.sighting.fingerprint for heard in piece if heard.sighting.firing}
        if not self._database.is_sqlite and firing - store.open_fingerprints(transaction, firing):
            self._correlation.hold(transaction)

    def _open(self, transaction: Transaction, sighting: Sighting, group_key: str, now: datetime) -> OpenEpisode | None:
        clean = _redacted(sighting)
        episode_id = store.open_episode(transaction, clean, group_key, now)
        if episode_id is None:
            return None  # another replica opened it between our look and our write
        incident_id = None
        if sighting.labels.get("severity") not in NO_INCIDENT:
            incident_id = self._correlation.place(transaction, clean.fingerprint, _report(clean), now).incident_id
            store.join_incident(transaction, episode_id, incident_id)
            self._note(transaction, incident_id, EventKind.ALERT_FIRING, clean, now)
        return OpenEpisode(episode_id, incident_id, clean.starts_at, clean.labels, clean.annotations)

    def _see_again(self, transaction: Transaction, sighting: Sighting, episode: OpenEpisode, now: datetime) -> None:
        clean = _redacted(sighting)
        store.see_again(transaction, episode.episode_id, clean, now)
        changed = clean.annotations.get("summary") != episode.annotations.get("summary")
        if changed and episode.incident_id is not None:
            self._note(transaction, episode.incident_id, EventKind.ALERT_CHANGED, clean, now)

    def _close(self, transaction: Transaction, sighting: Sighting, episode: OpenEpisode, now: datetime) -> None:
        store.close_episode(transaction, episode.episode_id, sighting.ends_at, now)
        if episode.incident_id is None:
            return
        # The incident is held before its alerts are counted: two alerts that end at once must not each see the other.
        incident = self._incidents.held(transaction, episode.incident_id)
        self._note(transaction, episode.incident_id, EventKind.ALERT_RESOLVED, _redacted(sighting), now)
        if incident.status != Status.RESOLVED.value and not store.firing_in(transaction, episode.incident_id):
            note = "every alert of the incident has cleared"
            self._incidents.resolve(transaction, episode.incident_id, by=ACTOR, note=note, now=now)

    def _note(
        self, transaction: Transaction, incident_id: int, kind: EventKind, sighting: Sighting, now: datetime
    ) -> None:
        detail = {"alertname": sighting.name, "fingerprint": sighting.fingerprint, "summary": _summary(sighting)}
        incident_store.add_event(transaction, incident_id, kind, actor=ACTOR, now=now, detail=detail)


def _order(heard: Heard) -> tuple[bool, str]:
    """Critical first, for the storm; then one order for every replica. Of one alert, in the order they came."""
    return heard.sighting.labels.get("severity") != "critical", heard.sighting.fingerprint


def _accepted(reading: Reading, *, changed: bool) -> Accepted:
    if reading.problem is not None:
        return Accepted("quarantined", alerts=0, quarantined=0, changed=False)
    outcome = "quarantined" if reading.refused else "accepted"
    return Accepted(outcome, len(reading.heard) + len(reading.refused), len(reading.refused), changed)


def _pieces(heard: Sequence[Heard]) -> Iterator[Sequence[Heard]]:
    for start in range(0, len(heard), ALERTS_PER_TRANSACTION):
        yield heard[start : start + ALERTS_PER_TRANSACTION]


def _redacted(sighting: Sighting) -> Sighting:
    """Return the sighting with secrets and personal data taken out of its annotations and labels' values."""
    return Sighting(
        fingerprint=sighting.fingerprint,
        firing=sighting.firing,
        labels=cast("dict[str, str]", redact(dict(sighting.labels))),
        annotations=cast("dict[str, str]", redact(dict(sighting.annotations))),
        starts_at=sighting.starts_at,
        ends_at=sighting.ends_at,
        generator_url=sighting.generator_url,
    )


def _summary(sighting: Sighting) -> str:
    return sighting.annotations.get("summary") or sighting.name


def _report(sighting: Sighting) -> Report:
    return Report(
        title=_summary(sighting),
        description=sighting.annotations.get("description", ""),
        signal=signal_of_alert(sighting.labels),
        actor=ACTOR,
        auto_created=True,
        runbook_url=sighting.annotations.get("runbook_url", ""),
        labels=sighting.labels,
    )
