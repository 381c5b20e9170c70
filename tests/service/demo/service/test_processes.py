"""The demonstration as processes: served by gunicorn, driven by traffic, stopped and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[4]
PATIENCE = 30.0


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            # The worker too: an orphan would first finish what it has open.
            os.killpg(started.pid, signal.SIGKILL)
        started.communicate(timeout=PATIENCE)


@contextmanager
def service(port: int, data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {"WEDSYNC_DEMO_PORT": str(port), "WEDSYNC_DATA_DIR": str(data_dir)}
    with process("demo.service", **environment) as started:
        pause = threading.Event()
        for _ in range(600):
            if started.poll() is not None:
                break
            try:
                if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=1).status_code == 200:
                    yield started
                    return
            except requests.ConnectionError:
                pause.wait(0.05)
        pytest.fail("the service did not start")


def counted(port: int, outcome: str) -> float:
    text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    lines = [line for line in text.splitlines() if line.startswith("wedsync_workflow_attempts_total")]
    assert lines
    return sum(float(line.rpartition(" ")[2]) for line in lines if f'outcome="{outcome}"' in line)


def end(started: subprocess.Popen[str]) -> tuple[int, str]:
    started.send_signal(signal.SIGTERM)
    output, _ = started.communicate(timeout=PATIENCE)
    return started.returncode, output


def test_traffic_drives_every_service_and_both_stop_when_told(port: int, tmp_path: Path) -> None:
    with service(port, tmp_path) as serving:
        url = f"http://127.0.0.1:{port}"
        with process("demo.traffic", "--url", url, "--rate", "60", "--report-seconds", "1") as driving:
            pause = threading.Event()
            for _ in range(400):
                if counted(port, "success") >= 100:
                    break
                pause.wait(0.05)
            status, output = end(driving)
        assert status == 0
        assert "failed 0 | unreachable 0" in output
        assert counted(port, "success") >= 100
        assert counted(port, "failure") == 0
        status, output = end(serving)
    assert status == 0
    assert "Traceback" not in output


def test_traffic_outlives_a_crash_of_the_service(port: int, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{port}"
    with process("demo.traffic", "--url", url, "--rate", "60", "--report-seconds", "0.5") as driving:
        assert driving.stdout is not None
        with service(port, tmp_path):
            read_until(driving, lambda line: "| ok " in line and "| ok 0 " not in line)
        # Killed, not stopped: its worker is gone with it, and nobody listens.
        read_until(driving, lambda line: "unreachable 0" not in line and "| ok 0 " in line)
        with service(port, tmp_path):
            read_until(driving, lambda line: "unreachable 0" in line and "| ok 0 " not in line)
        assert end(driving)[0] == 0


def read_until(driving: subprocess.Popen[str], condition: Callable[[str], bool]) -> None:
    assert driving.stdout is not None
    for _ in range(200):
        line = driving.stdout.readline()
        assert line, "the driver ended"
        if condition(line):
            return
    pytest.fail("the driver never said so")


def test_a_service_without_a_data_directory_says_what_is_missing() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "WEDSYNC_DATA_DIR"}
    refused = subprocess.run(
        [sys.executable, "-m", "demo.service"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "WEDSYNC_DATA_DIR" in refused.stderr
