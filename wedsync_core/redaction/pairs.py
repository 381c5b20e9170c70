"""Secrets that stand beside their name in running text: `password=…`, `"apiKey": "…"`, `Cookie: …`, `--token …`.

One pass from left to right. The name and its separator are found by one pattern; what counts as a sensitive name is
decided where JSON keys are decided; the value is then taken from that place on. A value is never scanned twice, so
the time grows with the length of the text and with nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from string import ascii_letters, digits
from typing import TypeAlias

from wedsync_core.redaction.keys import Sensitivity, sensitivity
from wedsync_core.redaction.mark import REDACTED

MAX_VALUE = 4096
"""Longest value taken in one piece; a longer one is judged again from where it was left."""

# Every unbounded repeat here is possessive, and none stands inside another: no input makes them go back.
# Separators are rarer than words, so they are looked for first and the name is read backwards from them.
_SEPARATOR = re.compile(r"[=:>%](?:(?<==)[=>]|(?<=:)=|(?<=%)3[AaDd])?")
_NAME_CHARACTERS = ascii_letters + digits + "_.-$"
_BEFORE_SEPARATOR = 140
_CLOSING = re.compile(r"""(\\{0,3}["'`])?\]?[ \t]{0,4}\Z""")
_FLAG = re.compile(r"(?<![\w-])--([A-Za-z][\w.-]{0,119}+)[ \t]{1,4}(?![\s=:-])")
_PASSWORD_THEN_QUOTE = re.compile(r"(?<![\w-])(?:password|passwd|passphrase|pwd)[ \t]{1,4}(?=[\"'`])", re.IGNORECASE)
_OPENING_QUOTE = re.compile(r"""\s{0,32}[bBuUrRfF]{0,2}(?P<quote>\\{1,3}["']|"{3}|'{3}|["'`])""")
_QUOTED_BODY = {quote: re.compile(rf"(?:[^{quote}\\]|\\[\s\S]){{0,{MAX_VALUE}}}+") for quote in ('"', "'", "`")}
_OPENING_BRACKET = re.compile(r"\s{0,32}(?=[{\[])")
_BRACKETS = re.compile(r"[{}\[\]]")
_GAP = re.compile(r"[ \t]{0,8}")
# Closing brackets and commas end a value only where something else begins; a password may hold them.
_BARE = re.compile(
    rf"""(?:[^\s&"'`<>;,)\]}}]|[;,)\]}}](?![\s;,)\]}}"'&]|\Z|[\w.-]{{1,40}}[ ]?[=:])){{1,{MAX_VALUE}}}+""",
    re.VERBOSE,
)
_TAG_BODY = re.compile(rf"[^<]{{0,{MAX_VALUE}}}+")
_LINE = re.compile(rf"[^\r\n]{{0,{MAX_VALUE}}}+")
_UNTIL_QUOTE = {quote: re.compile(rf"[^\r\n{quote}]{{0,{MAX_VALUE}}}+") for quote in ('"', "'", "`")}
_SCHEME = re.compile(r"(?:Bearer|Basic|Digest|Token|Negotiate|ApiKey|AWS4-HMAC-SHA256)\s{1,8}+", re.IGNORECASE)

# Nothing is hidden behind these: constants, type names, and the placeholders of SQL and templates.
_NO_SECRET = re.compile(
    r"""(?:none|null|nil|undefined|true|false|str|string|bytes|int|any|optional|secretstr
        |\?|%s|%\(\w{1,80}\)s|:(?:password|token|secret|email)|\$\d{1,3}|\$\{[\w.]{1,80}\}|\{\w{0,80}\}|\*++|\.{3})
        [,;:)\]}]{0,4}\Z""",
    re.VERBOSE | re.IGNORECASE,
)
_ANNOTATED = re.compile(r"[ \t]{0,4}(?:str|bytes|SecretStr|Any|string)(?:[ ]?\|[ ]?(?:None|null))?[ ]{0,4}=(?!=)")
# `token = issue(user)` in a stack trace's source line: code that makes a secret, not the secret.
_CODE = re.compile(r"(?:await )?[A-Za-z_]{1,60}(?:\.[A-Za-z_]{1,60}){0,6}(?:[(\[]|(?<=[a-z])\Z)")
# Long enough, and with a digit, an inner capital, or simply very long.
_GENERATED = re.compile(r"(?=.{6})(?:\D*+\d|(?:[^a-z]|[a-z](?![A-Z]))*+[a-z]|.{24})", re.DOTALL)


Span: TypeAlias = tuple[int, int, str]
"""Start, end and replacement."""


def redact_pairs(text: str) -> tuple[str, int]:
    """Replace the values of sensitive names in a text; returns the text and the number of values replaced."""
    text, removed = _replace(text, _named_values(text))
    if "--" in text:
        text, flags = _replace(text, _flag_values(text))
        removed += flags
    if "pass" in text.lower():
        text, quoted = _replace(text, _quoted_after_password(text))
        removed += quoted
    return text, removed


def _replace(text: str, spans: Iterable[Span]) -> tuple[str, int]:
    pieces: list[str] = []
    done = removed = 0
    for start, end, replacement in spans:
        if text[start:end] != replacement:
            pieces += (text[done:start], replacement)
            done = end
            removed += 1
    return ("".join((*pieces, text[done:])), removed) if removed else (text, 0)


@dataclass(frozen=True)
class _Named:
    """A sensitive name found in a text, and where what follows its separator begins."""

    text: str
    start: int
    name_start: int
    kind: Sensitivity
    quote: str
    """The quote after the name: a repr or JSON, where anything may follow."""
    spaced: bool
    assigned: bool

    @property
    def sure(self) -> bool:
        """Whether what follows is a value and not prose."""
        return self.assigned or bool(self.quote)


def _named_values(text: str) -> Iterator[Span]:
    """Find `name=value`, `name: value`, `"name": "value"`, `<name>value</name>` and their kin."""
    done = 0
    for separator in _SEPARATOR.finditer(text):
        if separator.start() < done or separator[0] == "%":
            continue
        span = _value(text, separator)
        if span is not None:
            done = span[1]
            yield span


def _value(text: str, separator: re.Match[str]) -> Span | None:
    """Return the value beside a sensitive name, or None when nothing is hidden there."""
    before = text[max(separator.start() - _BEFORE_SEPARATOR, 0) : separator.start()]
    closing = _CLOSING.search(before, max(len(before) - 9, 0))
    head = before if closing is None else before[: closing.start()]
    name = head[len(head.rstrip(_NAME_CHARACTERS)) :].lstrip("-.")
    kind = sensitivity(name) if name else Sensitivity.NONE
    if kind is Sensitivity.NONE:
        return None
    name_start = separator.start() - len(before) + len(head) - len(name)
    if separator[0] == ">":
        return _inside_tag(text, name_start, separator.end())
    annotated = _ANNOTATED.match(text, separator.end())
    named = _Named(
        text=text,
        start=separator.end() if annotated is None else annotated.end(),
        name_start=name_start,
        kind=kind,
        quote=(closing[1] or "") if closing else "",
        spaced=before[-1:] in " \t",
        assigned=annotated is not None or separator[0] != ":",
    )
    prose = kind in {Sensitivity.PERSONAL, Sensitivity.WEAK_CREDENTIAL} and not named.sure
    return None if prose else _after_separator(named)


def _after_separator(named: _Named) -> Span | None:
    quoted = _quoted(named.text, named.start)
    if quoted is not None:
        return _keeping_scheme(named.text, *quoted)
    header = named.kind is Sensitivity.HEADER
    bracketed = _bracketed(named.text, named.start) if named.sure or header else None
    if bracketed is not None:
        return (*bracketed, f"{named.quote}{REDACTED}{named.quote}")
    return _rest_of_line(named) if header and not named.assigned else _bare(named)


def _bare(named: _Named) -> Span | None:
    text, kind = named.text, named.kind
    scheme = _SCHEME.match(text, _span(_BARE, text, named.start)[0])
    begin, end = _bare_span(text, named.start if scheme is None else scheme.end())
    body = text[begin:end]
    made_by_code = named.assigned and named.spaced and _CODE.match(body)
    prose = not named.sure and kind is Sensitivity.CREDENTIAL and not _GENERATED.match(body)
    if not body or _NO_SECRET.match(body) or made_by_code or prose or body == REDACTED:
        return None
    return begin, end, REDACTED if scheme else f"{named.quote}{REDACTED}{named.quote}"


def _bare_span(text: str, start: int) -> tuple[int, int]:
    begin, end = _span(_BARE, text, start)
    # The closing bracket of our own mark would end a bare value; mark and bracket are one.
    return (begin, max(end, begin + len(REDACTED))) if text.startswith(REDACTED, begin) else (begin, end)


def _flag_values(text: str) -> Iterator[Span]:
    """Find `--password hunter2`."""
    for match in _FLAG.finditer(text):
        if sensitivity(match[1]) is not Sensitivity.NONE:
            start, end = _quoted(text, match.end()) or _bare_span(text, match.end())
            if start < end:
                yield start, end, REDACTED


def _quoted_after_password(text: str) -> Iterator[Span]:
    """Find `wrong password 'hunter2'`: beside this word a quote makes its neighbour a value."""
    for match in _PASSWORD_THEN_QUOTE.finditer(text):
        quoted = _quoted(text, match.end())
        if quoted is not None and quoted[0] < quoted[1]:
            yield (*quoted, REDACTED)


def _rest_of_line(named: _Named) -> Span | None:
    """`Cookie: a=b; c=d`, to the end of the line, or of the quotes it stands in (`-H "Cookie: a=b"`)."""
    before = named.text[max(named.name_start - 1, 0) : named.name_start]
    return _keeping_scheme(named.text, *_span(_UNTIL_QUOTE.get(before, _LINE), named.text, named.start))


def _inside_tag(text: str, name_start: int, start: int) -> Span | None:
    """`<password>hunter2</password>`."""
    if not text.startswith("<", max(name_start - 1, 0)) or name_start == 0:
        return None
    start, end = _span(_TAG_BODY, text, start)
    return (start, end, REDACTED) if start < end and text.startswith("</", end) else None


def _quoted(text: str, start: int) -> tuple[int, int] | None:
    """Return the span inside the quotes that open at `start`; without a closing quote, to the end of the line."""
    opening = _OPENING_QUOTE.match(text, start)
    if opening is None:
        return None
    quote, begin = opening["quote"], opening.end()
    if len(quote) == 1:
        body = _QUOTED_BODY[quote].match(text, begin)
        end = begin if body is None else body.end()
        closed = text.startswith(quote, end)
    else:
        end = text.find(quote, begin, begin + MAX_VALUE)
        closed = end >= 0
    return (begin, end) if closed else _span(_LINE, text, begin)


def _bracketed(text: str, start: int) -> tuple[int, int] | None:
    """Return the span of the `{…}` or `[…]` that opens at `start`; without its end, all that could belong to it."""
    opening = _OPENING_BRACKET.match(text, start)
    if opening is None:
        return None
    depth = 0
    limit = min(opening.end() + MAX_VALUE, len(text))
    for bracket in _BRACKETS.finditer(text, opening.end(), limit):
        depth += 1 if bracket[0] in "{[" else -1
        if depth == 0:
            return opening.end(), bracket.end()
    return opening.end(), limit


def _span(pattern: re.Pattern[str], text: str, start: int) -> tuple[int, int]:
    """Return where the pattern matches after blanks; an empty span where it does not."""
    gap = _GAP.match(text, start)
    begin = start if gap is None else gap.end()
    match = pattern.match(text, begin)
    return (begin, begin) if match is None else match.span()


def _keeping_scheme(text: str, start: int, end: int) -> Span | None:
    """Keep the word before a credential (`Bearer [REDACTED]`): it tells how somebody tried to get in."""
    if start == end or _NO_SECRET.match(text[start:end]):
        return None
    scheme = _SCHEME.match(text, start, end)
    return (start, end, REDACTED) if scheme is None else (scheme.end(), end, REDACTED)
