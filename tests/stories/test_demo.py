"""The demonstration from start to stop, whole and real."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from demo.stack import loopback
from demo.stack.ground import Ports
from tests.waiting import lives, wait_until

pytestmark = pytest.mark.real

NEVER_READY = """
import dataclasses, sys
from demo import __main__ as demo
from demo.stack import services
receiver = services.webhook_receiver
services.webhook_receiver = lambda ground: dataclasses.replace(receiver(ground), ready=lambda: False)
sys.exit(demo.main())
"""


class Demo:
    """A demonstration under way."""

    def __init__(self, folder: Path, prometheus: Path, alertmanager: Path, command: Sequence[str]) -> None:
        self.folder = folder
        self.ports = Ports(*(loopback.free_port() for _ in range(6)))
        named = {name: str(port) for name, port in self.ports.by_variable().items()}
        path = os.pathsep.join([str(prometheus.parent), str(alertmanager.parent), os.environ["PATH"]])
        environment = {**os.environ, **named, "WEDSYNC_DATA_DIR": str(folder / "demo"), "PATH": path}
        self.output = folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command], env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def told(self) -> str:
        return self.output.read_text()

    def runs(self) -> bool:
        assert self.process.poll() is None, self.told
        return "Ctrl-C stops everything" in self.told

    def family(self) -> list[int]:
        """Every process below this one."""
        children: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(stat.parent.name))
        found, waiting = [], [self.process.pid]
        while waiting:
            below = children.get(waiting.pop(), [])
            found += below
            waiting += below
        return found


@pytest.fixture
def command() -> Sequence[str]:
    return ["-m", "demo"]


@pytest.fixture
def demo(tmp_path: Path, prometheus_binary: Path, alertmanager_binary: Path, command: Sequence[str]) -> Iterator[Demo]:
    made = Demo(tmp_path, prometheus_binary, alertmanager_binary, command)
    yield made
    made.process.kill()
    made.process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_tells_and_stops_without_a_trace(demo: Demo, number: signal.Signals) -> None:
    wait_until(demo.runs, seconds=60)
    family = demo.family()
    assert len(family) >= 7, "seven programs; ours have a worker process each"
    demo.process.send_signal(number)
    assert demo.process.wait(timeout=60) == 0, demo.told
    assert demo.told.endswith(f"Stopping everything.\nStopped. The data are kept in {demo.folder / 'demo'}.\n")
    assert "was killed" not in demo.told
    assert not [pid for pid in family if lives(pid)]
    for port in demo.ports.by_variable().values():
        assert not loopback.is_taken(port)


def test_killed_it_takes_everything_with_it(demo: Demo) -> None:
    wait_until(demo.runs, seconds=60)
    family = demo.family()
    demo.process.kill()
    demo.process.wait()
    wait_until(lambda: not [pid for pid in family if lives(pid)])


def test_a_program_that_dies_is_told_and_the_others_go_on(demo: Demo) -> None:
    wait_until(demo.runs, seconds=60)
    victim = next(pid for pid in demo.family() if "alertmanager" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: "Alertmanager was ended by SIGKILL" in demo.told)
    assert demo.process.poll() is None
    assert loopback.answers(demo.ports.prometheus, "/-/ready")


@pytest.mark.parametrize("command", [["-c", NEVER_READY]])
def test_a_stop_during_the_start_is_a_clean_stop(demo: Demo) -> None:
    wait_until(lambda: "Starting webhook_receiver" in demo.told, seconds=60)
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(timeout=60) == 0
    assert "Stopping before everything had started." in demo.told
    assert "Traceback" not in demo.told
    assert not loopback.is_taken(demo.ports.alertmanager)
