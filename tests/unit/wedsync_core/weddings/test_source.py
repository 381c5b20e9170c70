"""The list in use through a bad week: failures, hangs, restarts, exports cut short."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.cast import SATURDAY, TUESDAY
from tests.fakes import FakeClock
from wedsync_core.season import Region, Risk, facts, regions_by_name
from wedsync_core.weddings.download import Fetched, FetchFailed
from wedsync_core.weddings.kept import FILE_NAME
from wedsync_core.weddings.source import WeddingsInUse, WeddingSource

REGIONS = regions_by_name([Region("united_kingdom", "Europe/London")])
HEADER = "wedding_id,region,starts_at\n"
URL = "https://bookings.example.com/private-s3cret/weddings.csv"


def listing(wedding_ids: Iterable[object], day: str = "2026-06-13") -> str:
    return HEADER + "".join(f"{wedding_id},united_kingdom,{day}\n" for wedding_id in wedding_ids)


class Bookings:
    """The bookings system's export: answers with its text, or fails as told."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.error: Exception | None = None
        self.content_type: str | None = "text/csv"
        self.before: Callable[[], object] = lambda: None
        self.asked: list[str] = []

    def __call__(self, location: str) -> Fetched:
        self.asked.append(location)
        self.before()
        if self.error is not None:
            raise self.error
        return Fetched(self.text.encode(), self.content_type)


class World:
    def __init__(self, keep_dir: Path) -> None:
        self.clock = FakeClock(TUESDAY)
        self.bookings = Bookings(listing(["priya-tom", "second"]))
        self.keep_dir = keep_dir

    def source(self, location: str = URL) -> WeddingSource:
        return WeddingSource(
            location, keep_dir=self.keep_dir, clock=self.clock, regions=REGIONS, fetch=self.bookings,
            stale_after_seconds=6 * 3600,
        )  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def ids(known: WeddingsInUse) -> set[str]:
    assert known.index is not None
    return {wedding.wedding_id for wedding in known.index}


def test_before_the_first_reading_there_is_no_list_and_no_network(world: World) -> None:
    known = world.source().current()
    assert (known.index, known.list_is_fresh, known.last_success_at) == (None, False, None)
    assert known.problem == "the wedding list has not been read yet"
    assert world.bookings.asked == []


def test_a_reading_brings_the_weddings(world: World) -> None:
    source = world.source()
    assert source.refresh()
    known = source.current()
    assert ids(known) == {"priya-tom", "second"}
    assert known.list_is_fresh
    assert (known.last_success_at, known.weddings_count, known.refused_count) == (TUESDAY, 2, 0)
    assert (known.failures, known.problem) == (0, None)
    assert world.bookings.asked == [URL]


def test_a_list_grows_old_and_then_every_saturday_counts(world: World) -> None:
    world.clock.set(SATURDAY - timedelta(hours=6))
    world.bookings.text = HEADER
    source = world.source()
    assert source.refresh()
    world.clock.advance(hours_of(6))
    on_time = source.current()
    assert on_time.list_is_fresh
    assert facts(SATURDAY, REGIONS.values(), on_time.index)["united_kingdom"].risk is Risk.WEEKEND
    world.clock.advance(seconds=1)
    late = source.current()
    assert not late.list_is_fresh
    here = facts(SATURDAY, REGIONS.values(), late.index, list_is_fresh=late.list_is_fresh)["united_kingdom"]
    assert here.risk is Risk.WEDDING_DAY


def hours_of(hours: float) -> timedelta:
    return timedelta(hours=hours)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (FetchFailed("bookings.example.com: answered 503", retry_helps=True), "bookings.example.com: answered 503"),
        (RuntimeError("cosmic ray"), "unexpected RuntimeError: cosmic ray"),
    ],
)
def test_a_failure_keeps_the_last_good_list_and_says_so(world: World, error: Exception, problem: str) -> None:
    source = world.source()
    source.refresh()
    world.bookings.error = error
    world.clock.advance(hours_of(1))
    assert not source.refresh()
    known = source.current()
    assert ids(known) == {"priya-tom", "second"}
    assert known.list_is_fresh
    assert (known.last_success_at, known.failures, known.problem) == (TUESDAY, 1, problem)
    world.bookings.error = None
    assert source.refresh()
    recovered = source.current()
    assert (recovered.last_success_at, recovered.failures, recovered.problem) == (world.clock.now(), 1, None)


