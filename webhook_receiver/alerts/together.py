"""Hear many sightings in one transaction: what is remembered is read once, plain moves are gathered and written once.

A storm is almost all of two moves: an alert that never fired before, and one that fires still. Everything else, and
what correlation does not find plain, goes by itself (``service``) in its turn: what was gathered is written before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from webhook_receiver.alerts import episode_store as store
from webhook_receiver.alerts.contract import WATCHDOG, Sighting
from webhook_receiver.alerts.episode import Decision, Heard, Move, Remembered, decide
from webhook_receiver.alerts.service import Episodes, Told, alert_named, recorded_only, redacted, report_of
from webhook_receiver.correlation.crowd import Crowd
from webhook_receiver.incidents.incident import EventKind
from webhook_receiver.incidents.service import Report
from wedsync_core.storage import Transaction


@dataclass(frozen=True)
class _Expected:
    """An alert that never fired before, as it may be stored, and what it would report."""

    clean: Sighting
    report: Report


class Together:
    """The sightings of one transaction, heard in order. ``write`` ends it."""

    def __init__(self, transaction: Transaction, now: datetime, *, actor: str, episodes: Episodes) -> None:
        self._transaction = transaction
        self._now = now
        self._actor = actor
        self._episodes = episodes
        self._known: dict[str, Remembered] = {}
        self._expected: dict[str, _Expected] = {}
        self._crowd: Crowd | None = None
        self._opened: list[store.NewEpisode] = []
        self._seen_again: dict[str, int] = {}
        self._stale: set[str] = set()
        """Fingerprints whose rows are no longer what is remembered here."""

    def meet(self, sightings: Iterable[Sighting]) -> None:
        """Read what is remembered of those to come, and hold it until the transaction ends."""
        met = [one for one in sightings if one.name != WATCHDOG]
        if not met:
            return
        self._known = store.remembered(self._transaction, {one.fingerprint for one in met})
        for one in met:
            if one.firing and one.fingerprint not in self._known and one.fingerprint not in self._expected:
                clean = redacted(one)
                self._expected[one.fingerprint] = _Expected(clean, report_of(clean, self._actor))

    def hear(self, sighting: Sighting, heard: Heard, group_key: str) -> Decision:
        """Do what a sighting means; returns what that was."""
        fingerprint = sighting.fingerprint
        if fingerprint in self._stale:
            self.write()
            self._stale.discard(fingerprint)
            self._known.update(store.remembered(self._transaction, [fingerprint]))
        known = self._known.get(fingerprint)
        decision = decide(sighting, known, heard)
        told = Told(self._actor, self._now, group_key, heard.at)
        if not self._gather(sighting, known, decision, told):
            self.write()
            self._episodes.apply(self._transaction, sighting, known, decision, told)
            self._stale.add(fingerprint)
        self._expected.pop(fingerprint, None)
        return decision

    def write(self) -> None:
        """Write what was gathered. Raises IntegrityError where another writer opened one of the alerts just now."""
        if self._crowd is not None:
            self._crowd.write()
            self._crowd = None
        store.open_episodes(self._transaction, self._opened)
        self._opened.clear()
        seen = [(self._known[fingerprint], times) for fingerprint, times in self._seen_again.items()]
        store.see_all_again(self._transaction, seen)
        self._seen_again.clear()

    def _gather(self, sighting: Sighting, known: Remembered | None, decision: Decision, told: Told) -> bool:
        if decision.move is Move.IGNORE:
            return True
        if decision.move is Move.OPEN and known is None:
            return self._open(sighting, decision.reason, told)
        if decision.move is Move.SEE_AGAIN and known is not None:
            return self._see_again(sighting, known, told)
        return False

    def _open(self, sighting: Sighting, reason: str, told: Told) -> bool:
        expected = self._expected.get(sighting.fingerprint)
        if expected is None:
            return False
        clean = expected.clean
        if recorded_only(clean):
            self._opened.append(store.NewEpisode(clean, told.group_key, told.seen_at))
        else:
            if self._crowd is None:
                self._crowd = self._episodes.crowd(self._transaction, self._now)
                self._crowd.meet({name: one.report for name, one in self._expected.items()})
            placed = self._crowd.place(clean.fingerprint, expected.report)
            if placed is None:
                return False
            detail = {**alert_named(clean.labels, clean.fingerprint, clean.annotations), "reason": reason}
            self._crowd.note(placed.draft, EventKind.ALERT_FIRING, told.actor, detail)
            why = {"reason": placed.place.reason, "sentence": placed.place.sentence}
            draft = placed.draft
            self._opened.append(store.NewEpisode(clean, told.group_key, told.seen_at, lambda: draft.number, why))
        self._stale.add(clean.fingerprint)
        return True

    def _see_again(self, sighting: Sighting, known: Remembered, told: Told) -> bool:
        if known.confirm_by is None and known.upstream != "active":
            return False
        clean = redacted(sighting)
        if known.confirm_by is None and known.incident_id is not None:
            renamed = clean.annotations.get("summary") != known.annotations.get("summary")
            if renamed or known.resolve_held_at is not None:
                return False
        self._known[known.fingerprint] = store.seen_again(known, clean, told.seen_at)
        self._seen_again[known.fingerprint] = self._seen_again.get(known.fingerprint, 0) + 1
        return True
