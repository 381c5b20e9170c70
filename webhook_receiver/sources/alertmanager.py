"""The Alertmanagers of the settings, asked over their API v2 (0.25 to 0.34)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from webhook_receiver.sources.contract import Matcher, Silence, SourceRefused, SourceUnavailable, UpstreamAlert
from webhook_receiver.sources.wire import ask
from wedsync_core.clock import NO_END, format_timestamp, parse_timestamp
from wedsync_core.telemetry.logs import get_log

EVERY_STATE = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}

Read = TypeVar("Read")


class HttpAlertmanagers:
    """Every Alertmanager of a pair or cluster. Silences are gossiped between them, alerts are not."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._urls = tuple(url.rstrip("/") + "/api/v2" for url in urls)
        self._log = get_log("sources")

    def alerts(self) -> Sequence[UpstreamAlert]:
        """Return what all that answer hold, once a fingerprint; raises SourceUnavailable when none answers.

        Where they disagree, active wins: a silence that has not reached one of them keeps nobody from being woken.
        """
        found: dict[str, UpstreamAlert] = {}
        for alert in self._from_all("/alerts", EVERY_STATE, read_alert):
            known = found.get(alert.fingerprint)
            if known is None or _told_first(alert) > _told_first(known):
                found[alert.fingerprint] = alert
        return list(found.values())

    def silences(self) -> Sequence[Silence]:
        """Return the silences of all that answer; raises SourceUnavailable when none answers."""
        found = {silence.silence_id: silence for silence in self._from_all("/silences", {}, read_silence)}
        return list(found.values())

    def create_silence(
        self, matchers: Sequence[Matcher], starts_at: datetime, ends_at: datetime, *, created_by: str, comment: str
    ) -> str:
        """Create a silence at the first that takes it; returns its id; raises SourceRefused and SourceUnavailable."""
        silence = {
            "matchers": [
                {"name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal}
                for one in matchers
            ],
            "startsAt": format_timestamp(starts_at),
            "endsAt": format_timestamp(ends_at),
            "createdBy": created_by,
            "comment": comment,
        }
        answer = self._at_any(lambda url: ask("POST", f"{url}/silences", body=silence))
        try:
            return str(answer["silenceID"])
        except (KeyError, TypeError) as error:
            raise SourceUnavailable("Alertmanager did not name the silence it created") from error

    def expire_silence(self, silence_id: str) -> None:
        """End a silence now; raises SourceRefused when there is none of that id, and SourceUnavailable."""
        safe = "".join(sign for sign in silence_id if sign.isalnum() or sign == "-")
        self._at_any(lambda url: ask("DELETE", f"{url}/silence/{safe}", nothing=True))

    def _from_all(self, path: str, params: Mapping[str, str], read: Callable[[Any], Read]) -> list[Read]:
        """Return what is listed at ``path`` of each; an entry that cannot be read is logged and left out."""
        found: list[Read] = []
        answered, problem = False, ""
        for url in self._urls:
            try:
                listed = ask("GET", url + path, params=params)
            except (SourceUnavailable, SourceRefused) as error:
                problem = str(error)
                continue
            if not isinstance(listed, list):
                problem = f"{url}{path} did not answer a list"
                continue
            answered = True
            for entry in listed:
                try:
                    found.append(read(entry))
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    self._log.error("source_entry_not_understood", path=path, problem=repr(error))
        if not answered:
            raise SourceUnavailable(problem)
        return found

    def _at_any(self, call: Callable[[str], Any]) -> Any:
        problem = ""
        for url in self._urls:
            try:
                return call(url)
            except SourceUnavailable as error:
                problem = str(error)
        raise SourceUnavailable(problem)


def read_alert(entry: Any) -> UpstreamAlert:
    """Return one entry of ``GET /api/v2/alerts``; raises KeyError, TypeError, ValueError or AttributeError."""
    status = entry["status"]
    ends_at = parse_timestamp(entry["endsAt"]) if entry.get("endsAt") else NO_END
    return UpstreamAlert(
        fingerprint=str(entry["fingerprint"]),
        labels=_texts(entry["labels"]),
        annotations=_texts(entry.get("annotations") or {}),
        starts_at=parse_timestamp(entry["startsAt"]),
        ends_at=None if ends_at == NO_END else ends_at,
        updated_at=parse_timestamp(entry["updatedAt"]),
        state=str(status["state"]),
        silenced_by=tuple(map(str, status.get("silencedBy") or ())),
        inhibited_by=tuple(map(str, status.get("inhibitedBy") or ())),
        muted_by=tuple(map(str, status.get("mutedBy") or ())),  # since 0.28
        receivers=tuple(str(receiver["name"]) for receiver in entry.get("receivers") or ()),
        generator_url=str(entry.get("generatorURL") or ""),
    )


def read_silence(entry: Any) -> Silence:
    """Return one entry of ``GET /api/v2/silences``; raises KeyError, TypeError, ValueError or AttributeError."""
    return Silence(
        silence_id=str(entry["id"]),
        matchers=tuple(
            Matcher(str(one["name"]), str(one["value"]), bool(one["isRegex"]), bool(one.get("isEqual", True)))
            for one in entry["matchers"]
        ),
        starts_at=parse_timestamp(entry["startsAt"]),
        ends_at=parse_timestamp(entry["endsAt"]),
        created_by=str(entry.get("createdBy") or ""),
        comment=str(entry.get("comment") or ""),
        state=str(entry["status"]["state"]),
    )


def _told_first(alert: UpstreamAlert) -> tuple[bool, datetime]:
    return (not alert.suppressed, alert.updated_at)


def _texts(pairs: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in pairs.items()}
