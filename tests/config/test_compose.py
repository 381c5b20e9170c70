"""docker-compose.yml, Dockerfile and .env: what a reader of the composition would check by eye, on every service."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.secrets import DATABASE_PASSWORDS
from demo.stack.secrets import NAMES

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PINS = dict(
    line.split("=", 1)
    for line in (ROOT / ".env").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)
# A tag that names one release: latest, 3 and 3.13 name another one tomorrow.
EXACT = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.-]+)?")
SERVICES_OF_OURS = {"exporters", "webhook_receiver", "demo", "traffic"}
# Debian's build has no OTLP receiver; the flag was looked up in the documentation of 3.13.
NOT_IN_EVERY_BUILD = {"--web.enable-otlp-receiver"}


def filled(text: str) -> str:
    """Fill in variables as Compose does: from .env, else the default; one that must be there is."""

    def value(found: re.Match[str]) -> str:
        name, must, default = found["name"], found["must"], found["default"]
        assert name in PINS or not must, f"{name} is not in .env"
        return PINS.get(name, default or "")

    return re.sub(r"\$\{(?P<name>\w+)(?:(?P<must>:\?)|:-(?P<default>[^}]*))?\}", value, text)


STACK: dict[str, Any] = yaml.safe_load(filled(COMPOSE))
SERVICES: dict[str, dict[str, Any]] = STACK["services"]

every_service = pytest.mark.parametrize("service", [pytest.param(each, id=name) for name, each in SERVICES.items()])


def mounts(service: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    return (mount for mount in service.get("volumes", []) if mount["type"] == kind)


def test_everything_the_stack_is_made_of_is_there() -> None:
    assert set(SERVICES) == SERVICES_OF_OURS | {"postgres", "alertmanager", "prometheus", "grafana"}
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["demo"]} == {"demo", "traffic"}


@every_service
def test_the_image_is_one_release_named_in_env(service: dict[str, Any]) -> None:
    assert EXACT.fullmatch(service["image"]), service["image"]
    assert "latest" not in service["image"]


def test_versions_are_named_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert PINS["WEDSYNC_VERSION"] == project["version"]
    assert all(EXACT.fullmatch(image) for name, image in PINS.items() if name.endswith("_IMAGE"))
    assert set(re.findall(r"\$\{(\w+):\?\}", COMPOSE)) == set(PINS)
    assert re.search(r"^ARG PYTHON_IMAGE$", DOCKERFILE, re.MULTILINE), "no second place for a version"
    assert PINS["PROMETHEUS_IMAGE"] == "prom/prometheus:v3.13.2"
    assert PINS["ALERTMANAGER_IMAGE"] == "prom/alertmanager:v0.33.1"


@every_service
def test_its_health_is_checked(service: dict[str, Any]) -> None:
    check = service["healthcheck"]
    kind, *command = check["test"]
    assert kind in {"CMD", "CMD-SHELL"}
    assert command[0] not in {"true", "exit 0", "echo"}
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()
    assert "-T" not in command, "busybox wget of some builds crashes on it"


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("exporters", "http://127.0.0.1:8081/readyz"),
        ("webhook_receiver", "http://127.0.0.1:8082/readyz"),
        ("demo", "http://127.0.0.1:8083/healthz"),
        ("traffic", "8083"),
        ("prometheus", "http://127.0.0.1:9090/-/ready"),
        ("alertmanager", "http://127.0.0.1:9093/-/ready"),
        ("grafana", "http://127.0.0.1:3000/api/health"),
    ],
)
def test_the_check_asks_whether_it_can_do_its_job(name: str, asked: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][-1] == asked


def test_postgres_is_healthy_only_with_both_databases() -> None:
    check = SERVICES["postgres"]["healthcheck"]["test"][-1]
    assert "--host=127.0.0.1" in check, "while its volume is being made the server listens on a socket"
    assert "--dbname=telemetry" in check
    assert "--dbname=incidents" in check


@every_service
def test_it_waits_for_the_health_of_others_not_for_their_start(service: dict[str, Any]) -> None:
    for name, wish in service.get("depends_on", {}).items():
        assert wish == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[name]


def test_nothing_that_watches_waits_for_what_it_watches() -> None:
    assert "depends_on" not in SERVICES["alertmanager"]
    assert set(SERVICES["prometheus"]["depends_on"]) == {"alertmanager"}


@every_service
def test_it_is_nobody_and_can_become_nobody(service: dict[str, Any]) -> None:
    user = str(service["user"]).partition(":")[0]
    assert user.isdecimal(), "by number: Compose cannot look a name up in the image"
    assert int(user) > 0
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True


@every_service
def test_it_cannot_take_the_machine(service: dict[str, Any]) -> None:
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} == limits.keys()
    assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}
    assert service["restart"] == "unless-stopped"
    assert all("size=" in mount for mount in service.get("tmpfs", []))


@every_service
def test_configuration_is_mounted_read_only_from_files_that_exist(service: dict[str, Any]) -> None:
    for mount in mounts(service, "bind"):
        assert mount["read_only"] is True
        assert mount["bind"] == {"create_host_path": False}
        assert (ROOT / mount["source"]).exists(), mount["source"]
        assert ".." not in Path(mount["source"]).parts
        assert mount["source"] not in {"/var/run/docker.sock", "/"}


def test_every_volume_is_named_and_belongs_to_one_service() -> None:
    used = [mount["source"] for service in SERVICES.values() for mount in mounts(service, "volume")]
    assert sorted(used) == sorted(STACK["volumes"])
    assert len(used) == len(set(used))


def test_mounted_files_are_where_the_programs_look() -> None:
    targets = {mount["target"] for service in SERVICES.values() for mount in mounts(service, "bind")}
    prometheus = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert {str(Path(pattern).parent) for pattern in prometheus["rule_files"]} <= targets
    provider = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/wedsync.yaml").read_text(encoding="utf-8"))
    assert {each["options"]["path"] for each in provider["providers"]} <= targets
    for name in ("exporters", "webhook_receiver"):
        assert SERVICES[name]["environment"]["WEDSYNC_CONFIG"] in targets
    data = yaml.safe_load((ROOT / "wedsync.yml").read_text(encoding="utf-8"))["data_dir"]
    for name in ("exporters", "webhook_receiver", "demo"):
        assert [mount["target"] for mount in mounts(SERVICES[name], "volume")] == [data]


def test_only_loopback_is_published_and_never_the_database() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), f"{name}: {port}"
    published = {name for name, service in SERVICES.items() if service.get("ports")}
    assert published == {"exporters", "webhook_receiver", "demo", "prometheus", "alertmanager", "grafana"}
    assert SERVICES["postgres"]["networks"] == ["database"]
    assert {name for name, service in SERVICES.items() if "database" in service["networks"]} == {
        "postgres",
        "exporters",
        "webhook_receiver",
    }
    assert STACK["networks"]["database"] == STACK["networks"]["inside"] == {"internal": True}
    # A port of a container that is on internal networks only is published to nobody.
    assert all("edge" in SERVICES[name]["networks"] for name in published)


def test_every_port_can_be_moved() -> None:
    moved = set(re.findall(r'"127\.0\.0\.1:\$\{(\w+):-\d+\}:\d+"', COMPOSE))
    names = ("EXPORTERS", "RECEIVER", "DEMO", "PROMETHEUS", "ALERTMANAGER", "GRAFANA")
    assert moved == {f"WEDSYNC_{name}_PORT" for name in names}


@every_service
def test_no_secret_stands_in_the_environment(service: dict[str, Any]) -> None:
    for name, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|TOKEN|SECRET|_KEY", name):
            assert name.endswith("_FILE"), name
            assert value.removeprefix("/run/secrets/") in service["secrets"]
        assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), f"{name} holds a password"


def test_every_secret_is_a_file_that_the_documented_command_makes() -> None:
    declared = STACK["secrets"]
    assert set(declared) == {*NAMES, *DATABASE_PASSWORDS}
    assert all(declared[name] == {"file": f"./secrets/{name}"} for name in declared)
    assert {name for service in SERVICES.values() for name in service.get("secrets", [])} == set(declared)
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/secrets/" in ignored


@pytest.mark.parametrize(
    ("service", "file"),
    [
        ("prometheus", "prometheus/prometheus.yml"),
        ("alertmanager", "alertmanager/alertmanager.yml"),
        ("exporters", "wedsync.yml"),
        ("webhook_receiver", "wedsync.yml"),
    ],
)
def test_each_gets_the_secrets_its_configuration_names(service: str, file: str) -> None:
    lines = [
        line for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")
    ]
    named = set(re.findall(r"/run/secrets/(\w+)", "\n".join(lines)))
    if service == "exporters":
        named -= {"webhook_signing_key", "acknowledge_link_key"}  # pages are the receiver's
    assert named <= set(SERVICES[service]["secrets"])


def test_hosts_in_the_configuration_are_services_that_share_a_network() -> None:
    asked_by = {
        "prometheus/prometheus.yml": "prometheus",
        "alertmanager/alertmanager.yml": "alertmanager",
        "grafana/provisioning/datasources/prometheus.yaml": "grafana",
        "wedsync.yml": "webhook_receiver",
    }
    for file, asking in asked_by.items():
        text = re.sub(r"^\s*#.*$", "", (ROOT / file).read_text(encoding="utf-8"), flags=re.MULTILINE)
        hosts = set(re.findall(r"(?<![\w.-])([a-z_]+):(?:8081|8082|8083|9090|9093)\b", text)) - {"localhost"}
        assert hosts
        for host in hosts:
            assert set(SERVICES[host]["networks"]) & set(SERVICES[asking]["networks"]), f"{asking} cannot reach {host}"


def flags(service: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for argument in SERVICES[service]["command"]:
        flag, _, value = argument.partition("=")
        given[flag] = value
    return given


def test_prometheus_takes_otlp_keeps_exemplars_and_ends() -> None:
    given = flags("prometheus")
    assert "--web.enable-otlp-receiver" in given
    assert given["--enable-feature"] == "exemplar-storage"
    assert re.fullmatch(r"\d+d", given["--storage.tsdb.retention.time"])
    assert given["--storage.tsdb.retention.size"]
    assert "--web.enable-lifecycle" not in given, "whoever reaches the port could stop it"
    assert flags("alertmanager")["--cluster.listen-address"] == ""


@pytest.mark.real
def test_the_flags_exist(prometheus_binary: Path, alertmanager_binary: Path) -> None:
    for service, program in (("prometheus", prometheus_binary), ("alertmanager", alertmanager_binary)):
        told = subprocess.run([program, "--help"], capture_output=True, text=True, check=False, timeout=30)
        known = set(re.findall(r"--(?:\[no-\])?[\w.-]+", told.stdout + told.stderr))
        known = {flag.replace("[no-]", "") for flag in known}
        assert flags(service).keys() - NOT_IN_EVERY_BUILD <= known


def test_our_images_are_built_from_targets_that_exist() -> None:
    targets = set(re.findall(r"^FROM .* AS (\w+)$", DOCKERFILE, re.MULTILINE))
    for name in ("exporters", "webhook_receiver", "demo"):
        build = SERVICES[name]["build"]
        assert build["target"] in targets
        assert build["args"]["PYTHON_IMAGE"] == PINS["PYTHON_IMAGE"]
        assert SERVICES[name]["image"].endswith(f"/{name}:{PINS['WEDSYNC_VERSION']}")
    assert SERVICES["traffic"]["image"] == SERVICES["demo"]["image"]


def test_the_image_holds_the_lock_and_runs_as_nobody() -> None:
    assert "pip install --require-hashes --only-binary=:all: -r /tmp/requirements.lock" in DOCKERFILE
    (user,) = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert {SERVICES[name]["user"] for name in SERVICES_OF_OURS} == {":".join(user)}
    assert DOCKERFILE.count("HEALTHCHECK") == 3
    assert "ADD " not in DOCKERFILE
    assert "curl" not in DOCKERFILE


def test_only_what_the_images_are_made_of_is_sent_to_the_builder() -> None:
    first, *allowed = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    assert first == "*"
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for source in (name for line in copied for name in line.split()):
        assert any(allow.removeprefix("!").startswith(source) for allow in allowed if allow.startswith("!")), source
        assert (ROOT / source).exists(), source
    sent = [allow.removeprefix("!") for allow in allowed if allow.startswith("!")]
    assert not [name for name in sent if name.startswith(("secrets", ".env", "var", ".git"))]


def test_compose_itself_takes_the_file(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    has_compose = (
        docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    )
    if not has_compose:
        pytest.skip("no docker compose on this machine")
    command = [docker, "compose", "--project-directory", ROOT, "--profile", "demo", "config", "--quiet"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower(), done.stderr
