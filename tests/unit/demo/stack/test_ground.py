"""Ports and folders of one stack, and the environment its programs get."""

from pathlib import Path

import pytest

from demo.stack import services
from demo.stack.ground import Ground, PortInvalid, Ports
from tests.cast import SATURDAY
from wedsync_core.settings import load_settings


def test_the_ports_are_those_of_compose_unless_the_environment_names_others() -> None:
    assert Ports.from_environment({}) == Ports(8081, 8082, 8083, 9090, 9093, 3000)
    chosen = Ports.from_environment({"WEDSYNC_RECEIVER_PORT": "18082", "WEDSYNC_GRAFANA_PORT": ""})
    assert chosen == Ports(receiver=18082)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "80 ", "٨٠"])
def test_what_is_no_port_is_refused_by_its_variable(text: str) -> None:
    with pytest.raises(PortInvalid, match=r"WEDSYNC_PROMETHEUS_PORT must be a port number"):
        Ports.from_environment({"WEDSYNC_PROMETHEUS_PORT": text})


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    made = Ground(tmp_path, Ports(*range(20001, 20007)))
    made.prepare(SATURDAY)
    return made


def test_the_committed_settings_load_on_this_ground(ground: Ground) -> None:
    environment = services.service_environment(ground)
    settings = load_settings(Path(environment["WEDSYNC_CONFIG"]), environment)
    assert settings.data_dir == ground.data
    assert (settings.exporters.host, settings.exporters.port) == ("127.0.0.1", 20001)
    assert (settings.receiver.url, settings.receiver.port) == ("http://127.0.0.1:20002", 20002)
    assert settings.prometheus.url == "http://127.0.0.1:20004"
    assert settings.alertmanager.urls == ["http://127.0.0.1:20005"]
    assert settings.grafana_url == "http://127.0.0.1:20006"
    for path in settings.access.token_files.values():
        assert path.parent == ground.secrets
        assert path.is_file()


def test_preparing_again_keeps_the_secrets_and_renews_the_configuration(ground: Ground) -> None:
    secret = (ground.secrets / "admin").read_text()
    written = ground.configuration / "prometheus/prometheus.yml"
    text = written.read_text()
    written.write_text("changed by hand")
    ground.prepare(SATURDAY)
    assert written.read_text() == text
    assert (ground.secrets / "admin").read_text() == secret


def test_every_program_of_ours_gets_its_own_port_question_and_log(ground: Ground) -> None:
    made = [services.exporters(ground), services.webhook_receiver(ground), services.demo_service(ground)]
    assert [process.argv[-1] for process in made] == ["exporters", "webhook_receiver", "demo.service"]
    assert len({process.log_path for process in made}) == 3
    demo = made[2].env
    assert demo is not None
    assert demo["WEDSYNC_DATA_DIR"] == str(ground.folder / "demo"), "its files are not the services'"
    assert demo["WEDSYNC_DEMO_PORT"] == "20003"
    assert Path(demo["WEDSYNC_PAGER_KEY_FILE"]).read_text().strip()
