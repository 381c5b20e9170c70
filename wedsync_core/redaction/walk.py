"""Redaction of one text, and of a whole JSON value."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TypeAlias

from wedsync_core.redaction.keys import Sensitivity, sensitivity
from wedsync_core.redaction.mark import CUT, REDACTED, TOO_DEEP
from wedsync_core.redaction.numbers import is_card_number
from wedsync_core.redaction.pairs import redact_pairs
from wedsync_core.redaction.values import SHAPE_RULES

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

MAX_TEXT = 256 * 1024
"""Characters of one text that are kept; a stack trace of a thousand frames is about 100,000."""
MAX_DEPTH = 32
MAX_ITEMS = 1000
"""Members of one list or object that are kept."""

# Looked at beyond the limit before a text is cut, so that the cut cannot leave half a secret unrecognised.
_OVERLAP = 1024
_SHORT_NAME = 64
# Taking a secret out can bring two pieces together that look like one. Three rounds were never needed in tests.
_MOST_ROUNDS = 6


@dataclass(frozen=True)
class Redaction:
    """A value fit to be stored and logged, and how many things were taken out of it."""

    value: JSON
    removed: int


def redact(value: JSON) -> JSON:
    """Return ``value`` without secrets and personal data. Never raises; a second run changes nothing.

    A member whose name announces a secret goes whole; texts lose what is secret by shape or by the name beside it.
    Deeper than MAX_DEPTH, or past MAX_ITEMS members, nothing is kept. Types that JSON does not know become the mark.
    """
    return redact_counted(value).value


def redact_counted(value: JSON) -> Redaction:
    """Return what `redact` returns, with the number of things taken out."""
    walk = _Walk()
    return Redaction(walk.value(value, 0), walk.removed)


def redact_text(text: str, limit: int = MAX_TEXT) -> str:
    """Return ``text`` without secrets and personal data, cut to ``limit`` characters with the mark at its end."""
    return _clean_text(text, limit)[0]


def redact_text_counted(text: str, limit: int = MAX_TEXT) -> tuple[str, int]:
    """Return what `redact_text` returns, with the number of things taken out."""
    return _clean_text(text, limit)


def pseudonym(value: str, key: bytes) -> str:
    """Return a stable name for a person, so that unique users still count: HMAC-SHA-256 under ``key``, 128 bits.

    Without the key nobody can test a guess (an e-mail address is easily guessed). Raises ValueError for an empty key.
    """
    if not key:
        raise ValueError("a pseudonym needs a key: without one anybody can compute it")
    digest = hmac.new(key, value.strip().encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    return f"p1_{digest[:32]}"


# Most texts of a report are short and plain (`POST`, `iOS 18.5`, `Safari`). What every rule needs is a separator, two
# digits, a long word, or one of these beginnings.
_SUSPECT = re.compile(r"[=:>@%+(]|--|[0-9]{2}|[A-Za-z0-9_.-]{12}|bearer|basic|pass|pwd", re.IGNORECASE)


# Short texts that were found clean: label values and annotations come again with every alert of a storm. A text with a
# secret in it is never remembered.
_CLEAN: set[str] = set()
_LONGEST_REMEMBERED = 256
_MOST_REMEMBERED = 8192


def _clean_text(text: str, limit: int) -> tuple[str, int]:
    if len(text) > min(limit, _LONGEST_REMEMBERED):
        return _cleaned(text, limit)
    if text in _CLEAN:
        return text, 0
    cleaned, removed = _cleaned(text, limit)
    if cleaned == text and not removed:
        if len(_CLEAN) >= _MOST_REMEMBERED:
            _CLEAN.clear()
        _CLEAN.add(text)
    return cleaned, removed


def _cleaned(text: str, limit: int) -> tuple[str, int]:
    text = text[: limit + _OVERLAP]
    removed = 0
    for _ in range(_MOST_ROUNDS):
        cleaned, count = _one_round(text)
        cleaned = _cut(cleaned, limit)
        if cleaned == text:
            return text, removed
        text, removed = cleaned, removed + count
    return REDACTED, removed + 1


def _one_round(text: str) -> tuple[str, int]:
    if _SUSPECT.search(text) is None:
        return text, 0
    text, removed = redact_pairs(text)
    folded = text.lower()
    for rule in SHAPE_RULES:
        if rule.needles and not any(needle in folded for needle in rule.needles):
            continue
        text, count = rule.replace(text)
        removed += count
    return text, removed


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    kept = text[: max(limit - len(CUT), 0)]
    # A mark cut in half would be taken for a value.
    half = kept.rfind("[", max(len(kept) - len(REDACTED) + 1, 0))
    if half >= 0 and REDACTED.startswith(kept[half:]):
        kept = kept[:half]
    return (kept + CUT)[:limit]


class _Walk:
    """One journey through a value; counts what it takes out."""

    def __init__(self) -> None:
        self.removed = 0

    def value(self, value: JSON, depth: int) -> JSON:
        """Return the redacted value."""
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int):
            return self._number(value)
        return TOO_DEEP if depth >= MAX_DEPTH else self._container(value, depth)

    def _container(self, value: JSON, depth: int) -> JSON:
        if isinstance(value, dict):
            return self._object(value, depth)
        if isinstance(value, list | tuple):
            return self._list(list(value), depth)
        return self._mark()

    def _mark(self) -> str:
        self.removed += 1
        return REDACTED

    def _text(self, text: str) -> str:
        cleaned, count = _clean_text(text, MAX_TEXT)
        self.removed += count
        return cleaned

    def _number(self, number: int) -> int | str:
        # Compared before it is written out: Python refuses to print integers of more than 4,300 digits.
        if 10**12 <= number < 10**19 and is_card_number(str(number)):
            return self._mark()
        return number

    def _object(self, members: dict[str, JSON], depth: int) -> dict[str, JSON]:
        whole = len(members) <= MAX_ITEMS
        told = _named_beside(members)
        cleaned: dict[str, JSON] = {}
        for name, member in islice(members.items(), MAX_ITEMS if whole else MAX_ITEMS - 1):
            clean_name = self._name(str(name), cleaned)
            secret = (told and name == "value") or _is_secret(str(name), clean_name)
            cleaned[clean_name] = self._member(member, depth, secret=secret)
        if not whole:
            cleaned[CUT] = True
        return cleaned

    def _member(self, member: JSON, depth: int, *, secret: bool) -> JSON:
        # Whether there is a password is no secret: absence and yes or no stay readable.
        if secret and not (member is None or isinstance(member, bool) or member in ("", REDACTED)):
            return self._mark()
        return self.value(member, depth + 1)

    def _name(self, name: str, taken: dict[str, JSON]) -> str:
        """Redact the name itself (people key objects by e-mail address), keeping two such names apart."""
        cleaned, count = _clean_name(name) if len(name) <= _SHORT_NAME else _clean_text(name, MAX_TEXT)
        self.removed += count
        numbered = cleaned
        number = 1
        while numbered in taken:
            number += 1
            numbered = f"{cleaned}#{number}"
        return numbered

    def _list(self, items: list[JSON], depth: int) -> list[JSON]:
        if len(items) == 2 and isinstance(items[0], str):
            # Headers often come as [name, value].
            name = self._text(items[0])
            return [name, self._member(items[1], depth, secret=_is_secret(items[0], name))]
        if len(items) <= MAX_ITEMS:
            return [self.value(item, depth + 1) for item in items]
        return [*(self.value(item, depth + 1) for item in items[: MAX_ITEMS - 1]), CUT]


@lru_cache(maxsize=4096)
def _clean_name(name: str) -> tuple[str, int]:
    # The same names come with every report.
    return _clean_text(name, MAX_TEXT)


def _named_beside(members: dict[str, JSON]) -> bool:
    """Tell `{"name": "password", "value": "…"}`, the other usual form of headers and form fields."""
    if "value" not in members:
        return False
    names = (members.get(title) for title in ("name", "key", "field", "header"))
    return any(isinstance(name, str) and _is_secret(name, redact_text(name)) for name in names)


def _is_secret(name: str, clean_name: str) -> bool:
    # Both forms: the second run sees only the clean one and must decide alike.
    return sensitivity(name) is not Sensitivity.NONE or sensitivity(clean_name) is not Sensitivity.NONE
