"""Every decision about an alarm: what an error changes, whether a post is due and to whom, what follows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from exporters.alarm.contract import Alarm
from wedsync_core.clock import format_timestamp

KEEP_ALIVE = timedelta(seconds=60)
"""How often a lasting alarm is posted again: well before the `endsAt` it was given."""
LASTS = timedelta(minutes=5)
"""`endsAt` is this far ahead of each post: should we fall silent, Alertmanager ends the alarm by itself."""
FIRST_RETRY = timedelta(seconds=0.5)
LAST_RETRY = timedelta(seconds=15)
QUARANTINE = timedelta(minutes=15)
"""A refused alarm is offered again this often while its errors keep coming: the fault may be mended meanwhile."""


class State(StrEnum):
    """Of an alarm."""

    ACTIVE = "active"
    QUARANTINED = "quarantined"
    """Every Alertmanager refuses it as it is."""
    ENDED = "ended"


class Step(StrEnum):
    """What is to be done with an alarm now."""

    WAIT = "wait"
    POST = "post"
    END = "end"


class Outcome(StrEnum):
    """What became of a post at one Alertmanager; also the label of the counter."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """It understood, and will never take this alarm."""
    UNREACHABLE = "unreachable"
    """No answer, or one that says nothing about the alarm: trying again can help."""


@dataclass(frozen=True)
class AlarmRow:
    """An alarm as it is kept."""

    group_key: str
    region: str
    state: State
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    severity_rank: int
    starts_at: datetime
    last_error_at: datetime
    errors: int
    untaken_since: datetime | None
    """Since when no Alertmanager has taken the present labels; None once one has."""
    round_at: datetime | None
    """When every Alertmanager was last posted to."""
    outstanding: tuple[str, ...]
    """The Alertmanagers that have not taken that post."""
    attempts: int
    next_at: datetime
    last_problem: str | None = None
    over_at: datetime | None = None
    """Since when its errors are known to be over; silence alone does not tell that."""


@dataclass(frozen=True)
class Due:
    """A step with its reason, and for a post the Alertmanagers it goes to."""

    step: Step
    reason: str
    targets: tuple[str, ...] = ()


def opened(alarm: Alarm, errors: int, now: datetime) -> AlarmRow:
    """Return the row of an alarm that begins now; it is due at once. It never starts in the future."""
    return AlarmRow(
        group_key=alarm.group_key,
        region=alarm.region,
        state=State.ACTIVE,
        labels=alarm.labels,
        annotations=alarm.annotations,
        severity_rank=alarm.severity_rank,
        starts_at=min(alarm.occurred_at, now),
        last_error_at=now,
        errors=errors,
        untaken_since=now,
        round_at=None,
        outstanding=(),
        attempts=0,
        next_at=now,
    )


def on_errors(row: AlarmRow, alarm: Alarm, errors: int, now: datetime) -> tuple[AlarmRow, bool]:
    """Return the row after more errors of its group, and whether a post has become due because of them.

    An alarm that ended, or is known to be over, begins anew. A graver error replaces the labels, which makes it
    another alert to Alertmanager: due at once. A milder one changes nothing: no alarm gets quieter while it lasts.
    """
    if row.state is State.ENDED or row.over_at is not None:
        return opened(alarm, errors, now), True
    more = replace(row, last_error_at=max(row.last_error_at, now), errors=row.errors + errors)
    if alarm.severity_rank <= row.severity_rank:
        return more, False
    graver = opened(alarm, more.errors, now)
    return replace(graver, starts_at=min(row.starts_at, graver.starts_at)), True


def next_step(row: AlarmRow, urls: Sequence[str], now: datetime) -> Due:
    """Return what to do with an alarm now.

    One that no Alertmanager has taken is posted however old it is: nobody has been told.
    """
    if row.state is State.ENDED:
        return Due(Step.WAIT, "ended")
    if now < row.next_at:
        return Due(Step.WAIT, "not_due")
    if row.state is State.QUARANTINED and (row.over_at is not None or now - row.last_error_at >= LASTS):
        return Due(Step.END, "refused_and_no_more_errors")
    if row.over_at is not None and row.untaken_since is None:
        return _ending(row, row.over_at, urls, now)
    left = tuple(url for url in urls if url in row.outstanding)
    if left and row.round_at is not None and now - row.round_at < KEEP_ALIVE:
        return Due(Step.POST, "retry_the_rest", left)
    return Due(Step.POST, "keep_alive" if row.untaken_since is None else "not_taken_yet", tuple(urls))


def _ending(row: AlarmRow, over_at: datetime, urls: Sequence[str], now: datetime) -> Due:
    if now - over_at >= LASTS:
        return Due(Step.END, "expired_at_alertmanager")
    left = tuple(url for url in urls if url in row.outstanding)
    return Due(Step.POST, "over", left or tuple(urls))


def over(row: AlarmRow, now: datetime) -> AlarmRow:
    """Return the row of a live alarm whose errors are known to be over: its end is due to be told at once."""
    return replace(row, over_at=now, next_at=now, outstanding=(), attempts=0)


def after_post(row: AlarmRow, due: Due, outcomes: Mapping[str, Outcome], now: datetime, problem: str = "") -> AlarmRow:
    """Return the row after a post: taken when at least one Alertmanager took it, the unreachable ones retried."""
    whole_round = due.reason != "retry_the_rest"
    round_at = now if whole_round or row.round_at is None else row.round_at
    left = tuple(url for url in due.targets if outcomes[url] is Outcome.UNREACHABLE)
    accepted = Outcome.ACCEPTED in outcomes.values()
    row = replace(row, round_at=round_at, outstanding=left, last_problem=problem[:500] or None)
    if accepted:
        row = replace(row, state=State.ACTIVE, untaken_since=None)
    if due.reason == "over":
        return replace(row, state=State.ENDED) if not left else _again(row, now)
    if left:
        attempts = row.attempts + 1
        retry_at = now + backoff(attempts)
        keep_alive_at = round_at + KEEP_ALIVE
        # While somebody has it, the retries of the rest must not put off the next post to all.
        at = min(retry_at, keep_alive_at) if row.untaken_since is None else retry_at
        return replace(row, attempts=attempts, next_at=at)
    if row.untaken_since is not None:
        return replace(row, state=State.QUARANTINED, attempts=0, next_at=now + QUARANTINE)
    return replace(row, attempts=0, next_at=round_at + KEEP_ALIVE)


def _again(row: AlarmRow, now: datetime) -> AlarmRow:
    return replace(row, attempts=row.attempts + 1, next_at=now + backoff(row.attempts + 1))


def backoff(attempts: int) -> timedelta:
    """Return the pause after the failed attempt of this number (from 1): half a second, doubling, to 15 s."""
    return min(FIRST_RETRY * float(2 ** min(attempts - 1, 10)), LAST_RETRY)


def payload(row: AlarmRow, now: datetime) -> dict[str, Any]:
    """Return the alarm as `POST /api/v2/alerts` takes it."""
    plural = "report" if row.errors == 1 else "reports"
    description = row.annotations.get("description", "")
    counted = f"{row.errors} {plural} since {format_timestamp(row.starts_at)}"
    return {
        "labels": dict(row.labels),
        "annotations": {**row.annotations, "description": f"{description} ({counted})" if description else counted},
        "startsAt": format_timestamp(row.starts_at),
        "endsAt": format_timestamp(now + LASTS if row.over_at is None or row.untaken_since else row.over_at),
    }
