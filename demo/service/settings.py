"""What the demonstration is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REGIONS: Final[Mapping[str, str]] = {
    "london": "Europe/London",
    "new_york": "America/New_York",
    "los_angeles": "America/Los_Angeles",
    "sydney": "Australia/Sydney",
    "auckland": "Pacific/Auckland",
}
"""Venue regions and their time zones."""


@dataclass(frozen=True)
class DemoSettings:
    """Addresses and files. Optional files are None when the demonstration runs without the rest of the stack."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8083
    exporters_url: str | None = None
    ingest_token_file: Path | None = None
    metrics_token_file: Path | None = None
    pager_key_file: Path | None = None
    release: str = "demo"

    @property
    def provider_url(self) -> str:
        """Where the payment service finds its fake third party: this process, over real HTTP."""
        return f"http://127.0.0.1:{self.port}/provider/charges"

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> DemoSettings:
        """Return the settings; raises ValueError naming the variable that is missing or wrong."""
        data_dir = environment.get("WEDSYNC_DATA_DIR")
        if not data_dir:
            raise ValueError("WEDSYNC_DATA_DIR must name the directory for the demonstration's data")
        port = environment.get("WEDSYNC_DEMO_PORT", "8083")
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError(f"WEDSYNC_DEMO_PORT must be a port number, not {port!r}")
        return DemoSettings(
            data_dir=Path(data_dir),
            host=environment.get("WEDSYNC_DEMO_HOST", "127.0.0.1"),
            port=int(port),
            exporters_url=environment.get("WEDSYNC_EXPORTERS_URL") or None,
            ingest_token_file=_file(environment, "WEDSYNC_INGEST_TOKEN_FILE"),
            metrics_token_file=_file(environment, "WEDSYNC_METRICS_TOKEN_FILE"),
            pager_key_file=_file(environment, "WEDSYNC_PAGER_KEY_FILE"),
        )


def _file(environment: Mapping[str, str], variable: str) -> Path | None:
    path = environment.get(variable)
    return Path(path) if path else None
