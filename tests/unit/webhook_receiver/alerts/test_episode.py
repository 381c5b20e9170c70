"""What each sighting means for what is remembered of its fingerprint."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY
from webhook_receiver.alerts.contract import Sighting
from webhook_receiver.alerts.episode import Heard, IncidentState, Move, Remembered, decide

LABELS = {"alertname": "WorkflowFailing", "region": "london"}
NOW = SATURDAY + timedelta(minutes=10)
WINDOW = timedelta(minutes=5)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


FIRES = Sighting("abc", True, LABELS, {}, SATURDAY, None, "")
OVER = replace(FIRES, firing=False, ends_at=NOW)
CALM = IncidentState(grave=False, resolved_at=None, resolved_by=None)
GRAVE = replace(CALM, grave=True)
OPEN = Remembered(
    1, "abc", True, LABELS, {}, SATURDAY, (SATURDAY,), SATURDAY, ago(minutes=1), incident_id=1, incident=CALM
)
CLOSED = replace(OPEN, firing=False, ends_at=ago(minutes=1), resolved_at=ago(minutes=1), resolution="told")
JUST_CLOSED = replace(CLOSED, ends_at=ago(seconds=5), resolved_at=ago(seconds=5))
UNCONFIRMED = replace(OPEN, incident_id=None, incident=None, confirm_by=NOW)
HEARD = Heard(at=NOW, now=NOW, reopen_window=WINDOW)
CONFIRMED = replace(HEARD, confirmed=True)
PERSON = replace(CALM, resolved_at=ago(minutes=2), resolved_by="noor")
LONG_AGO = replace(PERSON, resolved_at=ago(minutes=6))
BY_US = replace(PERSON, resolved_by="alertmanager")


@pytest.mark.parametrize(
    ("seen", "known", "heard", "move", "reason"),
    [
        (FIRES, None, HEARD, Move.OPEN, "first_sighting"),
        (FIRES, OPEN, HEARD, Move.SEE_AGAIN, "still_firing"),
        (FIRES, replace(OPEN, resolve_held_at=NOW), HEARD, Move.SEE_AGAIN, "fires_while_its_end_is_doubted"),
        (FIRES, replace(OPEN, incident=PERSON), HEARD, Move.SEE_AGAIN, "resolved_by_a_person_lately"),
        (FIRES, replace(OPEN, incident=LONG_AGO), HEARD, Move.REOPEN_INCIDENT, "still_firing_after_resolution"),
        (FIRES, replace(OPEN, incident=BY_US), HEARD, Move.REOPEN_INCIDENT, "fires_in_a_resolved_incident"),
        (FIRES, replace(OPEN, incident=None), HEARD, Move.PLACE, "active_for_the_first_time"),
        (FIRES, replace(OPEN, incident=None, labels={"severity": "info"}), HEARD, Move.SEE_AGAIN, "recorded_only"),
        (FIRES, UNCONFIRMED, HEARD, Move.SEE_AGAIN, "still_unconfirmed"),
        (replace(FIRES, starts_at=NOW), UNCONFIRMED, HEARD, Move.PLACE, "began_anew"),
        (FIRES, UNCONFIRMED, CONFIRMED, Move.PLACE, "confirmed"),
        (FIRES, CLOSED, HEARD, Move.REOPEN, "fires_again_soon"),
        (FIRES, JUST_CLOSED, HEARD, Move.HOLD_BACK, "may_be_old_news"),
        (FIRES, JUST_CLOSED, CONFIRMED, Move.REOPEN, "fires_again_soon"),
        (replace(FIRES, starts_at=NOW), JUST_CLOSED, HEARD, Move.REOPEN, "fires_again_soon"),
        (FIRES, CLOSED, replace(HEARD, at=ago(minutes=2)), Move.HOLD_BACK, "heard_before_its_end"),
        (FIRES, replace(CLOSED, resolved_at=ago(minutes=5)), HEARD, Move.OPEN, "fires_again"),
        (FIRES, replace(CLOSED, resolution="missed"), HEARD, Move.OPEN, "fires_after_missed"),
        (FIRES, replace(CLOSED, incident=PERSON), HEARD, Move.OPEN, "fires_again_after_a_person_resolved"),
        (OVER, None, HEARD, Move.RECORD_END, "resolved_without_having_been_seen"),
        (OVER, CLOSED, HEARD, Move.IGNORE, "resolved_without_open_episode"),
        (replace(OVER, ends_at=ago(hours=1)), OPEN, HEARD, Move.IGNORE, "resolution_older_than_episode"),
        (
            replace(OVER, ends_at=ago(minutes=4)),
            replace(OPEN, starts_seen=(SATURDAY, ago(minutes=3))),
            HEARD,
            Move.IGNORE,
            "resolution_older_than_episode",
        ),
        (OVER, OPEN, HEARD, Move.CLOSE, "resolved"),
        (OVER, replace(OPEN, incident=GRAVE), HEARD, Move.HOLD_RESOLUTION, "grave_needs_evidence"),
        (OVER, OPEN, replace(HEARD, complete=False), Move.HOLD_RESOLUTION, "told_in_a_cut_message"),
        (OVER, OPEN, replace(HEARD, at=ago(minutes=2)), Move.HOLD_RESOLUTION, "older_than_the_last_sighting"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_sighting_means(seen: Sighting, known: Remembered | None, heard: Heard, move: Move, reason: str) -> None:
    decision = decide(seen, known, heard)

    assert (decision.move, decision.reason) == (move, reason)


moments = st.integers(-600, 600).map(lambda seconds: NOW + timedelta(seconds=seconds))
states = st.builds(IncidentState, st.booleans(), st.none() | moments, st.sampled_from(["noor", "alertmanager", None]))
remembered = st.builds(
    replace,
    st.just(OPEN),
    firing=st.booleans(),
    starts_at=moments,
    last_seen_at=moments,
    ends_at=st.none() | moments,
    resolved_at=st.none() | moments,
    confirm_by=st.none() | moments,
    resolve_held_at=st.none() | moments,
    incident=st.none() | states,
    resolution=st.sampled_from([None, "told", "missed", "old_news", "reconciled"]),
)
heards = st.builds(Heard, moments, moments, st.just(WINDOW), st.booleans(), st.booleans())


@given(remembered, heards, moments)
def test_no_firing_is_ever_dropped(known: Remembered, heard: Heard, starts_at: datetime) -> None:
    move = decide(replace(FIRES, starts_at=starts_at), known, heard).move

    assert move not in {Move.IGNORE, Move.CLOSE, Move.HOLD_RESOLUTION, Move.RECORD_END}
    if move is Move.HOLD_BACK:
        assert not known.firing, "only a word that may be older than the end of the last life waits to be confirmed"


@given(remembered, heards, st.none() | moments)
def test_no_word_alone_ends_what_is_critical(known: Remembered, heard: Heard, ends_at: datetime | None) -> None:
    critical = known.incident is not None and known.incident.grave and known.incident.resolved_at is None
    move = decide(replace(OVER, ends_at=ends_at), known, heard).move

    assert move in {Move.IGNORE, Move.CLOSE, Move.HOLD_RESOLUTION, Move.RECORD_END}
    assert not (critical and move is Move.CLOSE)
