"""The programs of the stack as processes: what each is started with, and how it says that it is ready."""

import functools
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo.stack.ground import ROOT, Ground
from demo.stack.loopback import ADDRESS, answering
from demo.stack.processes import Process

_OTLP_FLAG: Final = "web.enable-otlp-receiver"


@functools.cache
def knows_flag(program: Path, flag: str) -> bool:
    """Return whether a program's `--help` names the flag: one it does not know ends it at once."""
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    return f"--{flag}" in done.stdout + done.stderr


@dataclass(frozen=True, slots=True)
class Server:
    """What Prometheus and Alertmanager need alike: the program, its configuration, a port, a folder for its data."""

    program: Path
    configuration: Path
    port: int
    data: Path
    log: Path


def prometheus(server: Server, *, otlp: bool = False) -> Process:
    """Return Prometheus with exemplars; with `otlp` it takes OTLP too, if this build can (Debian's cannot)."""
    flags = ["--web.enable-otlp-receiver"] if otlp and knows_flag(server.program, _OTLP_FLAG) else []
    return _server(
        "Prometheus",
        server,
        [f"--storage.tsdb.path={server.data}", "--enable-feature=exemplar-storage", *flags],
    )


def alertmanager(server: Server) -> Process:
    """Return Alertmanager alone, without its cluster protocol."""
    return _server("Alertmanager", server, [f"--storage.path={server.data}", "--cluster.listen-address="])


def _server(name: str, server: Server, flags: list[str]) -> Process:
    server.data.mkdir(parents=True, exist_ok=True)
    return Process(
        name=name,
        argv=[
            server.program,
            f"--config.file={server.configuration}",
            f"--web.listen-address={ADDRESS}:{server.port}",
            f"--web.external-url=http://{ADDRESS}:{server.port}",
            *flags,
        ],
        ready=answering(server.port, "/-/ready"),
        log_path=server.log,
        cwd=server.data,
    )


def service_environment(ground: Ground) -> dict[str, str]:
    """Return the environment of our own programs on this ground: the settings of DESIGN, and where the secrets lie."""
    secrets = ground.secrets
    return {
        **os.environ,
        **{name: str(port) for name, port in ground.ports.by_variable().items()},
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "WEDSYNC_CONFIG": str(ground.configuration / "wedsync.yml"),
        "WEDSYNC_DATA_DIR": str(ground.data),
        "WEDSYNC__CALENDAR__WEDDINGS__LOCATION": str(ground.weddings),
        "WEDSYNC__RUNBOOKS__ENVIRONMENT": "demo",
        "WEDSYNC_EXPORTERS_URL": ground.url("exporters"),
        "WEDSYNC_RECEIVER_URL": ground.url("receiver"),
        "WEDSYNC_DEMO_URL": ground.url("demo"),
        "WEDSYNC_SECRETS_DIR": str(secrets),
        "WEDSYNC_INGEST_TOKEN_FILE": str(secrets / "ingest"),
        "WEDSYNC_METRICS_TOKEN_FILE": str(secrets / "viewer"),
        "WEDSYNC_PAGER_KEY_FILE": str(secrets / "webhook_signing_key"),
    }


def exporters(ground: Ground) -> Process:
    """Return the exporters on this ground."""
    return _ours("exporters", ground, ground.ports.exporters, "/readyz")


def webhook_receiver(ground: Ground) -> Process:
    """Return the receiver on this ground."""
    return _ours("webhook_receiver", ground, ground.ports.receiver, "/readyz")


def demo_service(ground: Ground, *, reports: bool = True) -> Process:
    """Return the small WedSync on this ground; its own data lie apart from the services'.

    Without `reports` it tells the exporters of no error: its faults are seen by the rules alone.
    """
    folder = ground.folder / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    own = {"WEDSYNC_DATA_DIR": str(folder)} | ({} if reports else {"WEDSYNC_EXPORTERS_URL": ""})
    return _ours("demo.service", ground, ground.ports.demo, "/healthz", own)


def traffic(ground: Ground, rate: float = 20.0) -> Process:
    """Return the driver of the demonstration's traffic, `rate` requests a second; it has nothing to be ready for."""
    return Process(
        name="demo.traffic",
        argv=[sys.executable, "-m", "demo.traffic", "--url", ground.url("demo"), "--rate", str(rate)],
        env=service_environment(ground),
        cwd=ROOT,
        ready=lambda: True,
        log_path=ground.log("demo.traffic"),
    )


def whole(
    ground: Ground, prometheus_program: Path, alertmanager_program: Path, *, reports: bool = True
) -> Iterator[Process]:
    """Give the programs in the order of their start: whoever is paged first, whoever looks last."""
    yield alertmanager(_server_on(ground, "alertmanager", alertmanager_program, ground.ports.alertmanager))
    yield webhook_receiver(ground)
    yield exporters(ground)
    yield demo_service(ground, reports=reports)
    yield prometheus(_server_on(ground, "prometheus", prometheus_program, ground.ports.prometheus))


def _server_on(ground: Ground, name: str, program: Path, port: int) -> Server:
    return Server(
        program=program,
        configuration=ground.configuration / name / f"{name}.yml",
        port=port,
        data=ground.folder / name,
        log=ground.log(name),
    )


def _ours(module: str, ground: Ground, port: int, path: str, extra: Mapping[str, str] | None = None) -> Process:
    return Process(
        name=module,
        argv=[sys.executable, "-m", module],
        env={**service_environment(ground), **(extra or {})},
        cwd=ROOT,
        ready=answering(port, path),
        log_path=ground.log(module),
        # They finish what they have begun: gunicorn gives its threads ten seconds.
        stop_seconds=20.0,
    )
