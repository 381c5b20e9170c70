"""What may come in as a wedding list: CSV, JSON or iCalendar. Bad rows are refused one by one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from wedsync_core.season import InvalidField, Region, Wedding
from wedsync_core.weddings.ical import FIELD_NAMES, read_ical
from wedsync_core.weddings.rows import RefusedRow, Rows, UnreadableList, wedding_of
from wedsync_core.weddings.tables import read_csv, read_json

__all__ = [
    "MOST_BYTES",
    "MOST_ROWS",
    "ListFormat",
    "ParsedWeddings",
    "RefusedRow",
    "UnreadableList",
    "format_of",
    "parse_weddings",
]

ListFormat = Literal["csv", "json", "ical"]

MOST_BYTES: Final = 32 * 1024 * 1024
"""A hundred thousand calendar events of 300 bytes. A longer document is held in memory several times over."""
MOST_ROWS: Final = 100_000
"""Every wedding of a large country for a year. A longer list is refused whole: cut, it would lose weddings unseen."""

_SUFFIXES: Final[Mapping[str, ListFormat]] = {".csv": "csv", ".json": "json", ".ics": "ical", ".ical": "ical"}
_MEDIA_TYPES: Final[Mapping[str, ListFormat]] = {
    "text/csv": "csv",
    "application/json": "json",
    "text/calendar": "ical",
}


@dataclass(frozen=True)
class ParsedWeddings:
    """What a document held. A wedding given twice counts once, as it was given last."""

    weddings: tuple[Wedding, ...]
    refused: tuple[RefusedRow, ...]
    replaced: tuple[RefusedRow, ...] = ()
    """Good rows that a later row with the same id took the place of."""
    cancelled: frozenset[str] = frozenset()
    """Ids of calendar events that are there and marked as cancelled."""


def format_of(path: str, content_type: str | None = None) -> ListFormat:
    """Return the format by the path's suffix, else by the media type; raises UnreadableList when neither tells."""
    for suffix, named in _SUFFIXES.items():
        if path.lower().endswith(suffix):
            return named
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise UnreadableList(f"neither a suffix ({', '.join(_SUFFIXES)}) nor a media type tells the format")
    return _MEDIA_TYPES[media_type]


def parse_weddings(body: bytes, list_format: ListFormat, regions: Mapping[str, Region]) -> ParsedWeddings:
    """Read a whole document. Raises UnreadableList when it cannot be taken as a list at all.

    Regions are given by name. The rules of a row are those of `wedding_of`.
    """
    if len(body) > MOST_BYTES:
        raise UnreadableList(f"the document has {len(body)} bytes, more than {MOST_BYTES}")
    text = _decoded(body)
    if list_format == "json":
        return _collect(read_json(text.encode()), "entry", regions, {})
    if list_format == "ical":
        return _collect(read_ical(text, regions.keys()), "entry", regions, FIELD_NAMES)
    return _collect(read_csv(text), "line", regions, {})


def _decoded(body: bytes) -> str:
    try:
        # Spreadsheets put a byte-order mark before UTF-8.
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableList(f"the document is not UTF-8: byte {error.start}") from error


def _collect(
    rows: Rows, unit: Literal["line", "entry"], regions: Mapping[str, Region], names: Mapping[str, str]
) -> ParsedWeddings:
    good: dict[str, tuple[int, Wedding]] = {}
    refused: list[RefusedRow] = []
    replaced: list[RefusedRow] = []
    cancelled: set[str] = set()
    for number, row in enumerate(rows, start=1):
        if number > MOST_ROWS:
            raise UnreadableList(f"the document has more than {MOST_ROWS} rows")
        try:
            if row.problem is not None:
                raise row.problem
            if row.cancelled:
                cancelled.add(row.texts["wedding_id"])
                good.pop(row.texts["wedding_id"], None)
                continue
            wedding = wedding_of(row.texts, regions)
        except InvalidField as problem:
            refused.append(RefusedRow(unit, row.position, names.get(problem.field, problem.field), problem.reason))
            continue
        cancelled.discard(wedding.wedding_id)
        if wedding.wedding_id in good:
            earlier, _ = good[wedding.wedding_id]
            replaced.append(
                RefusedRow(unit, earlier, names.get("wedding_id", "wedding_id"), f"{unit} {row.position} has it too")
            )
        good[wedding.wedding_id] = (row.position, wedding)
    weddings = tuple(wedding for _, wedding in good.values())
    return ParsedWeddings(weddings, tuple(refused), tuple(replaced), frozenset(cancelled))
