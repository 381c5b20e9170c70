"""The small WedSync for each test: its own files, a clock that stands still, a payment provider over real HTTP."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from demo.service.platform import Platform
from demo.service.settings import DemoSettings
from tests.cast import SATURDAY
from tests.fakes import FakeClock, HttpSink

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

KEY = "a-signing-key-of-the-pager"

CONTENT = base64.b64encode(b"bytes of a photo that cannot be taken twice").decode()


@dataclass
class Demo:
    """The platform, and the few things its users do."""

    platform: Platform
    clock: FakeClock
    settings: DemoSettings
    made: int = field(default=0)

    @property
    def client(self) -> FlaskClient:
        return self.platform.app.test_client()

    def ask(self, method: str, path: str, sent: object = None, **kwargs: Any) -> tuple[int, Any]:
        """Send JSON and return status and JSON."""
        with self.client.open(path, method=method, json=sent, **kwargs) as answer:
            return answer.status_code, answer.get_json(silent=True)

    def fault(self, kind: str, **order: Any) -> str:
        status, fault = self.ask("POST", "/faults", {"fault": kind, **order})
        assert status == 201, fault
        return str(fault["id"])

    def do(self, workflow: str, region: str = "london") -> int:
        """Do one new thing of a workflow; returns the status."""
        self.made += 1
        name = f"thing-{self.made}"
        method, path, sent = self._thing(workflow, name)
        return self.ask(method, path, {"region": region, "wedding_id": "priya-and-tom", **sent})[0]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that another thread does."""
        pause = threading.Event()
        for _ in range(1_000):
            if condition():
                return
            pause.wait(0.01)
        pytest.fail("it did not come true within ten seconds")

    @staticmethod
    def _thing(workflow: str, name: str) -> tuple[str, str, dict[str, Any]]:
        wedding = "weddings/priya-and-tom"
        things: dict[str, tuple[str, str, dict[str, Any]]] = {
            "photo_upload": (
                "POST",
                "/photos/uploads",
                {"photo_id": name, "filename": "k.jpg", "content_base64": CONTENT},
            ),
            "messaging": (
                "POST",
                f"/messaging/{wedding}/messages",
                {"message_id": name, "sender": "A", "text": "Here"},
            ),
            "payment": ("POST", "/payment/payments", {"payment_id": name, "pence": 120_000}),
            "booking": (
                "POST",
                "/booking/bookings",
                {"booking_id": name, "supplier_id": f"supplier-{name}", "day": "2026-06-13"},
            ),
            "timeline": ("PUT", f"/timeline/{wedding}/timeline/{name}", {"starts": "15:30", "what": "Vows"}),
        }
        return things[workflow]

    def attempts(self, workflow: str, outcome: str, region: str = "london") -> float:
        service = {"photo_upload": "photos"}.get(workflow, workflow)
        labels = {"service": service, "workflow": workflow, "region": region, "outcome": outcome}
        found = self.platform.registry.get_sample_value("wedsync_workflow_attempts_total", labels)
        assert found is not None
        return found


@pytest.fixture
def exporters() -> Iterator[HttpSink]:
    with HttpSink() as sink:
        yield sink


@pytest.fixture
def demo(tmp_path: Path, exporters: HttpSink) -> Iterator[Demo]:
    key_file = tmp_path / "pager.key"
    key_file.write_text(KEY + "\n")
    clock = FakeClock(SATURDAY)
    platforms: list[Platform] = []

    def serve(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return platforms[0].app(environ, start)

    # The payment provider is reached over HTTP at a port that must be known before the platform is made.
    server = make_server("127.0.0.1", 0, serve, threaded=True)
    settings = DemoSettings(
        data_dir=tmp_path / "data",
        port=server.port,
        exporters_url=exporters.url,
        pager_key_file=key_file,
    )
    platforms.append(Platform(settings, clock))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield Demo(platforms[0], clock, settings)
    server.shutdown()
    server.server_close()
    platforms[0].stop()
