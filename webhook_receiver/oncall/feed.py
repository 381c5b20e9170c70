"""The shifts as an iCalendar feed (RFC 5545), for phones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import icalendar

from webhook_receiver.oncall.schedule import Assigned, Span
from wedsync_core.settings import Person

AHEAD: Final = timedelta(days=200)
"""More than six months: people plan holidays by it."""
BEHIND: Final = timedelta(days=14)
_REFRESH: Final = timedelta(hours=1)


def calendar_feed(
    resolved: Mapping[str, Iterable[Span]], people: Mapping[str, Person], person: str | None, now: datetime
) -> bytes:
    """Return the calendar of the shifts that touch two weeks back to ``AHEAD``, of ``person`` or of all.

    ``resolved`` has each schedule's spans, far enough both ways that no event is cut: then an event keeps its UID, made
    of schedule, person and start, for as long as it stays as it is.
    """
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//WedSync Monitoring//On call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "WedSync on call" if person is None else f"WedSync on call: {people[person].name}")
    calendar.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for schedule, found in resolved.items():
        for span in found:
            if span.ends_at <= now - BEHIND or span.starts_at >= now + AHEAD:
                continue
            for assigned in span.assigned:
                if person in (None, assigned.person):
                    calendar.add_component(_event(schedule, span, assigned, people[assigned.person].name, now))
    return bytes(calendar.to_ical())


def _event(schedule: str, span: Span, assigned: Assigned, name: str, now: datetime) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", f"{schedule}-{assigned.person}-{span.starts_at:%Y%m%dT%H%M%SZ}@wedsync-on-call")
    event.add("dtstamp", now)
    event.add("dtstart", span.starts_at)
    event.add("dtend", span.ends_at)
    event.add("summary", f"On call: {name} ({schedule})")
    event.add("description", assigned.because)
    # On call is no meeting: it must not show people as busy.
    event.add("transp", "TRANSPARENT")
    return event
