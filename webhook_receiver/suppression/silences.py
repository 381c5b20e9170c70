"""Alertmanager's silences, seen and made from an incident. The log says who silenced what and until when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from webhook_receiver.engine.reserving import Reservation
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
from wedsync_core.clock import Clock, format_timestamp, parse_timestamp
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

    def as_json(self) -> dict[str, Any]:
        """Return the answer to who asked for them."""
        return {"silenced": True, "silenceIds": list(self.silence_ids), "endsAt": self.ends_at}


@dataclass(frozen=True)
class Plan:
    """Silences about to be asked for: the matchers of each, and what they share."""

    wanted: Sequence[Sequence[Matcher]]
    starts_at: datetime
    ends_at: datetime
    by: str
    comment: str

    def found(self, matchers: Sequence[Matcher], known: Sequence[Silence]) -> str | None:
        """Return the silence that was made of some of its matchers before, if it still holds."""
        for one in known:
            same_words = (one.created_by, one.comment) == (self.by, self.comment)
            # Kept there in milliseconds.
            same_end = abs(one.ends_at - self.ends_at) < timedelta(seconds=1)
            if same_words and same_end and one.state != "expired" and set(one.matchers) == set(matchers):
                return one.silence_id
        return None

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        wanted = [[[one.name, one.value, one.is_regex, one.is_equal] for one in each] for each in self.wanted]
        times = {"starts_at": format_timestamp(self.starts_at), "ends_at": format_timestamp(self.ends_at)}
        return {"wanted": wanted, **times, "by": self.by, "comment": self.comment}

    @staticmethod
    def from_json(kept: Mapping[str, Any]) -> Plan:
        """Return what was kept."""
        wanted = [[Matcher(*one) for one in each] for each in kept["wanted"]]
        starts_at, ends_at = parse_timestamp(kept["starts_at"]), parse_timestamp(kept["ends_at"])
        return Plan(wanted, starts_at, ends_at, kept["by"], kept["comment"])


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

    def create(self, incident_id: int, asked: NewSilence, *, by: str, turn: Reservation | None = None) -> Made:
        """Silence an incident's alerts; raises NotFound, Invalid and Unavailable (some may have been made then).

        With a ``turn`` what it left undone is done: what was made before a crash is found at Alertmanager.
        """
        plan = self._old_plan(turn)
        try:
            known = self._known() if plan else []
            if plan is None:
                plan = self._plan(incident_id, asked, by)
                if turn is not None:
                    turn.write_plan(plan.as_json(), self._clock.now())
        except Exception:
            if turn is not None:
                turn.give_up(plan.as_json() if plan else None, self._clock.now())
            raise
        return self._carry_out(incident_id, plan, known, turn)

    def _carry_out(self, incident_id: int, plan: Plan, known: Sequence[Silence], turn: Reservation | None) -> Made:
        made: list[str] = []
        try:
            with _trouble_is_unavailable():
                for matchers in plan.wanted:
                    made.append(plan.found(matchers, known) or self._ask(matchers, plan))  # noqa: PERF401 -- each counts
        except Exception as error:
            # Noted now: who asks again with the key is told of all of them, who has none sees what there is.
            if made:
                self._note(incident_id, made, plan)
            if turn is not None:
                turn.give_up(plan.as_json() if made or isinstance(error, Unavailable) else None, self._clock.now())
            if isinstance(error, SourceRefused):
                raise _invalid("matchers", f"Alertmanager refused: {redact_text(str(error))}") from error
            raise
        answer = Made(tuple(made), format_timestamp(plan.ends_at))
        self._note(incident_id, made, plan, turn, answer)
        return answer

    def _ask(self, matchers: Sequence[Matcher], plan: Plan) -> str:
        return self._alertmanagers.create_silence(
            matchers, plan.starts_at, plan.ends_at, created_by=plan.by, comment=plan.comment
        )

    def _plan(self, incident_id: int, asked: NewSilence, by: str) -> Plan:
        if not timedelta() < asked.duration <= LONGEST:
            raise _invalid("duration", f"must be from 1s to {LONGEST.days}d")
        wanted = self._matchers(asked, self._alerts(incident_id))
        now = self._clock.now()
        return Plan(wanted, now, now + asked.duration, by, redact_text(asked.comment))

    def _old_plan(self, turn: Reservation | None) -> Plan | None:
        """Return what an earlier request with this key was about to make, unless it would be over by now."""
        if turn is None or turn.plan is None:
            return None
        plan = Plan.from_json(turn.plan)
        return plan if plan.ends_at > self._clock.now() else None

    def _known(self) -> Sequence[Silence]:
        with _trouble_is_unavailable():
            return self._alertmanagers.silences()

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

    def _note(
        self,
        incident_id: int,
        silence_ids: Sequence[str],
        plan: Plan,
        turn: Reservation | None = None,
        answer: Made | None = None,
    ) -> None:
        """Write to the incident's log, and the answer under its key in the same commit."""
        now = self._clock.now()
        detail = {
            "silence_ids": list(silence_ids),
            "comment": plan.comment,
            "ends_at": format_timestamp(plan.ends_at),
        }
        with self._database.write() as transaction:
            incidents.add_event(transaction, incident_id, EventKind.SILENCED, actor=plan.by, now=now, detail=detail)
            if turn is not None and answer is not None:
                turn.keep(transaction, answer.as_json(), now)


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
