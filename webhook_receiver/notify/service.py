"""Acknowledge links: put into messages when they are sent, looked at, and used once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from webhook_receiver.notify import link_store as store
from webhook_receiver.notify.links import Grant, LinkRefused, judge, read, sign
from webhook_receiver.notify.metrics import LinkMetrics
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.settings import AcknowledgeLinks
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log
from wedsync_core.web.auth import TokenFileInvalid, token_values

PATH = "/a"
NOTE = "by the link in the message"

Acknowledge = Callable[[Transaction, Grant, str, datetime], object]
"""Acknowledges an incident as the person of a grant, with a note."""


@dataclass(frozen=True)
class Seen:
    """What a link shows. ``outcome`` is ``open``, ``acknowledged``, or why it can do nothing."""

    outcome: str
    grant: Grant | None = None
    incident: Any = None
    used_at: datetime | None = None


class Links:
    """Makes links and answers them. Without settings there are none, and every token is a forged one."""

    def __init__(
        self,
        settings: AcknowledgeLinks | None,
        *,
        base_url: str,
        database: Database,
        acknowledge: Acknowledge,
        clock: Clock,
        metrics: LinkMetrics,
    ) -> None:
        self._settings = settings
        self._base_url = base_url
        self._database = database
        self._acknowledge = acknowledge
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("notify")

    @property
    def expires(self) -> timedelta:
        """How long a link lives."""
        return self._settings.expires if self._settings else timedelta()

    def address(self, grant: Grant) -> str | None:
        """Return the link; None where there is no key: a message without a link is better than no message."""
        if self._settings is None:
            return None
        try:
            key = _keys(self._settings.key_file)[0]
        except (OSError, ValueError) as error:
            self._log.error("no_acknowledge_link", error=type(error).__name__)
            return None
        return f"{self._base_url}{PATH}/{sign(grant, key)}"

    def look(self, token: str) -> Seen:
        """Return what a link would do, and do nothing: previews of messages look at links too. Raises Unavailable."""
        with self._database.read() as transaction:
            seen = self._seen(transaction, token, self._clock.now())
        self._metrics.links.labels("shown" if seen.outcome == "open" else seen.outcome).inc()
        return seen

    def use(self, token: str) -> Seen:
        """Acknowledge, once; returns what came of it. Raises Unavailable."""
        now = self._clock.now()
        with self._database.write() as transaction:
            seen = self._seen(transaction, token, now)
            if seen.outcome == "open" and seen.grant is not None:
                if store.use(transaction, seen.grant, now):
                    self._acknowledge(transaction, seen.grant, NOTE, now)
                    seen = Seen("acknowledged", seen.grant, seen.incident, now)
                else:
                    seen = Seen("used", seen.grant, seen.incident)
        self._metrics.links.labels(seen.outcome).inc()
        return seen

    def _seen(self, transaction: Transaction, token: str, now: datetime) -> Seen:
        try:
            grant = read(token, self._live_keys(), now)
        except LinkRefused as refused:
            return Seen(refused.reason)
        incident = store.incident_of(transaction, grant)
        if incident is None:
            return Seen("forged")  # signed for a database that is no more
        use = store.find_use(transaction, grant.link_id)
        outcome = judge(grant, status=incident.status, cycle=incident.escalation_cycle, used=use is not None)
        return Seen(outcome, grant, incident, use.used_at if use else None)

    def _live_keys(self) -> tuple[bytes, ...]:
        if self._settings is None:
            return ()
        try:
            return _keys(self._settings.key_file)
        except (OSError, ValueError) as error:
            raise Unavailable("the key of acknowledge links cannot be read") from error


def _keys(path: Path) -> tuple[bytes, ...]:
    """Return the live keys, the one that signs first. Raises OSError and ValueError (TokenFileInvalid)."""
    return tuple(value.encode() for value in token_values(path.read_text(encoding="utf-8"), str(path)))


__all__ = ["NOTE", "PATH", "Acknowledge", "Links", "Seen", "TokenFileInvalid"]
