"""The real Prometheus and Alertmanager, with the committed configuration, started and stopped as the demo does."""

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.stack import loopback, services
from demo.stack.ground import Ground, Ports
from demo.stack.processes import Process, ProcessFailed, Stack
from demo.stack.services import Server
from tests.cast import SATURDAY
from tests.waiting import lives, wait_until

pytestmark = pytest.mark.real

OTLP = b"--web.enable-otlp-receiver"


def get(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return json.loads(body)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    made = Ground(tmp_path, Ports(*(loopback.free_port() for _ in range(6))))
    made.prepare(SATURDAY)
    return made


@pytest.fixture
def prometheus(ground: Ground, prometheus_binary: Path) -> Process:
    return services.prometheus(
        Server(
            program=prometheus_binary,
            configuration=ground.configuration / "prometheus/prometheus.yml",
            port=ground.ports.prometheus,
            data=ground.folder / "prometheus",
            log=ground.log("prometheus"),
        ),
        # Debian's build does not know the flag: it must not be given then.
        otlp=True,
    )


@pytest.fixture
def alertmanager(ground: Ground, alertmanager_binary: Path) -> Process:
    return services.alertmanager(
        Server(
            program=alertmanager_binary,
            configuration=ground.configuration / "alertmanager/alertmanager.yml",
            port=ground.ports.alertmanager,
            data=ground.folder / "alertmanager",
            log=ground.log("alertmanager"),
        )
    )


@pytest.fixture
def running(alertmanager: Process, prometheus: Process) -> Iterator[None]:
    with Stack(print) as stack:
        stack.start(alertmanager)
        stack.start(prometheus)
        yield


def test_the_committed_configuration_is_good_on_this_machine(ground: Ground, promtool: Path, amtool: Path) -> None:
    for tool, command, name in (
        (promtool, "config", "prometheus/prometheus.yml"),
        (amtool, "check-config", "alertmanager/alertmanager.yml"),
    ):
        argv: list[str | Path] = [tool, "check", command] if tool is promtool else [tool, command]
        done = subprocess.run([*argv, ground.configuration / name], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("running")
def test_prometheus_loads_the_rules_finds_alertmanager_and_looks_for_everything(ground: Ground) -> None:
    groups = get(ground.ports.prometheus, "/api/v1/rules")["data"]["groups"]
    assert {Path(group["file"]).parent for group in groups} == {Path("rules").resolve()}

    def targets() -> dict[str, str]:
        active = get(ground.ports.prometheus, "/api/v1/targets?state=active")["data"]["activeTargets"]
        return {target["labels"]["job"]: target["scrapeUrl"] for target in active}

    wait_until(lambda: len(targets()) >= 5)
    assert targets() == {
        "exporters": f"{ground.url('exporters')}/metrics",
        "webhook_receiver": f"{ground.url('receiver')}/metrics",
        "wedsync": f"{ground.url('demo')}/metrics",
        "prometheus": f"{ground.url('prometheus')}/metrics",
        "alertmanager": f"{ground.url('alertmanager')}/metrics",
    }
    wait_until(lambda: bool(get(ground.ports.prometheus, "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]))
    flags = get(ground.ports.prometheus, "/api/v1/status/flags")["data"]
    assert flags["web.listen-address"] == f"127.0.0.1:{ground.ports.prometheus}"
    assert "exemplar-storage" in flags["enable-feature"]


@pytest.mark.usefixtures("running")
def test_alertmanager_runs_alone(ground: Ground) -> None:
    assert get(ground.ports.alertmanager, "/api/v2/status")["cluster"]["status"] == "disabled"


def test_both_stop_at_once_and_can_start_again(alertmanager: Process, prometheus: Process) -> None:
    for process in (alertmanager, prometheus):
        process.start()
        assert process.stop(), "asking was enough"
        process.start()
        process.kill()
        process.start()
        assert process.stop()


def test_a_wrong_configuration_is_told_in_the_programs_own_words(ground: Ground, prometheus: Process) -> None:
    (ground.configuration / "prometheus/prometheus.yml").write_text("scrape_configz: []\n")
    with pytest.raises(
        ProcessFailed, match=r"Prometheus ended with exit code \d+(.|\n)*field scrape_configz not found"
    ):
        prometheus.start()


def test_a_flag_is_known_only_where_help_names_it(prometheus_binary: Path, prometheus: Process) -> None:
    told = subprocess.run([prometheus_binary, "--help"], capture_output=True, check=False)
    assert services.knows_flag(prometheus_binary, "storage.tsdb.path")
    assert not services.knows_flag(prometheus_binary, "no.such.flag")
    assert (OTLP.decode() in prometheus.argv) == (OTLP in told.stdout + told.stderr)


PARENT = """
import pathlib, sys, threading
from demo.stack import services
from demo.stack.processes import Stack
from demo.stack.signals import stop_asked_by_signal
from demo.stack.services import Server
folder, program, port = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
(folder / "alertmanager.yml").write_text("route: {receiver: none}\\nreceivers: [{name: none}]\\n")
server = Server(program, folder / "alertmanager.yml", port, folder / "data", folder / "log")
with stop_asked_by_signal() as asked, Stack(print) as stack:
    process = services.alertmanager(server)
    stack.start(process, asked)
    print(process.pid, flush=True)
    stack.watch(asked)
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_is_left_however_the_parent_ends(
    number: signal.Signals, tmp_path: Path, alertmanager_binary: Path, free_port: int
) -> None:
    argv = [sys.executable, "-c", PARENT, str(tmp_path), str(alertmanager_binary), str(free_port)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(number)
        told = parent.stdout.read()
    wait_until(lambda: not loopback.is_taken(free_port))
    wait_until(lambda: not lives(child))
    if number is signal.SIGKILL:
        assert (parent.returncode, told) == (-signal.SIGKILL, "")
    else:
        assert (parent.returncode, told) == (0, "stopped\n")
