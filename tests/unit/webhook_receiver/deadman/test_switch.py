"""When the silence of the Watchdog has lasted too long."""

from datetime import datetime, timedelta

import pytest

from tests.cast import SATURDAY
from webhook_receiver.deadman.switch import judge_silence

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
    switch = judge_silence(seen, at(started), at(now), LATE_AFTER)
    assert (switch.late, switch.reason) == (late, reason)
