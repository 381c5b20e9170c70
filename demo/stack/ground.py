"""Where one stack lives: its ports, its folders, and the committed configuration made to fit them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Final

from demo.stack.configuration import Places, localise
from demo.stack.loopback import ADDRESS
from demo.stack.secrets import make_secrets
from demo.stack.weddings import wedding_list

ROOT: Final = Path(__file__).resolve().parents[2]


class PortInvalid(ValueError):
    """A port setting is no port; the message names the variable."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one stack on loopback; the defaults are those of compose."""

    exporters: int = 8081
    receiver: int = 8082
    demo: int = 8083
    prometheus: int = 9090
    alertmanager: int = 9093
    grafana: int = 3000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Ports":
        """Return the ports that `WEDSYNC_<NAME>_PORT` name. Raises PortInvalid."""
        chosen = {}
        for field in fields(cls):
            text = environment.get(variable(field.name))
            if text:
                if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
                    raise PortInvalid(f"{variable(field.name)} must be a port number, not {text!r}")
                chosen[field.name] = int(text)
        return cls(**chosen)

    def by_variable(self) -> dict[str, int]:
        """Return every port by the variable that sets it."""
        return {variable(field.name): getattr(self, field.name) for field in fields(self)}


def variable(name: str) -> str:
    """Return the variable that sets a port."""
    return f"WEDSYNC_{name.upper()}_PORT"


@dataclass(frozen=True, slots=True)
class Ground:
    """The folder and ports of one stack. Made by `prepare`, it holds secrets and configuration."""

    folder: Path
    ports: Ports

    @property
    def secrets(self) -> Path:
        """Return the folder of the secrets."""
        return self.folder / "secrets"

    @property
    def configuration(self) -> Path:
        """Return the folder of the configuration for this machine, laid out as in the repository."""
        return self.folder / "configuration"

    @property
    def data(self) -> Path:
        """Return the folder of our two services' data."""
        return self.folder / "data"

    def log(self, name: str) -> Path:
        """Return the log file of a program."""
        return self.folder / "logs" / f"{name}.log"

    def url(self, name: str) -> str:
        """Return where a program of the stack answers, by its name among the ports."""
        return f"http://{ADDRESS}:{getattr(self.ports, name)}"

    @property
    def weddings(self) -> Path:
        """Return the wedding list."""
        return self.folder / "weddings.csv"

    def prepare(self, now: datetime) -> None:
        """Make the secrets, write the configuration, and let somebody marry now.

        Raises NotLocalised, SecretUnusable.
        """
        make_secrets(self.secrets)
        self.data.mkdir(parents=True, exist_ok=True)
        self.weddings.write_text(wedding_list(now), encoding="utf-8")
        committed = [ROOT / "prometheus/prometheus.yml", ROOT / "alertmanager/alertmanager.yml", ROOT / "wedsync.yml"]
        committed += sorted((ROOT / "grafana/provisioning").rglob("*.y*ml"))
        for source in committed:
            name = source.relative_to(ROOT)
            target = self.configuration / name
            target.parent.mkdir(parents=True, exist_ok=True)
            text = localise(source.read_text(encoding="utf-8"), self.places(), str(name))
            target.write_text(text, encoding="utf-8")

    def places(self) -> Places:
        """Return what the names and paths of compose stand for here."""
        services = {
            "exporters:8081": "exporters",
            "webhook_receiver:8082": "receiver",
            "demo:8083": "demo",
            "prometheus:9090": "prometheus",
            "alertmanager:9093": "alertmanager",
            "grafana:3000": "grafana",
            # What compose publishes, for links that people follow.
            "localhost:8081": "exporters",
            "localhost:8082": "receiver",
            "localhost:9090": "prometheus",
            "localhost:9093": "alertmanager",
            "localhost:3000": "grafana",
        }
        return Places(
            addresses={place: f"{ADDRESS}:{getattr(self.ports, name)}" for place, name in services.items()},
            paths={f"/run/secrets/{path.name}": path for path in make_secrets(self.secrets).values()}
            | {
                "/etc/prometheus/rules/": ROOT / "rules",
                "/etc/alertmanager/templates/": ROOT / "alertmanager" / "templates",
                "/etc/grafana/dashboards": ROOT / "grafana" / "dashboards",
                "/var/lib/grafana/dashboards": ROOT / "grafana" / "dashboards",
                "/var/lib/wedsync": self.data,
            },
        )
