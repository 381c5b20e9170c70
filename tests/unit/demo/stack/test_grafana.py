"""Grafana is started where there is one, with the stack's own provisioning."""

import sys
from pathlib import Path

import pytest

from demo.stack import grafana, loopback
from demo.stack.ground import Ground, Ports
from tests.cast import SATURDAY

# Answers as Grafana does once it is up, if it was given what it needs.
STAND_IN = """#!{python}
import http.server, os, pathlib, sys
assert sys.argv[1:2] == ["server"] and pathlib.Path(sys.argv[3], "conf/defaults.ini").is_file()
assert pathlib.Path(os.environ["GF_PATHS_PROVISIONING"]).is_absolute()
password = os.environ["GF_SECURITY_ADMIN_PASSWORD"].removeprefix("$__file{{").removesuffix("}}")
assert pathlib.Path(password).read_text().strip()
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
address = os.environ["GF_SERVER_HTTP_ADDR"], int(os.environ["GF_SERVER_HTTP_PORT"])
http.server.HTTPServer(address, Health).serve_forever()
"""


def install(home: Path, name: str = "grafana") -> Path:
    (home / "conf").mkdir(parents=True)
    (home / "conf" / "defaults.ini").touch()
    (home / "bin").mkdir()
    program = home / "bin" / name
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(0o755)
    return program


def test_without_grafana_there_is_none(tmp_path: Path) -> None:
    assert grafana.find({"PATH": str(tmp_path)}) is None
    assert grafana.find({}) is None


@pytest.mark.parametrize("name", ["grafana", "grafana-server"])
def test_it_is_found_under_its_home_and_on_path(tmp_path: Path, name: str) -> None:
    program = install(tmp_path / "grafana-13", name)
    assert grafana.find({"GRAFANA_HOME": str(tmp_path / "grafana-13")}) == (program, tmp_path / "grafana-13")
    links = tmp_path / "bin"
    links.mkdir()
    (links / name).symlink_to(program)
    assert grafana.find({"PATH": str(links)}) == (program, tmp_path / "grafana-13")


def test_a_program_without_its_home_is_not_taken(tmp_path: Path) -> None:
    program = install(tmp_path / "grafana-13")
    (tmp_path / "grafana-13" / "conf" / "defaults.ini").unlink()
    assert grafana.find({"PATH": str(program.parent)}) is None


def test_it_is_started_on_loopback_with_the_stacks_provisioning(tmp_path: Path) -> None:
    program = install(tmp_path / "grafana-13")
    ground = Ground(tmp_path / "ground", Ports(grafana=loopback.free_port()))
    ground.prepare(SATURDAY)
    with grafana.grafana(program, tmp_path / "grafana-13", ground) as process:
        assert loopback.answers(ground.ports.grafana, "/api/health")
        assert process.env is not None
        assert process.env["GF_PATHS_PROVISIONING"] == str(ground.configuration / "grafana/provisioning")
