"""What requests add up to."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from exporters.errors.classification import Surroundings, judge
from exporters.errors.cleaning import CleanReport, clean
from exporters.errors.contract import ErrorReport
from exporters.errors.tally import DAY, DIMENSIONS, HOUR, MINUTE, Judged, entries_of, fold, micros
from exporters.errors.tally_store import Window
from exporters.errors.traits import browser_of, role_of, third_party_of, upload_of, wedding_of
from exporters.errors.trending import window_of
from tests.cast import SATURDAY
from tests.error_desk import REGIONS, lost_photo
from wedsync_core.season import WeddingIndex, facts
from wedsync_core.severity import SeveritySettings

AGENTS = {
    "safari": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1",
    "chrome": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "edge": "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0",
    "firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "samsung": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 SamsungBrowser/25.0 Chrome/121.0 Safari/537.36",
    "other": "curl/8.5.0",
}


def report(**members: Any) -> CleanReport:
    return clean(ErrorReport(**lost_photo(**members)), event_id="0" * 32, now=SATURDAY, pseudonym_key=b"k")


def judged(group: int = 7, **members: Any) -> Judged:
    cleaned = report(**members)
    calendar = facts(SATURDAY, REGIONS, WeddingIndex())
    surroundings = Surroundings(frozenset(), frozenset())
    limits = SeveritySettings()
    decision = judge(cleaned, affected_users=1, calendar=calendar, surroundings=surroundings, limits=limits)
    return Judged(cleaned, group, decision)


@pytest.mark.parametrize(("family", "agent"), AGENTS.items())
def test_the_family_of_a_browser(family: str, agent: str) -> None:
    assert browser_of(report(request_data={"headers": {"User-Agent": agent}})) == family
    assert browser_of(report(request_data={"user_agent": agent})) == family


def test_a_browser_by_name_and_none_at_all() -> None:
    assert browser_of(report(tags={"browser": "Firefox 127"})) == "firefox"
    assert browser_of(report(contexts={"browser": {"name": "Mobile Safari"}})) == "safari"
    assert browser_of(report()) == ""


def test_roles_are_a_closed_set() -> None:
    for told, role in {"Photographer": "supplier", "bride": "couple", "couple": "couple", "king": "other"}.items():
        assert role_of(report(user_context={"role": told})) == role
    assert role_of(report()) == "other"


def test_what_a_report_names() -> None:
    named = report(upload_id="u-812", user_context={"wedding_id": "priya-tom"}, tags={"dependency": "stripe"})
    assert (upload_of(named), wedding_of(named), third_party_of(named)) == ("u-812", "priya-tom", "stripe")
    assert third_party_of(report(level="third_party", service="stripe")) == "stripe"
    assert (upload_of(report()), wedding_of(report()), third_party_of(report())) == ("", "", "")


def test_equal_reports_make_one_entry() -> None:
    many = [judged(user_context={"user_id": number % 3}) for number in range(100)]
    (entry,) = entries_of(many)
    assert (entry["n"], len(entry["u"])) == (100, 3)
    assert entry["d"]["wedding_context"] == "weekend"
    assert len(entries_of([judged(), judged(release="8"), judged(group=8)])) == 3


def test_everything_is_counted_once_in_each_resolution_and_dimension() -> None:
    moments = [SATURDAY + timedelta(seconds=37 * number) for number in range(50)]
    folded = fold([(at, entries_of([judged(user_context={"user_id": number})])) for number, at in enumerate(moments)])
    for resolution in (MINUTE, HOUR, DAY):
        for dimension in DIMENSIONS:
            rows = {key: row for key, row in folded.counts.items() if key[:2] == (dimension, resolution)}
            assert sum(errors for errors, _, _ in rows.values()) == 50
            assert min(first for _, first, _ in rows.values()) == micros(moments[0])
            assert max(last for _, _, last in rows.values()) == micros(moments[-1])
            assert all(key[2] % resolution == 0 for key in rows)
    assert len({user for dimension, _, user in folded.users if dimension == "group"}) == 50


def test_an_upload_is_only_lost_when_the_report_is_about_uploads_or_lost_data() -> None:
    def lost(**members: Any) -> int:
        return len(fold([(SATURDAY, entries_of([judged(**members)]))]).uploads)

    assert lost(upload_id="u-1") == 1
    assert lost(upload_id="u-1", type="service_failure") == 1
    assert lost(upload_id="u-1", type="error", affects=["payment"]) == 0
    assert lost() == 0


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_a_window_is_made_of_the_coarsest_pieces_that_fit_and_covers_all() -> None:
    window = Window(seconds("2026-06-11T22:58"), seconds("2026-06-13T14:01"))
    pieces = list(window.pieces())
    assert [resolution for resolution, _, _ in pieces] == [MINUTE, HOUR, DAY, HOUR, MINUTE]
    assert (pieces[0][1], pieces[-1][2]) == (window.since, window.until)
    assert all(before[2] == after[1] for before, after in pairwise(pieces))
    assert [*Window(0, 60).pieces()] == [(MINUTE, 0, 60)]


def test_a_window_goes_back_to_what_is_kept() -> None:
    kept = {"minutes_kept": timedelta(days=3), "hours_kept": timedelta(days=92)}
    now = SATURDAY + timedelta(minutes=31, seconds=7)
    for span, step in ((timedelta(days=2), MINUTE), (timedelta(days=30), HOUR), (timedelta(days=100), DAY)):
        window = window_of(now - span, now, **kept)
        assert window.since % step == 0
        assert 0 <= (now - span).timestamp() - window.since < step
        assert window.until == seconds("2026-06-13T14:32")
