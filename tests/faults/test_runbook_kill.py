"""The receiver is killed in the middle of a runbook: what was begun is unknown, is said, and is never begun again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.process import FIRST, FaultyReceiver
from tests.faults.provider import Provider
from tests.receiver import TOKENS, alert, webhook
from tests.waiting import wait_until
from wedsync_core.clock import SystemClock

pytestmark = [pytest.mark.real, pytest.mark.faults]

PAGE = """---
name: restart
summary: Restart the service, which takes its time
match: {alertname: WorkflowFailing}
start: automatic
environments: [production]
gates: {during_weddings: run}
steps:
  - {do: program, program: slow}
---

# WorkflowFailing
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "begun"


@pytest.fixture
def receiver(tmp_path: Path, database_url: str, provider: Provider, notes: Path) -> Iterator[FaultyReceiver]:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "WorkflowFailing.md").write_text(PAGE)
    slow = f"import time\nopen({str(notes)!r}, 'a').write('begun ')\ntime.sleep(25)"

    def change(document: dict[str, Any]) -> None:
        argv = [sys.executable, "-c", slow]
        document["runbooks"] |= {"folder": str(pages), "programs": {"slow": {"argv": argv, "timeout": "60s"}}}

    started = FaultyReceiver(tmp_path / "receiver", database_url, provider.url, change=change)
    started.start()
    yield started
    started.kill()


def test_a_run_whose_runner_is_killed_is_unknown_and_is_not_run_again(
    receiver: FaultyReceiver, provider: Provider, notes: Path
) -> None:
    message = webhook(alert(starts_at=SystemClock().now(), severity="critical", service="booking", region="london"))
    headers = {"Authorization": f"Bearer {TOKENS['alertmanager']}"}
    path = f"{receiver.url}/api/monitoring/alertmanager"
    assert requests.post(path, json=message, headers=headers, timeout=10).ok
    wait_until(notes.exists, 30)
    receiver.kill()
    receiver.start()

    def run() -> dict[str, Any]:
        (only,) = receiver.get("/api/monitoring/runbooks/runs").json()["runs"]
        return dict(only)

    wait_until(lambda: run()["state"] == "unknown", 60)
    assert run()["reason"] == "the runner was lost in step 1"
    # Those who were told of the incident are told of this, in whatever order the pages go out.
    wait_until(lambda: FIRST in provider.people_told("nobody knows what it did"), 30)
    timeline = receiver.get("/api/monitoring/incidents/1/timeline").json()["timeline"]
    assert "runbook_unknown" in [one["kind"] for one in timeline]
    assert notes.read_text() == "begun ", "once, and never again"
    assert receiver.metric('wedsync_runbook_runs_ended_lately{state="unknown"}') == 1