def test_an_unreadable_document_is_a_failure(world: World) -> None:
    source = world.source()
    source.refresh()
    world.bookings.text = "<html>Please sign in</html>"
    assert not source.refresh()
    assert source.current().problem == "the header line lacks the column 'wedding_id'"
    assert ids(source.current()) == {"priya-tom", "second"}


def test_the_last_good_copy_outlives_a_restart_with_its_age(world: World) -> None:
    world.source().refresh()
    world.clock.advance(hours_of(2))
    world.bookings.error = FetchFailed("bookings.example.com: ConnectionError", retry_helps=True)
    restarted = world.source()
    known = restarted.current()
    assert ids(known) == {"priya-tom", "second"}
    assert (known.last_success_at, known.list_is_fresh) == (TUESDAY, True)
    assert known.problem == "in use is the copy kept from before the restart"
    assert not restarted.refresh()
    assert restarted.current().problem == "bookings.example.com: ConnectionError"
    world.clock.advance(hours_of(5))
    assert not restarted.current().list_is_fresh
    assert ids(restarted.current()) == {"priya-tom", "second"}


def test_a_spoilt_copy_is_as_good_as_none(world: World) -> None:
    (world.keep_dir / FILE_NAME).write_text('{"last_success_at": "2026-01')
    source = world.source()
    known = source.current()
    assert (known.index, known.list_is_fresh) == (None, False)
    assert (known.problem or "").startswith("the kept copy cannot be used: ")
    assert source.refresh()
    assert source.current().problem is None
    assert world.source().current().weddings_count == 2


def test_an_export_cut_short_is_held_back(world: World) -> None:
    world.bookings.text = listing(range(10))
    source = world.source()
    source.refresh()
    world.clock.advance(hours_of(1))
    world.bookings.text = listing(range(4))
    assert not source.refresh()
    known = source.current()
    assert known.weddings_count == 10
    assert known.problem == "held back: 6 of 10 known weddings to come are no longer in the list"
    assert known.last_success_at == TUESDAY
    # Nobody mends it: the list grows old, and Saturday is a wedding day all the same.
    world.clock.set(SATURDAY)
    assert not source.refresh()
    assert not source.current().list_is_fresh
    # Neither does a restart forget what was known.
    assert not world.source().refresh()


def test_losing_half_is_believed(world: World) -> None:
    world.bookings.text = listing(range(10))
    source = world.source()
    source.refresh()
    world.bookings.text = listing(range(5))
    assert source.refresh()
    assert source.current().weddings_count == 5


def test_the_share_that_may_be_lost_is_a_setting(world: World) -> None:
    source = WeddingSource(
        URL, keep_dir=world.keep_dir, clock=world.clock, regions=REGIONS, fetch=world.bookings, most_lost=0.1
    )
    world.bookings.text = listing(range(10))
    source.refresh()
    world.bookings.text = listing(range(8))
    assert not source.refresh()
    world.bookings.text = listing(range(9))
    assert source.refresh()


def test_weddings_that_are_over_may_leave_the_list(world: World) -> None:
    source = world.source()
    source.refresh()
    world.clock.set(SATURDAY + timedelta(days=2))
    world.bookings.text = HEADER
    assert source.refresh()
    assert source.current().weddings_count == 0


def test_an_empty_export_does_not_empty_saturday(world: World) -> None:
    source = world.source()
    source.refresh()
    world.bookings.text = HEADER
    assert not source.refresh()
    assert source.current().problem == "held back: 2 of 2 known weddings to come are no longer in the list"


def test_cancelled_events_are_not_lost_ones(world: World) -> None:
    event = "BEGIN:VEVENT\nUID:priya-tom\nDTSTART;VALUE=DATE:20260613\nCATEGORIES:united_kingdom\n{status}END:VEVENT\n"
    calendar = "BEGIN:VCALENDAR\n" + event + "END:VCALENDAR\n"
    world.bookings.text = calendar.format(status="")
    source = world.source("https://bookings.example.com/weddings.ics")
    assert source.refresh()
    world.bookings.text = calendar.format(status="STATUS:CANCELLED\n")
    assert source.refresh()
    assert source.current().weddings_count == 0


