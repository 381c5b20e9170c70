"""Alertmanager's silences, seen and made from an incident. The log says who silenced what and until when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from webhook_receiver.incidents import store as incidents
from webhook_receiver.incidents.incident import EventKind
from webhook_receiver.sources.contract import (
    Alertmanagers,
    Matcher,
    Silence,
    SourceRefused,
    SourceUnavailable,
    UpstreamAlert,
)
from webhook_receiver.suppression import store
from webhook_receiver.suppression.contract import NewSilence
from webhook_receiver.suppression.rules import LONGEST
from wedsync_core.clock import Clock, format_timestamp
from wedsync_core.problems import FieldProblem, Invalid, NotFound, Unavailable
from wedsync_core.redaction import redact_text
from wedsync_core.storage import Database

MOST_SILENCES = 20
"""Made by one call: above it the caller must say by matchers what is meant."""


@dataclass(frozen=True)
class Made:
    """Silences just made."""

    silence_ids: tuple[str, ...]
    ends_at: str


class Silences:
    """Asks Alertmanager, outside of any transaction, and writes what came of it to the incidents' logs."""

    def __init__(self, *, database: Database, alertmanagers: Alertmanagers, clock: Clock) -> None:
        self._database = database
        self._alertmanagers = alertmanagers
        self._clock = clock

    def listed(self) -> Sequence[Silence]:
        """Return the silences that have not expired; raises Unavailable."""
        with _trouble_is_unavailable():
            return [silence for silence in self._alertmanagers.silences() if silence.state != "expired"]

    def of_incident(self, incident_id: int) -> Sequence[Silence]:
        """Return the silences that hold back an alert of an incident; raises NotFound and Unavailable."""
        fingerprints = set(self._alerts(incident_id))
        with _trouble_is_unavailable():
            held = [alert for alert in self._alertmanagers.alerts() if alert.fingerprint in fingerprints]
            wanted = {silence_id for alert in held for silence_id in alert.silenced_by}
            return [one for one in self._alertmanagers.silences() if one.silence_id in wanted]

    def create(self, incident_id: int, asked: NewSilence, *, by: str) -> Made:
        """Silence an incident's alerts; raises NotFound, Invalid and Unavailable (some may have been made then)."""
        if not timedelta() < asked.duration <= LONGEST:
            raise _invalid("duration", f"must be from 1s to {LONGEST.days}d")
        stored = self._alerts(incident_id)
        wanted = self._matchers(asked, stored)
        now = self._clock.now()
        ends_at = now + asked.duration
        comment = redact_text(asked.comment)
        made: list[str] = []
        try:
            with _trouble_is_unavailable():
                for matchers in wanted:
                    silence_id = self._alertmanagers.create_silence(
                        matchers, now, ends_at, created_by=by, comment=comment
                    )
                    made.append(silence_id)
        except SourceRefused as error:
            raise _invalid("matchers", f"Alertmanager refused: {redact_text(str(error))}") from error
        finally:
            if made:
                self._note(incident_id, made, by=by, detail={"comment": comment, "ends_at": format_timestamp(ends_at)})
        return Made(tuple(made), format_timestamp(ends_at))

    def expire(self, silence_id: str, *, by: str) -> None:
        """End a silence now; raises NotFound and Unavailable."""
        with _trouble_is_unavailable():
            known = {silence.silence_id for silence in self._alertmanagers.silences()}
            if silence_id not in known:
                raise NotFound("there is no silence of that id")
            held = [one.fingerprint for one in self._alertmanagers.alerts() if silence_id in one.silenced_by]
            try:
                self._alertmanagers.expire_silence(silence_id)
            except SourceRefused as error:
                raise NotFound("there is no silence of that id, or it has expired") from error
        now = self._clock.now()
        with self._database.write() as transaction:
            for incident_id in store.firing_incidents(transaction, held):
                kind, detail = EventKind.SILENCE_ENDED, {"silence_ids": [silence_id]}
                incidents.add_event(transaction, incident_id, kind, actor=by, now=now, detail=detail)

    def _alerts(self, incident_id: int) -> dict[str, Mapping[str, str]]:
        """Return the labels of an incident's firing alerts, as kept, by fingerprint."""
        with self._database.read() as transaction:
            if incidents.find_incident(transaction, incident_id) is None:
                raise NotFound(f"there is no incident {incident_id}")
            alerts = incidents.alerts_of(transaction, incident_id)
        return {row.fingerprint: row.labels for row in alerts if row.state == "firing"}

    def _matchers(self, asked: NewSilence, stored: Mapping[str, Mapping[str, str]]) -> list[list[Matcher]]:
        if asked.matchers is not None:
            return [[Matcher(one.name, one.value, one.is_regex, one.is_equal) for one in asked.matchers]]
        if not stored:
            raise _invalid("matchers", "no alert of the incident fires; say what is to be silenced")
        if len(stored) > MOST_SILENCES:
            detail = f"{len(stored)} alerts of the incident fire; say what is to be silenced by matchers"
            raise _invalid("matchers", detail)
        with _trouble_is_unavailable():
            upstream = {alert.fingerprint: alert for alert in self._alertmanagers.alerts()}
        # What is kept here was redacted; the labels that Alertmanager compares are its own.
        # Of each alert all its labels: what several have in common may be in common with strangers too.
        return [_equal(_labels(upstream.get(fingerprint), labels)) for fingerprint, labels in stored.items()]

    def _note(self, incident_id: int, silence_ids: Sequence[str], *, by: str, detail: Mapping[str, Any]) -> None:
        with self._database.write() as transaction:
            incidents.add_event(
                transaction,
                incident_id,
                EventKind.SILENCED,
                actor=by,
                now=self._clock.now(),
                detail={"silence_ids": list(silence_ids), **detail},
            )


def _labels(upstream: UpstreamAlert | None, kept: Mapping[str, str]) -> Mapping[str, str]:
    return upstream.labels if upstream is not None else kept


def _equal(labels: Mapping[str, str]) -> list[Matcher]:
    return [Matcher(name, value) for name, value in sorted(labels.items())]


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", FieldProblem(field, message))


@contextmanager
def _trouble_is_unavailable() -> Iterator[None]:
    try:
        yield
    except SourceUnavailable as error:
        raise Unavailable("Alertmanager does not answer right now; nothing more was changed there") from error
