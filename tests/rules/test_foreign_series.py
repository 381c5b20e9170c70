"""The series that the rules take from Prometheus and Alertmanager exist there, with the labels that the rules use."""

from pathlib import Path
from typing import Any

import pytest
import requests

from demo.stack import loopback, services
from demo.stack.ground import Ground, Ports
from demo.stack.processes import Stack
from demo.stack.services import Server
from tests.cast import SATURDAY
from tests.waiting import wait_until

pytestmark = pytest.mark.real


def series(port: int, name: str) -> list[dict[str, Any]]:
    """The label sets of a series, as Prometheus has them after its scrape."""
    answer = requests.get(f"http://127.0.0.1:{port}/api/v1/series", params={"match[]": name}, timeout=5)
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_prometheus_and_alertmanager_have_what_the_rules_take_from_them(
    tmp_path: Path,
    prometheus_binary: Path,
    alertmanager_binary: Path,
    foreign_series: dict[str, frozenset[str]],
) -> None:
    ground = Ground(tmp_path, Ports(*(loopback.free_port() for _ in range(6))))
    ground.prepare(SATURDAY)
    programs = (
        (services.alertmanager, alertmanager_binary, "alertmanager", ground.ports.alertmanager),
        (services.prometheus, prometheus_binary, "prometheus", ground.ports.prometheus),
    )
    # ALERTS carries whatever the firing alert carries, and `application` is a label of our own target.
    sought = {name: labels - {"application"} for name, labels in foreign_series.items() if name != "ALERTS"}
    with Stack(print) as stack:
        for start, program, name, port in programs:
            configuration = ground.configuration / name / f"{name}.yml"
            stack.start(start(Server(program, configuration, port, ground.folder / name, ground.log(name))))
        for name, labels in sought.items():
            wait_until(lambda name=name, labels=labels: _has(ground, name, labels), 60)  # type: ignore[misc]


def _has(ground: Ground, name: str, labels: frozenset[str]) -> bool:
    return any(labels <= each.keys() for each in series(ground.ports.prometheus, name))
