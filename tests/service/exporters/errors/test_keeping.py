"""Counts stay exact while rows are let go."""

from datetime import timedelta
from pathlib import Path

from tests.cast import TUESDAY
from tests.error_desk import ErrorDesk, harmless, lost_photo, open_error_desk
from wedsync_core.settings.errors import ErrorRetention, ErrorSettings, StormSettings

DAY = 86_400


def test_a_storm_keeps_its_first_its_latest_and_a_spread_and_counts_them_all(tmp_path: Path, database_url: str) -> None:
    storms = StormSettings(first=5, latest=5, spread=10, after=timedelta(minutes=1))
    url = ["http://127.0.0.1:9"]
    with open_error_desk(tmp_path, database_url, TUESDAY, url, settings=ErrorSettings(storms=storms)) as desk:
        for _ in range(4):
            desk.report({"errors": [harmless(user_context={"user_id": number}) for number in range(25)]})
            desk.clock.advance(seconds=30)
        desk.clock.advance(seconds=60)
        desk.keeper.turn()
        assert desk.metric("wedsync_error_rows_pruned_total", {"kind": "storm"}) == 80
        told = desk.get("?limit=200")
        assert (told["total"], len(told["errors"])) == (100, 20)
        assert (told["groups"][0]["count"], told["groups"][0]["users"]) == (100, 25)


def test_old_rows_go_and_what_is_lost_stays(tmp_path: Path, database_url: str) -> None:
    retention = ErrorRetention(occurrences=timedelta(days=3), minutes=timedelta(days=2), users=timedelta(days=3))
    url = ["http://127.0.0.1:9"]
    with open_error_desk(tmp_path, database_url, TUESDAY, url, settings=ErrorSettings(retention=retention)) as desk:
        desk.report(lost_photo(upload_id="u-1", user_context={"user_id": 1}))
        desk.clock.advance(seconds=4 * DAY)
        desk.report(harmless(user_context={"user_id": 2}))
        desk.keeper.turn()
        for _ in range(3):  # a bounded piece of each kind a turn
            desk.clock.advance(seconds=600)
            desk.keeper.turn()
        week = desk.get("?timeRange=7d&groupBy=service")
        assert {entry["key"]: entry["count"] for entry in week["groups"]} == {"photos": 1, "timeline": 1}
        assert [error["report"]["service"] for error in week["errors"]] == ["timeline"]
        assert desk.get("/uploads")["lost"] == 1
        for kind in ("occurrences", "counts", "users"):
            assert (desk.metric("wedsync_error_rows_pruned_total", {"kind": kind}) or 0) > 0, kind


def test_what_waits_to_be_counted_is_counted_once_by_whoever_comes_first(saturday_desk: ErrorDesk) -> None:
    desk = saturday_desk
    desk.report()
    desk.clock.advance(seconds=9)
    assert desk.metric("wedsync_error_counting_behind_seconds") == 9
    assert desk.keeper.counting.turn() == 1
    assert desk.metric("wedsync_error_counting_behind_seconds") == 0
    assert desk.keeper.counting.turn() == 0
    assert desk.get()["total"] == 1


def test_trends_tell_what_is_new_and_what_groups_share(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    desk.report({"errors": [harmless(release="2.0.0", user_agent=str(n)) for n in range(60)]})
    desk.clock.advance(seconds=2 * DAY)
    firefox = {"browser": "Firefox 127"}
    broken = [lost_photo(error_type=f"E{n % 2}", release="2.1.0", tags=firefox) for n in range(40)]
    desk.report({"errors": [*broken, *(harmless(release="2.0.0", tags={"browser": "Chrome"}) for _ in range(60))]})
    told = desk.get("/trends?timeRange=24h")
    assert sum(bucket["errors"] for bucket in told["series"]) == 100
    assert [(one["service"], one["release"]) for one in told["newInRelease"]] == [("photos", "2.1.0")]
    assert len(told["newInRelease"][0]["groups"]) == 2
    found = {(one["trait"], one["value"]): one for one in told["patterns"]}
    assert {("release", "2.1.0"), ("browser", "firefox")} <= found.keys()
    release = found["release", "2.1.0"]
    assert (release["support"], release["share"], len(release["groups"])) == (40, 1.0, 2)
    assert release["lift"] > 2
    assert desk.get("?timeRange=24h")["correlations"]
