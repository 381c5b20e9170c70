"""What varies in a message, left out, so that `album 812 not found` and `album 99 not found` are one wording. Pure.

Whatever its kind, what varies becomes `<*>`: an id is now all digits and now has letters among them.
"""

from __future__ import annotations

import re

LONGEST = 1_000
"""Characters of a message that count."""
GAP = "<*>"

# In one pass from left to right, the longer and more particular kinds first. Every repetition is bounded or gives
# nothing back.
_VARIES = re.compile(
    r"""
      (?P<url>\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s"'<>)\],;]{1,500})
    | (?P<mail>\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}\b)
    | (?P<uuid>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b)
    | (?P<mac>\b[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5,7}\b)
    | (?P<date>
        \b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T\s:]\d{1,2}:\d{2}(?::\d{2}(?:[.,:]\d{1,9})?)?(?:\s?Z|\s?[+-]\d{2}:?\d{2})?)?
      | \b\d{1,2}[-/.]\d{1,2}[-/.]\d{4}\b
      | \b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?\s(?:\d{1,2}\s)?
        (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\b(?:\s\d{1,2}\b)?(?:,?\s\d{4}\b)?
        (?:\s\d{1,2}:\d{2}:\d{2})?(?:\s[A-Z]{3,4}\b)?(?:\s\d{4}\b)?
      | \b\d{1,2}:\d{2}:\d{2}(?:[.,:]\d{1,9})?\b
      )
    | (?P<ip>/?\b\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?::\d{1,5})?\b
      | (?<![\w:])(?:[0-9a-fA-F]{1,4}:){2,7}(?::?[0-9a-fA-F]{1,4}){1,7}(?![\w:])|(?<![\w:])::1(?![\w:]))
    | (?P<host>(?<![\w./@-])[A-Za-z0-9*][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_-]{1,63}){0,8}:\d{2,5}(?![\w:.])
      | (?<![\w./@$-])(?!(?:org|com|net|java|javax|io|android|edu|uk|sun)\.)[a-z0-9][a-z0-9_-]{0,62}
        (?:\.[a-z0-9][a-z0-9_-]{0,62}){0,7}\.(?:com|net|org|edu|gov|mil|int|info|biz|local|lan|internal|example|[a-z]{2})(?![\w$(-]|\.\w))
    | (?P<package>(?<![\w./@$-])(?:com|org|net|io|android|system)(?:\.[a-z0-9_]{1,40}){2,8}(?![\w.$(]))
    | (?P<path>(?<![\w<>)*])(?:[A-Za-z]:)?(?:\\[\w.$@%+~ -]{1,200}){2,20}\\?
      | (?<![\w<>)*])(?:~|\.{1,2})?(?:/[\w.$@%+~:=*#-]{1,200}){2,40}/?)
    | (?P<hex>\b0[xX][0-9a-fA-F]{1,64}\b|(?<![A-Za-z0-9])(?=[0-9a-fA-F]{0,63}\d)[0-9a-fA-F]{6,128}(?![A-Za-z0-9]))
    | (?P<quoted>(?<![\w\\])(?P<quote>["'`])(?=[^"'`\s]{0,199}[\w\d])[^"'`\s]{1,200}(?P=quote)(?!\w))
    | (?P<id>\b[A-Za-z]{1,30}(?:[_-][A-Za-z]{1,30}){0,3}_-?(?=[A-Za-z0-9_]{0,63}\d)[A-Za-z0-9_]{1,128}\b
      |\b(?=[A-Za-z]{0,31}\d)(?=[A-Za-z0-9]{0,40}[a-z]\d|[A-Za-z0-9]{0,40}\d[a-zA-Z])[A-Za-z0-9]{12,128}\b)
    | (?P<number>(?<![A-Za-z0-9])[<>~]?[+-]?\d{1,40}(?:[.,:]\d{1,20}){0,12}+
        (?:\s?(?:ms|us|µs|ns|s|sec|secs|seconds?|min|minutes?|h|hours?|days?|bytes?|B|[KMGTkmg]i?B|Kbytes|%|px|MHz|GHz|Celsius)(?![A-Za-z0-9]))?
      | \d{1,80}(?:\.\d{1,20}){0,6}+)
    """,
    re.VERBOSE,
)
_BLANKS = re.compile(r"\s++")
# `user webmaster`: what follows is a name, unless the sentence goes on.
_NAMED = re.compile(
    r"\b(user|username|guest|couple|supplier|account|customer|tenant|login)"
    r" (?!unknown\b|not\b|is\b|has\b|was\b|does\b|did\b|request\b|authentication\b|context\b|data\b|session\b"
    r"|name\b|id\b|for\b|in\b|on\b|to\b|from\b"
    r"|with\b|and\b|or\b|of\b|by\b|at\b|list\b|level\b|activity\b|agent\b|input\b|service\b|timed\b|cannot\b|already\b|profile\b|switch\b|steps\b)"
    r"[A-Za-z][\w.-]{0,63}+(?=[\s,;:)]|$)",
    re.IGNORECASE,
)
_GAPS_IN_ROW = re.compile(r"<\*>(?:[\s,;|#/:.\-*@_xX+]{0,3}<\*>)++(?:[A-Za-z%]{1,3}(?![A-Za-z]))?")
_GAP_IN_BRACKETS = re.compile(r"<\*> ?\((?:<\*>)(?: ?[KMGT]?B)?\)")
_WEDSYNC_ID = re.compile(
    r"\b(booking|album|invoice|photo|guest|wedding|couple|supplier|payment|order|timeline|venue|upload)"
    r"([ _:#=-]{1,3})(?=[A-Za-z0-9-]{0,63}\d)[A-Za-z0-9]{1,64}(?:-[A-Za-z0-9]{1,64}){0,6}\b",
    re.IGNORECASE,
)


def wording(message: str) -> str:
    """Return the message with everything that varies as `<*>`, blanks made single and lists of values made one."""
    text = _BLANKS.sub(" ", message[:LONGEST]).strip()
    text = _WEDSYNC_ID.sub(lambda found: f"{found[1]}{found[2]}{GAP}", text)
    text = _VARIES.sub(GAP, text)
    text = _NAMED.sub(lambda found: f"{found[1]} {GAP}", text)
    text = _GAPS_IN_ROW.sub(GAP, text)
    return _GAPS_IN_ROW.sub(GAP, _GAP_IN_BRACKETS.sub(GAP, text))


def kinds(message: str) -> dict[str, int]:
    """Return how many values of each kind were left out: what explains the wording."""
    counts: dict[str, int] = {}
    for found in _VARIES.finditer(_BLANKS.sub(" ", message[:LONGEST]).strip()):
        name = found.lastgroup if found.lastgroup != "quote" else "quoted"
        counts[name or "other"] = counts.get(name or "other", 0) + 1
    return counts
