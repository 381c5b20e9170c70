"""Hundreds of listeners on one receiver, one of which stops reading: when each hears of a change, and what it costs.

``python -m benchmarks.live [--listeners N] [--changes N]``, on SQLite. A change is a note on an incident; its time is
counted from the moment the note's request is sent until each listener has it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

import requests
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.alert_storm import memory, series
from benchmarks.figures import table
from benchmarks.webhook_load import CLOCK
from benchmarks.webhook_throughput import receiver, sqlite_file

TEXT = "n" * 1900
PAUSE_SECONDS = 0.1


class Desk:
    """Whom the listeners listen to."""

    def __init__(self, url: str, secrets: Path) -> None:
        self.url = url
        self._tokens = {role: (secrets / role).read_text().split()[0] for role in ("viewer", "responder")}

    def post(self, path: str, body: object = None, role: str = "responder") -> dict[str, str]:
        """Return what a write is answered."""
        headers = {"Authorization": f"Bearer {self._tokens[role]}"}
        answer = requests.post(f"{self.url}/api/monitoring{path}", json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        answered: dict[str, str] = answer.json()
        return answered

    def headers(self) -> dict[str, str]:
        """Return what opens the door to a listener."""
        return {"Authorization": f"Bearer {self._tokens['viewer']}"}

    @property
    def socket(self) -> str:
        """The address of the WebSocket."""
        return self.url.replace("http://", "ws://") + "/api/monitoring/ws"


async def listen(connection: ClientConnection, changes: int, heard: dict[int, list[float]]) -> None:
    """Note when each change is heard."""
    for _ in range(changes):
        while True:
            event = json.loads(await connection.recv())["data"].get("event", {})
            if event.get("kind") == "note":
                break
        heard[int(event["detail"]["note"].split()[0])].append(CLOCK.monotonic())


async def subscribed(desk: Desk, incident: str, held: AsyncExitStack, *, deaf: bool = False) -> ClientConnection:
    """Return a listener of an incident; a deaf one has room for little and is never read."""
    options: dict[str, object] = {"additional_headers": desk.headers(), "proxy": None, "ping_interval": None}
    if deaf:
        host, _, port = desk.url.removeprefix("http://").partition(":")
        room = socket.create_connection((host, int(port)))
        room.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        options |= {"sock": room, "max_queue": 1, "close_timeout": 1}
    connection = await held.enter_async_context(connect(desk.socket, **options))  # type: ignore[arg-type]
    await connection.send(json.dumps({"type": "subscribe", "channels": [f"incidents:{incident}"]}))
    if not deaf:
        while json.loads(await connection.recv())["type"] != "subscribed":
            pass
    return connection


async def measure(desk: Desk, port: int, secrets: Path, listeners: int, changes: int) -> None:
    """Print how the changes arrive."""
    incident = desk.post("/incidents", {"title": "Photos are slow", "service": "photos"})["incidentId"]
    idle = memory(port)
    async with AsyncExitStack() as held:
        everybody = [await subscribed(desk, incident, held) for _ in range(listeners - 1)]
        await subscribed(desk, incident, held, deaf=True)
        connected = memory(port)
        heard: dict[int, list[float]] = {number: [] for number in range(changes)}
        listening = [asyncio.create_task(listen(one, changes, heard)) for one in everybody]
        sent, peak = [], connected
        with ThreadPoolExecutor(1) as noor:
            loop = asyncio.get_running_loop()
            for number in range(changes):
                sent.append(CLOCK.monotonic())
                note = {"by": "noor", "note": f"{number} {TEXT}"}
                await loop.run_in_executor(noor, desk.post, f"/incidents/{incident}/note", note)
                peak = max(peak, memory(port))
                await asyncio.sleep(PAUSE_SECONDS)
        await asyncio.gather(*listening)
        first = [min(moments) - sent[number] for number, moments in heard.items()]
        last = [max(moments) - sent[number] for number, moments in heard.items()]
        spread = [max(moments) - min(moments) for moments in heard.values()]
        print(table({"first listener": first, "last listener": last, "between them": spread}))
        slow = series(desk.url, secrets / "viewer", 'wedsync_live_connections_ended_total{reason="slow"}')
        print(f"{listeners} listeners, {changes} changes; dropped for reading nothing: {slow:.0f}")
        listening_costs, telling_costs = (connected - idle) / 2**20, (peak - connected) / 2**20
        print(f"memory: {listening_costs:.0f} MiB for the listeners, {telling_costs:.0f} MiB more at most")


def main() -> int:
    """Print the figures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__.split("\n")[0])
    parser.add_argument("--listeners", type=int, default=500, help="one of them reads nothing (%(default)s)")
    parser.add_argument("--changes", type=int, default=600, help="notes, one after another (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wedsync-bench-") as name:
        folder = Path(name)
        contender = receiver("receiver, SQLite", folder / "receiver", sqlite_file(folder))
        with contender.opened() as target:
            url, secrets = target.url.split("/api/")[0], folder / "receiver" / "secrets"
            port = int(url.rsplit(":", 1)[1])
            asyncio.run(measure(Desk(url, secrets), port, secrets, arguments.listeners, arguments.changes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