def test_refused_rows_are_told_while_the_rest_is_used(world: World) -> None:
    world.bookings.text = listing(range(3)) + "bad,atlantis,2026-06-13\n"
    source = world.source()
    assert source.refresh()
    known = source.current()
    assert (known.weddings_count, known.refused_count, known.list_is_fresh) == (3, 1, True)
    expected = "1 of the list's rows are refused, the first at line 5: region: 'atlantis' is none of united_kingdom"
    assert known.problem == expected
    world.bookings.error = FetchFailed("bookings.example.com: answered 500", retry_helps=True)
    source.refresh()
    world.bookings.error = None
    assert source.refresh()
    assert source.current().problem == expected, "the same bytes again are still refused in part"


def test_a_list_that_is_mostly_refused_is_held_back_the_first_time_too(world: World) -> None:
    world.bookings.text = listing(range(2)) + "bad,atlantis,2026-06-13\n" * 3
    source = world.source()
    assert not source.refresh()
    known = source.current()
    assert (known.index, known.list_is_fresh) == (None, False)
    assert (known.problem or "").startswith("held back: 3 of the list's rows are refused, the first at line 4: region")


def test_the_same_bytes_are_not_parsed_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    source = world.source()
    source.refresh()
    before = source.current().index
    world.clock.advance(hours_of(1))
    assert source.refresh()
    assert source.current().index is before
    assert source.current().last_success_at == world.clock.now()
    assert world.source().current().last_success_at == world.clock.now()


def test_a_format_that_nothing_tells_is_a_failure_and_may_be_named(world: World) -> None:
    world.bookings.content_type = "text/html"
    vague = "https://bookings.example.com/export?file=weddings.csv"
    source = world.source(vague)
    assert not source.refresh()
    assert "tells the format" in (source.current().problem or "")
    named = WeddingSource(
        vague, keep_dir=world.keep_dir, clock=world.clock, regions=REGIONS, fetch=world.bookings, list_format="csv"
    )
    assert named.refresh()


def test_a_disk_that_is_full_costs_the_copy_and_not_the_list(world: World, tmp_path: Path) -> None:
    in_the_way = tmp_path / "a file"
    in_the_way.write_text("")
    world.keep_dir = in_the_way
    source = world.source()
    assert source.refresh()
    known = source.current()
    assert (known.weddings_count, known.list_is_fresh) == (2, True)
    assert (known.problem or "").startswith("the list is in use but could not be kept on disk: ")
    in_the_way.unlink()
    assert source.refresh()
    assert source.current().problem is None


@pytest.mark.parametrize(
    ("step", "fresh"),
    [(timedelta(minutes=-4), True), (timedelta(minutes=-6), False), (timedelta(days=-400), False), (hours_of(6), True)],
)
def test_a_reading_from_the_future_is_not_trusted_for_its_age(world: World, step: timedelta, *, fresh: bool) -> None:
    source = world.source()
    source.refresh()
    world.clock.set(TUESDAY + step)
    assert source.current().list_is_fresh is fresh
    assert source.refresh()
    assert source.current().list_is_fresh


def test_a_server_that_hangs_holds_up_nobody_who_asks(world: World) -> None:
    source = world.source()
    source.refresh()
    hanging, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        assert let_go.wait(10)

    world.bookings.before = hang
    world.bookings.text = listing(["priya-tom", "second", "third"])
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(source.refresh)
        assert hanging.wait(10)
        assert source.current().weddings_count == 2
        assert source.refresh() is False, "a second reading does not queue behind the first"
        let_go.set()
        assert slow.result(10)
    assert source.current().weddings_count == 3
    assert len(world.bookings.asked) == 2


def test_many_threads_may_ask_at_once(world: World) -> None:
    world.source().refresh()
    source = world.source()
    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(lambda number: source.refresh() if number % 9 == 0 else source.current(), range(200)))
    assert all(known.weddings_count == 2 for known in seen if isinstance(known, WeddingsInUse))
    assert source.current().problem is None


def test_a_file_is_read_without_a_network(world: World, tmp_path: Path) -> None:
    path = tmp_path / "list" / "weddings.csv"
    path.parent.mkdir()
    source = WeddingSource(str(path), keep_dir=tmp_path, clock=world.clock, regions=REGIONS)
    assert not source.refresh()
    assert source.current().problem == "weddings.csv: there is no such file"
    path.write_text(listing(["priya-tom"]))
    assert source.refresh()
    assert ids(source.current()) == {"priya-tom"}


def test_moments_are_aware(world: World) -> None:
    source = world.source()
    source.refresh()
    read_at = source.current().last_success_at
    assert isinstance(read_at, datetime)
    assert read_at.utcoffset() == timedelta()
