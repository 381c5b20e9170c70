"""What varies in a message, replaced by its kind, so that `album 812 not found` and `album 99 not found` are one."""

from __future__ import annotations

import re

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


def parameterised(message: str) -> str:
    """Return the message with urls, ids, dates, numbers and the like replaced by `<kind>`, blanks made single."""
    text = _BLANKS.sub(" ", message[:LONGEST]).strip()
    return _KINDS.sub(lambda match: f"<{match.lastgroup}>", text)
