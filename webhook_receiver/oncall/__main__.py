"""``python -m webhook_receiver.oncall``: what the file means, before it goes live. No database, no network."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from webhook_receiver.oncall.lookahead import look_ahead, wedding_windows
from webhook_receiver.oncall.schedule import at
from wedsync_core.clock import SystemClock
from wedsync_core.settings import ConfigurationInvalid, OnSchedule, Settings, load_settings
from wedsync_core.weddings.calendar import regions_of


def report(settings: Settings, now: datetime) -> tuple[list[str], bool]:
    """Return the lines to print, and whether anything is weak or missing. Every Saturday counts as a wedding day."""
    windows = wedding_windows(None, regions_of(settings.calendar).values(), now, list_is_fresh=False)
    found = look_ahead(settings, (), windows, now)
    missing = [f"{one.window.day} {one.window.region}: {one.holes[0].reason}" for one in found.uncovered]
    weak = [f"{finding.kind.value} at {finding.place}: {finding.sentence}" for finding in found.findings]
    lines = [
        *_roles(settings, now),
        *(weak or ["no findings"]),
        *(missing or [f"{found.windows} Saturdays in 30 days, each with two people or more"]),
    ]
    return lines, bool(weak or missing)


def _roles(settings: Settings, now: datetime) -> Iterator[str]:
    for role, members in settings.roles.items():
        if isinstance(members, OnSchedule):
            people = [one.person for one in at(settings.schedules[members.schedule], now)]
            yield f"{role} ({members.schedule}): {', '.join(people) or 'nobody'}"
        else:
            yield f"{role}: {', '.join(members) or 'nobody'}"


def main(environment: Mapping[str, str]) -> int:
    """Print the report; return 0 when nothing is weak, 1 when something is, 2 when the file is refused."""
    try:
        settings = load_settings(Path(environment.get("WEDSYNC_CONFIG", "wedsync.yml")), environment)
    except ConfigurationInvalid as error:
        sys.stderr.write(f"{error}\n")
        return 2
    lines, weak = report(settings, SystemClock().now())
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
