"""Making `.venv`: when nothing is done, what is refused, what the stamp holds. Pip itself is a stand-in here."""

import ast
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from demo.stack import environment, virtual_environment
from demo.stack.debian import PackagesUnavailable, PrivateApt
from demo.stack.virtual_environment import EnvironmentFailed, VirtualEnvironment, checksum, pins, satisfied

RUNTIME = "alembic==1.20.1 \\\n    --hash=sha256:8349\nflask==3.1.2 \\\n    --hash=sha256:aa\npsycopg[binary]==3.3.0\n"
DEVELOPMENT = RUNTIME + "pytest==9.0.1 \\\n    --hash=sha256:bb\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "requirements.lock").write_text(RUNTIME)
    (tmp_path / "requirements-dev.lock").write_text(DEVELOPMENT)
    return tmp_path


def put_python(path: Path) -> Path:
    """Put a Python there that has pip and whatever else it is asked for."""
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch, checkout: Path) -> list[list[str]]:
    """The stages that were run. Making the environment puts a Python there; pip does nothing, and well."""
    run: list[list[str]] = []
    system = put_python(checkout / "system-python")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())

    def pretend(self: VirtualEnvironment, argv: list[str | Path]) -> int:
        run.append([str(part) for part in argv])
        python = checkout / ".venv" / "bin" / "python"
        if "venv" in run[-1]:
            python.parent.mkdir(parents=True, exist_ok=True)
            python.unlink(missing_ok=True)
            python.symlink_to(system)
        return 0

    monkeypatch.setattr(VirtualEnvironment, "_run", pretend)
    return run


def start(checkout: Path, lock: str) -> int:
    return virtual_environment.main(["--root", str(checkout), "--lock", str(checkout / lock)])


def test_an_old_python_is_told_what_is_needed() -> None:
    assert environment.refusal(3, 10, "/usr/bin/python3") == (
        "Python 3.11 or newer is needed, and /usr/bin/python3 is 3.10. "
        "Name a newer one, for example: make demo PYTHON=python3.12"
    )
    assert environment.refusal(3, 11, "python3") == ""
    assert environment.refusal(4, 0, "python4") == ""


@pytest.mark.parametrize("module", ["demo/__init__.py", "demo/stack/__init__.py", "demo/stack/environment.py"])
def test_an_old_python_can_read_as_far_as_the_refusal(module: str) -> None:
    ast.parse(Path(module).read_text(), feature_version=(3, 6))


def test_pins_are_read_with_extras_and_without_their_checksums() -> None:
    assert pins(RUNTIME) == {"alembic": "1.20.1", "flask": "3.1.2", "psycopg": "3.3.0"}


def test_a_lock_holds_for_its_subsets_alone() -> None:
    assert satisfied(DEVELOPMENT, [RUNTIME]) == sorted([checksum(DEVELOPMENT), checksum(RUNTIME)])
    assert satisfied(RUNTIME, [DEVELOPMENT]) == [checksum(RUNTIME)]
    assert satisfied(DEVELOPMENT, ["flask==3.1.1\n"]) == [checksum(DEVELOPMENT)]


def test_the_first_start_installs_with_checksums_and_the_second_does_nothing(
    checkout: Path, stages: list[list[str]]
) -> None:
    assert start(checkout, "requirements.lock") == 0
    assert stages[0][1:3] == ["-m", "venv"]
    assert stages[-1][0] == str(checkout / ".venv/bin/python")
    assert stages[-1][-3:] == ["--require-hashes", "--requirement", str(checkout / "requirements.lock")]
    stages.clear()
    assert start(checkout, "requirements.lock") == 0
    assert stages == []


def test_the_development_lock_serves_the_demo_too_and_not_the_other_way(
    checkout: Path, stages: list[list[str]]
) -> None:
    start(checkout, "requirements-dev.lock")
    stages.clear()
    start(checkout, "requirements.lock")
    assert stages == []
    (checkout / "requirements.lock").write_text(RUNTIME.replace("3.1.2", "3.1.3"))
    start(checkout, "requirements.lock")
    assert len(stages) == 1
    start(checkout, "requirements-dev.lock")
    assert len(stages) == 2


