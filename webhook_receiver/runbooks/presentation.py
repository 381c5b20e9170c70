"""How runbooks and their runs look to a client."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from webhook_receiver.runbooks.library import Page
from wedsync_core.clock import format_timestamp


def present_runbook(page: Page, *, whole: bool = False) -> dict[str, Any]:
    """Return a runbook; with its text for people when ``whole``."""
    runbook = page.runbook
    shown = {
        "name": runbook.name,
        "page": page.file,
        "summary": runbook.summary,
        "match": runbook.match,
        "start": runbook.start,
        "environments": runbook.environments,
        "changes": runbook.changes,
        "steps": [step.do for step in runbook.steps],
    }
    if not whole:
        return shown
    return {
        **shown,
        "parameters": {name: one.model_dump(mode="json") for name, one in runbook.parameters.items()},
        "gates": page.definition.get("gates", {}),
        "verify": page.definition.get("verify", {}),
        "steps": page.definition["steps"],
        "body": page.body,
    }


def present_run(row: Any) -> dict[str, Any]:
    """Return a run without its steps."""
    return {
        "id": str(row.id),
        "runbook": row.runbook,
        "incidentId": None if row.incident_id is None else str(row.incident_id),
        "requestedBy": row.requested_by,
        "state": row.state,
        "reason": row.reason,
        "parameters": row.parameters,
        "regions": row.regions,
        "alerts": row.alerts,
        "planDigest": row.plan_digest,
        "nextStep": row.next_step,
        "deadlineAt": _plain(row.deadline_at),
        "createdAt": _plain(row.created_at),
        "startedAt": _plain(row.started_at),
        "finishedAt": _plain(row.finished_at),
    }


def present_whole_run(row: Any, steps: Iterable[Any], approvals: Iterable[Any]) -> dict[str, Any]:
    """Return a run with its plan, what the gates said, its steps and who approved it."""
    return {
        **present_run(row),
        "plan": row.plan,
        "gates": row.gates,
        "approvals": [
            {"person": one.person, "note": one.note, "approvedAt": _plain(one.approved_at)} for one in approvals
        ],
        "steps": [
            {
                "number": one.number,
                "state": one.state,
                "reason": one.reason,
                "output": one.output,
                "startedAt": _plain(one.started_at),
                "finishedAt": _plain(one.finished_at),
            }
            for one in steps
        ],
    }


def _plain(value: datetime | None) -> str | None:
    return None if value is None else format_timestamp(value)
