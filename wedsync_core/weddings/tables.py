"""CSV and JSON text taken apart into rows of text. Pure: what a row means is decided elsewhere."""

from __future__ import annotations

import csv
import io
from typing import Any

from wedsync_core.jsontext import parse_json
from wedsync_core.problems import Malformed
from wedsync_core.season import InvalidField
from wedsync_core.weddings.rows import COLUMNS, REQUIRED_COLUMNS, Row, Rows, UnreadableList


def read_csv(text: str) -> Rows:
    """Yield the rows below the header line. Raises UnreadableList when the header lacks or repeats a column.

    A cell is only ever text: formulas and odd characters mean nothing here.
    """
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip().lower() for name in next(lines, [])]
    except csv.Error as error:
        raise UnreadableList(f"the header line cannot be read: {error}") from error
    for column in REQUIRED_COLUMNS:
        if column not in header:
            raise UnreadableList(f"the header line lacks the column {column!r}")
    for column in COLUMNS:
        if header.count(column) > 1:
            raise UnreadableList(f"the header line names the column {column!r} twice")
    while True:
        position = lines.line_num + 1
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(position, {}, InvalidField("row", f"{error}: is a quote missing?"))
            continue
        if cells:
            yield Row(position, dict(zip(header, cells, strict=False)), _shape_problem(cells, header))


def _shape_problem(cells: list[str], header: list[str]) -> InvalidField | None:
    if any("\n" in cell or "\r" in cell for cell in cells):
        return InvalidField("row", "a cell runs over several lines: is a quote missing?")
    if len(cells) != len(header):
        return InvalidField("row", f"has {len(cells)} cells where the header has {len(header)}: cut short?")
    return None


def read_json(body: bytes) -> Rows:
    """Yield the entries of a list, or of the list under `weddings` in an object. Raises UnreadableList."""
    try:
        document = parse_json(body)
    except Malformed as error:
        raise UnreadableList(error.detail) from error
    entries = document.get("weddings") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise UnreadableList("the JSON is neither a list nor an object with a list under 'weddings'")
    for position, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            yield Row(position, {}, InvalidField("entry", "is not an object"))
            continue
        try:
            yield Row(position, {column: _json_text(column, entry.get(column)) for column in COLUMNS})
        except InvalidField as problem:
            yield Row(position, {}, problem)


def _json_text(column: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InvalidField(column, "is neither text nor a whole number")
