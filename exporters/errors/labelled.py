"""Reads a folder of labelled traces and messages, in whatever simple form they come."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporters.errors.stacks import Platform, RawFrame, Thrown, Trace, bare_frame, read_stack

FILES = ("file", "filename", "path", "rid", "report", "report_id", "name", "id")
LABELS = (
    "label",
    "iid",
    "group",
    "issue",
    "issue_id",
    "bucket",
    "cluster",
    "class",
    "bug",
    "bug_id",
    "EventId",
    "event_id",
)
STACKS = (
    "stack",
    "stack_trace",
    "stacktrace",
    "trace",
    "traceback",
    "backtrace",
    "callstack",
    "frames",
    "exception",
    "stacktraces",
)
MESSAGES = ("message", "Content", "content", "log", "text", "line", "summary")
TYPES = ("type", "error_type", "exception_type", "class")
ORDERS = ("timestamp", "ts", "time", "creation_ts", "date", "created")
_TABLES = {".csv": ",", ".tsv": "\t"}
_RECORDS = frozenset({".json", ".jsonl", ".ndjson"})
_MOST_CHARACTERS = 200_000


@dataclass(frozen=True)
class Labelled:
    """One error with the label of what it is: a stack, or only a message."""

    label: str
    message: str
    trace: Trace | None
    text: str = ""


@dataclass(frozen=True)
class DataSet:
    """Errors that are measured together, in the order in which they are to come."""

    name: str
    items: Sequence[Labelled]

    @property
    def stacks(self) -> bool:
        """Whether it is grouped by stacks."""
        return sum(item.trace is not None for item in self.items) * 2 >= len(self.items)


def read_sets(folder: Path) -> Iterator[DataSet]:
    """Yield the sets of a folder and those below it.

    A set is: a table of labels (`labels.csv`: file, label) beside files; a folder of folders, one for each label, with
    one file for each trace; a JSON or JSON Lines file of records; a CSV or TSV file with a label in each row.
    """
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    table = next(
        (path for path in entries if path.stem.lower() in ("labels", "label", "state") and path.suffix in _TABLES), None
    )
    if table is not None and (items := list(_beside(table, folder))):
        yield DataSet(folder.name, items)
        return
    for path in entries:
        if path.is_file() and path.suffix in _TABLES:
            items = list(_rows(path))
        elif path.is_file() and path.suffix in _RECORDS:
            items = _records(_objects(path))
        else:
            continue
        if items:
            yield DataSet(path.stem, items)
    folders = [path for path in entries if path.is_dir()]
    if len(folders) > 1 and all(_holds_only_traces(path) for path in folders):
        items = [one for path in folders for one in _labelled_folder(path)]
        if items:
            yield DataSet(folder.name, items)
        return
    for path in folders:
        yield from read_sets(path)


def _holds_only_traces(folder: Path) -> bool:
    return all(path.is_file() and _is_one_trace(path) for path in folder.iterdir())


def _is_one_trace(path: Path) -> bool:
    if path.suffix in _TABLES or path.suffix in _RECORDS - {".json"}:
        return False
    return path.suffix != ".json" or len(_objects(path)) == 1


def _labelled_folder(folder: Path) -> Iterator[Labelled]:
    for path in sorted(folder.iterdir()):
        one = _file(path, folder.name)
        if one is not None:
            yield one


def _file(path: Path, label: str) -> Labelled | None:
    if path.suffix == ".json":
        found = _objects(path)
        return _record({**found[0], "label": label}) if found else None
    text = path.read_text(encoding="utf-8", errors="replace")[:_MOST_CHARACTERS]
    return Labelled(label, text.partition("\n")[0], read_stack(text), text) if text.strip() else None


def _beside(table: Path, folder: Path) -> Iterator[Labelled]:
    for row in _table(table):
        label, name = _first(row, LABELS), _first(row, FILES)
        if label is None or name is None:
            return
        path = next(
            (
                folder / f"{name}{end}"
                for end in ("", ".txt", ".json", ".log", ".trace")
                if (folder / f"{name}{end}").is_file()
            ),
            None,
        )
        path = path or next(iter(sorted(folder.rglob(f"{name}.*"))), None) if _plain(str(name)) else path
        if path is not None and (one := _file(path, str(label))) is not None:
            yield one


def _plain(name: str) -> bool:
    return not any(sign in name for sign in "*?[/\\")


def _rows(path: Path) -> Iterator[Labelled]:
    rows = list(_table(path))
    if not rows or (_first(rows[0], LABELS) is None and "EventTemplate" not in rows[0]):
        return
    for row in rows:
        one = _record(row)
        if one is not None:
            yield one


def _table(path: Path) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(10_000_000)
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        for row in csv.DictReader(lines, delimiter=_TABLES[path.suffix]):
            yield {(name or "").strip(): value for name, value in row.items() if isinstance(value, str)}


def _objects(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        found = []
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        whole = found
    if isinstance(whole, dict):
        lists = [value for value in whole.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        whole = [whole] if _first(whole, STACKS + MESSAGES) is not None or not lists else lists[0]
    return [one for one in whole if isinstance(one, dict)]


def _records(found: Sequence[Mapping[str, Any]]) -> list[Labelled]:
    if any(one.get("dup_id") is not None for one in found):
        found = _with_duplicates(found)
    order = next(
        (name for name in ORDERS if found and all(isinstance(one.get(name), int | float) for one in found)), None
    )
    if order is not None:
        found = sorted(found, key=lambda one: one[order])
    return [item for one in found if (item := _record(one)) is not None]


def _with_duplicates(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Label a report by the first of the reports that it is a duplicate of."""
    parents = {str(one.get("bug_id")): str(one["dup_id"]) for one in found if one.get("dup_id") is not None}

    def first(name: str) -> str:
        seen = {name}
        while (above := parents.get(name)) is not None and above not in seen:
            seen.add(above)
            name = above
        return name

    return [{**one, "label": first(str(one.get("bug_id")))} for one in found]


