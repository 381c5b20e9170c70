"""Which errors are one error. Version 2: frozen once released; a change is a version 3 beside it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from exporters.errors.cleaning import CleanReport
from exporters.errors.places import Layer, Place, places
from exporters.errors.rules import GroupingRule, fingerprint_rule, marked
from exporters.errors.similarity import MOST_ALIGNED, Outline
from exporters.errors.stacks import Trace, read_stack
from exporters.errors.wording import kinds, wording

VERSION = "v2"
FRAMES = 3
"""Frames nearest the failure that count: one alone merges what passes through a common line, all split by caller."""
TITLE_LENGTH = 200
MOST_EXPLAINED = 30
MOST_PARTS = 10
LONGEST_PART = 200
DEFAULT = "{{ default }}"


NO_OUTLINE = Outline("", ())


class Grouping(StrEnum):
    """What the fingerprint was made of, and why."""

    CLIENT_FINGERPRINT = "client_fingerprint"
    RULE = "rule"
    IN_APP_FRAMES = "in_app_frames"
    """The error type and the frames of the service's own code nearest to the failure."""
    LIBRARY_FRAMES = "library_frames"
    """Every frame is a library's: they count with the message's wording, or they would merge what is unlike."""
    MESSAGE_WITHOUT_STACK = "message_without_stack"
    MESSAGE_WITHOUT_FRAMES = "message_without_frames"
    """There is a stack trace, in no form that is known."""
    MESSAGE_WITHOUT_OWN_FRAMES = "message_without_own_frames"
    """Every frame is the language's own plumbing, or has no name."""


@dataclass(frozen=True)
class Fingerprint:
    """The identity of an error, with what it was made of, to be shown to whoever asks why."""

    key: str
    """The version, `:` and 32 hexadecimal digits."""
    reason: Grouping
    basis: tuple[str, ...]
    culprit: str
    """The frame nearest to the failure, or the route."""
    title: str
    outline: Outline = NO_OUTLINE
    explained: dict[str, Any] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """Return the first 16 digits: what stands in an alert's `group` label."""
        return self.key.partition(":")[2][:16]

    def as_json(self) -> dict[str, object]:
        """Return the stored form."""
        shown = {"version": VERSION, "reason": self.reason.value, "basis": list(self.basis)}
        return {**shown, **self.explained}


@dataclass(frozen=True)
class _Read:
    """What there is to go by."""

    trace: Trace
    found: Sequence[Place]
    wording: str


def fingerprint(report: CleanReport, rules: Sequence[GroupingRule] = ()) -> Fingerprint:
    """Return the fingerprint of a report.

    What the client names comes first, then the team's rules, then the service's own frames with the type of error and
    of its first cause, then libraries' frames with the message's wording, then the wording alone.
    """
    trace = read_stack(report.stack_trace) if report.stack_trace else Trace(chain=(_NOTHING,))
    found = marked(rules, report.error_type, report.message, places(trace.frames))
    read = _Read(trace, found, wording(report.message))
    reason, parts, chosen = _usual(report, read)
    usual = (report.service, report.error_type, *parts)
    basis, explained = usual, _explained(report, read, reason, chosen)
    if named := _named(report):
        reason, basis = Grouping.CLIENT_FINGERPRINT, (report.service, *_composed(named, usual))
    elif rule := fingerprint_rule(rules, report.error_type, report.message, found):
        reason, basis = Grouping.RULE, (report.service, *_composed(rule.fingerprint, usual))
        explained = {**explained, "rule": rule.name}
    digest = hashlib.sha256(json.dumps([VERSION, *basis], ensure_ascii=False).encode()).hexdigest()
    return Fingerprint(
        f"{VERSION}:{digest[:32]}",
        reason,
        basis,
        str(chosen[0]) if chosen else _nearest(found) or report.route,
        _title(report),
        _outline(report, read, reason),
        explained,
    )