def test_a_python_replaced_by_the_system_makes_the_environment_anew(
    checkout: Path, stages: list[list[str]], tmp_path: Path
) -> None:
    start(checkout, "requirements.lock")
    stages.clear()
    python = checkout / ".venv/bin/python"
    python.unlink()
    python.symlink_to(put_python(tmp_path / "newer-python"))
    start(checkout, "requirements.lock")
    assert "venv" in stages[0]
    python.unlink()
    python.symlink_to(tmp_path / "gone")
    stages.clear()
    start(checkout, "requirements.lock")
    assert "venv" in stages[0]


def test_an_installation_cut_short_leaves_no_stamp(
    checkout: Path, stages: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start(checkout, "requirements.lock")
    (checkout / "requirements.lock").write_text(DEVELOPMENT)
    (checkout / "var/environment.log").write_text("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n")
    monkeypatch.setattr(VirtualEnvironment, "_run", lambda self, argv: 1)
    assert start(checkout, "requirements.lock") == 1
    assert "pip could not install requirements.lock" in capsys.readouterr().err
    (checkout / "requirements.lock").write_text(RUNTIME)
    assert not VirtualEnvironment(checkout).holds(RUNTIME)


def test_a_broken_stamp_holds_nothing(checkout: Path, stages: list[list[str]]) -> None:
    start(checkout, "requirements.lock")
    stamp = checkout / ".venv" / "wedsync-installed.json"
    assert json.loads(stamp.read_text())["locks"] == [checksum(RUNTIME)]
    stamp.write_text("{")
    assert not VirtualEnvironment(checkout).holds(RUNTIME)


def test_a_stage_is_run_in_the_open_and_its_words_are_kept(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    python = checkout / "python"
    python.write_text("#!/bin/sh\necho no module named venv\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(EnvironmentFailed, match=r"makes no virtual environment(.|\n)*no module named venv"):
        VirtualEnvironment(checkout).bring_up_to(checkout / "requirements.lock")
    assert "Making the virtual environment in" in capsys.readouterr().out


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The packages that were unpacked, in a machine whose Python has no ensurepip."""
    unpacked: list[str] = []

    def unpack(self: PrivateApt, names: list[str], into: Path) -> None:
        unpacked.extend(names)
        wheels = into / "usr/share/python-wheels"
        wheels.mkdir(parents=True)
        (wheels / "pip-23.0.1-py3-none-any.whl").touch()
        (wheels / "setuptools-66.1.1-py3-none-any.whl").touch()

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(PrivateApt, "update", lambda self: None)
    monkeypatch.setattr(PrivateApt, "unpack", unpack)
    return unpacked


def test_without_ensurepip_pip_comes_from_the_systems_package(
    checkout: Path, stages: list[list[str]], packages: list[str]
) -> None:
    assert start(checkout, "requirements.lock") == 0
    assert packages == ["python3-pip-whl"]
    made, bootstrapped, installed = stages
    assert "--without-pip" in made
    wheel = Path(bootstrapped[-1])
    assert wheel.name == "pip-23.0.1-py3-none-any.whl"
    assert bootstrapped[1] == str(wheel / "pip"), "pip runs from within its own wheel"
    assert "--require-hashes" in installed
    assert sorted(path.name for path in (checkout / "var").iterdir()) == ["environment.lock"]


def test_without_ensurepip_and_packages_the_message_says_what_to_install(
    checkout: Path,
    stages: list[list[str]],
    packages: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(self: PrivateApt, names: list[str], into: Path) -> None:
        raise PackagesUnavailable("apt-get is not on this machine.")

    monkeypatch.setattr(PrivateApt, "unpack", refuse)
    assert start(checkout, "requirements.lock") == 1
    assert "apt-get is not on this machine. Install the venv module of this Python" in capsys.readouterr().err
    assert not VirtualEnvironment(checkout).holds(RUNTIME)
