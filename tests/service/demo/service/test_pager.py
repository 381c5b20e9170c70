"""The pager at the end of the chain."""

import json
from datetime import timedelta
from typing import Any

import pytest

from demo.service.signature import sign

KEY = b"a-signing-key-of-the-pager"
PAGE = json.dumps({"subject": "Uploads fail in London", "severity": "critical"}).encode()


def page(demo: Any, *, body: bytes = PAGE, key: str = "page-1", **changed: str) -> tuple[int, Any]:
    timestamp = str(int(demo.clock.now().timestamp()))
    headers = {
        "X-WedSync-Timestamp": timestamp,
        "X-WedSync-Signature": sign(KEY, timestamp, body),
        "Idempotency-Key": key,
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    with demo.client.post("/pager", data=body, headers=headers) as answer:
        return answer.status_code, answer.get_json()


def arrived(demo: Any) -> list[dict[str, Any]]:
    pages: list[dict[str, Any]] = demo.ask("GET", "/pager")[1]["pages"]
    return pages


def test_a_signed_page_is_kept_with_its_time_of_arrival(demo: Any) -> None:
    assert page(demo) == (200, {"received": True, "duplicate": False})
    (kept,) = arrived(demo)
    assert kept["content"]["subject"] == "Uploads fail in London"
    assert kept["arrived_at"] == "2026-06-13T14:00:00.000Z"
    assert kept["arrived_unix"] == demo.clock.now().timestamp()
    lines = (demo.settings.data_dir / "pages.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [kept]


def test_a_page_sent_again_is_kept_and_marked_as_a_duplicate(demo: Any) -> None:
    page(demo)
    demo.clock.advance(seconds=20)
    assert page(demo) == (200, {"received": True, "duplicate": True})
    assert page(demo, key="page-2") == (200, {"received": True, "duplicate": False})
    assert [one["duplicate"] for one in arrived(demo)] == [False, True, False]


def test_a_page_replayed_later_is_refused(demo: Any) -> None:
    timestamp = str(int(demo.clock.now().timestamp()))
    signature = sign(KEY, timestamp, PAGE)
    demo.clock.advance(timedelta(minutes=5, seconds=1))
    status, answer = page(demo, X_WedSync_Timestamp=timestamp, X_WedSync_Signature=signature)
    assert status == 401
    assert "five minutes" in answer["error"]
    fresh = str(int(demo.clock.now().timestamp()))
    assert page(demo, X_WedSync_Timestamp=fresh, X_WedSync_Signature=signature)[0] == 401
    assert arrived(demo) == []


def test_a_page_changed_on_the_way_is_refused(demo: Any) -> None:
    timestamp = str(int(demo.clock.now().timestamp()))
    signature = sign(KEY, timestamp, PAGE)
    assert page(demo, body=PAGE.replace(b"London", b"Sydney"), X_WedSync_Signature=signature)[0] == 401
    assert arrived(demo) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b"[" * 100_000])
def test_a_signed_page_that_is_no_object_is_refused(demo: Any, body: bytes) -> None:
    assert page(demo, body=body)[0] == 400


def test_a_page_needs_its_idempotency_key(demo: Any) -> None:
    assert page(demo, key="")[0] == 400
    assert page(demo, key="k" * 201)[0] == 400


def test_a_key_can_be_rotated_while_pages_come_in(demo: Any) -> None:
    demo.settings.pager_key_file.write_text("the-new-key a-signing-key-of-the-pager\n")
    assert page(demo)[0] == 200
    demo.settings.pager_key_file.write_text("the-new-key\n")
    assert page(demo)[0] == 401


def test_without_a_key_the_sender_is_told_to_come_back(demo: Any) -> None:
    demo.settings.pager_key_file.unlink()
    assert page(demo)[0] == 503


def test_alertmanagers_own_message_is_kept_when_the_receiver_is_down(demo: Any) -> None:
    alert = {"status": "firing", "labels": {"alertname": "ReceiverDown"}, "annotations": {}, "startsAt": "now"}
    message = {"version": "4", "receiver": "fallback", "status": "firing", "alerts": [{**alert, "extra": 1}] * 60}
    assert demo.ask("POST", "/pager/fallback", message)[0] == 200
    (kept,) = arrived(demo)
    assert kept["kind"] == "fallback"
    assert kept["content"]["alert_count"] == 60
    assert kept["content"]["alerts"] == [alert] * 50


@pytest.mark.parametrize("message", [[], "x", {"alerts": 7}, {"alerts": [1, None]}, {}])
def test_a_strange_message_breaks_nothing(demo: Any, message: object) -> None:
    assert demo.ask("POST", "/pager/fallback", message)[0] in (200, 400)


def test_the_list_is_bounded_and_the_file_has_all(demo: Any) -> None:
    for number in range(1_005):
        page(demo, key=f"page-{number}")
    assert len(demo.ask("GET", "/pager?limit=5000")[1]["pages"]) == 1_000
    assert [one["idempotency_key"] for one in demo.ask("GET", "/pager?limit=2")[1]["pages"]] == [
        "page-1003",
        "page-1004",
    ]
    assert len((demo.settings.data_dir / "pages.jsonl").read_text().splitlines()) == 1_005
