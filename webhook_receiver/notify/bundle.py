"""What one message about many incidents says: every critical one named, then the high ones, then numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from webhook_receiver.notify.message import Mentioned, Page, shortened
from wedsync_core.redaction import redact_text
from wedsync_core.severity import Severity

_TITLE_WIDTHS = (80, 40, 20)
"""Titles are shortened before anything critical is left unnamed."""
_HEAD_AND_FOOT = 400
"""Characters kept for the counts and the link to all of it."""
_CRITICAL, _HIGH = Severity.CRITICAL.value, Severity.HIGH.value


def fitting(waiting: Sequence[Mentioned], longest: int) -> int:
    """Return how many of the pages, the most severe first, one message can carry: all, where the critical ones fit.

    Otherwise as many of the critical ones as it can name; the others are for the next message.
    """
    critical = [one for one in waiting if one.severity == _CRITICAL]
    if _named(critical, longest - _HEAD_AND_FOOT) is not None:
        return len(waiting)
    low, high = 1, len(critical)
    while high - low > 1:
        middle = (low + high) // 2
        fits = _named(critical[:middle], longest - _HEAD_AND_FOOT) is not None
        low, high = (middle, high) if fits else (low, middle)
    return low


def compose_bundle(mentioned: Iterable[Mentioned], base_url: str, *, impact: str, level: int, longest: int) -> Page:
    """Return the message. ``impact`` and ``level`` are the gravest of what it is about."""
    # Somebody may be told of an incident twice at once: of a step and of the next.
    incidents = tuple({one.incident_id: one for one in mentioned}.values())
    counts = {severity: [one for one in incidents if one.severity == severity.value] for severity in Severity}
    worst = next(severity for severity in Severity if counts[severity])
    counted = ", ".join(f"{len(found)} {severity.value}" for severity, found in counts.items() if found)
    budget = longest - _HEAD_AND_FOOT
    lines = _named(counts[Severity.CRITICAL], budget) or []
    more = _as_many_as_fit(counts[Severity.HIGH], budget - _length(lines))
    lines = [*(["Critical:", *lines] if lines else []), *(["High:", *more] if more else [])]
    url = f"{base_url}/api/monitoring/incidents/active"
    subject = f"[{worst.value.upper()}] {len(incidents)} incidents: {counted}"
    return Page(
        incident_id=incidents[0].incident_id,
        severity=worst.value,
        wedding_impact=impact,
        subject=subject,
        body=redact_text("\n".join([f"{len(incidents)} incidents: {counted}.", *lines, f"All of them: {url}"])),
        url=url,
        runbook_url="",
        escalation_level=level,
        incidents=incidents,
    )


def _named(incidents: Sequence[Mentioned], budget: int) -> list[str] | None:
    """Return lines that name every incident within so many characters, or None."""
    for width in _TITLE_WIDTHS:
        lines = _lines(incidents, width)
        if _length(lines) <= budget:
            return lines
    return None


def _as_many_as_fit(incidents: Sequence[Mentioned], budget: int) -> list[str]:
    lines: list[str] = []
    for line in _lines(incidents, _TITLE_WIDTHS[0]):
        if _length([*lines, line]) > budget:
            return [*lines, "… and more"]
        lines.append(line)
    return lines


def _lines(incidents: Sequence[Mentioned], width: int) -> list[str]:
    """Return a line for each title, with the numbers of its incidents: a storm often has one cause and one title."""
    by_title: dict[str, list[int]] = {}
    for one in incidents:
        title = one.subject.replace(f"[{one.severity.upper()}] ", "", 1)
        by_title.setdefault(shortened(title, width), []).append(int(one.incident_id))
    return [f"{_numbers(sorted(numbers))} {title}" for title, numbers in by_title.items()]


def _numbers(ascending: Sequence[int]) -> str:
    """Return ``#3-#7, #9``."""
    starts = [ascending[0], *(later for earlier, later in pairwise(ascending) if later != earlier + 1)]
    ends = [*(earlier for earlier, later in pairwise(ascending) if later != earlier + 1), ascending[-1]]
    return ", ".join(
        f"#{start}" if start == end else f"#{start}-#{end}" for start, end in zip(starts, ends, strict=True)
    )


def _length(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)