def _record(row: Mapping[str, Any]) -> Labelled | None:
    label = _first(row, LABELS)
    label = row.get("EventTemplate") if label is None else label
    if label is None or str(label) == "":
        return None
    message, stack = str(_first(row, MESSAGES) or ""), _first(row, STACKS)
    kind = _first(row, TYPES)
    kind = kind[0] if isinstance(kind, list) and kind else kind
    trace = _trace(stack, str(kind) if isinstance(kind, str) and kind != label else "")
    if trace is None and not message:
        return None
    return Labelled(str(label), message, trace, stack if isinstance(stack, str) else "")


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _trace(stack: Any, kind: str) -> Trace | None:
    if not stack:
        return None
    if isinstance(stack, str):
        if stack[:1] in "[{":
            try:
                return _trace(json.loads(stack), kind)
            except json.JSONDecodeError:
                pass
        return read_stack(stack)
    if isinstance(stack, dict):
        return _chain([stack], kind)
    if isinstance(stack, list) and stack and isinstance(stack[0], dict) and "frames" in stack[0]:
        return _chain(stack, kind)
    if isinstance(stack, list) and stack and isinstance(stack[0], list):
        stack = [frame for part in stack for frame in part]
    return Trace((Thrown(kind, "", [frame for one in stack if (frame := _frame(one)) is not None]),))


def _chain(parts: Sequence[Mapping[str, Any]], kind: str) -> Trace:
    chain = []
    for part in parts:
        named = part.get("exception") or part.get("type") or kind
        named = named[0] if isinstance(named, list) and named else named
        frames = part.get("frames") or part.get("stacktrace") or []
        frames = frames.get("frames", []) if isinstance(frames, dict) else frames
        chain.append(Thrown(str(named or ""), "", [f for one in frames if (f := _frame(one)) is not None]))
    return Trace(tuple(chain) or (Thrown(kind),))


def _frame(one: Any) -> RawFrame | None:
    if isinstance(one, str):
        found = read_stack(one).frames
        return found[0] if found else bare_frame(one.strip()) if one.strip() else None
    if not isinstance(one, dict):
        return None
    function = str(_first(one, ("function", "method", "name", "symbol", "func")) or "")
    file = str(_first(one, ("module", "class", "file", "filename", "abs_path", "path", "library", "package")) or "")
    if not function and not file:
        return None
    if not file and "." in function and "::" not in function:
        return bare_frame(function)
    marked = one.get("in_app")
    return RawFrame(_platform(file, function), function, file, marked if isinstance(marked, bool) else None)


def _platform(file: str, function: str) -> Platform:
    ends = {
        ".py": Platform.PYTHON,
        ".js": Platform.JAVASCRIPT,
        ".ts": Platform.JAVASCRIPT,
        ".tsx": Platform.JAVASCRIPT,
        ".mjs": Platform.JAVASCRIPT,
        ".rb": Platform.RUBY,
        ".go": Platform.GO,
        ".php": Platform.PHP,
        ".c": Platform.NATIVE,
        ".cc": Platform.NATIVE,
        ".cpp": Platform.NATIVE,
        ".h": Platform.NATIVE,
        ".rs": Platform.NATIVE,
    }
    suffix = Path(file.partition("?")[0]).suffix
    if suffix in ends:
        return ends[suffix]
    if "::" in function or ".so" in file or not file:
        return Platform.NATIVE
    return Platform.JAVA if "." in file and "/" not in file else Platform.OTHER
