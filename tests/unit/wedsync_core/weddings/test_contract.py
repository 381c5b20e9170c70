"""A wedding list in three formats: the good rows are taken, each bad one is refused by place, field and reason."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cast import COUPLE
from wedsync_core.season import Region, Wedding, regions_by_name
from wedsync_core.weddings import contract
from wedsync_core.weddings.contract import ListFormat, ParsedWeddings, UnreadableList, format_of, parse_weddings

REGIONS = regions_by_name([Region("united_kingdom", "Europe/London"), Region("australia", "Australia/Sydney", "south")])
HEADER = "wedding_id,region,zone,starts_at,ends_at,guest_count\n"
PRIYA_AND_TOM = Wedding(
    "priya-tom", "Europe/London", datetime(2026, 6, 13, 14, tzinfo=UTC), datetime(2026, 6, 14, 0, tzinfo=UTC),
    "united_kingdom", 120,
)  # fmt: skip
GOOD_LINE = "priya-tom,united_kingdom,Europe/London,2026-06-13T15:00,2026-06-14T01:00,120\n"


def from_csv(text: str) -> ParsedWeddings:
    return parse_weddings(text.encode(), "csv", REGIONS)


def from_json(document: Any) -> ParsedWeddings:
    return parse_weddings(json.dumps(document).encode(), "json", REGIONS)


def from_ical(*events: str, head: str = "") -> ParsedWeddings:
    body = "".join(f"BEGIN:VEVENT\r\n{event.strip()}\r\nEND:VEVENT\r\n" for event in events)
    return parse_weddings(f"BEGIN:VCALENDAR\r\n{head}{body}END:VCALENDAR\r\n".encode(), "ical", REGIONS)


def refusals(parsed: ParsedWeddings) -> list[str]:
    return [str(row) for row in parsed.refused]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


EVENT = """\
UID:priya-tom
SUMMARY:Priya & Tom
DTSTART;TZID=Europe/London:20260613T150000
DTEND;TZID=Europe/London:20260614T010000
CATEGORIES:church,united_kingdom
X-WEDSYNC-GUESTS:120"""


def test_the_three_formats_say_the_same() -> None:
    entry = {
        "wedding_id": "priya-tom", "region": "united_kingdom", "zone": "Europe/London",
        "starts_at": "2026-06-13T15:00", "ends_at": "2026-06-14T01:00", "guest_count": 120,
    }  # fmt: skip
    for parsed in (
        from_csv(HEADER + GOOD_LINE),
        from_json([entry]),
        from_json({"weddings": [entry]}),
        from_ical(EVENT),
    ):
        assert parsed == ParsedWeddings((PRIYA_AND_TOM,), ())


def test_a_bad_row_never_takes_the_good_ones_with_it() -> None:
    parsed = from_csv(HEADER + "bad,atlantis,,2026-06-13,,\n" + GOOD_LINE + "worse,united_kingdom,,soon,,\n")
    assert parsed.weddings == (PRIYA_AND_TOM,)
    assert refusals(parsed) == [
        "line 2: region: 'atlantis' is none of australia, united_kingdom",
        "line 4: starts_at: 'soon' is not a time such as 2026-06-13T15:00",
    ]


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (",united_kingdom,,2026-06-13,,", "wedding_id: is empty"),
        ("w1,,,2026-06-13,,", "region: is empty"),
        ("w1,united_kingdom,,,,", "starts_at: is empty"),
        ("w1,united_kingdom,Europe/Londn,2026-06-13,,", "zone: there is no time zone 'Europe/Londn'"),
        ("w1,united_kingdom,../../etc/passwd,2026-06-13,,", "zone: there is no time zone '../../etc/passwd'"),
        ("w1,united_kingdom,,13/06/2026,,", "starts_at: '13/06/2026' is not a time such as 2026-06-13T15:00"),
        ("w1,united_kingdom,,2026-06-31,,", "starts_at: '2026-06-31' does not exist"),
        ("w1,united_kingdom,,2026-02-29T12:00,,", "starts_at: '2026-02-29T12:00' does not exist"),
        ("w1,united_kingdom,,2026-06-13T25:00,,", "starts_at: '2026-06-13T25:00' does not exist"),
        ("w1,united_kingdom,,2026-06-13T15:00+24:00,,", "starts_at: '2026-06-13T15:00+24:00' does not exist"),
        ("w1,united_kingdom,,0206-06-13,,", "starts_at: 0206 is outside the years 1970 to 2199"),
        ("w1,united_kingdom,,2026-06-13,9999-12-31,", "ends_at: 9999 is outside the years 1970 to 2199"),
        ("w1,united_kingdom,,2026-06-13T15:00,2026-06-13T15:00,", "ends_at: is not later than starts_at"),
        ("w1,united_kingdom,,2026-06-13,2026-06-12,", "ends_at: is not later than starts_at"),
        ("w1,united_kingdom,,2026-06-13,2027-06-13,", "ends_at: is more than 14 days after starts_at"),
        ("w1,united_kingdom,,2026-06-13,,many", "guest_count: 'many' is not a whole number"),
        ("w1,united_kingdom,,2026-06-13,,-3", "guest_count: '-3' is not a whole number"),
        ("w1,united_kingdom,,2026-06-13,,12.5", "guest_count: '12.5' is not a whole number"),
        ("w1,united_kingdom,,2026-06-13,,99999999", "guest_count: is not a number from 0 to 1000000"),
        ("w1,united_kingdom,,2026-06-13", "row: has 4 cells where the header has 6: cut short?"),
        ("w1,united_kingdom,,2026-06-13,,,extra", "row: has 7 cells where the header has 6: cut short?"),
        ('"w1,united_kingdom,,2026-06-13,,', "row: a cell runs over several lines: is a quote missing?"),
        ("w\x001,united_kingdom,,2026-06-13,,", "wedding_id: holds a control character or half of a surrogate pair"),
        ("w" * 201 + ",united_kingdom,,2026-06-13,,", "wedding_id: is empty or longer than 200 characters"),
    ],
)
def test_a_wrong_line_is_refused_by_field(line: str, refusal: str) -> None:
    parsed = from_csv(HEADER + GOOD_LINE + line + "\n")
    assert refusals(parsed) == [f"line 3: {refusal}"]
    assert parsed.weddings == (PRIYA_AND_TOM,)


def test_formulas_and_odd_characters_are_only_text() -> None:
    line = '"=HYPERLINK(""http://x"")\u202e💍",united_kingdom,,2026-06-13,,\n'
    assert from_csv(HEADER + line).weddings[0].wedding_id == '=HYPERLINK("http://x")\u202e💍'


def test_a_spreadsheets_mark_and_its_own_columns_and_blank_lines_do_no_harm() -> None:
    text = "\ufeffRegion , couple,Wedding_ID,starts_at\r\nunited_kingdom," + COUPLE + ",w1,2026-06-13\r\n\r\n,,,\r\n"
    parsed = from_csv(text)
    assert [wedding.wedding_id for wedding in parsed.weddings] == ["w1"]
    assert refusals(parsed) == ["line 4: wedding_id: is empty"]


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "zone", "begins", "ends"),
    [
        pytest.param("2026-06-13", "", "", utc(2026, 6, 12, 23), utc(2026, 6, 13, 23), id="the whole local day"),
        pytest.param("2026-06-13", "2026-06-14", "", utc(2026, 6, 12, 23), utc(2026, 6, 14, 23), id="two days"),
        pytest.param("2026-06-13T15:00", "", "", utc(2026, 6, 13, 14), utc(2026, 6, 14, 1), id="until two"),
        pytest.param("2026-06-13T15:00", "2026-06-13", "", utc(2026, 6, 13, 14), utc(2026, 6, 13, 23), id="midnight"),
        pytest.param("2026-06-13 15:00:30.5", "2026-06-13T20:00", "", utc(2026, 6, 13, 14, 0, 30, 500_000),
                     utc(2026, 6, 13, 19), id="seconds and a blank between"),
        pytest.param("2026-06-13T15:00", "2026-06-13T20:00", "America/New_York", utc(2026, 6, 13, 19),
                     utc(2026, 6, 14), id="in the zone of the row"),
        pytest.param("2026-06-13T14:00Z", "2026-06-13T20:00:00+02:00", "", utc(2026, 6, 13, 14),
                     utc(2026, 6, 13, 18), id="with offsets"),
        pytest.param("2026-03-29T01:30", "2026-03-29T05:00", "", utc(2026, 3, 29, 1), utc(2026, 3, 29, 4),
                     id="a start that the clocks skip"),
        pytest.param("2026-10-25T01:30", "2026-10-25T01:30", "", utc(2026, 10, 25, 0, 30),
                     utc(2026, 10, 25, 1, 30), id="shown twice: from the first to the last"),
    ],
)  # fmt: skip
def test_times(starts_at: str, ends_at: str, zone: str, begins: datetime, ends: datetime) -> None:
    parsed = from_csv(f"{HEADER}w1,united_kingdom,{zone},{starts_at},{ends_at},\n")
    assert refusals(parsed) == []
    assert (parsed.weddings[0].starts_at, parsed.weddings[0].ends_at) == (begins, ends)
    assert parsed.weddings[0].guest_count is None


def test_of_two_rows_with_one_id_the_last_wins_and_it_is_said() -> None:
    parsed = from_csv(HEADER + "priya-tom,australia,,2026-01-01,,\n" + GOOD_LINE)
    assert parsed.weddings == (PRIYA_AND_TOM,)
    assert [str(row) for row in parsed.replaced] == ["line 2: wedding_id: line 3 has it too"]
    assert parsed.refused == ()


def test_a_bad_repetition_does_not_displace_the_good_row() -> None:
    parsed = from_csv(HEADER + GOOD_LINE + "priya-tom,united_kingdom,,soon,,\n")
    assert parsed.weddings == (PRIYA_AND_TOM,)
    assert len(parsed.refused) == 1


@pytest.mark.parametrize(
    ("entry", "refusal"),
    [
        ("text", "entry: is not an object"),
        ([], "entry: is not an object"),
        ({}, "wedding_id: is empty"),
        ({"wedding_id": ["w1"]}, "wedding_id: is neither text nor a whole number"),
        ({"wedding_id": True}, "wedding_id: is neither text nor a whole number"),
        ({"wedding_id": 7, "region": "united_kingdom", "starts_at": 20260613},
         "starts_at: '20260613' is not a time such as 2026-06-13T15:00"),
        ({"wedding_id": 7, "region": "united_kingdom", "starts_at": "2026-06-13", "guest_count": 1.5},
         "guest_count: is neither text nor a whole number"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_refused_by_field(entry: Any, refusal: str) -> None:
    good = {"wedding_id": "w9", "region": "united_kingdom", "starts_at": "2026-06-13"}
    parsed = from_json([good, entry])
    assert refusals(parsed) == [f"entry 2: {refusal}"]
    assert [wedding.wedding_id for wedding in parsed.weddings] == ["w9"]


def test_an_all_day_event_is_that_local_day() -> None:
    parsed = from_ical("UID:w1\nDTSTART;VALUE=DATE:20260613\nDTEND;VALUE=DATE:20260614\nCATEGORIES:Australia")
    assert refusals(parsed) == []
    wedding = parsed.weddings[0]
    assert (wedding.region, wedding.zone) == ("australia", "Australia/Sydney")
    assert (wedding.starts_at, wedding.ends_at) == (utc(2026, 6, 12, 14), utc(2026, 6, 13, 14))
    without_end = from_ical("UID:w1\nDTSTART;VALUE=DATE:20260613\nCATEGORIES:australia").weddings[0]
    assert without_end == wedding


@pytest.mark.parametrize(
    ("event", "begins", "ends", "zone"),
    [
        pytest.param("DTSTART:20260613T140000Z\nDTEND:20260613T230000Z", utc(2026, 6, 13, 14), utc(2026, 6, 13, 23),
                     "Europe/London", id="UTC, at the region's venues"),
        pytest.param("DTSTART:20260613T150000\nDURATION:PT9H", utc(2026, 6, 13, 14), utc(2026, 6, 13, 23),
                     "Europe/London", id="a floating time with a duration"),
        pytest.param("DTSTART;TZID=GMT Standard Time:20260613T150000\nDTEND;TZID=GMT Standard Time:20260613T230000",
                     utc(2026, 6, 13, 14), utc(2026, 6, 13, 22), "Europe/London", id="a Windows zone"),
        pytest.param("DTSTART;TZID=Europe/Paris:20260613T150000\nDTEND;TZID=Europe/London:20260613T230000",
                     utc(2026, 6, 13, 13), utc(2026, 6, 13, 22), "Europe/Paris", id="an end in another zone"),
        pytest.param("X-WEDSYNC-ZONE:Europe/Dublin\nDTSTART;TZID=Europe/Paris:20260613T150000\nDURATION:PT1H30M",
                     utc(2026, 6, 13, 13), utc(2026, 6, 13, 14, 30), "Europe/Dublin", id="the venue's zone"),
        pytest.param("DTSTART;VALUE=DATE:20260613\nDURATION:P2D", utc(2026, 6, 12, 23), utc(2026, 6, 14, 23),
                     "Europe/London", id="two whole days"),
        pytest.param("DTSTART;TZID=Europe/London:20260613T150000", utc(2026, 6, 13, 14), utc(2026, 6, 14, 1),
                     "Europe/London", id="no end: until the wedding day closes"),
    ],
)  # fmt: skip
def test_event_times(event: str, begins: datetime, ends: datetime, zone: str) -> None:
    parsed = from_ical(f"UID:w1\nX-WEDSYNC-REGION:united_kingdom\n{event}")
    assert refusals(parsed) == []
    wedding = parsed.weddings[0]
    assert (wedding.starts_at, wedding.ends_at, wedding.zone) == (begins, ends, zone)


def test_a_calendars_own_zone_serves_its_floating_times() -> None:
    event = "UID:w1\nDTSTART:20260613T150000\nDTEND:20260613T200000\nX-WEDSYNC-REGION:united_kingdom"
    parsed = from_ical(event, head="X-WR-TIMEZONE:Europe/Paris\r\n")
    assert (parsed.weddings[0].zone, parsed.weddings[0].starts_at) == ("Europe/Paris", utc(2026, 6, 13, 13))


def test_a_region_may_stand_at_the_end_of_a_location() -> None:
    parsed = from_ical("UID:w1\nDTSTART;VALUE=DATE:20260613\nLOCATION:Castle Howard\\, York\\, United_Kingdom")
    assert parsed.weddings[0].region == "united_kingdom"


@pytest.mark.parametrize(
    ("event", "refusal"),
    [
        ("DTSTART;VALUE=DATE:20260613\nCATEGORIES:united_kingdom", "UID: is empty"),
        ("UID:w1\nCATEGORIES:united_kingdom", "DTSTART: is empty"),
        ("UID:w1\nDTSTART;VALUE=DATE:20260613", "region: is empty"),
        ("UID:w1\nDTSTART;VALUE=DATE:20260613\nCATEGORIES:church\nLOCATION:York", "region: 'church, York' is none of"),
        ("UID:w1\nDTSTART;VALUE=DATE:20260613\nX-WEDSYNC-REGION:mars", "region: 'mars' is none of"),
        ("UID:w1\nDTSTART:soon\nCATEGORIES:united_kingdom", "DTSTART: cannot be read"),
        ("UID:w1\nDTSTART;TZID=Mars/Olympus:20260613T150000\nCATEGORIES:united_kingdom",
         "TZID: there is no time zone 'Mars/Olympus'"),
        ("UID:w1\nDTSTART:20260613T150000Z\nDTEND;TZID=Nowhere:20260613T180000\nCATEGORIES:australia",
         "TZID: there is no time zone 'Nowhere'"),
        ("UID:w1\nDTSTART:20260613T150000Z\nDTEND:20260613T140000Z\nCATEGORIES:united_kingdom",
         "DTEND: is not later than starts_at"),
        ("UID:w1\nDTSTART:20260613T150000Z\nRRULE:FREQ=WEEKLY\nCATEGORIES:united_kingdom",
         "RRULE: a wedding happens once"),
        ("UID:w1\nUID:w2\nDTSTART:20260613T150000Z\nCATEGORIES:united_kingdom", "UID: is given more than once"),
        ("UID:w1\nDTSTART:20260613T150000Z\nX-WEDSYNC-GUESTS:lots\nCATEGORIES:united_kingdom",
         "X-WEDSYNC-GUESTS: 'lots' is not a whole number"),
    ],
)  # fmt: skip
def test_a_wrong_event_is_refused_by_property(event: str, refusal: str) -> None:
    parsed = from_ical(EVENT, event)
    assert len(parsed.refused) == 1
    assert str(parsed.refused[0]).startswith(f"entry 2: {refusal}")
    assert parsed.weddings == (PRIYA_AND_TOM,)


def test_a_broken_property_that_is_not_read_costs_no_wedding() -> None:
    parsed = from_ical(EVENT + "\nDTSTAMP:yesterday\nATTENDEE;;:x\ngarbage line\nSUMMARY:a\u2028b")
    assert parsed == ParsedWeddings((PRIYA_AND_TOM,), ())


def test_a_broken_zone_definition_costs_no_wedding() -> None:
    parsed = from_ical(EVENT, head="BEGIN:VTIMEZONE\r\nTZID:Europe/London\r\nEND:VTIMEZONE\r\n")
    assert parsed.weddings == (PRIYA_AND_TOM,)


def test_an_event_without_an_end_line_is_refused_alone() -> None:
    whole = f"BEGIN:VEVENT\n{EVENT}\nEND:VEVENT\n"
    body = f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:w1\n{whole}BEGIN:VEVENT\nUID:w2\nEND:VCALENDAR\n"
    parsed = parse_weddings(body.encode(), "ical", REGIONS)
    assert parsed.weddings == (PRIYA_AND_TOM,)
    assert refusals(parsed) == [
        "entry 1: VEVENT: does not end with END:VEVENT",
        "entry 3: VEVENT: does not end with END:VEVENT",
    ]


def test_a_cancelled_event_is_no_wedding_and_no_mistake() -> None:
    parsed = from_ical(EVENT, EVENT + "\nSTATUS:CANCELLED")
    assert parsed == ParsedWeddings((), (), cancelled=frozenset({"priya-tom"}))
    booked_again = from_ical(EVENT + "\nSTATUS:CANCELLED", EVENT)
    assert booked_again == ParsedWeddings((PRIYA_AND_TOM,), ())


@pytest.mark.parametrize(
    ("body", "list_format", "reason"),
    [
        (b"", "csv", "the header line lacks the column 'wedding_id'"),
        (b"wedding_id,starts_at\n", "csv", "the header line lacks the column 'region'"),
        (b"wedding_id,region,starts_at,region\n", "csv", "the header line names the column 'region' twice"),
        (b'"' + b"x" * 200_000, "csv", "the header line cannot be read: field larger than field limit"),
        ("wedding_id,region,starts_at\nZo\u00eb".encode("latin-1"), "csv", "the document is not UTF-8: byte 30"),
        ("wedding_id".encode("utf-16"), "csv", "the document is not UTF-8: byte 0"),
        (b"[", "json", "the body is not JSON"),
        (b'{"weddings": 3}', "json", "neither a list nor an object with a list under 'weddings'"),
        (b"[NaN]", "json", "NaN is not a JSON number"),
        (b"[" * 100_000, "json", "nests deeper than"),
        (b"", "ical", "does not begin with BEGIN:VCALENDAR"),
        (b"<html>", "ical", "does not begin with BEGIN:VCALENDAR"),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:w1\n", "ical", "does not end with END:VCALENDAR: it was cut short"),
    ],
)
def test_what_is_no_list_at_all_is_refused_whole(body: bytes, list_format: ListFormat, reason: str) -> None:
    with pytest.raises(UnreadableList, match=reason):
        parse_weddings(body, list_format, REGIONS)


def test_lists_past_their_limits_are_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "MOST_BYTES", 1000)
    monkeypatch.setattr(contract, "MOST_ROWS", 3)
    row = "w,australia,,2026-06-13,,\n"
    assert len(from_csv(HEADER + row * 3).replaced) == 2
    with pytest.raises(UnreadableList, match="more than 3 rows"):
        from_csv(HEADER + row * 4)
    with pytest.raises(UnreadableList, match="has 1001 bytes, more than 1000"):
        parse_weddings(b"x" * 1001, "csv", REGIONS)


@pytest.mark.parametrize(
    ("path", "content_type", "expected"),
    [
        ("var/weddings.csv", None, "csv"),
        ("/calendar/Weddings.ICS", "text/plain", "ical"),
        ("/export", "text/csv; charset=utf-8", "csv"),
        ("/export", "Application/JSON", "json"),
        ("/export", "text/calendar", "ical"),
        ("list.json", "text/csv", "json"),
    ],
)
def test_the_format_is_told_by_suffix_then_by_media_type(path: str, content_type: str | None, expected: str) -> None:
    assert format_of(path, content_type) == expected


@pytest.mark.parametrize("content_type", [None, "text/html", ""])
def test_an_untold_format_is_refused(content_type: str | None) -> None:
    with pytest.raises(UnreadableList, match="tells the format"):
        format_of("/export", content_type)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["csv", "json", "ical"]))
def test_no_bytes_at_all_raise_anything_else(body: bytes, list_format: ListFormat) -> None:
    try:
        parsed = parse_weddings(body, list_format, REGIONS)
    except UnreadableList:
        return
    assert parsed.weddings == ()


ICAL_SCRAPS = st.sampled_from(
    ["UID:w1", "UID", "DTSTART:20260613T150000Z", "DTSTART;VALUE=DATE:20260613", "DTSTART;TZID=:1", "DTEND:99991231",
     "DTEND;VALUE=PERIOD:20260613T150000Z/PT1H", "DURATION:-PT5H", "DURATION:P99999999999W", "CATEGORIES:", ';:=,"',
     "CATEGORIES;X=:united_kingdom", "LOCATION:united_kingdom", "BEGIN:VALARM", "END:VALARM", "STATUS:CANCELLED",
     " fold", "BEGIN:VEVENT", "END:VEVENT", "RRULE:", "X-WEDSYNC-GUESTS;ENCODING=BASE64:AA",
     "DTSTART;TZID=Europe:20260613T150000"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(ICAL_SCRAPS | st.text(max_size=12), max_size=10))
def test_no_scraps_of_a_calendar_cost_the_whole_event_beside_them(scraps: list[str]) -> None:
    lines = "\n".join(line.replace("\r", "").replace("\n", "") for line in scraps)
    body = f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{EVENT}\nEND:VEVENT\nBEGIN:VEVENT\n{lines}\nEND:VEVENT\nEND:VCALENDAR"
    parsed = parse_weddings(body.encode("utf-8", "replace"), "ical", REGIONS)
    assert PRIYA_AND_TOM in parsed.weddings
