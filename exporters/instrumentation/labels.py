"""Label values: closed sets, so that nothing a client sends can add a series or break the exposition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, get_args

WorkflowName = Literal["photo_upload", "messaging", "payment", "booking", "timeline"]
WORKFLOWS: Final[tuple[WorkflowName, ...]] = get_args(WorkflowName)

AttemptOutcome = Literal["success", "failure"]
ATTEMPT_OUTCOMES: Final = (*get_args(AttemptOutcome), "lost")
CALL_OUTCOMES: Final[tuple[AttemptOutcome, ...]] = get_args(AttemptOutcome)

ReportOutcome = Literal["sent", "failed", "dropped"]
REPORT_OUTCOMES: Final[tuple[ReportOutcome, ...]] = get_args(ReportOutcome)

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
UNMATCHED: Final = "unmatched"
"""The route of a request that no rule of the application matched (404, 405)."""

LONGEST_LABEL: Final = 120
MOST_DEPENDENCIES: Final = 50
"""Names of third parties a service may count apart. They come from its code; the bound is against a mistake there."""


def encodable(text: str) -> str:
    """Return text that UTF-8 can hold: lone surrogates and NUL become U+FFFD.

    One label value with a lone surrogate makes the whole exposition of a process fail, all its series with it.
    """
    if text.isascii() and "\x00" not in text:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "\ufffd")


def label_text(text: str) -> str:
    """Return a name from the code as a label value: encodable, and shorter than the limit of our scrape jobs (200).

    A longer one would fail the whole scrape of the process.
    """
    return encodable(text[:LONGEST_LABEL])


def closed(value: object, allowed: frozenset[str]) -> str:
    """Return the value if it is in the set, else `other`. Takes anything, as JSON from a client may be anything."""
    return value if isinstance(value, str) and value in allowed else OTHER


def status_class(status: int) -> str:
    """Return `1xx` to `5xx`. A status outside HTTP's range is the server's own fault: `5xx`."""
    return f"{status // 100}xx" if 100 <= status <= 599 else "5xx"


def workflow_name(name: str) -> WorkflowName:
    """Return the name of a workflow, checked; raises ValueError for one that no rule or dashboard knows."""
    for known in WORKFLOWS:
        if name == known:
            return known
    raise ValueError(f"there is no workflow {name!r}; the workflows are {', '.join(WORKFLOWS)}")


class Vocabulary:
    """Names learned as they are used, up to a limit; later ones are `other`."""

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        self._limit = limit
        self._known = set(known)

    def place(self, name: str) -> str:
        """Return the name to count under. Two threads at the limit may both enter: it is exceeded by that at most."""
        name = label_text(name)
        if name not in self._known:
            if len(self._known) >= self._limit:
                return OTHER
            self._known.add(name)
        return name
