"""A registry as text or, when the scraper asks for it, as OpenMetrics, which alone carries exemplars."""

from __future__ import annotations

from flask import Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


def exposition(registry: CollectorRegistry, accept: str) -> Response:
    """Return the series of ``registry`` in the form that the ``Accept`` header asks for."""
    try:
        encode, content_type = choose_encoder(accept)
    except (ValueError, TypeError):
        # A version in the header that is no version: the library compares it unread.
        encode, content_type = choose_encoder("")
    return Response(encode(registry), content_type=content_type)
