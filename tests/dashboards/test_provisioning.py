"""What Grafana finds when it starts: the data source the dashboards ask for, and the folder they come from."""

from pathlib import Path
from typing import Any

import yaml

from grafana.build import DASHBOARDS, ROOT
from grafana.overview import DATASOURCE_UID
from grafana.queries import DATASOURCE_INTERVAL

PROVISIONING = ROOT / "grafana" / "provisioning"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_data_source_is_prometheus_under_its_fixed_uid() -> None:
    (source,) = read(PROVISIONING / "datasources" / "prometheus.yaml")["datasources"]
    assert source["uid"] == DATASOURCE_UID
    assert (source["type"], source["access"], source["isDefault"]) == ("prometheus", "proxy", True)
    assert source["url"] == "http://prometheus:9090"
    assert source["editable"] is False


def test_its_interval_is_that_of_our_own_scrapes() -> None:
    (source,) = read(PROVISIONING / "datasources" / "prometheus.yaml")["datasources"]
    jobs = read(ROOT / "prometheus" / "prometheus.yml")["scrape_configs"]
    ours = {job["scrape_interval"] for job in jobs if job["job_name"] in {"exporters", "webhook_receiver", "wedsync"}}
    # The longest of them: a rate's window must hold four samples of every job.
    assert source["jsonData"]["timeInterval"] == max(ours) == DATASOURCE_INTERVAL


def test_dashboards_come_from_files_and_cannot_be_saved_over() -> None:
    (provider,) = read(PROVISIONING / "dashboards" / "wedsync.yaml")["providers"]
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is False
    assert (provider["folder"], provider["folderUid"]) == ("WedSync", "wedsync")
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
    assert list(DASHBOARDS.glob("*.json"))
