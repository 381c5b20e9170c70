"""Fault to page: how long until a fault in a real service is on somebody's pager, through rules and directly.

``python -m benchmarks.time_to_page [--runs N]`` starts the whole stack on free loopback ports, with traffic, and
injects faults one after another. A page counts when the pager has verified its signature and noted the time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from benchmarks.figures import table
from demo.stack import binaries, services
from demo.stack.ground import Ground, Ports
from demo.stack.loopback import free_port
from demo.stack.processes import Stack
from wedsync_core.clock import SystemClock, format_timestamp, parse_timestamp

WORKFLOWS = ("photo_upload", "messaging", "payment", "booking", "timeline")
REGIONS = ("london", "new_york", "los_angeles", "sydney", "auckland")
TRAFFIC = 50.0
"""Requests a second in all: about one a second for the quietest workflow in one region."""
PATIENCE = 60.0
CLOCK = SystemClock()


@dataclass(frozen=True)
class Timed:
    """One fault's way: moments of each stage."""

    fault: datetime
    alert: datetime
    incident: datetime
    page: datetime
    third_failure: datetime | None = None
    """When there was enough for a rule to judge by; None for a report, which is enough by itself."""

    def stages(self) -> dict[str, float]:
        """Return the seconds of each stage and of the whole."""
        waiting = {"fault to alert": (self.alert - self.fault).total_seconds()}
        if self.third_failure is not None:
            waiting = {
                "fault to third failure": (self.third_failure - self.fault).total_seconds(),
                "third failure to alert": (self.alert - self.third_failure).total_seconds(),
            }
        return {
            **waiting,
            "alert to incident": (self.incident - self.alert).total_seconds(),
            "incident to page": (self.page - self.incident).total_seconds(),
            "fault to page": (self.page - self.fault).total_seconds(),
        }


@dataclass(frozen=True)
class Paged:
    """A page that arrived, the incident it told of, and that incident's alert that was waited for."""

    alert: dict[str, Any]
    incident: dict[str, Any]
    arrived_at: datetime


class Bench:
    """Calls on the running stack."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self._session = requests.Session()

    def token(self, role: str) -> dict[str, str]:
        """Return the header of a role."""
        return {"Authorization": f"Bearer {(self.ground.secrets / role).read_text().split()[0]}"}

    def inject(self, workflow: str, region: str) -> datetime:
        """Let a workflow fail in a region; returns when the service had taken the order."""
        order = {"fault": "failing", "workflow": workflow, "region": region}
        self._session.post(f"{self.ground.url('demo')}/faults", json=order, timeout=5).raise_for_status()
        return CLOCK.now()

    def mend(self) -> None:
        """Remove every fault."""
        self._session.delete(f"{self.ground.url('demo')}/faults", timeout=5).raise_for_status()

    def report(self, error_type: str) -> datetime:
        """Report a critical error as a service would; returns when the post began."""
        report = {
            "event_id": uuid.uuid4().hex,
            "error_type": error_type,
            "message": "the upload could not be stored",
            "level": "api",
            "service": "photos",
            "type": "service_failure",
            "affects": ["photo_upload"],
            "region": "london",
            "timestamp": format_timestamp(CLOCK.now()),
        }
        began = CLOCK.now()
        url = f"{self.ground.url('exporters')}/api/monitoring/errors"
        answer = self._session.post(url, json=report, headers=self.token("ingest"), timeout=5)
        answer.raise_for_status()
        if answer.json()["severity"] != "critical":
            raise SystemExit(f"the report was judged {answer.json()['severity']}, not critical: {answer.text}")
        return began

    def third_failure(self) -> datetime:
        """Wait for the third request that the fault strikes; returns when it was seen, within 50 ms."""
        deadline = CLOCK.monotonic() + PATIENCE
        waiting = threading.Event()
        while CLOCK.monotonic() < deadline:
            (fault,) = self._session.get(f"{self.ground.url('demo')}/faults", timeout=5).json()["faults"]
            if fault["strikes"] >= 3:
                return CLOCK.now()
            waiting.wait(0.05)
        raise SystemExit(f"the fault struck fewer than three requests in {PATIENCE:g} s")

    def page(self, since: datetime, labels: Mapping[str, str]) -> Paged:
        """Wait for the first page of an incident with an alert that began since then; exits after PATIENCE seconds."""
        deadline = CLOCK.monotonic() + PATIENCE
        waiting = threading.Event()
        while CLOCK.monotonic() < deadline:
            for page in self._session.get(f"{self.ground.url('demo')}/pager", timeout=5).json()["pages"]:
                arrived_at = parse_timestamp(page["arrived_at"])
                if page["kind"] == "page" and arrived_at >= since:
                    incident = self._receiver("GET", f"/{page['content']['incident_id']}", "viewer")
                    for alert in incident["alerts"]:
                        begun = parse_timestamp(alert["starts_at"]) >= since - timedelta(milliseconds=50)
                        if begun and labels.items() <= alert["labels"].items():
                            return Paged(alert, incident, arrived_at)
            waiting.wait(0.05)
        raise SystemExit(f"no page in {PATIENCE:g} s; the logs are in {self.ground.folder / 'logs'}")

    def clear(self) -> None:
        """End every incident: the next alert of its service would join it, and wake nobody who knows already."""
        for incident in self._receiver("GET", "/active", "viewer"):
            self._receiver("POST", f"/{incident['id']}/resolve", "responder")

    def _receiver(self, method: str, path: str, role: str) -> Any:
        url = f"{self.ground.url('receiver')}/api/monitoring/incidents{path}"
        answer = self._session.request(method, url, headers=self.token(role), timeout=5)
        answer.raise_for_status()
        return answer.json()


def timed(fault: datetime, paged: Paged, third_failure: datetime | None = None) -> Timed:
    """Return the stages of one fault's way. An alert that joined an incident is with it as soon as it fires."""
    alert = parse_timestamp(paged.alert["starts_at"])
    incident = max(alert, parse_timestamp(paged.incident["created_at"]))
    return Timed(fault, alert, incident, paged.arrived_at, third_failure)


