"""The real receiver as a process that can be killed, paused, and killed by itself at a named step."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
import yaml

from demo.stack.loopback import free_port
from demo.stack.processes import Process
from tests.receiver import ROOT, TOKENS
from tests.waiting import wait_until

STARTS_WITHIN = 120.0
FIRST, SECOND = "noor", "tomasz"
"""Who is told at once, and who ``SECOND_STEP`` seconds later."""
SECOND_STEP = 1


def configuration(folder: Path, provider_url: str) -> dict[str, Any]:
    """Return the shipped settings for a receiver that is killed: one channel, two people, a short policy."""
    secrets = folder / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    for role, token in TOKENS.items():
        (secrets / role).write_text(token, encoding="utf-8")
    (secrets / "webhook_signing_key").write_text("a-signing-key-for-tests", encoding="utf-8")
    (secrets / "acknowledge_link_key").write_text("a-link-key-of-the-tests", encoding="utf-8")
    text = (ROOT / "wedsync.yml").read_text(encoding="utf-8").replace("/run/secrets", str(secrets))
    document: dict[str, Any] = yaml.safe_load(text)
    nobody_there = f"http://127.0.0.1:{free_port()}"
    document["prometheus"] = {"url": nobody_there}
    document["alertmanager"] = {"urls": [nobody_there]}
    document["channels"] = {
        "pager": {
            "kind": "webhook",
            "url": provider_url,
            "signing_key_file": str(secrets / "webhook_signing_key"),
            # The judge counts every page under its own key: none is to wait for others.
            "limit": None,
        }
    }
    document["people"] = {
        name: {"name": name.title(), "contact": [{"channel": "pager", "address": name}]} for name in (FIRST, SECOND)
    }
    document["roles"] = {"on_call_engineer": [FIRST], "team_lead": [SECOND]}
    document["escalation"] = {
        "policies": {
            "short": {
                "steps": [
                    {"after": "0s", "roles": ["on_call_engineer"]},
                    {"after": f"{SECOND_STEP}s", "roles": ["team_lead"]},
                ],
                "repeat_every": "6h",
                "acknowledgement_expires": "6h",
            }
        },
        "routes": [{"policy": "short"}],
        "emergency_role": "team_lead",
    }
    return document


def quiet_policy(document: dict[str, Any]) -> None:
    """Change the settings so that one person is told once of each incident."""
    document["escalation"]["policies"]["short"]["steps"] = [{"after": "0s", "roles": ["on_call_engineer"]}]


class FaultyReceiver:
    """One receiver on a loopback port: gunicorn and all, in a process group of its own.

    ``change`` edits the settings' document before it is written. With ``armable`` it is started through
    ``tests.faults.armed``, which builds the same receiver and can kill it at a named step.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        provider_url: str,
        *,
        change: Callable[[dict[str, Any]], None] = lambda _document: None,
        environment: Mapping[str, str] | None = None,
        armable: bool = True,
        wrapper: tuple[str | Path, ...] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.database_url = database_url
        self._trap = folder / "trap"
        document = configuration(folder, provider_url)
        change(document)
        file = folder / "wedsync.yml"
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        self.process = Process(
            name="receiver",
            argv=[*wrapper, sys.executable, "-m", "tests.faults.armed" if armable else "webhook_receiver"],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("WEDSYNC_")},
                "WEDSYNC_CONFIG": str(file),
                "WEDSYNC_DATA_DIR": str(folder / "data"),
                "WEDSYNC_RECEIVER_PORT": str(self.port),
                "WEDSYNC_INCIDENTS_DATABASE_URL": database_url,
                "WEDSYNC_FAULTS_TRAP": str(self._trap),
                **(environment or {}),
            },
            cwd=ROOT,
            ready=self.ready,
            log_path=folder / "receiver.log",
            start_seconds=STARTS_WITHIN,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; returns when ``/readyz`` says so."""
        self.process.start()

    def ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=1).ok
        except requests.RequestException:
            return False

    def arm(self, step: str, occurrence: int = 1, *, whole: bool = True) -> None:
        """Have it kill itself the next time it comes to this step, or so many times later.

        Not ``whole``: only the worker dies, as when the kernel wants its memory, and its master starts another.
        """
        self._trap.write_text(f"{step} {occurrence} {'group' if whole else 'worker'}", encoding="utf-8")

    def disarm(self) -> None:
        self._trap.unlink(missing_ok=True)

    def wait_until_dead(self, seconds: float = 20.0, *, whole: bool = True) -> None:
        """Wait until the armed step has killed it; fails the test if it never came to that step."""
        if whole:
            wait_until(lambda: not self.process.running, seconds)
            self.process.kill()
            assert not self._trap.exists(), f"it died, but not of the trap: {self._trap.read_text(encoding='utf-8')}"
        else:
            wait_until(lambda: not self._trap.exists(), seconds)

    def come_back(self, *, whole: bool = True) -> None:
        """Start it again, or wait until its master has done so."""
        if whole:
            self.start()
        else:
            wait_until(self.ready, STARTS_WITHIN)

    @property
    def worker(self) -> int:
        """The process that does the work."""
        master = self.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text(encoding="ascii").split()
        return int(children[0])

    def kill(self) -> None:
        """SIGKILL for the whole group, and wait until it is gone."""
        self.process.kill()

    def strike(self, *, whole: bool = True) -> None:
        """SIGKILL without waiting: for calls from inside a provider's answer."""
        if whole:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            os.kill(self.worker, signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, as a service manager does."""
        self.process.stop()

    def pause(self) -> None:
        """Let it stand still as a paused virtual machine does."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def get(self, path: str, role: str = "viewer") -> requests.Response:
        headers = {"Authorization": f"Bearer {TOKENS[role]}"}
        return requests.get(f"{self.url}{path}", headers=headers, timeout=10)

    def metric(self, name: str) -> float:
        """Return one value of ``/metrics``, labels included in the name; fails when there is none."""
        lines = [line for line in self.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
        assert lines, f"no {name}"
        return float(lines[0].rpartition(" ")[2])
