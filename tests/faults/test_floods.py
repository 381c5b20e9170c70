"""Ten times what the services report at their worst comes in at the exporters; a critical page goes out unharmed."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import requests

from demo.stack import services
from demo.stack.ground import Ground, Ports
from demo.stack.loopback import free_port
from tests.error_desk import harmless
from tests.faults.figures import Figures
from tests.faults.process import FIRST, FaultyReceiver, quiet_policy
from tests.faults.provider import InsistentSender, Provider
from tests.faults.storm import CLOCK, started
from tests.receiver import alert

pytestmark = [pytest.mark.real, pytest.mark.faults]

SENDERS = 16
REPORTS = 20
"""In one request, as the instrumented services send them."""
PAGED_WITHIN = 60.0


class Flood:
    """Senders that post reports of errors without a pause, and count what they were answered."""

    def __init__(self, ground: Ground) -> None:
        self._url = f"{ground.url('exporters')}/api/monitoring/errors"
        token = (ground.secrets / "ingest").read_text(encoding="utf-8").split()[0]
        self._headers = {"Authorization": f"Bearer {token}"}
        self._over = threading.Event()
        self._senders = ThreadPoolExecutor(SENDERS)
        self._lock = threading.Lock()
        self.answers: Counter[int] = Counter()
        self.reports: Counter[str] = Counter()

    def _send(self, sender: int) -> None:
        number = 0
        with requests.Session() as session:
            while not self._over.is_set():
                number += 1
                report = harmless(message=f"A flood of sender {sender}, {number}")
                answer = session.post(self._url, json={"errors": [report] * REPORTS}, headers=self._headers, timeout=60)
                with self._lock:
                    self.answers[answer.status_code] += 1
                    self.reports["sent"] += REPORTS
                    if answer.ok:
                        told = answer.json()
                        self.reports["recorded"] += told["recorded"]
                        self.reports["refused"] += told["refused"]

    def __enter__(self) -> Self:
        self._sending = [self._senders.submit(self._send, sender) for sender in range(SENDERS)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        with self._senders:
            for one in self._sending:
                one.result()


def test_a_page_goes_out_while_the_exporters_are_flooded(
    tmp_path: Path, database_url: str, provider: Provider, runs: int, figures: Figures
) -> None:
    others = {name: free_port() for name in ("demo", "prometheus", "alertmanager", "grafana")}
    receiver = FaultyReceiver(tmp_path / "receiver", database_url, provider.url, change=quiet_policy, armable=False)
    ground = Ground(tmp_path / "exporters", Ports(exporters=free_port(), receiver=receiver.port, **others))
    ground.prepare(CLOCK.now())
    pages = min(5 * runs, 50)
    try:
        receiver.start()
        with started(services.exporters(ground)):
            calm = [paged(receiver, provider, f"calm {number}-") for number in range(pages)]
            with Flood(ground) as flood:
                flooded = [paged(receiver, provider, f"flooded {number}-") for number in range(pages)]
    finally:
        receiver.kill()
    assert not provider.repeats()
    # What is not taken is refused in so many words, and counted.
    assert set(flood.answers) <= {200, 201, 429, 503}, flood.answers
    refused_whole = sum(count for status, count in flood.answers.items() if status >= 400)
    assert flood.reports["recorded"] + flood.reports["refused"] + refused_whole * REPORTS == flood.reports["sent"] > 0
    figures.add(
        "the exporters flooded",
        "sqlite" if "sqlite" in database_url else "postgresql",
        pages,
        reports=flood.reports["sent"],
        slowest_calm=max(calm),
        slowest=max(flooded),
    )


def paged(receiver: FaultyReceiver, provider: Provider, title: str) -> float:
    """Post a critical alert; returns the seconds until somebody was told of it."""
    began = CLOCK.monotonic()
    told = alert(title, starts_at=CLOCK.now(), summary=title, severity="critical", service=title)
    InsistentSender(receiver.url).alerts(told)
    assert provider.wait_for(lambda _calls: FIRST in provider.people_told(title), PAGED_WITHIN), f"lost: {title}"
    return CLOCK.monotonic() - began
