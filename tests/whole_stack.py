"""The whole stack, real, on free loopback ports: what `make demo` starts, once for all stories of a module."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import requests

from demo.stack import services
from demo.stack.ground import ROOT, Ground, Ports
from demo.stack.loopback import free_port
from demo.stack.processes import Stack
from wedsync_core.clock import SystemClock


class WholeStack:
    """The running stack, and the calls the stories make on it."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def headers(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.ground.secrets / role).read_text().split()[0]}"}

    def call(self, method: str, service: str, path: str, role: str = "viewer", **options: Any) -> requests.Response:
        url = f"{self.ground.url(service)}{path}"
        answer = requests.request(method, url, headers=self.headers(role), timeout=10, **options)
        assert answer.ok, answer.text
        return answer

    def incidents(self, title: str) -> list[dict[str, Any]]:
        """The active incidents whose title has these words."""
        active = self.call("GET", "receiver", "/api/monitoring/incidents/active").json()
        return [incident for incident in active if title in incident["title"]]

    def incident(self, incident_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", "receiver", f"/api/monitoring/incidents/{incident_id}").json()
        return found

    def pages(self, words: str) -> list[dict[str, Any]]:
        """What the pager was handed with these words in the subject."""
        pages = self.call("GET", "demo", "/pager").json()["pages"]
        return [page for page in pages if words in page["content"].get("subject", "")]


def impatient_rules(folder: Path) -> Path:
    """The shipped rules, except that an alert ends soon after its cause: a story need not sit through the minutes."""
    copied = Path(shutil.copytree(ROOT / "rules", folder / "rules"))
    for file in copied.glob("*.yml"):
        text = re.sub(r"keep_firing_for: \w+", "keep_firing_for: 5s", file.read_text())
        # The memory of a fault that keeps its alert open in quiet weeks.
        file.write_text(re.sub(r"\b2m\b", "30s", text))
    return copied


@pytest.fixture(scope="module")
def whole_stack(
    tmp_path_factory: pytest.TempPathFactory, prometheus_binary: Path, alertmanager_binary: Path
) -> Iterator[WholeStack]:
    """The stack with traffic; London and Sydney have a wedding in progress.

    The small WedSync reports no errors by itself: their alarms would join the rules' incidents, and last for minutes.
    """
    folder = tmp_path_factory.mktemp("whole-stack")
    ground = Ground(folder, Ports(**{field.name: free_port() for field in fields(Ports)}))
    ground.prepare(SystemClock().now())
    prometheus = ground.configuration / "prometheus" / "prometheus.yml"
    prometheus.write_text(prometheus.read_text().replace(str(ROOT / "rules"), str(impatient_rules(folder))))
    with Stack(print) as stack:
        for process in services.whole(ground, prometheus_binary, alertmanager_binary, reports=False):
            stack.start(process)
        stack.start(services.traffic(ground, rate=30.0))
        yield WholeStack(ground)
