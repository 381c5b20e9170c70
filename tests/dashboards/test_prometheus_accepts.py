"""A real Prometheus with the committed rules takes every query of the dashboard, and has nothing to say against it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.stack import loopback, services
from demo.stack.ground import Ground, Ports
from demo.stack.services import Server
from grafana.build import DASHBOARDS
from grafana.queries import queries_of
from tests import panel_answers
from tests.cast import SATURDAY

pytestmark = pytest.mark.real

OVERVIEW = json.loads((DASHBOARDS / "overview.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def prometheus_url(prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("dashboards")
    ground = Ground(folder, Ports(*(loopback.free_port() for _ in range(6))))
    ground.prepare(SATURDAY)
    server = Server(
        program=prometheus_binary,
        configuration=ground.configuration / "prometheus/prometheus.yml",
        port=ground.ports.prometheus,
        data=folder / "prometheus",
        log=ground.log("prometheus"),
    )
    with services.prometheus(server):
        yield ground.url("prometheus")


def test_prometheus_takes_every_query(prometheus_url: str) -> None:
    assert panel_answers.refused(prometheus_url, OVERVIEW) == []


def test_a_broken_query_is_refused(prometheus_url: str) -> None:
    broken = json.loads(json.dumps(OVERVIEW).replace("histogram_quantile(0.95", "histogram_quantile(9.5"))
    assert any("509" in each for each in panel_answers.refused(prometheus_url, broken))
    with pytest.raises(AssertionError, match="parse error"):
        panel_answers.ask(prometheus_url, "sum by (region (up)")


def test_what_may_be_empty_is_still_on_the_dashboard() -> None:
    places = {query.panel for query in queries_of(OVERVIEW)}
    assert panel_answers.MAY_BE_EMPTY.keys() <= places