def outline_of(error_type: str, found: Iterable[Place]) -> Outline:
    """Return what is compared of a stack: its frames but for the plumbing, unless there is nothing else."""
    named = [place for place in found if place.named]
    telling = [place for place in named if place.layer is not Layer.PLUMBING] or named
    return Outline(error_type, tuple(place.feature for place in telling[:MOST_ALIGNED]))


def _usual(report: CleanReport, read: _Read) -> tuple[Grouping, list[str], list[Place]]:
    if not report.stack_trace:
        return Grouping.MESSAGE_WITHOUT_STACK, [read.wording], []
    if not read.found:
        return Grouping.MESSAGE_WITHOUT_FRAMES, [read.wording], []
    causes = [thrown.type for thrown in read.trace.chain[1:] if thrown.type][-1:]
    own, libraries = chosen_frames(read.found)
    if own:
        return Grouping.IN_APP_FRAMES, [*causes, *(place.feature for place in own)], own
    if libraries:
        return Grouping.LIBRARY_FRAMES, [*causes, *(place.feature for place in libraries), read.wording], libraries
    return Grouping.MESSAGE_WITHOUT_OWN_FRAMES, [*causes, read.wording], []


def chosen_frames(found: Iterable[Place]) -> tuple[list[Place], list[Place]]:
    """Return the frames nearest to the failure of the service's own code, and of libraries."""
    named = [place for place in found if place.named]
    own = [place for place in named if place.layer is Layer.OWN]
    return own[:FRAMES], [place for place in named if place.layer is Layer.LIBRARY][:FRAMES]


def _named(report: CleanReport) -> list[str]:
    """Return the client's own fingerprint; what is only `{{ default }}` says nothing."""
    told = report.extra.get("fingerprint")
    if not isinstance(told, list):
        return []
    parts = [str(part)[:LONGEST_PART] for part in told[:MOST_PARTS] if isinstance(part, str | int | float)]
    return [] if all(_is_default(part) for part in parts) else parts


def _is_default(part: str) -> bool:
    return "".join(part.split()) == "{{default}}"


def _composed(parts: Iterable[str], usual: Sequence[str]) -> list[str]:
    composed: list[str] = []
    for part in parts:
        composed += usual[1:] if _is_default(part) else [part]
    return composed


def _outline(report: CleanReport, read: _Read, reason: Grouping) -> Outline:
    # What a person or a client has decided is not second-guessed by likeness.
    if reason not in (Grouping.IN_APP_FRAMES, Grouping.LIBRARY_FRAMES):
        return NO_OUTLINE
    return outline_of(report.error_type, read.found)


def _explained(report: CleanReport, read: _Read, reason: Grouping, chosen: Sequence[Place]) -> dict[str, Any]:
    explained: dict[str, Any] = {}
    if read.found:
        explained["frames"] = [
            {"frame": str(place), "contributes": place in chosen, "why": _why(place, chosen)}
            for place in read.found[:MOST_EXPLAINED]
        ]
    if reason is not Grouping.IN_APP_FRAMES:
        explained["wording"] = read.wording
        explained["leftOut"] = kinds(report.message)
    return explained


def _why(place: Place, chosen: Sequence[Place]) -> str:
    if place in chosen:
        return f"among the {FRAMES} nearest to the failure ({place.why})"
    if not place.named:
        return "has no name"
    if place.layer is Layer.OWN or (chosen and chosen[0].layer is place.layer):
        return f"farther from the failure than the {FRAMES} that count"
    return place.why


def _nearest(found: Sequence[Place]) -> str:
    return str(found[0]) if found else ""


def _title(report: CleanReport) -> str:
    first = report.message.strip().partition("\n")[0].strip()
    title = f"{report.error_type}: {first}" if first else report.error_type
    return title if len(title) <= TITLE_LENGTH else title[: TITLE_LENGTH - 1] + "…"


_NOTHING = read_stack("").root
