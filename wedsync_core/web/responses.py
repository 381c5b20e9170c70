"""How an answer looks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response

from wedsync_core.problems import PROBLEM_MEDIA_TYPE, Problem


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return ``value`` as JSON. Moments must have been formatted before: a wrong type raises TypeError."""
    body = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return Response(body, status=status, headers=dict(headers or {}), content_type="application/json")


def problem_response(problem: Problem) -> Response:
    """Return ``problem`` as an RFC 9457 document."""
    return Response(
        json.dumps(problem.as_json(), ensure_ascii=False),
        status=problem.status,
        headers=problem.headers,
        content_type=PROBLEM_MEDIA_TYPE,
    )
