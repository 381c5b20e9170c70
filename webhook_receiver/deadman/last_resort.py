"""Pages without the database: bounded, deduplicated in memory, sent by a thread of its own. Rather twice than never."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

from webhook_receiver.alerts.contract import NotUnderstood, Sighting, read_alert, read_message
from webhook_receiver.deadman.emergency import (
    Emergency,
    Judge,
    compose_last_resort,
    critical_by_calendar,
    critical_by_rule,
    emergencies,
    key_of_page,
    unreadable,
)
from webhook_receiver.deadman.metrics import LastResortMetrics
from webhook_receiver.incidents.service import CalendarFacts
from webhook_receiver.notify.channels import Channel, ChannelError, Envelope
from webhook_receiver.notify.message import Page
from wedsync_core.clock import Clock
from wedsync_core.jsontext import parse_json
from wedsync_core.problems import Malformed
from wedsync_core.settings import Person
from wedsync_core.severity import SeveritySettings
from wedsync_core.telemetry.logs import get_log

TOLD_AGAIN_AFTER = timedelta(minutes=15)
MOST_REMEMBERED = 20_000
MOST_WAITING = 10_000
MOST_WAITING_BYTES = 64 * 1024 * 1024
"""Two of the largest messages. Alertmanager sends again what finds no room."""
GAP_SECONDS = 5.0
"""Between two pages: what comes meanwhile is told in one, so that a storm is a handful of pages and not thousands."""
LONGEST_SEND_SECONDS = 60.0
SENDERS = 8


@dataclass(frozen=True)
class Reachable:
    """Who is told, by every way each of them has."""

    people: Mapping[str, Person]
    on_duty: Callable[[], Iterable[str]]
    """The emergency role and whoever is on call; may raise, since the latter may need the database."""
    emergency: Sequence[str]


class LastResort:
    """Takes what could not be kept, and tells the emergency role and the on-call engineer of what is critical in it."""

    def __init__(
        self,
        *,
        reachable: Reachable,
        channels: Mapping[str, Channel],
        calendar: CalendarFacts,
        limits: SeveritySettings,
        base_url: str,
        clock: Clock,
        metrics: LastResortMetrics,
    ) -> None:
        self._reachable = reachable
        self._channels = channels
        self._calendar = calendar
        self._limits = limits
        self._base_url = base_url
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("deadman")
        self._waiting: deque[bytes | Emergency] = deque()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._told: OrderedDict[str, float] = OrderedDict()
        self._work = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def offer(self, body: bytes) -> None:
        """Take a message that could not be kept. Returns at once; what finds no room is counted and left out."""
        with self._lock:
            room = len(self._waiting) < MOST_WAITING and self._waiting_bytes + len(body) <= MOST_WAITING_BYTES
            if room:
                self._waiting.append(body)
                self._waiting_bytes += len(body)
        if not room:
            self._metrics.pages.labels("dropped").inc()
        self._work.set()

    def tell(self, found: Emergency) -> None:
        """Take something that the receiver itself has found. Returns at once."""
        with self._lock:
            self._waiting.append(found)
        self._work.set()

    def start(self) -> None:
        """Begin to wait for work, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="last-resort", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the present page; what waits comes again, since Alertmanager got no 2xx for it."""
        self._stopping.set()
        self._work.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def work_off(self) -> int:
        """Tell everything that waits, in one page to each person; returns how many pages went out."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
        fresh = self._fresh(taken)
        if not fresh:
            return 0
        self._log.error("last_resort", told=len(fresh), first=fresh[0].title)
        sent = self._send(fresh)
        if not sent:
            # Nobody was reached: what comes again (and Alertmanager sends again) must not pass for told.
            for one in fresh:
                self._told.pop(one.key, None)
        return sent

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._work.wait()
            self._work.clear()
            try:
                self.work_off()
            except Exception:  # noqa: BLE001 -- the top of the loop: it must outlive any one message
                self._metrics.pages.labels("failed").inc()
                self._log.exception("last_resort_failed")
            self._stopping.wait(GAP_SECONDS)

    def _fresh(self, taken: Iterable[bytes | Emergency]) -> list[Emergency]:
        """Return what has not been told lately; the memory is bounded, the oldest is forgotten first."""
        now = self._clock.monotonic()
        critical = self._judge()
        fresh: list[Emergency] = []
        for one in taken:
            for found in [one] if isinstance(one, Emergency) else self._read(one, critical):
                told_at = self._told.get(found.key)
                if told_at is not None and now - told_at < TOLD_AGAIN_AFTER.total_seconds():
                    continue
                self._told[found.key] = now
                self._told.move_to_end(found.key)
                fresh.append(found)
        while len(self._told) > MOST_REMEMBERED:
            self._told.popitem(last=False)
        return fresh

    def _judge(self) -> Judge:
        try:
            return critical_by_calendar(self._calendar(self._clock.now()), self._limits)
        except Exception:  # noqa: BLE001 -- whatever ails the calendar, what the rule calls critical is told
            self._log.exception("last_resort_without_calendar")
            return critical_by_rule

    def _read(self, body: bytes, critical: Judge) -> list[Emergency]:
        try:
            message = read_message(parse_json(body))
        except (Malformed, NotUnderstood) as error:
            return [unreadable(error)]
        sightings: list[Sighting] = []
        poison: list[Emergency] = []
        for alert in message.alerts:
            try:
                sightings.append(read_alert(alert, self._clock.now()))
            except NotUnderstood as error:
                poison.append(unreadable(error))
        return [*emergencies(sightings, critical), *poison[:1]]

    def _send(self, found: Sequence[Emergency]) -> int:
        page = compose_last_resort(found, self._base_url)
        slot = int(self._clock.now().timestamp() // TOLD_AGAIN_AFTER.total_seconds())
        calls = [
            (person, method.channel, method.address)
            for person in self._people()
            for method in self._reachable.people[person].contact
        ]
        senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="last-resort-sender")
        futures = [
            senders.submit(self._send_one, page, person, channel, address, key_of_page(found, person, channel, slot))
            for person, channel, address in calls
        ]
        done, late = wait(futures, timeout=LONGEST_SEND_SECONDS)
        # A provider that hangs beyond its own timeout keeps its thread, not ours.
        senders.shutdown(wait=False, cancel_futures=True)
        for _ in late:
            self._metrics.pages.labels("failed").inc()
        return sum(future.result() for future in done)

    def _send_one(self, page: Page, person: str, channel: str, address: str | None, key: str) -> bool:
        envelope = Envelope(
            idempotency_key=key,
            person=person,
            address=address,
            page=page,
            sent_at=self._clock.now(),
            maybe_repeat=False,
        )
        try:
            self._channels[channel].send(envelope)
        except ChannelError as error:
            self._log.error("last_resort_page_failed", channel=channel, error=str(error))
        except Exception:  # noqa: BLE001 -- a fault in one way out must not cost the others
            self._log.exception("last_resort_page_failed", channel=channel)
        else:
            self._metrics.pages.labels("sent").inc()
            return True
        self._metrics.pages.labels("failed").inc()
        return False

    def _people(self) -> list[str]:
        try:
            return list(dict.fromkeys(self._reachable.on_duty()))
        except Exception:  # noqa: BLE001 -- a schedule may need the database; the emergency role is written in the file
            self._log.exception("last_resort_without_schedule")
            return list(self._reachable.emergency)
