"""What a report says of its surroundings: browser, third party, role, wedding, upload, and what the day meant. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from exporters.errors.cleaning import CleanReport
from wedsync_core.redaction import REDACTED
from wedsync_core.season import Risk

ROLES = ("supplier", "couple", "guest", "staff")
OTHER_ROLE = "other"
LONGEST_NAME = 200

_ROLE_WORDS: Mapping[str, str] = {
    **{role: role for role in ROLES},
    **dict.fromkeys(("vendor", "photographer", "venue", "caterer", "florist", "planner"), "supplier"),
    **dict.fromkeys(("bride", "groom", "partner", "client", "customer"), "couple"),
    **dict.fromkeys(("admin", "support", "employee"), "staff"),
}
# The first that fits: every browser calls itself Safari, most call themselves Chrome.
_BROWSERS = (
    ("edge", re.compile(r"\b(?:edg|edge|edga|edgios)\b", re.IGNORECASE)),
    ("opera", re.compile(r"\b(?:opr|opera)\b", re.IGNORECASE)),
    ("samsung", re.compile(r"samsung", re.IGNORECASE)),
    ("firefox", re.compile(r"\b(?:firefox|fxios)\b", re.IGNORECASE)),
    ("chrome", re.compile(r"\b(?:chrome|crios|chromium|headlesschrome)\b", re.IGNORECASE)),
    ("safari", re.compile(r"\bsafari\b", re.IGNORECASE)),
)
_RISKS = (Risk.NORMAL, Risk.PEAK_SEASON, Risk.WEEKEND, Risk.WEDDING_DAY)


def browser_of(report: CleanReport) -> str:
    """Return the family of the browser, such as `safari`; `other` for one that is not known, nothing without one."""
    text = _first(_browser_texts(report))
    if not text:
        return ""
    return next((family for family, pattern in _BROWSERS if pattern.search(text)), "other")


def third_party_of(report: CleanReport) -> str:
    """Return the third party the report speaks of: by name, or as the service of a report of that level."""
    named = _named(("dependency", "third_party", "provider"), report.tags, report.extra)
    return named or (report.service if report.level == "third_party" else "")


def role_of(report: CleanReport) -> str:
    """Return the role of the affected user, from a closed set; `other` when it is not told."""
    told = _named(("role", "user_type", "userType", "type"), report.user_context, report.tags)
    return _ROLE_WORDS.get(told.lower(), OTHER_ROLE)


def wedding_of(report: CleanReport) -> str:
    """Return the id of the wedding the report names, or nothing."""
    return _named(("wedding_id", "weddingId", "wedding"), *_everywhere(report))


def upload_of(report: CleanReport) -> str:
    """Return the id of the upload that failed, or nothing."""
    return _named(("upload_id", "uploadId"), *_everywhere(report))


def wedding_context(calendar: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the strictest risk of the regions a decision weighed: its `inputs.calendar`."""
    risks = {str(region.get("risk", "")) for region in calendar.values()}
    return next((risk.value for risk in reversed(_RISKS) if risk.value in risks), Risk.NORMAL.value)


def _browser_texts(report: CleanReport) -> Iterable[str]:
    yield _named(("browser", "browser.name"), report.tags, report.user_context)
    contexts = report.extra.get("contexts")
    browser = contexts.get("browser") if isinstance(contexts, Mapping) else None
    if isinstance(browser, Mapping):
        yield _named(("name",), browser)
    agent = ("user_agent", "userAgent", "User-Agent", "user-agent")
    headers = report.request_data.get("headers")
    yield _named(agent, report.request_data, report.user_context, report.tags)
    if isinstance(headers, Mapping):
        yield _named(agent, headers)


def _everywhere(report: CleanReport) -> tuple[Mapping[str, Any], ...]:
    return report.tags, report.extra, report.user_context, report.request_data


def _named(names: tuple[str, ...], *objects: Mapping[str, Any]) -> str:
    for members in objects:
        for name in names:
            value = members.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool):
                text = str(value).strip()[:LONGEST_NAME]
                # What was taken out names nothing: all that was redacted would look like one.
                if text and REDACTED not in text:
                    return text
    return ""


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")
