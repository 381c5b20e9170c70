"""What the demonstration refuses before it starts anything, and what it prints once it runs."""

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from demo import __main__ as demo
from demo.stack.ground import Ground, Ports
from demo.stack.guide import guide, next_steps
from demo.stack.secrets import ROLES, make_secrets

PORTS = Ports(exporters=1, receiver=2, demo=3, prometheus=4, alertmanager=5, grafana=6)


def test_free_ports_are_not_refused() -> None:
    demo.refuse_taken_ports(PORTS, with_grafana=True, taken=lambda port: False)


def test_every_taken_port_is_named_with_its_variable() -> None:
    with pytest.raises(demo.CannotStart) as caught:
        demo.refuse_taken_ports(PORTS, with_grafana=True, taken=lambda port: port in {2, 4})
    assert str(caught.value).splitlines() == [
        "Port 2 is taken: stop what listens there, or set WEDSYNC_RECEIVER_PORT to another port.",
        "Port 4 is taken: stop what listens there, or set WEDSYNC_PROMETHEUS_PORT to another port.",
    ]


def test_grafanas_port_matters_only_with_grafana() -> None:
    demo.refuse_taken_ports(PORTS, with_grafana=False, taken=lambda port: port == 6)
    with pytest.raises(demo.CannotStart, match="WEDSYNC_GRAFANA_PORT"):
        demo.refuse_taken_ports(PORTS, with_grafana=True, taken=lambda port: port == 6)


def test_one_port_for_two_programs_is_refused() -> None:
    with pytest.raises(demo.CannotStart, match=r"WEDSYNC_DEMO_PORT names port 9090, which another"):
        demo.refuse_taken_ports(Ports(demo=9090), with_grafana=False, taken=lambda port: False)


def test_a_wrong_port_ends_the_start_with_status_2() -> None:
    environment = {**os.environ, "WEDSYNC_RECEIVER_PORT": "eighty"}
    done = subprocess.run([sys.executable, "-m", "demo"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "WEDSYNC_RECEIVER_PORT must be a port number, not 'eighty'\n")


def test_a_second_demo_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with demo.alone(tmp_path), pytest.raises(demo.CannotStart, match="WEDSYNC_DATA_DIR"), demo.alone(tmp_path):
        pass
    with demo.alone(tmp_path):
        pass


def test_a_port_somebody_listens_on_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(demo.CannotStart, match="WEDSYNC_DEMO_PORT"):
            demo.refuse_taken_ports(Ports(demo=listener.getsockname()[1]), with_grafana=False)


def test_the_guide_names_every_address_and_token_file(tmp_path: Path) -> None:
    ground = Ground(tmp_path / "var" / "demo", PORTS)
    told = guide(ground, with_grafana=False, here=tmp_path)
    for port in range(1, 6):
        assert f"http://127.0.0.1:{port} " in told
    for role in ROLES:
        assert f"var/demo/secrets/{role} " in told
    assert "Grafana" not in told
    assert "http://127.0.0.1:6 " in guide(ground, with_grafana=True, here=tmp_path)


def test_every_command_of_the_guide_is_one_a_shell_understands(tmp_path: Path) -> None:
    folder = tmp_path / "a folder with blanks"
    make_secrets(folder / "secrets")
    steps = next_steps(Ground(folder, PORTS), here=tmp_path)
    curl = "#!/bin/sh\nfor part; do printf '%s\\n' \"$part\"; done\n"
    (tmp_path / "curl").write_text(curl)
    (tmp_path / "curl").chmod(0o755)
    for _, command in steps:
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        arguments = done.stdout.splitlines()
        assert done.stderr == ""
        address = urlsplit(arguments[-1])
        assert address.hostname == "127.0.0.1"
        assert address.port in range(1, 6)
        if "Authorization" in command:
            token = next(part for part in arguments if part.startswith("Authorization: Bearer "))
            assert len(token.removeprefix("Authorization: Bearer ")) >= 43
    assert len(steps) == len({shlex.join([what]) for what, _ in steps}) >= 6
