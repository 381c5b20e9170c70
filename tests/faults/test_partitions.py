"""Two Alertmanagers that hear of each other, then no longer: both send everything, and nobody is told twice.

They talk through relays, which the test cuts: nothing of the machine's network is touched.
"""

from __future__ import annotations

import json
import selectors
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import requests

from demo.stack.loopback import ADDRESS, free_port
from tests.faults.figures import Figures
from tests.faults.process import FIRST, FaultyReceiver
from tests.faults.provider import Provider
from tests.faults.storm import CLOCK, PATIENCE, RealAlertmanager, active, distinct, one_step, recorded, started
from tests.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.faults]

ALERTS = 50
QUICK: dict[str, Any] = {
    "receiver": "receiver",
    "group_by": ["alertname", "service", "instance"],
    "group_wait": "0s",
    "group_interval": "1s",
    "repeat_interval": "1h",
}


class Relay:
    """Carries what comes to its port, TCP and UDP, on to another port; cut, it carries nothing."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = (ADDRESS, target)
        self._over = threading.Event()
        self._cut = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._peer: dict[socket.socket, socket.socket] = {}
        self._listener = socket.create_server((ADDRESS, self.port))
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind((ADDRESS, self.port))
        for one in (self._listener, self._datagrams):
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._carry, name="relay", daemon=True)

    def cut(self) -> None:
        self._cut.set()

    def mend(self) -> None:
        self._cut.clear()

    def _carry(self) -> None:
        while not self._over.is_set():
            for key, _ in self._selector.select(0.1):
                one = key.fileobj
                assert isinstance(one, socket.socket)
                with suppress(OSError):
                    if one is self._listener:
                        self._accept()
                    elif one is self._datagrams:
                        self._pass_on()
                    elif one in self._peer:
                        self._pump(one)

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        try:
            if self._cut.is_set():
                raise ConnectionRefusedError
            far = socket.create_connection(self._target, timeout=1)
        except OSError:
            near.close()
            return
        self._peer |= {near: far, far: near}
        for one in (near, far):
            self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self) -> None:
        data = self._datagrams.recv(65_536)
        if not self._cut.is_set():
            self._datagrams.sendto(data, self._target)

    def _pump(self, one: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            data = one.recv(65_536)
        if data and not self._cut.is_set():
            self._peer[one].settimeout(1)
            self._peer[one].sendall(data)
            return
        for end in (one, self._peer.pop(one)):
            self._peer.pop(end, None)
            self._selector.unregister(end)
            end.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(5)
        for one in (*self._peer, self._listener, self._datagrams):
            one.close()
        self._selector.close()


def peers(alertmanager: RealAlertmanager) -> int:
    """How many members of its cluster it believes to live, itself included."""
    url = f"http://{ADDRESS}:{alertmanager.port}/metrics"
    text = requests.get(url, timeout=10).text
    lines = [line for line in text.splitlines() if line.startswith("alertmanager_cluster_members ")]
    return int(float(lines[0].split()[1]))


@pytest.fixture
def receiver(tmp_path: Path, database_url: str, provider: Provider) -> Iterator[FaultyReceiver]:
    receiver = FaultyReceiver(tmp_path / "receiver", database_url, provider.url, change=one_step, armable=False)
    receiver.start()
    yield receiver
    receiver.kill()


def test_a_pair_of_alertmanagers_is_parted(
    receiver: FaultyReceiver,
    provider: Provider,
    alertmanager_binary: Path,
    tmp_path: Path,
    runs: int,
    figures: Figures,
) -> None:
    """Each believes the other dead and sends all it has; together again they agree, and all stays as it was."""
    mine = [free_port(), free_port()]
    parted = min(runs, 20)
    with ExitStack() as stack:
        relays = [stack.enter_context(Relay(port)) for port in mine]
        pair = [
            RealAlertmanager(
                alertmanager_binary,
                tmp_path / name,
                receiver.port,
                routes=QUICK,
                cluster_port=mine[number],
                advertised=relays[number].port,
                peers=[relays[1 - number].port],
            )
            for number, name in enumerate(("a", "b"))
        ]
        for one in pair:
            stack.enter_context(started(one.process))
        for number in range(parted):
            wait_until(lambda: [peers(one) for one in pair] == [2, 2], PATIENCE)
            for relay in relays:
                relay.cut()
            wait_until(lambda: [peers(one) for one in pair] == [1, 1], PATIENCE)
            storm = [distinct(alert, service=f"parted-{number}-{alert}") for alert in range(ALERTS)]
            heard = recorded(receiver)
            for one in pair:
                one.post(storm, starts_at=CLOCK.now(), lasting=timedelta(hours=1))
            # Twice each: nobody tells either of them that the other has done it.
            wait_until(lambda heard=heard: recorded(receiver) >= heard + 2 * ALERTS, PATIENCE)  # type: ignore[misc]
            wait_until(lambda number=number: active(receiver) >= (number + 1) * ALERTS, PATIENCE)  # type: ignore[misc]
            for relay in relays:
                relay.mend()
        wait_until(lambda: [peers(one) for one in pair] == [2, 2], PATIENCE)
        wait_until(lambda: receiver.metric("wedsync_outbox_depth") == 0, PATIENCE)
    assert active(receiver) == parted * ALERTS
    told = Counter(call.key for call in provider.calls)
    assert set(told.values()) == {1}
    assert {call.person for call in provider.calls} == {FIRST}
    said = json.dumps([call.content for call in provider.calls])
    assert all(f"parted-{number}-{alert}" in said for number in range(parted) for alert in range(ALERTS))
    figures.add(
        "a pair of Alertmanagers parted",
        "sqlite" if "sqlite" in receiver.database_url else "postgresql",
        parted,
        alerts=parted * ALERTS,
    )
