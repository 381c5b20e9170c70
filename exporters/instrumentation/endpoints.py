"""Which address each OTLP signal goes to. Pure: what was asked for and the environment in, two addresses out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

BASE: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True)
class Endpoints:
    """Full addresses, None where a signal is not pushed; `warnings` are for the log."""

    traces: str | None
    metrics: str | None
    warnings: tuple[str, ...] = ()


def otlp_endpoints(asked: str | None, environment: Mapping[str, str]) -> Endpoints:
    """Return where traces and metrics go.

    `asked` is a base address, to which `/v1/traces` and `/v1/metrics` are added; "" turns pushing off whatever the
    environment says; None leaves it to the variables of the OpenTelemetry specification: the base, or per signal
    `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and `..._METRICS_ENDPOINT`, which are used as they are, nothing added.
    `OTEL_TRACES_EXPORTER=none` and `OTEL_METRICS_EXPORTER=none` turn one signal off.
    """
    warnings: list[str] = []
    traces = _endpoint("traces", asked, environment, warnings)
    metrics = _endpoint("metrics", asked, environment, warnings)
    return Endpoints(traces, metrics, tuple(warnings))


def _endpoint(signal: str, asked: str | None, environment: Mapping[str, str], warnings: list[str]) -> str | None:
    if environment.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").strip().lower() == "none":
        return None
    if asked is not None:
        return f"{asked.rstrip('/')}/v1/{signal}" if asked else None
    variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
    if own := environment.get(variable, "").strip():
        if not urlsplit(own).path.rstrip("/").endswith(f"/v1/{signal}"):
            warnings.append(
                f"{variable} is used as it is and does not end in /v1/{signal}: most receivers answer 404 to that; "
                f"give the full path, or set {BASE} to the base address"
            )
        return own
    base = environment.get(BASE, "").strip()
    return f"{base.rstrip('/')}/v1/{signal}" if base else None
