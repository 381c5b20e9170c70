"""The real SDK of Sentry for browsers, in a real one, on a page of another origin."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import browser
from tests.error_desk import ErrorDesk
from tests.sentry import project_desk, served
from tests.waiting import wait_until

_PAGE = """<!doctype html><title>WedSync</title>
<script type="importmap">%(imports)s</script>
<script type="module">
import * as Sentry from "@sentry/browser";
Sentry.init({dsn: "%(dsn)s", release: "web@2.3.0", environment: "test"});
Sentry.setTag("affects", "payment");
Sentry.setUser({id: "amara", email: "amara@okafor.example"});
function pay(reason) { throw new Error(reason, {cause: new TypeError(`${reason}: no card of amara@okafor.example`)}); }
for (const reason of %(reasons)s) {
  try { pay(reason); } catch (error) { Sentry.captureException(error); }
  await Sentry.flush(5000);
}
// A hidden page reports what was thrown away.
Object.defineProperty(document, "visibilityState", {value: "hidden"});
document.dispatchEvent(new Event("visibilitychange"));
await Sentry.flush(5000);
await Sentry.close(5000);
await fetch("/done.txt");
</script>
"""


class _Pages(SimpleHTTPRequestHandler):
    def __init__(self, finished: threading.Event, *args: Any, directory: str) -> None:
        self._finished = finished
        super().__init__(*args, directory=directory)

    def do_GET(self) -> None:
        if self.path == "/done.txt":
            self._finished.set()
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        return


@contextmanager
def _shown(folder: Path, dsn: str, reasons: list[str]) -> Iterator[threading.Event]:
    modules = browser.modules()
    site = folder / "site"
    site.mkdir()
    for package in modules.iterdir():
        (site / package.name).symlink_to(package)
    imports = json.dumps({"imports": browser.import_map(modules)})
    (site / "index.html").write_text(_PAGE % {"imports": imports, "dsn": dsn, "reasons": json.dumps(reasons)})
    finished = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, finished, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with browser.page(f"http://127.0.0.1:{server.server_port}/", folder / "profile"):
            yield finished
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _messages(desk: ErrorDesk) -> list[str]:
    return [error["report"]["message"] for error in desk.get()["errors"]]


def test_an_error_of_a_page(tmp_path: Path, database_url: str) -> None:
    with project_desk(tmp_path, database_url) as desk, served(desk) as dsn:
        with _shown(tmp_path, dsn, ["the payment failed"]) as finished:
            assert finished.wait(60)
        (error,) = desk.get()["errors"]
        report = error["report"]
        assert (report["error_type"], report["message"]) == ("Error", "the payment failed")
        assert (report["level"], report["service"], report["release"]) == ("frontend", "booking", "web@2.3.0")
        assert report["affects"] == ["payment"]
        assert [one["type"] for one in report["extra"]["exceptions"]] == ["TypeError", "Error"]
        assert "at pay (" in report["stack_trace"]
        assert report["user"].startswith("p1_")
        assert "okafor" not in json.dumps(report)


def test_after_a_rate_limit_the_page_falls_silent_and_says_so(tmp_path: Path, database_url: str) -> None:
    told = {"reason": "ratelimit_backoff", "category": "error"}
    with project_desk(tmp_path, database_url, per_project=1) as desk, served(desk) as dsn:
        with _shown(tmp_path, dsn, ["first", "second", "third"]) as finished:
            assert finished.wait(60)
            wait_until(lambda: bool(desk.metric("wedsync_error_client_discarded_total", told)))
        desk.clock.advance(seconds=61)
        assert _messages(desk) == ["first"]
        assert desk.metric("wedsync_error_client_discarded_total", told) == pytest.approx(2)
