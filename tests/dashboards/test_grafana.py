"""Grafana itself, with the shipped provisioning: only where this machine has a Grafana, for it is never fetched."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from demo.stack import grafana as grafana_program
from demo.stack import loopback
from demo.stack.ground import Ground, Ports
from grafana.overview import DATASOURCE_UID, UID
from tests.cast import SATURDAY

FOUND = grafana_program.find(os.environ)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(FOUND is None, reason="no grafana on PATH or under GRAFANA_HOME: docs/dashboards.md"),
]


@pytest.fixture(scope="module")
def grafana_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    assert FOUND is not None
    ground = Ground(tmp_path_factory.mktemp("grafana"), Ports(*(loopback.free_port() for _ in range(6))))
    ground.prepare(SATURDAY)
    with grafana_program.grafana(*FOUND, ground):
        yield ground.url("grafana")


def get(url: str) -> Any:
    response = requests.get(url, timeout=10)
    response.raise_for_status()
    return response.json()


def test_the_alerts_address_opens_the_provisioned_dashboard(grafana_url: str) -> None:
    found = get(f"{grafana_url}/api/dashboards/uid/{UID}")
    assert found["dashboard"]["title"] == "WedSync: are weddings safe right now?"
    assert found["meta"]["provisioned"] is True
    assert found["meta"]["folderUid"] == "wedsync"
    assert len([panel for panel in found["dashboard"]["panels"] if panel["type"] != "row"]) == 40


def test_the_data_source_it_asks_for_is_there(grafana_url: str) -> None:
    health = requests.get(f"{grafana_url}/api/health", timeout=10)
    assert health.json()["database"] == "ok"
    frontend = get(f"{grafana_url}/api/frontend/settings")
    assert DATASOURCE_UID in {source["uid"] for source in frontend["datasources"].values()}
