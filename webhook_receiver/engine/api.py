"""A replica that stands down takes no writes."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, request

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_writes(app: Flask, check: Callable[[], None]) -> None:
    """Have every writing request answered 503 while ``check`` raises Unavailable."""

    @app.before_request
    def stand_down() -> None:
        """Alertmanager and people try again, and meet a replica that works."""
        if request.method not in _READS:
            check()
