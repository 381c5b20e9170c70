"""What is told of stored errors."""

from tests.error_desk import ErrorDesk, harmless, lost_photo


def fill(desk: ErrorDesk) -> None:
    desk.report({"errors": [lost_photo(user_context={"user_id": n % 2}, release="7") for n in range(3)]})
    desk.clock.advance(seconds=600)
    desk.report({"errors": [harmless(), harmless(error_type="IconMissing", user_context={"user_id": 9})]})


def test_errors_are_counted_by_type_the_most_frequent_first(saturday_desk: ErrorDesk) -> None:
    fill(saturday_desk)
    told = saturday_desk.get()
    assert (told["timeRange"], told["groupBy"], told["total"]) == ("24h", "error_type", 5)
    assert told["groups"] == [
        {
            "key": "PhotoLost",
            "count": 3,
            "users": 2,
            "bySeverity": {"critical": 3},
            "firstSeenAt": "2026-06-13T14:00:00.000Z",
            "lastSeenAt": "2026-06-13T14:00:00.000Z",
        },
        {
            "key": "IconMissing",
            "count": 2,
            "users": 1,
            "bySeverity": {"low": 2},
            "firstSeenAt": "2026-06-13T14:10:00.000Z",
            "lastSeenAt": "2026-06-13T14:10:00.000Z",
        },
    ]
    assert told["weddingContext"]["london"]["isWeekend"] is True
    assert told["weddingContext"]["sydney"]["isWeddingSeason"] is False


def test_a_time_range_and_a_severity_narrow_it(saturday_desk: ErrorDesk) -> None:
    fill(saturday_desk)
    assert saturday_desk.get("?timeRange=5m")["total"] == 2
    critical = saturday_desk.get("?severity=critical&groupBy=severity")
    assert [(group["key"], group["count"]) for group in critical["groups"]] == [("critical", 3)]
    assert saturday_desk.get("?severity=medium")["groups"] == []


def test_every_way_of_grouping(saturday_desk: ErrorDesk) -> None:
    fill(saturday_desk)
    expected = {
        "severity": {"critical": 3, "low": 2},
        "level": {"api": 3, "frontend": 2},
        "service": {"photos": 3, "timeline": 2},
        "type": {"data_loss": 3, "error": 2},
        "region": {"london": 3, None: 2},
        "release": {"7": 3, None: 2},
        "route": {None: 5},
        "group": {"1": 3, "2": 2},
    }
    for by, counts in expected.items():
        groups = saturday_desk.get(f"?groupBy={by}")["groups"]
        assert {group["key"]: group["count"] for group in groups} == counts, by


def test_the_latest_errors_come_in_pages(saturday_desk: ErrorDesk) -> None:
    fill(saturday_desk)
    seen, query = [], "?limit=2"
    for _ in range(3):
        page = saturday_desk.get(query)
        seen += [error["report"]["error_type"] for error in page["errors"]]
        query = f"?limit=2&cursor={page['next']}"
    assert seen == ["IconMissing"] * 2 + ["PhotoLost"] * 3
    assert page["next"] is None


def test_an_error_is_shown_with_the_reasons_for_its_severity(saturday_desk: ErrorDesk) -> None:
    saturday_desk.report(message="for priya@mail.example", user_context={"email": "priya@mail.example"})
    error = saturday_desk.get()["errors"][0]
    assert error["decision"]["rule"] == "wedding_workflow_on_wedding_day"
    assert error["decision"]["inputs"]["calendar"]["london"]["is_weekend"] is True
    assert error["report"]["message"] == "for [REDACTED]"
    assert error["report"]["user_context"] == {"email": "[REDACTED]"}
    assert error["report"]["user"].startswith("p1_")


def test_groups_come_latest_first_in_pages(saturday_desk: ErrorDesk) -> None:
    for number in range(5):
        saturday_desk.report(harmless(error_type=f"E{number}"))
        saturday_desk.clock.advance(seconds=0.0005)
    saturday_desk.report(harmless(error_type="E1"))
    seen, query = [], "?limit=2"
    for _ in range(3):
        page = saturday_desk.get(f"/groups{query}")
        seen += [group["errorType"] for group in page["groups"]]
        query = f"?limit=2&cursor={page['next']}".replace("+", "%2B")
    assert seen == ["E1", "E4", "E3", "E2", "E0"]


def test_a_group_tells_why_its_errors_are_one_and_how_bad_it_was(tuesday_desk: ErrorDesk) -> None:
    tuesday_desk.report(release="6")
    tuesday_desk.clock.advance(seconds=4 * 86_400)  # Saturday
    tuesday_desk.report(release="7")
    tuesday_desk.clock.advance(seconds=3 * 86_400)
    group_id = tuesday_desk.report().get_json()["groupId"]
    group = tuesday_desk.get(f"/groups/{group_id}")
    assert (group["severity"], group["occurrences"]) == ("critical", 3)
    assert (group["firstRelease"], group["lastRelease"]) == ("6", "7")
    assert group["grouping"]["reason"] == "message_without_stack"
    assert group["title"] == "PhotoLost: photo 812 of album 99 is gone"
    assert [error["severity"] for error in group["errors"]] == ["high", "critical", "high"]
