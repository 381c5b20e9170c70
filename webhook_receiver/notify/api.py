"""The page behind an acknowledge link. Looking changes nothing; the button acknowledges."""

from __future__ import annotations

from html import escape

from flask import Blueprint, Response

from webhook_receiver.notify.service import PATH, Links, Seen
from wedsync_core.web.operations import operation

_STATUS = {
    "open": 200,
    "acknowledged": 200,
    "used": 409,
    "resolved": 409,
    "superseded": 410,
    "expired": 410,
    "forged": 404,
}
_SAID = {
    "open": ("Take this incident?", "Nobody else is woken while you have it."),
    "acknowledged": ("You have it.", "The escalation has stopped. You can close this page."),
    "used": ("This link has been used.", "It has acknowledged this incident already, and works once."),
    "resolved": ("It is over.", "This incident is resolved: there is nothing to acknowledge."),
    "superseded": (
        "There is a newer page.",
        "The incident went on after this page was sent. Use the latest one's link.",
    ),
    "expired": ("This link has expired.", "Use the link of a newer page, or acknowledge by the API."),
    "forged": ("This is not a link of ours.", "Copy it again from the message, whole."),
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
_STYLE = """
:root{color-scheme:light dark;--ink:#1c1d22;--paper:#f6f6f4;--card:#fff;--line:#d9d9d4;--quiet:#5c5e68;--go:#0b6b4b;
--critical:#b3261e;--high:#9a4b00;--medium:#6b5d00;--low:#45506b}
@media(prefers-color-scheme:dark){:root{--ink:#ececf0;--paper:#131418;--card:#1d1f25;--line:#34363f;--quiet:#a3a6b3;
--go:#5fd3a6;--critical:#ff8a80;--high:#ffb066;--medium:#e5d05a;--low:#a9b7dc}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.5 system-ui,sans-serif;
min-height:100vh;display:grid;place-items:center;padding:1rem}
main{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.5rem;width:100%;max-width:30rem}
h1{font-size:1.35rem;line-height:1.25;margin:0 0 .5rem;overflow-wrap:anywhere}p{margin:.4rem 0}
.severity{font-weight:700;letter-spacing:.04em;text-transform:uppercase;font-size:.85rem}
.critical{color:var(--critical)}.high{color:var(--high)}.medium{color:var(--medium)}.low{color:var(--low)}
.about{border-top:1px solid var(--line);margin-top:1rem;padding-top:1rem;color:var(--quiet);overflow-wrap:anywhere}
button{font:inherit;font-weight:700;width:100%;min-height:3.25rem;margin-top:1.25rem;border:0;border-radius:8px;
background:var(--go);color:var(--card);cursor:pointer}
button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
"""


def create_links_blueprint(*, links: Links) -> Blueprint:
    """Return the routes ``/a/<token>``. The token is the credential: it names one person and one incident."""
    room = Blueprint("acknowledge_links", __name__)

    @room.get(f"{PATH}/<token>")
    @operation("What an acknowledge link would do; changes nothing", set())
    def show(token: str) -> Response:
        return _page(links.look(token))

    @room.post(f"{PATH}/<token>")
    @operation("Acknowledge by a link, once", set())
    def act(token: str) -> Response:
        return _page(links.use(token))

    return room


def _page(seen: Seen) -> Response:
    title, sentence = _SAID[seen.outcome]
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(sentence)}</p>"]
    if seen.outcome == "open":
        parts = [*_incident(seen), *parts[1:], '<form method="post"><button>Acknowledge</button></form>']
        title = "Acknowledge"
    elif seen.incident is not None:
        parts += ['<div class="about">', *_incident(seen, heading="p"), "</div>"]
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} - WedSync Monitoring</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )
    return Response(body, status=_STATUS[seen.outcome], content_type="text/html; charset=utf-8", headers=dict(_HEADERS))


def _incident(seen: Seen, heading: str = "h1") -> list[str]:
    incident = seen.incident
    severity = escape(incident.severity)
    where = f" ({', '.join(incident.regions)})" if incident.regions else ""
    lines = [
        f'<p class="severity {severity}">{severity}</p>',
        f"<{heading}>#{incident.id} {escape(incident.title)}{escape(where)}</{heading}>",
    ]
    if seen.grant is not None:
        lines.append(f"<p>Sent to {escape(seen.grant.person)}.</p>")
    if incident.acknowledged_by and incident.acknowledged_at and incident.status != "open":
        at = f"{incident.acknowledged_at:%Y-%m-%d %H:%M} UTC"
        lines.append(f"<p>{escape(incident.acknowledged_by)} acknowledged it at {at}.</p>")
    return lines
