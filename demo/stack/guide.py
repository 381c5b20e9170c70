"""What the demonstration prints once everything runs. Pure."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from demo.stack.ground import Ground
from demo.stack.secrets import ROLES

_ROLE_MAY: dict[str, str] = {
    "ingest": "report errors and incidents",
    "viewer": "read everything, /metrics included",
    "responder": "acknowledge, escalate and resolve as well",
    "admin": "everything but delivering alerts",
    "alertmanager": "deliver alerts to the receiver",
}


def guide(ground: Ground, *, with_grafana: bool, here: Path) -> str:
    """Return addresses, token files and what to look at next; paths are relative to `here` where they lie below it."""
    services = [
        ("WedSync (the small one)", ground.url("demo"), "its faults at /faults, its pager at /pager"),
        ("exporters", ground.url("exporters"), "errors, the calendar; docs at /api/monitoring/docs"),
        ("webhook_receiver", ground.url("receiver"), "incidents and pages; docs at /api/monitoring/docs"),
        (
            "Prometheus",
            ground.url("prometheus"),
            "rules and alerts at /alerts (Debian's build has no pages, only the API)",
        ),
        ("Alertmanager", ground.url("alertmanager"), "alerts and silences (the same holds)"),
    ]
    if with_grafana:
        password = _shown(ground.secrets / "grafana_admin_password", here)
        services.append(
            ("Grafana", ground.url("grafana"), f"dashboards, open to look at; admin's password: {password}")
        )
    tokens = [(role, str(_shown(ground.secrets / role, here)), _ROLE_MAY[role]) for role in ROLES]
    parts = [
        "Everything runs.",
        _table(services),
        "Token files:",
        _table(tokens),
        "What to look at next:",
        "\n".join(f"  # {what}\n  {command}" for what, command in next_steps(ground, here)),
        f"Logs: {_shown(ground.folder / 'logs', here)}/    Ctrl-C stops everything; the data stay.",
    ]
    return "\n\n".join(parts)


def next_steps(ground: Ground, here: Path) -> list[tuple[str, str]]:
    """Return what to try, in order, each with the command for a shell in `here`."""
    demo, receiver, exporters = ground.url("demo"), ground.url("receiver"), ground.url("exporters")
    api = "api/monitoring"
    viewer, responder = _bearer(ground, "viewer", here), _bearer(ground, "responder", here)
    fault = '{"fault": "failing", "workflow": "photo_upload", "region": "london"}'
    active = f"curl -s {viewer} {receiver}/{api}/incidents/active"
    first = f"""{active} | grep -o '"id": *"[^"]*' | head -n 1 | cut -d'"' -f4"""
    return [
        (
            "Break the photo upload of one region where somebody marries now",
            f"curl -s -X POST -H 'Content-Type: application/json' -d '{fault}' {demo}/faults",
        ),
        ("About ten seconds later: the page that reached somebody", f"curl -s {demo}/pager"),
        ("The incident, why it has its severity, and who was told", active),
        (
            "Take it: the escalation stops",
            f"curl -s -X POST {responder} {receiver}/{api}/incidents/$({first})/acknowledge",
        ),
        (
            "Who is on call, until when, who is next, and what will be missing",
            f"curl -s {viewer} {receiver}/{api}/oncall",
        ),
        (
            "The errors behind it, grouped",
            f"curl -s {viewer} '{exporters}/{api}/errors?timeRange=1h&groupBy=error_type'",
        ),
        ("What Alertmanager holds", f"curl -s {ground.url('alertmanager')}/api/v2/alerts"),
        ("Mend it; the incident is resolved once all has been well for a while", f"curl -s -X DELETE {demo}/faults"),
    ]


def _bearer(ground: Ground, role: str, here: Path) -> str:
    return f'-H "Authorization: Bearer $(head -n 1 {shlex.quote(str(_shown(ground.secrets / role, here)))})"'


def _shown(path: Path, here: Path) -> Path:
    return path.relative_to(here) if path.is_relative_to(here) else path


def _table(rows: Sequence[tuple[str, str, str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}" for row in rows)
