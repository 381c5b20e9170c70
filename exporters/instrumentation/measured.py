"""Blocks of code that are measured: an attempt at a workflow, a call to a third party."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

from werkzeug.exceptions import HTTPException

from exporters.instrumentation.labels import AttemptOutcome, WorkflowName

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Attempt:
    """One attempt at a workflow. Left without an exception it counts as a success, unless `outcome` says otherwise."""

    def __init__(self, workflow: WorkflowName, region: str, lost: Callable[[int], None]) -> None:
        self.workflow = workflow
        self.region = region
        self.outcome: AttemptOutcome | None = None
        self._lost = lost

    def fail(self) -> None:
        """Count it as a failure: the user did not get what they came for, although nothing was raised."""
        self.outcome = "failure"

    def lost(self, count: int = 1) -> None:
        """Count things acknowledged to a user and then gone; at once, and apart from this attempt's own outcome."""
        self._lost(count)


class Call:
    """One call to a third party. `headers` make the called side part of the trace."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = dict(headers)
        self.outcome: AttemptOutcome | None = None

    def fail(self) -> None:
        """Count it as a failure although nothing was raised."""
        self.outcome = "failure"


class Measured(Generic[T]):
    """Around a block with `with`, once; or around a function as a decorator, anew for each call."""

    def __init__(self, opens: Callable[[], AbstractContextManager[T]]) -> None:
        self._opens = opens
        self._entered: AbstractContextManager[T] | None = None

    def __enter__(self) -> T:
        """Begin; raises RuntimeError when this one was entered before: it could not tell two blocks apart."""
        if self._entered is not None:
            raise RuntimeError("make a new one for each block")
        self._entered = self._opens()
        return self._entered.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End; an exception goes on its way."""
        if self._entered is not None:
            self._entered.__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function, each call of it measured."""

        @wraps(function)
        def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._opens():
                return function(*args, **kwargs)

        return measured


def outcome_of(said: AttemptOutcome | None, error: BaseException | None) -> AttemptOutcome | None:
    """Return how a block went, or None if it is not to be counted.

    What the block itself said comes first. A refusal of the client's mistake (an HTTP exception below 500) is no
    attempt: counted as a success it would hide failures, counted as a failure anybody could raise an alert.
    """
    if said is not None:
        return said
    if error is None:
        return "success"
    return None if isinstance(error, HTTPException) and _status_of(error) < 500 else "failure"


def _status_of(error: HTTPException) -> int:
    """Return the status it answers with; `abort(response)` leaves the code unset and carries the whole response."""
    if error.response is not None:
        return error.response.status_code
    return error.code or 500
