"""Grafana, where this machine has it: on PATH, or under GRAFANA_HOME. It is never fetched."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from demo.stack.ground import Ground
from demo.stack.loopback import ADDRESS, answering
from demo.stack.processes import Process

_PACKAGED_HOME: Final = Path("/usr/share/grafana")


def find(environment: Mapping[str, str]) -> tuple[Path, Path] | None:
    """Return Grafana's program and its home (the folder with `conf` and `public`), or None."""
    home = environment.get("GRAFANA_HOME")
    folders = ([Path(home) / "bin"] if home else []) + [
        Path(folder) for folder in environment.get("PATH", "").split(os.pathsep) if folder
    ]
    for folder in folders:
        for name in ("grafana", "grafana-server"):
            program = shutil.which(name, path=str(folder))
            if program:
                real = Path(program).resolve()
                homes = [Path(home)] if home else [real.parents[1], _PACKAGED_HOME]
                found = next((place for place in homes if (place / "conf" / "defaults.ini").is_file()), None)
                if found:
                    return real, found
    return None


def grafana(program: Path, home: Path, ground: Ground) -> Process:
    """Return Grafana on this ground, with the provisioning of compose. Anybody on this machine may look, not edit."""
    folder = ground.folder / "grafana"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "GF_PATHS_DATA": folder / "data",
        "GF_PATHS_LOGS": folder / "logs",
        "GF_PATHS_PLUGINS": folder / "plugins",
        "GF_PATHS_PROVISIONING": ground.configuration / "grafana" / "provisioning",
        "GF_SERVER_HTTP_ADDR": ADDRESS,
        "GF_SERVER_HTTP_PORT": ground.ports.grafana,
        "GF_SERVER_ROOT_URL": ground.url("grafana"),
        # Grafana's own way to read a file: the `__FILE` suffix is known to its container image alone.
        "GF_SECURITY_ADMIN_PASSWORD": f"$__file{{{ground.secrets / 'grafana_admin_password'}}}",
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_LOG_MODE": "console",
    }
    return Process(
        name="Grafana",
        argv=[program, *(["server"] if program.name == "grafana" else []), "--homepath", home],
        env={**os.environ, **{name: str(value) for name, value in settings.items()}},
        cwd=folder,
        ready=answering(ground.ports.grafana, "/api/health"),
        log_path=ground.log("grafana"),
        # The first start makes its database.
        start_seconds=120.0,
    )
