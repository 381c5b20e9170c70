"""The client of the webhook benchmarks: the same keep-alive connections and the same bodies for whoever is measured."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

from wedsync_core.clock import SystemClock

CLOCK = SystemClock()
SERVICES = {"photos": "photo_upload", "messaging": "messaging", "payment": "payment", "booking": "booking"}
REGIONS = ("london", "new_york", "los_angeles", "sydney", "auckland")
_numbers = count(1)


@dataclass(frozen=True)
class Target:
    """Where to post to, and what opens the door there."""

    name: str
    url: str
    token: str = ""


@dataclass(frozen=True)
class Case:
    """One way of posting: ``bodies`` is asked for the next body before each post."""

    name: str
    connections: int
    alerts: int
    repeated: bool = False
    own_causes: bool = False
    """Each alert is about another service than all before it, so that none can be folded into an earlier incident."""

    def bodies(self) -> Iterator[bytes]:
        """Yield the bodies of the posts, without end."""
        if self.repeated:
            body = message([self._alert(0)])
            while True:
                yield body
        while True:
            yield message([self._alert(next(_numbers)) for _ in range(self.alerts)])

    def _alert(self, number: int) -> dict[str, object]:
        service, workflow = list(SERVICES.items())[number % len(SERVICES)]
        labels = {
            "alertname": "WorkflowFailing",
            "severity": "critical",
            "type": "service_failure",
            "service": f"{service}-{number}" if self.own_causes else service,
            "affects": workflow,
            "region": REGIONS[number // len(SERVICES) % len(REGIONS)],
            "instance": f"{service}-{number}:8080",
            "job": "wedsync",
        }
        return alert(labels, f"{workflow} is failing on {service}-{number}")


def alert(labels: dict[str, str], summary: str) -> dict[str, object]:
    """Return one firing alert as Alertmanager writes it."""
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {
            "summary": summary,
            "description": "More than one attempt in ten has failed for a minute.",
            "runbook_url": "https://runbooks.example/docs/runbooks/WorkflowFailing.md",
            "dashboard_url": "https://grafana.example/d/wedsync-right-now",
        },
        "startsAt": "2026-11-24T05:11:25.915Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=wedsync_workflow_attempts_total&g0.tab=1",
        "fingerprint": hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()[:16],
    }


def message(alerts: list[dict[str, object]]) -> bytes:
    """Return a version 4 message."""
    document = {
        "version": "4",
        "groupKey": '{}/{severity="critical"}:{alertname="WorkflowFailing"}',
        "truncatedAlerts": 0,
        "receiver": "receiver",
        "status": "firing",
        "groupLabels": {"alertname": "WorkflowFailing"},
        "commonLabels": {"alertname": "WorkflowFailing", "severity": "critical"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": alerts,
    }
    return json.dumps(document).encode()


@dataclass
class Load:
    """What one run saw: the seconds each answered post took, and how many were not answered 2xx."""

    seconds: float
    latencies: list[float]
    refused: int

    @property
    def rate(self) -> float:
        """Posts answered 2xx, a second."""
        return len(self.latencies) / self.seconds


def run(target: Target, case: Case, seconds: float) -> Load:
    """Post for so many seconds over the case's connections, each with one post on the wire at a time."""
    return asyncio.run(_run(target, case, seconds))


async def _run(target: Target, case: Case, seconds: float) -> Load:
    load = Load(seconds, [], 0)
    bodies = case.bodies()
    began = CLOCK.monotonic()
    await asyncio.gather(*(_connection(target, bodies, began + seconds, load) for _ in range(case.connections)))
    load.seconds = CLOCK.monotonic() - began
    return load


async def post_all(target: Target, bodies: Iterable[bytes], *, connections: int) -> list[int]:
    """Post every body once, over so many connections; returns the statuses."""
    left, statuses = iter(bodies), list[int]()

    async def connection() -> None:
        place = urlsplit(target.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        for body in left:
            writer.write(_request(target, body))
            statuses.append(await _answer(reader))
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(connection() for _ in range(connections)))
    return statuses


def _request(target: Target, body: bytes) -> bytes:
    place = urlsplit(target.url)
    authorization = f"Authorization: Bearer {target.token}\r\n" if target.token else ""
    start = f"POST {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n{authorization}"
    return f"{start}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _connection(target: Target, bodies: Iterator[bytes], until: float, load: Load) -> None:
    place = urlsplit(target.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        while CLOCK.monotonic() < until:
            body = next(bodies)
            began = CLOCK.monotonic()
            writer.write(_request(target, body))
            status = await _answer(reader)
            if 200 <= status < 300:
                load.latencies.append(CLOCK.monotonic() - began)
            else:
                load.refused += 1
    finally:
        writer.close()
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> int:
    """Read one answer to its end; returns its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:"))
    await reader.readexactly(length)
    return int(head.split(" ", 2)[1])
