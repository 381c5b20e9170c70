"""The Prometheus that evaluates the rules, asked over its HTTP API (2.42 and newer)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from webhook_receiver.sources.contract import Evaluated, Fired, Sample, SourceRefused, SourceUnavailable
from webhook_receiver.sources.wire import ask
from wedsync_core.jsontext import encodable

FIRING = 'ALERTS{alertstate="firing"}'
RECORDED = '{__name__=~"[^:]+:[^:]+:[^:]+",__name__!~".+(_bucket:.+|:threshold|:threshold_in_force)"}'
"""Recorded series by their naming convention; neither buckets nor thresholds, which are for other rules."""
STEP = timedelta(seconds=15)
MOST_POINTS = 10_000
"""Prometheus refuses more than 11,000 points a series."""
SAME_LIFE = timedelta(minutes=5)
"""Points this close are one life: rules may be evaluated as seldom as Prometheus' own look-back of five minutes."""
_NOT_OF_THE_ALERT = frozenset({"__name__", "alertstate"})


class HttpPrometheus:
    """One Prometheus."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/api/v1"

    def alerts(self) -> Sequence[Evaluated]:
        """Return what fires or is pending now; raises SourceUnavailable."""
        return [
            Evaluated(_labels(series), firing=series["metric"].get("alertstate") == "firing")
            for series in self._ask("/query", {"query": "ALERTS"})
        ]

    def fired(self, start: datetime, end: datetime) -> Sequence[Fired]:
        """Return what fired in a past span, each life once; raises SourceUnavailable.

        Each point counts the samples of the step before it, so that a life shorter than a step is seen as well.
        """
        moments: dict[tuple[tuple[str, str], ...], list[float]] = {}
        query = f"count_over_time({FIRING}[{STEP.seconds}s])"
        for first, last in _chunks(start, end):
            params = {
                "query": query,
                "start": f"{first.timestamp():.3f}",
                "end": f"{last.timestamp():.3f}",
                "step": str(STEP.seconds),
            }
            for series in self._ask("/query_range", params):
                identity = tuple(sorted(_labels(series).items()))
                moments.setdefault(identity, []).extend(_moments(series))
        return [
            Fired(dict(identity), begun, ended)
            for identity, points in moments.items()
            for begun, ended in _lives(sorted(points))
        ]

    def recorded(self) -> Sequence[Sample]:
        """Return the present values of the recording rules, those that are numbers; raises SourceUnavailable."""
        samples = (_sample(series) for series in self._ask("/query", {"query": RECORDED}))
        return [sample for sample in samples if isfinite(sample.value)]

    def up(self, job: str) -> bool:
        """Return whether a job has targets and all of them answer; raises SourceUnavailable."""
        quoted = job.replace("\\", "\\\\").replace('"', '\\"')
        series = self._ask("/query", {"query": f'min(up{{job="{quoted}"}})'})
        return bool(series) and _value(series[0]) == "1"

    def values(self, query: str) -> Sequence[float]:
        """Return the value of every series that a query has now; raises SourceUnavailable, for a wrong query too."""
        try:
            return [float(_value(series)) for series in self._ask("/query", {"query": query})]
        except ValueError as error:
            raise SourceUnavailable("Prometheus answered a value that is no number") from error

    def _ask(self, path: str, params: Mapping[str, str]) -> list[Any]:
        try:
            answer = ask("GET", self._url + path, params=params)
        except SourceRefused as error:
            # The questions are ours and well formed: a refusal is a proxy's, or a limit of this Prometheus.
            raise SourceUnavailable(str(error)) from error
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise SourceUnavailable(f"{self._url}{path} did not answer with success")
        data = answer.get("data")
        result = data.get("result") if isinstance(data, dict) else None
        if not isinstance(result, list):
            raise SourceUnavailable(f"{self._url}{path} answered no result")
        return result


def _chunks(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Give spans of at most ``MOST_POINTS`` steps, one step apart; the last point lies at or after ``end``."""
    first = start
    while first < end + STEP:
        last = min(first + STEP * (MOST_POINTS - 1), end + STEP)
        yield first, last
        first = last + STEP


def _lives(points: Sequence[float]) -> Iterator[tuple[datetime, datetime]]:
    begun = ended = points[0]
    for point in points[1:]:
        if point - ended > SAME_LIFE.total_seconds():
            yield _life(begun, ended)
            begun = point
        ended = point
    yield _life(begun, ended)


def _life(begun: float, ended: float) -> tuple[datetime, datetime]:
    """Return a life's bounds: its first sample lies in the step that ends at the first point."""
    return datetime.fromtimestamp(begun, UTC) - STEP, datetime.fromtimestamp(ended, UTC)


def _sample(series: Any) -> Sample:
    labels = _labels(series)
    try:
        return Sample(encodable(series["metric"]["__name__"]), labels, float(_value(series)))
    except (KeyError, TypeError, ValueError) as error:
        raise SourceUnavailable("Prometheus answered a series without a name or a number") from error


def _labels(series: Any) -> dict[str, str]:
    try:
        metric = series["metric"]
        return {
            encodable(str(name)): encodable(str(value))
            for name, value in metric.items()
            if name not in _NOT_OF_THE_ALERT
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceUnavailable("Prometheus answered a series without labels") from error


def _moments(series: Any) -> list[float]:
    try:
        points = [float(moment) for moment, _ in series["values"]]
    except (KeyError, TypeError, ValueError) as error:
        raise SourceUnavailable("Prometheus answered a series without points") from error
    if not points:
        raise SourceUnavailable("Prometheus answered a series without points")
    return points


def _value(series: Any) -> str:
    try:
        return str(series["value"][1])
    except (KeyError, TypeError, IndexError) as error:
        raise SourceUnavailable("Prometheus answered a series without a value") from error
