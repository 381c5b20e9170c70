"""Questions to ten million stored errors: how long `GET /errors` takes over a day and over thirty.

``python -m benchmarks.errors_query [--errors N] [--database URL] [--keep FOLDER] [--rounds N]``. Errors, their counts
and their users are written straight into the tables, in the shape that intake and counting leave behind.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, select, text

from benchmarks.figures import quantile, table
from exporters.app import build_exporters
from exporters.errors.tally import DAY, DIMENSIONS, HOUR, MINUTE, TRAITS, micros
from exporters.schema import (
    ERROR_COUNTS,
    ERROR_GROUP_LIVES,
    ERROR_GROUPS,
    ERROR_OCCURRENCES,
    ERROR_RELEASES,
    ERROR_TRAITS,
    ERROR_USERS,
)
from wedsync_core.clock import SystemClock
from wedsync_core.settings import load_settings
from wedsync_core.storage import Database, migrate

CLOCK = SystemClock()
BUDGET_SECONDS = 0.3
ROLES = ("ingest", "viewer", "responder", "admin", "alertmanager")
DAYS = 30
GROUPS, ROUTES, USERS, OF_A_USER = 2_000, 300, 50_000, 6
BATCH = 20_000
MINUTES_KEPT = timedelta(days=3)
SERVICES = ("photos", "messaging", "payment", "booking", "timeline")
LEVELS = ("frontend", "api", "database", "third_party")
BROWSERS = ("chrome", "safari", "firefox", "edge", "", "")
SEVERITIES = ("low",) * 80 + ("medium",) * 15 + ("high",) * 4 + ("critical",)
RANKS = {"low": 0, "medium": 1, "high": 2, "critical": 3}
# JSON as it is kept: made once, as ten million times would take longer than all the rest.
DECISION = '{"inputs":{"affects":["messaging"]}}'
REPORT = json.dumps({"message": "could not send", "stack_trace": "at send (messages.py:41)\n" * 8})
QUESTIONS = (
    *(f"?timeRange={span}&groupBy={by}" for span in ("24h", "30d") for by in DIMENSIONS),
    "?timeRange=24h&severity=critical",
    "?timeRange=30d&severity=critical",
    "?timeRange=30d&severity=high&groupBy=group",
)


@dataclass(frozen=True)
class Kind:
    """Errors that are alike in everything that is counted."""

    group: int
    values: dict[str, str]


def kinds() -> list[Kind]:
    """Return two kinds of each group: as many routes as a large application has, a release a day."""
    chance = random.Random(7)
    made = []
    for number in range(2 * GROUPS):
        group = number % GROUPS + 1
        service = SERVICES[group % len(SERVICES)]
        level = LEVELS[group % len(LEVELS)]
        values = {
            "error_type": f"Error{group % 400}",
            "level": level,
            "service": service,
            "type": "error",
            "route": f"/{service}/{chance.randrange(ROUTES)}",
            "release": f"2.{chance.randrange(60)}.0",
            "severity": chance.choice(SEVERITIES),
            "region": chance.choice(("london", "sydney")),
            "browser": chance.choice(BROWSERS) if level == "frontend" else "",
            "third_party": service if level == "third_party" else "",
            "wedding_context": chance.choice(("normal", "weekend", "wedding_day")),
            "group": str(group),
        }
        made.append(Kind(group, values))
    return made


class Filling:
    """Writes it all; what it writes is the same for a number of errors and a moment."""

    def __init__(self, database: Database, errors: int, now: datetime) -> None:
        self._database = database
        self._errors = errors
        self._now = now
        self._kinds = kinds()
        chance = random.Random(11)
        # The cube makes a few groups loud and many rare.
        self._of_user = [[int(len(self._kinds) * chance.random() ** 3) for _ in range(OF_A_USER)] for _ in range(USERS)]

    def fill(self) -> None:
        """Write groups first, as the others point to them."""
        self._insert(ERROR_GROUPS, self._groups())
        self._insert(ERROR_GROUP_LIVES, self._lives())
        self._insert(ERROR_RELEASES, self._releases())
        self._insert(ERROR_USERS, self._users())
        self._insert(ERROR_OCCURRENCES, self._occurrences())

    def _insert(self, target: Table, rows: Iterator[dict[str, Any]]) -> None:
        began, written = CLOCK.monotonic(), 0
        batch: list[dict[str, Any]] = []
        for row in rows:
            batch.append(row)
            if len(batch) == BATCH:
                written += self._write(target, batch)
                batch = []
        written += self._write(target, batch)
        print(f"{target.name:<20} {written:>12,} rows in {CLOCK.monotonic() - began:6.0f} s", flush=True)

    def _write(self, target: Table, rows: list[dict[str, Any]]) -> int:
        """Write rows by the driver's own fastest way: ten million through the statement compiler take hours."""
        if not rows:
            return 0
        names = list(rows[0])
        columns = ", ".join(f'"{name}"' for name in names)
        with self._database.write() as transaction:
            driver: Any = transaction.connection.driver_connection
            if self._database.is_sqlite:
                driver.execute("PRAGMA cache_size=-300000")
                values = [tuple(_kept(row[name]) for name in names) for row in rows]
                marks = ", ".join("?" * len(names))
                driver.executemany(f"INSERT INTO {target.name} ({columns}) VALUES ({marks})", values)  # noqa: S608
            else:
                with driver.cursor().copy(f"COPY {target.name} ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row([_text(row[name]) for name in names])
        return len(rows)

    def _groups(self) -> Iterator[dict[str, Any]]:
        for kind in self._kinds[:GROUPS]:
            values = kind.values
            yield {
                "id": kind.group,
                "fingerprint": f"v1:{kind.group:032x}",
                "grouping": '{"version":"v1"}',
                "title": f"{values['error_type']}: no {kind.group}",
                "culprit": values["route"],
                "error_type": values["error_type"],
                "level": values["level"],
                "service": values["service"],
                "severity": values["severity"],
                "severity_rank": RANKS[values["severity"]],
                "occurrences": self._errors // GROUPS,
                "first_seen_at": self._now - timedelta(days=DAYS),
                "last_seen_at": self._now - timedelta(minutes=kind.group % 600),
                "first_release": "2.0.0",
                "last_release": values["release"],
            }

    def _lives(self) -> Iterator[dict[str, Any]]:
        for kind in self._kinds[:GROUPS]:
            began = self._now - timedelta(days=DAYS)
            yield {"group_id": kind.group, "state": "ongoing", "since": began, "resolution": "", "release": ""} | {
                "muted_rank": 0
            }

    def _releases(self) -> Iterator[dict[str, Any]]:
        for service in SERVICES:
            for number in range(60):
                first = self._now - timedelta(days=DAYS) + timedelta(hours=12 * number)
                yield {"service": service, "release": f"2.{number}.0", "first_seen_at": first}

    def _users(self) -> Iterator[dict[str, Any]]:
        chance, end = random.Random(13), micros(self._now)
        for user, mine in enumerate(self._of_user):
            had = {(name, self._kinds[kind].values[name]) for kind in mine for name in DIMENSIONS}
            for dimension, value in sorted(had):
                last = end - int(chance.random() * DAYS * DAY * 1_000_000)
                row = {"dimension": dimension, "value": value, "user": f"p1_{user:032x}", "last_seen": last}
                yield row | {"role": "supplier" if user % 3 else "couple"}

    def _occurrences(self) -> Iterator[dict[str, Any]]:
        """Give the errors in their order, and write the counts of each hour and day as it ends."""
        chance = random.Random(17)
        began = self._now - timedelta(days=DAYS)
        step = timedelta(days=DAYS) / self._errors
        of_hour: Counter[tuple[int, int]] = Counter()
        of_day: Counter[tuple[int, int]] = Counter()
        hour = day = -1
        for number in range(self._errors):
            at = began + step * number
            user = chance.randrange(USERS)
            kind = self._of_user[user][chance.randrange(OF_A_USER)]
            second = int(at.timestamp())
            if second // HOUR != hour:
                self._count(of_hour, HOUR)
                if second // DAY != day:
                    self._count(of_day, DAY)
                    day, of_day = second // DAY, Counter()
                hour, of_hour = second // HOUR, Counter()
            of_hour[second // MINUTE * MINUTE, kind] += 1
            of_day[second // DAY * DAY, kind] += 1
            yield self._occurrence(number, at, user, self._kinds[kind])
        self._count(of_hour, HOUR)
        self._count(of_day, DAY)

    def _occurrence(self, number: int, at: datetime, user: int, kind: Kind) -> dict[str, Any]:
        values = kind.values
        return {
            "event_id": f"{number:032x}",
            "group_id": kind.group,
            "received_at": at,
            "occurred_at": at,
            "error_type": values["error_type"],
            "level": values["level"],
            "service": values["service"],
            "type": values["type"],
            "region": values["region"],
            "release": values["release"],
            "route": values["route"],
            "trace_id": "",
            "user": f"p1_{user:032x}",
            "severity": values["severity"],
            "severity_rank": RANKS[values["severity"]],
            "alert_triggered": False,
            "decision": DECISION,
            "report": REPORT,
        }

    def _count(self, entries: Counter[tuple[int, int]], resolution: int) -> None:
        if not entries:
            return
        recent = (self._now - MINUTES_KEPT).timestamp()
        counts: Counter[tuple[str, int, int, str, str]] = Counter()
        traits: Counter[tuple[int, int, int, str, str]] = Counter()
        for (start, kind), errors in entries.items():
            values = self._kinds[kind].values
            coarse = start // resolution * resolution
            for dimension in DIMENSIONS:
                counts[dimension, resolution, coarse, values[dimension], values["severity"]] += errors
                if resolution == HOUR and start >= recent:
                    counts[dimension, MINUTE, start, values[dimension], values["severity"]] += errors
            for trait in TRAITS:
                traits[resolution, coarse, self._kinds[kind].group, trait, values[trait]] += errors
        names = ("dimension", "resolution", "start", "value", "severity")
        rows = [
            dict(zip(names, key, strict=True))
            | {"errors": errors, "first_seen": key[2] * 1_000_000, "last_seen": (key[2] + key[1] - 1) * 1_000_000}
            for key, errors in sorted(counts.items())
        ]
        self._write(ERROR_COUNTS, rows)
        names = ("resolution", "start", "group_id", "trait", "value")
        self._write(
            ERROR_TRAITS,
            [dict(zip(names, key, strict=True)) | {"errors": errors} for key, errors in sorted(traits.items())],
        )


def _kept(value: Any) -> Any:
    """Return a value as SQLite keeps it."""
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


class AsOf:
    """A wall clock that stands at the newest error, so that a kept file can be asked again another day."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        """Return the moment of the newest error."""
        return self._moment

    def monotonic(self) -> float:
        """Return the machine's own seconds."""
        return CLOCK.monotonic()


def newest(url: str) -> datetime:
    """Return when the newest stored error came in."""
    database = Database(url)
    try:
        with database.read() as transaction:
            moment = transaction.execute(select(func.max(ERROR_OCCURRENCES.c.received_at))).scalar_one()
    finally:
        database.close()
    if not isinstance(moment, datetime):
        raise TypeError("the database holds no errors")
    return moment


def measure(folder: Path, url: str, rounds: int) -> dict[str, list[float]]:
    """Ask every question so often, over HTTP's application without its socket; returns seconds by question."""
    settings = load_settings(Path("wedsync.yml"), _environment(folder, url))
    exporters = build_exporters(settings, clock=AsOf(newest(url)))
    token = (folder / "viewer").read_text(encoding="utf-8").strip()
    client, taken = exporters.app.test_client(), {}
    try:
        for question in (*QUESTIONS, "/trends?timeRange=24h", "/trends?timeRange=30d", "/groups", "/groups/1"):
            seconds = []
            for _ in range(rounds):
                began = CLOCK.monotonic()
                answer = client.get(f"/api/monitoring/errors{question}", headers={"Authorization": f"Bearer {token}"})
                seconds.append(CLOCK.monotonic() - began)
                if answer.status_code != 200:
                    raise RuntimeError(f"{question} was answered {answer.status_code}: {answer.text[:300]}")
            taken[question] = seconds
    finally:
        exporters.database.close()
    return taken


def _environment(folder: Path, url: str) -> dict[str, str]:
    tokens = {f"WEDSYNC__ACCESS__TOKEN_FILES__{role.upper()}": str(folder / role) for role in ROLES}
    return {"WEDSYNC_DATA_DIR": str(folder), "WEDSYNC_TELEMETRY_DATABASE_URL": url, **tokens}


def main(arguments: list[str]) -> int:
    """Fill a database unless it is filled already, ask, and print; 1 when a question of errors took over 300 ms."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for role in ROLES:
            (folder / role).write_text(f"{role}-token-of-the-benchmark\n", encoding="utf-8")
        url = options.database or f"sqlite:///{folder / 'errors.sqlite'}"
        _fill(url, options.errors)
        taken = measure(folder, url, options.rounds)
    print(f"\nseconds, {options.errors:,} stored errors, {url.partition(':')[0]}")
    print(table(taken))
    slow = [question for question in QUESTIONS if quantile(taken[question], 0.5) > BUDGET_SECONDS]
    print(f"over {BUDGET_SECONDS} s: {', '.join(slow) or 'none'}")
    return int(bool(slow))


def _fill(url: str, errors: int) -> None:
    database = Database(url)
    try:
        migrate(database, "exporters")
        with database.read() as transaction:
            there = transaction.execute(text("SELECT count(*) FROM error_groups")).scalar_one()
        if not there:
            Filling(database, errors, CLOCK.now()).fill()
    finally:
        database.close()


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", type=int, default=10_000_000)
    parser.add_argument("--database", help="an empty database's URL; a SQLite file otherwise")
    parser.add_argument("--keep", help="a folder that keeps the SQLite file for another run")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
