"""Version 1 of the fingerprint, frozen: its keys stand for groups that are stored. Pure.

It is asked only for an error whose version 2 key is new: what it knew under its old key goes on there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from exporters.errors.cleaning import CleanReport

VERSION = "v1"
FRAMES = 3


def key_v1(report: CleanReport) -> str:
    """Return the key that version 1 gave to a report: `v1:` and 32 hexadecimal digits."""
    parts = [_parameterised(report.message)]
    if report.stack_trace:
        own = list(islice((frame for frame in _read_frames(report.stack_trace) if frame.in_app), FRAMES))
        parts = [str(frame) for frame in own] or parts
    basis = [VERSION, report.service, report.error_type, *parts]
    return f"{VERSION}:{hashlib.sha256(json.dumps(basis, ensure_ascii=False).encode()).hexdigest()[:32]}"


MOST_LINES = 1_000
"""Lines of a stack that are looked at: a Python frame takes two."""
_PYTHON_FRAME = '  File "'


@dataclass(frozen=True)
class _Frame:
    """A place in code: the module or the end of its path, and the function."""

    module: str
    function: str
    in_app: bool

    def __str__(self) -> str:
        return f"{self.function} in {self.module}"


_PYTHON = re.compile(r'\s{1,40}File "(?P<path>[^"\n]{1,500})", line \d{1,7}(?:, in (?P<function>[^\n]{1,200}))?')
_V8 = re.compile(
    r"\s{1,40}at (?:(?P<function>[^\n()]{1,200}) \()?(?P<path>[^\s()]{1,500}?):\d{1,7}(?::\d{1,7})?\)?\s*\Z"
)
_GECKO = re.compile(r"(?P<function>[^\n@]{0,200})@(?P<path>[^\s@]{1,500}?):\d{1,7}(?::\d{1,7})?\s*\Z")
_JAVA = re.compile(
    r"\s{1,40}at (?:[\w.@$-]{0,100}/){0,2}(?P<path>[\w.$]{1,300})\.(?P<function>[\w$<>]{1,100})"
    r"\([\w$. -]{1,100}(?::\d{1,7})?\)\s*\Z"
)

# Code that the service did not write.
_LIBRARY = re.compile(
    r"site-packages/|dist-packages/|/lib/python\d|\A<|node_modules/|\Anode:|webpack/(?:bootstrap|runtime)|/vendor/"
    r"|\[native code\]|\A(?:java|javax|jdk|sun|kotlin|scala)\.|\Aorg\.(?:springframework|apache|hibernate|eclipse)\."
)
# `main-4f2a9c81.js` and `main.4f2a9c81.chunk.js` are `main.js` of another build.
_BUILD_HASH = re.compile(r"[.-][0-9a-f]{6,64}(?=[.-])|\.(?:chunk|bundle|min)(?=\.)")
_ANONYMOUS = frozenset({"", "<anonymous>", "anonymous", "<lambda>", "<module>", "?", "eval"})
_CAUSED = re.compile(r"^(?:The above exception was|During handling of the above)[^\n]*$", re.MULTILINE)


def _read_frames(stack: str) -> Iterator[_Frame]:
    """Yield the frames of the error itself, the nearest to the failure first; none for a form that is not known.

    They are read as they are asked for: a fingerprint needs three of a thousand.
    """
    return _once(_python_frames(stack) if _PYTHON_FRAME in stack else _other_frames(stack))


def _python_frames(stack: str) -> Iterator[_Frame]:
    # Python prints the cause first and the error itself last, each with the crash below.
    for line in reversed(_CAUSED.split(stack)[-1].splitlines()[-MOST_LINES:]):
        match = _PYTHON.match(line)
        if match:
            yield _frame(match["path"], match["function"] or "")


def _other_frames(stack: str) -> Iterator[_Frame]:
    # Java prints causes below the error: what comes after is another error's stack.
    for line in stack.partition("\nCaused by:")[0].splitlines()[:MOST_LINES]:
        match = _JAVA.match(line) or _V8.match(line) or _GECKO.match(line)
        if match:
            yield _frame(match["path"], match["function"] or "")


def _frame(path: str, function: str) -> _Frame:
    return _Frame(_module(path), _function(function), in_app=_LIBRARY.search(path) is None)


def _module(path: str) -> str:
    """Keep the last two parts: `/srv/releases/42/uploads/bucket.py` is `uploads/bucket.py` in every release."""
    plain = path.split("?", 1)[0].split("#", 1)[0].replace("\\", "/").removeprefix("async ")
    if "://" in plain:
        plain = plain.split("://", 1)[1].partition("/")[2]
    return _BUILD_HASH.sub("", "/".join(plain.split("/")[-2:]))


def _function(name: str) -> str:
    name = name.strip().removeprefix("async ").removeprefix("new ")
    # `Object.upload`, `uploads.<locals>.upload` and `upload` are one; `<computed>` and `[as x]` are the engine's.
    name = name.partition(" [as ")[0].rpartition("<locals>.")[2].removeprefix("Object.")
    name = name.partition("$$Lambda")[0].partition("/<")[0]
    return "<anonymous>" if name in _ANONYMOUS else name


def _once(frames: Iterable[_Frame]) -> Iterator[_Frame]:
    """Leave out repeats in a row: recursion is one place, however deep."""
    before = None
    for frame in frames:
        if frame != before:
            yield frame
        before = frame


LONGEST = 1_000
"""Characters of a message that count."""

# In one pass from left to right, the more particular kinds first: a date must not become three numbers.
_KINDS = re.compile(
    r"""
      (?P<url>\b[a-z][a-z0-9+.-]{1,20}://[^\s"'<>)\]]{1,500})
    | (?P<uuid>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)
    | (?P<date>\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?)
    | (?P<ip>\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b)
    | (?P<hex>\b0x[0-9a-f]{1,32}\b|\b(?=[0-9a-f]{0,63}\d)(?=\d{0,63}[a-f])[0-9a-f]{7,64}\b)
    | (?P<duration>\b\d{1,9}(?:\.\d{1,9})?\s?(?:ms|s|sec|seconds|min|minutes|h|hours|days|us|ns)\b)
    | (?P<size>\b\d{1,15}(?:\.\d{1,9})?\s?(?:bytes|B|[KMGT]i?B)\b)
    | (?P<id>\b[a-z]{1,20}[_-](?=[A-Za-z0-9]{0,63}\d)[A-Za-z0-9]{1,64}\b|\b(?=[A-Za-z]{0,31}\d)[A-Za-z0-9]{12,64}\b)
    | (?P<number>(?<![A-Za-z0-9_])[+-]?\d{1,40}(?:[.,]\d{1,20})*+(?![A-Za-z0-9_])
        |(?<=[_#=:/])\d{2,40}\b|(?<=[A-Za-z])\d{4,40}\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BLANKS = re.compile(r"\s++")


def _parameterised(message: str) -> str:
    """Return the message with urls, ids, dates, numbers and the like replaced by `<kind>`, blanks made single."""
    text = _BLANKS.sub(" ", message[:LONGEST]).strip()
    return _KINDS.sub(lambda match: f"<{match.lastgroup}>", text)
