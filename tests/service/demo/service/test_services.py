"""What WedSync's five services do when nothing is wrong."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from demo.service.platform import Platform
from demo.service.settings import DemoSettings
from tests.cast import SATURDAY
from tests.fakes import FakeClock

LONDON = {"region": "london", "wedding_id": "priya-and-tom"}
CONTENT = b"bytes of a photo that cannot be taken twice"


def photo(content: bytes = CONTENT) -> dict[str, Any]:
    encoded = base64.b64encode(content).decode()
    return {**LONDON, "photo_id": "first-kiss", "filename": "kiss.jpg", "content_base64": encoded}


def test_an_uploaded_photo_is_stored_and_can_be_read_back(demo: Any) -> None:
    status, stored = demo.ask("POST", "/photos/uploads", photo())
    assert (status, stored["checksum"]) == (201, hashlib.sha256(CONTENT).hexdigest())
    status, read = demo.ask("GET", "/photos/uploads/first-kiss?region=london")
    assert (status, read["checksum"], read["size"]) == (200, stored["checksum"], len(CONTENT))


def test_the_same_upload_again_is_the_same_photo_and_another_under_its_name_is_refused(demo: Any) -> None:
    first = demo.ask("POST", "/photos/uploads", photo())
    assert demo.ask("POST", "/photos/uploads", photo()) == first
    assert demo.ask("POST", "/photos/uploads", photo(b"another"))[0] == 409
    assert demo.attempts("photo_upload", "success") == 2
    assert demo.attempts("photo_upload", "failure") == 0


def test_messages_are_read_in_the_order_they_were_sent(demo: Any) -> None:
    path = "/messaging/weddings/priya-and-tom/messages"
    for number, words in enumerate(["Ten minutes away", "Here", "Where is the cake?"]):
        demo.clock.advance(seconds=60)
        sent = {"region": "london", "message_id": f"m{number}", "sender": "Amara", "text": words}
        assert demo.ask("POST", path, sent)[0] == 201
        assert demo.ask("POST", path, sent)[0] == 201  # a repeat is known as one
    _, read = demo.ask("GET", f"{path}?region=london")
    assert [message["text"] for message in read["messages"]] == ["Ten minutes away", "Here", "Where is the cake?"]


def test_a_payment_is_charged_once_by_the_provider(demo: Any) -> None:
    sent = {**LONDON, "payment_id": "deposit", "pence": 120_000}
    status, paid = demo.ask("POST", "/payment/payments", sent)
    assert status == 201
    assert paid["charge_id"].startswith("ch_")
    assert demo.ask("POST", "/payment/payments", sent) == (201, paid)
    status, read = demo.ask("GET", "/payment/payments/deposit?region=london")
    assert (status, read["pence"], read["charge"]) == (200, 120_000, paid["charge_id"])
    labels = {"service": "payment", "dependency": "payment_provider", "outcome": "success"}
    assert demo.platform.registry.get_sample_value("wedsync_dependency_requests_total", labels) == 1


def test_a_supplier_has_one_wedding_a_day(demo: Any) -> None:
    def book(booking: str, wedding: str) -> int:
        sent = {"region": "london", "wedding_id": wedding, "booking_id": booking}
        sent |= {"supplier_id": "okafor-photography", "day": "2026-06-13"}
        return int(demo.ask("POST", "/booking/bookings", sent)[0])

    assert book("one", "priya-and-tom") == 201
    assert book("one", "priya-and-tom") == 201
    assert book("two", "ana-and-lee") == 409
    assert demo.ask("GET", "/booking/suppliers/okafor-photography/days?region=london")[1] == {"taken": ["2026-06-13"]}
    # Saying "taken" is the service working.
    assert demo.attempts("booking", "failure") == 0
    assert demo.attempts("booking", "success") == 4


def test_a_timeline_is_kept_in_the_order_of_the_day(demo: Any) -> None:
    path = "/timeline/weddings/priya-and-tom/timeline"
    for entry, starts in [("dance", "21:00"), ("vows", "15:00"), ("dance", "20:30")]:
        sent = {"region": "london", "starts": starts, "what": entry}
        assert demo.ask("PUT", f"{path}/{entry}", sent)[0] == 201
    _, read = demo.ask("GET", f"{path}?region=london")
    assert [(entry["starts"], entry["what"]) for entry in read["timeline"]] == [("15:00", "vows"), ("20:30", "dance")]


@pytest.mark.parametrize("change", [{"region": "atlantis"}, {"region": None}, {"region": ["london"]}])
def test_a_venue_nowhere_is_refused_and_counts_as_no_attempt(demo: Any, change: dict[str, Any]) -> None:
    status, answer = demo.ask("POST", "/photos/uploads", {**photo(), **change})
    assert status == 400
    assert "region must be one of" in answer["error"]
    assert demo.attempts("photo_upload", "failure") == demo.attempts("photo_upload", "success") == 0


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/photos/uploads", []),
        ("POST", "/photos/uploads", {**LONDON, "photo_id": "x", "filename": "x", "content_base64": "???"}),
        ("POST", "/photos/uploads", {**LONDON, "photo_id": "../x", "filename": "x", "content_base64": "eA=="}),
        ("POST", "/photos/uploads", {**LONDON, "photo_id": "x", "filename": "\ud800", "content_base64": "eA=="}),
        ("POST", "/messaging/weddings/w/messages", {**LONDON, "message_id": "x", "sender": "A", "text": ""}),
        ("POST", "/messaging/weddings/%2e%20/messages", {**LONDON, "message_id": "x", "sender": "A", "text": "x"}),
        ("POST", "/payment/payments", {**LONDON, "payment_id": "x", "pence": 1.5}),
        ("POST", "/payment/payments", {**LONDON, "payment_id": "x", "pence": True}),
        ("POST", "/payment/payments", {**LONDON, "payment_id": "x", "pence": 10**30}),
        ("POST", "/booking/bookings", {**LONDON, "booking_id": "x", "supplier_id": "s", "day": "13 June"}),
        ("PUT", "/timeline/weddings/w/timeline/e", {**LONDON, "starts": "25:00", "what": "x"}),
        ("GET", "/photos/uploads/unknown", None),
        ("POST", "/provider/charges", "x"),
    ],
)
def test_nonsense_is_refused_politely(demo: Any, method: str, path: str, sent: object) -> None:
    status, answer = demo.ask(method, path, sent)
    assert status == 400
    assert answer["error"]


@pytest.mark.parametrize("path", ["/photos/uploads/unknown?region=london", "/nowhere", "/photos/nowhere"])
def test_what_is_not_there_is_a_404(demo: Any, path: str) -> None:
    assert demo.ask("GET", path)[0] == 404


def test_old_rows_are_forgotten_and_the_newest_kept(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.service.database.KEPT_ROWS", 3)
    for _ in range(5):
        demo.clock.advance(seconds=1)
        demo.do("photo_upload")
    assert demo.platform.upkeep._database.prune() == 2
    found = [demo.ask("GET", f"/photos/uploads/thing-{number}?region=london")[0] for number in range(1, 6)]
    assert found == [404, 404, 200, 200, 200]


def test_all_five_services_are_scraped_at_once_by_the_holder_of_the_token(tmp_path: Path) -> None:
    token = tmp_path / "viewer.token"
    token.write_text("a-token-for-prometheus\n")
    platform = Platform(DemoSettings(tmp_path, metrics_token_file=token), FakeClock(SATURDAY))
    client = platform.app.test_client()
    with client.get("/metrics") as refused:
        assert refused.status_code == 401
    with client.get("/photos/metrics") as nowhere:
        assert nowhere.status_code == 404
    with client.get("/metrics", headers={"Authorization": "Bearer a-token-for-prometheus"}) as scraped:
        for service in ("photos", "messaging", "payment", "booking", "timeline"):
            assert f'service="{service}"' in scraped.get_data(as_text=True)
    platform.stop()


def test_it_is_alive_and_says_what_it_is(demo: Any) -> None:
    assert demo.ask("GET", "/healthz") == (200, {"status": "ok"})
    assert "/photos" in demo.ask("GET", "/")[1]["services"]


def test_settings_come_from_the_environment_and_name_what_is_wrong(tmp_path: Path) -> None:
    found = DemoSettings.from_environment({"WEDSYNC_DATA_DIR": str(tmp_path), "WEDSYNC_DEMO_PORT": "9999"})
    assert (found.port, found.host, found.exporters_url) == (9999, "127.0.0.1", None)
    assert found.provider_url == "http://127.0.0.1:9999/provider/charges"
    with pytest.raises(ValueError, match="WEDSYNC_DATA_DIR"):
        DemoSettings.from_environment({})
    with pytest.raises(ValueError, match="WEDSYNC_DEMO_PORT"):
        DemoSettings.from_environment({"WEDSYNC_DATA_DIR": "x", "WEDSYNC_DEMO_PORT": "http"})
