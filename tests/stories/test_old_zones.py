"""A machine whose time-zone rules are years old: both services take the newer ones that came with them."""

import shutil
from dataclasses import fields
from pathlib import Path

import pytest
import requests
import tzdata  # type: ignore[import-untyped]

from demo.stack import services
from demo.stack.ground import Ground, Ports
from demo.stack.loopback import free_port
from demo.stack.processes import Stack
from wedsync_core.clock import SystemClock

PACKAGED = Path(tzdata.__file__).parent / "zoneinfo"


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    made = Ground(tmp_path, Ports(**{field.name: free_port() for field in fields(Ports)}))
    made.prepare(SystemClock().now())
    return made


@pytest.fixture
def old_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its copy is of 2009, and the file of London cannot even be read: whoever looks there cannot start."""
    zones = tmp_path / "zoneinfo"
    (zones / "Europe").mkdir(parents=True)
    shutil.copy(PACKAGED / "UTC", zones / "UTC")
    (zones / "tzdata.zi").write_text("# version 2009a\n")
    (zones / "Europe" / "London").write_bytes(b"an older format")
    monkeypatch.setenv("PYTHONTZPATH", str(zones))


@pytest.mark.usefixtures("old_machine")
def test_the_receiver_judges_by_the_newer_rules(ground: Ground) -> None:
    with Stack(print) as stack:
        stack.start(services.webhook_receiver(ground))


@pytest.mark.usefixtures("old_machine")
def test_so_do_the_exporters_and_they_say_so(ground: Ground) -> None:
    token = (ground.secrets / "viewer").read_text().split()[0]
    with Stack(print) as stack:
        stack.start(services.exporters(ground))
        url = f"{ground.url('exporters')}/metrics"
        metrics = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=5).text
    assert f'wedsync_calendar_info{{tzdata="{tzdata.IANA_VERSION}"}} 1.0' in metrics
