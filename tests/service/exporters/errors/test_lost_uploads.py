"""The ledger of uploads nobody can take again."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.cast import TUESDAY
from tests.error_desk import ErrorDesk, lost_photo, open_error_desk
from wedsync_core.season import Wedding
from wedsync_core.web.auth import Role


def lose(desk: ErrorDesk, upload: str, wedding: str = "priya-tom", **members: Any) -> None:
    told = desk.report(lost_photo(upload_id=upload, user_context={"wedding_id": wedding}, **members))
    assert told.status_code == 201


def recover(desk: ErrorDesk, upload: str, role: Role = Role.INGEST, **order: Any) -> Any:
    return desk.call("POST", f"/uploads/{upload}/recovered", role, json=order)


def test_what_is_lost_is_listed_until_it_is_safe(saturday_desk: ErrorDesk) -> None:
    desk = saturday_desk
    for number in range(3):
        lose(desk, f"u-{number}", "priya-tom" if number else "ana-li")
        desk.clock.advance(seconds=60)
    told = desk.get("/uploads")
    assert [upload["uploadId"] for upload in told["uploads"]] == ["u-0", "u-1", "u-2"]
    assert (told["lost"], told["weddingsWithLosses"], told["next"]) == (3, 2, None)
    assert desk.metric("wedsync_error_uploads_lost", {"region": "london"}) == 3
    assert desk.metric("wedsync_error_uploads_lost_weddings", {"region": "london"}) == 2
    assert desk.metric("wedsync_error_uploads_lost_oldest_seconds") == 180
    safe = recover(desk, "u-1", reason="sent again from the telephone").get_json()
    assert (safe["recovered"], safe["wasLost"], safe["status"]) == (True, True, "recovered")
    assert [upload["uploadId"] for upload in desk.get("/uploads?weddingId=priya-tom")["uploads"]] == ["u-2"]
    assert [upload["uploadId"] for upload in desk.get("/uploads?status=recovered")["uploads"]] == ["u-1"]
    assert desk.metric("wedsync_error_uploads_lost", {"region": "london"}) == 2
    assert recover(desk, "u-1").get_json()["wasLost"] is False
    assert desk.metric("wedsync_error_uploads_recovered_total") == 1


def test_a_report_that_comes_late_does_not_lose_it_again_and_a_new_failure_does(saturday_desk: ErrorDesk) -> None:
    desk = saturday_desk
    failed_at = desk.clock.now().isoformat()
    desk.clock.advance(seconds=60)
    assert recover(desk, "u-9").get_json()["wasLost"] is False
    desk.clock.advance(seconds=60)
    lose(desk, "u-9", timestamp=failed_at)
    assert desk.get("/uploads")["lost"] == 0
    assert desk.get("/uploads/u-9")["status"] == "recovered"
    lose(desk, "u-9")
    told = desk.get("/uploads/u-9")
    assert (told["status"], told["failures"], told["weddingId"]) == ("lost", 2, "priya-tom")


def test_the_ledger_comes_in_pages(saturday_desk: ErrorDesk) -> None:
    desk = saturday_desk
    desk.report({"errors": [lost_photo(upload_id=f"u-{number}") for number in range(5)]})
    seen, query = [], "/uploads?limit=2"
    for _ in range(3):
        page = desk.get(query)
        seen += [upload["uploadId"] for upload in page["uploads"]]
        query = f"/uploads?limit=2&cursor={page['next']}"
    assert seen == [f"u-{number}" for number in range(5)]


def test_who_may_say_so(saturday_desk: ErrorDesk) -> None:
    lose(saturday_desk, "u-1")
    assert recover(saturday_desk, "u-1", Role.VIEWER).status_code == 403
    assert recover(saturday_desk, "u-1", Role.RESPONDER).status_code == 200
    assert saturday_desk.call("GET", "/uploads/never-seen").status_code == 404


def test_a_group_tells_whom_it_hurts_and_a_near_wedding_raises_it(tmp_path: Path, database_url: str) -> None:
    soon = Wedding("priya-tom", "Europe/London", TUESDAY + timedelta(hours=20), TUESDAY + timedelta(hours=30), "london")
    later = Wedding("ana-li", "Europe/London", TUESDAY + timedelta(days=9), TUESDAY + timedelta(days=9.5), "london")
    with open_error_desk(tmp_path, database_url, TUESDAY, ["http://127.0.0.1:9"], weddings=[soon, later]) as desk:
        plain = desk.report(lost_photo(upload_id="u-1", wedding_id="ana-li", user_context={"id": 1})).get_json()
        near = desk.report(lost_photo(upload_id="u-2", wedding_id="priya-tom", user_context={"id": 2})).get_json()
        assert (plain["severity"], near["severity"]) == ("high", "critical")
        assert "an affected wedding begins in 20.0 h" in near["reasons"][-1]
        impact = desk.get(f"/groups/{plain['groupId']}")["impact"]
        assert (impact["affectedUsers"], impact["workflows"], impact["uploadsLost"]) == (2, ["photo_upload"], 2)
        assert impact["weddings"]["named"] == [
            {"weddingId": "ana-li", "hoursToStart": 216.0},
            {"weddingId": "priya-tom", "hoursToStart": 20.0},
        ]
        assert (impact["weddings"]["within72h"], impact["weddings"]["nearestHours"]) == (1, 20.0)
        desk.clock.advance(seconds=2 * 3600)
        assert desk.get(f"/groups/{plain['groupId']}?timeRange=1h")["impact"]["affectedUsers"] == 0