def through_rules(bench: Bench, runs: int) -> Iterator[Timed]:
    """Break one workflow in one region after another; each pair once, so that none waits for an old alert to end."""
    pairs = [(workflow, region) for region in REGIONS for workflow in WORKFLOWS]
    for workflow, region in pairs[:runs]:
        bench.clear()
        fault = bench.inject(workflow, region)
        third_failure = bench.third_failure()
        paged = bench.page(fault, {"alertname": "WorkflowFailing", "workflow": workflow, "region": region})
        bench.mend()
        yield timed(fault, paged, third_failure)


def directly(bench: Bench, runs: int) -> Iterator[Timed]:
    """Report one new critical error after another."""
    for number in range(runs):
        bench.clear()
        began = bench.report(f"Unheard{chr(ord('A') + number // 26)}{chr(ord('a') + number % 26)}Error")
        yield timed(began, bench.page(began, {"alertname": "CriticalErrorReported"}))


def main() -> int:
    """Run both ways and print their figures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_to_page", description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=25, help="faults a way, 25 at most (%(default)s)")
    runs = max(1, min(parser.parse_args().runs, len(WORKFLOWS) * len(REGIONS)))
    folder = Path(tempfile.mkdtemp(prefix="wedsync-bench-"))
    ground = Ground(folder, Ports(**{field.name: free_port() for field in fields(Ports)}))
    ground.prepare(CLOCK.now())
    # Nobody bears fifty pages in three minutes, so a person's limit would hold them back: it is not what is measured.
    os.environ["WEDSYNC__CHANNELS__PAGER__LIMIT"] = "null"
    with Stack(print) as stack:
        for process in services.whole(ground, binaries.prometheus(), binaries.alertmanager(), reports=False):
            stack.start(process)
        stack.start(services.traffic(ground, TRAFFIC))
        bench = Bench(ground)
        print("Letting traffic run for a minute, so that every series is there.")
        threading.Event().wait(60)
        for title, way in (("Through rules", through_rules), ("Directly", directly)):
            stages = [one.stages() for one in way(bench, runs)]
            print(f"\n{title}, seconds")
            print(table({stage: [one[stage] for one in stages] for stage in stages[0]}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
