"""What the storms share: how large they are, the real Alertmanager before the receiver, and what is asked of both."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from demo.stack.ground import Ground, Ports
from demo.stack.loopback import ADDRESS, answering, free_port
from demo.stack.processes import Process
from tests.faults.process import FIRST, FaultyReceiver
from tests.receiver import TOKENS
from wedsync_core.clock import SystemClock, format_timestamp

CLOCK = SystemClock()
SMALL = 100
"""Alerts of a storm in the ordinary suite; ``WEDSYNC_STORM_ALERTS`` sets another number, ``make faults`` 10,000."""
PATIENCE = 300.0
"""Seconds a condition may take on a busy machine. Nothing is asserted about time: benchmarks print it."""


def storm_size() -> int:
    """Return how many alerts a storm has."""
    return int(os.environ.get("WEDSYNC_STORM_ALERTS", SMALL))


def one_step(document: dict[str, Any]) -> None:
    """Tell one person, once: a storm is about what arrives, not about the policy's length."""
    document["escalation"]["policies"]["short"]["steps"] = [{"after": "0s", "roles": ["on_call_engineer"]}]
    document["roles"] = {"on_call_engineer": [FIRST], "team_lead": [FIRST]}
    # Whatever waits goes out within seconds, bundled or not: the tests wait for the last page.
    document["channels"]["pager"]["limit"] = {"messages": 1000, "per": "1s"}


def processes_memory(pid: int) -> int:
    """Return the bytes that a process and its children hold, shared pages divided among those who share (PSS)."""
    children = [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    own = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return own * 1024 + sum(processes_memory(child) for child in children)


def recorded(receiver: FaultyReceiver, status: str = "firing") -> float:
    """Return how many alerts the receiver has counted in what it took."""
    return receiver.metric(f'wedsync_alerts_received_total{{status="{status}"}}')


def active(receiver: FaultyReceiver) -> int:
    """Return how many incidents are not over."""
    return int(receiver.get("/api/monitoring/incidents/active?limit=1").headers["X-Total-Count"])


def distinct(number: int, **labels: str) -> dict[str, Any]:
    """Labels of an alert that has nothing in common with its neighbours: a service and an instance of its own."""
    service = f"supplier-{number}"
    return {
        "alertname": "SupplierDown",
        "severity": "warning",
        "service": service,
        "instance": f"{service}:443",
        **labels,
    }


class RealAlertmanager:
    """Alertmanager as a process with the shipped routes, or with the ones given, posting to a receiver.

    ``cluster_port`` makes it one of several; ``advertised`` is where the others reach it, if not there.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        receiver_port: int,
        *,
        routes: Mapping[str, Any] | None = None,
        port: int | None = None,
        cluster_port: int | None = None,
        advertised: int | None = None,
        peers: Sequence[int] = (),
    ) -> None:
        others = {name: free_port() for name in ("exporters", "demo", "prometheus", "grafana")}
        ground = Ground(folder, Ports(receiver=receiver_port, alertmanager=port or free_port(), **others))
        ground.prepare(CLOCK.now())
        (ground.secrets / "alertmanager").write_text(TOKENS["alertmanager"])
        self.port = ground.ports.alertmanager
        configuration = ground.configuration / "alertmanager" / "alertmanager.yml"
        if routes is not None:
            document = yaml.safe_load(configuration.read_text())
            document["route"] = dict(routes)
            configuration.write_text(yaml.safe_dump(document))
        listen = f"{ADDRESS}:{cluster_port}" if cluster_port else ""
        advertise = [f"--cluster.advertise-address={ADDRESS}:{advertised or cluster_port}"] if cluster_port else []
        data = folder / "alertmanager-data"
        data.mkdir(exist_ok=True)
        self.process = Process(
            name="Alertmanager",
            argv=[
                program,
                f"--config.file={configuration}",
                f"--storage.path={data}",
                f"--web.listen-address={ADDRESS}:{self.port}",
                f"--cluster.listen-address={listen}",
                *advertise,
                *(f"--cluster.peer={ADDRESS}:{peer}" for peer in peers),
            ],
            ready=answering(self.port, "/-/ready"),
            log_path=folder / "alertmanager.log",
            cwd=data,
        )

    def post(self, alerts: Sequence[Mapping[str, str]], *, starts_at: datetime, lasting: timedelta) -> None:
        """Post alerts as Prometheus does, at most 64 at once; ``lasting`` is how long they fire without a word."""
        ends_at = format_timestamp(CLOCK.now() + lasting)
        for first in range(0, len(alerts), 64):
            body = [
                {
                    "labels": dict(labels),
                    "annotations": {"summary": labels.get("summary", f"{labels['alertname']} {labels['service']}")},
                    "startsAt": format_timestamp(starts_at),
                    "endsAt": ends_at,
                    "generatorURL": "http://prometheus:9090/graph",
                }
                for labels in alerts[first : first + 64]
            ]
            connection = http.client.HTTPConnection(ADDRESS, self.port, timeout=30)
            connection.request("POST", "/api/v2/alerts", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            connection.close()


@contextmanager
def started(process: Process) -> Iterator[Process]:
    """Run a process; it may be killed and started again inside the block."""
    process.start()
    try:
        yield process
    finally:
        process.kill()
