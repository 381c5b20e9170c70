"""When the silence of the Watchdog has lasted too long."""

from datetime import datetime, timedelta

import pytest

from tests.cast import SATURDAY
from webhook_receiver.deadman.switch import Asked, judge_silence

LATE_AFTER = timedelta(seconds=150)


def at(seconds: float) -> datetime:
    return SATURDAY + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("last_seen", "started", "now", "late", "reason"),
    [
        (0, -1000, 149, False, "heard"),
        (0, -1000, 150, True, "silent"),
        (None, 0, 149, False, "just_started"),
        (None, 0, 150, True, "never_seen"),
        # A restart after ten minutes of being down: what was heard before proves nothing.
        (-600, 0, 149, False, "just_started"),
        (-600, 0, 150, True, "silent"),
        # The wall clock was set back: what was heard lies in the future.
        (3600, 0, 10, False, "heard"),
    ],
)
def test_silence_counts_from_the_last_sighting_and_not_before_somebody_listened(
    last_seen: float | None, started: float, now: float, late: bool, reason: str
) -> None:
    seen = None if last_seen is None else at(last_seen)
    switch = judge_silence(seen, None, at(started), at(now), LATE_AFTER)
    assert (switch.late, switch.reason) == (late, reason)


@pytest.mark.parametrize(
    ("heard", "checked", "lost", "now", "reason"),
    [
        # All is well: news every minute, seen by a pass within half a minute.
        (0, 60, None, 90, "heard"),
        # Prometheus died at 0; Alertmanager goes on to repeat its Watchdog.
        (0, 120, 10, 129, "heard"),
        (0, 120, 10, 130, "prometheus_is_lost"),
        # It answers, and what it says no longer reaches Alertmanager.
        (0, 120, None, 149, "heard"),
        (0, 120, None, 150, "alertmanager_has_no_news"),
        # Only the receiver cannot reach it: Alertmanager still has news.
        (100, 120, 10, 140, "heard"),
        # Nobody has asked Alertmanager since: its silence is not known.
        (0, 30, None, 200, "heard"),
    ],
)
def test_what_alertmanager_repeats_by_itself_is_no_sign_of_life(
    heard: float, checked: float, lost: float | None, now: float, reason: str
) -> None:
    asked = Asked(at(heard), at(checked), None if lost is None else at(lost), timedelta(seconds=30))
    switch = judge_silence(at(now - 20), asked, at(-1000), at(now), LATE_AFTER)
    assert (switch.late, switch.reason) == (reason != "heard", reason)


def test_what_was_asked_before_a_restart_calls_nobody() -> None:
    asked = Asked(at(-600), at(-500), at(-590), timedelta(seconds=30))
    assert not judge_silence(at(0), asked, at(0), at(100), LATE_AFTER).late
