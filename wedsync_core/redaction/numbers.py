"""Numbers that prove themselves: payment cards (ISO/IEC 7812, Luhn) and bank accounts (ISO 13616, modulo 97)."""

from __future__ import annotations

import re

from wedsync_core.redaction.mark import REDACTED

# A run of digits with single blanks or hyphens. Not inside a word, a decimal fraction or a UUID.
_DIGIT_RUN = re.compile(r"[0-9](?<![0-9A-Za-z].)(?<![0-9]\..)(?<![0-9a-fA-F]{4}-.)(?:[ -]?[0-9]){12,}+(?![0-9A-Za-z])")
_DIGITS = re.compile(r"[0-9]++")

# Issuer prefixes with their lengths. A prefix that nobody issues (10… is a timestamp) is not a card, Luhn or not.
_ISSUED = re.compile(
    r"4\d{12}(?:\d{3}){0,2}"  # Visa
    r"|5[1-5]\d{14}|222[1-9]\d{12}|22[3-9]\d{13}|2[3-6]\d{14}|27[01]\d{13}|2720\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11,13}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|(?:6011|62\d\d|64[4-9]\d|65\d\d|60\d\d|63\d\d|67\d\d)\d{12,15}"  # Discover, UnionPay, Maestro
    r"|5[06-9]\d{14,17}"  # Maestro
)
_LONGEST_CARD = 19
_SHORTEST_CARD = 13

_IBAN = re.compile(r"(?<![0-9A-Za-z])([A-Za-z]{2})([0-9]{2})((?:[ -]?[0-9A-Za-z]){11,30}+)")
# Begins at the check digits, which are rarer than letters: clean text is passed over in half the time.
_IBAN_BEGINS = re.compile(r"[0-9]{2}(?<=(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2})")
# Length by country, from the IBAN registry (SWIFT, release 99).
_REGISTRY = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 "
    "EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 "
    "KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 "
    "PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 "
    "UA29 VA22 VG24 XK20 YE30"
)
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _REGISTRY.split()}


def is_card_number(digits: str) -> bool:
    """Tell whether ASCII digits are a payment card number: issued prefix, right length, Luhn sum."""
    if _ISSUED.fullmatch(digits) is None:
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Tell whether a text without blanks is an account number: country's length, remainder 1 modulo 97."""
    account = text.upper()
    if _IBAN_LENGTHS.get(account[:2]) != len(account):
        return False
    return int("".join(str(int(character, 36)) for character in account[4:] + account[:4])) % 97 == 1


def redact_cards(text: str) -> tuple[str, int]:
    """Replace card numbers, grouped in any way; returns the text and how many."""
    pieces: list[str] = []
    done = removed = 0
    for run in _DIGIT_RUN.finditer(text):
        groups = [(group.start(), group.end()) for group in _DIGITS.finditer(text, *run.span())]
        for start, end in _cards_among(text, groups):
            pieces += (text[done:start], REDACTED)
            done = end
            removed += 1
    return "".join((*pieces, text[done:])), removed


def _cards_among(text: str, groups: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Find cards that fill whole groups, the longest first: an expiry date may follow a number after a blank."""
    found: list[tuple[int, int]] = []
    first = 0
    while first < len(groups):
        span: tuple[int, int] | None = None
        past = first + 1
        digits = ""
        for index in range(first, len(groups)):
            digits += text[groups[index][0] : groups[index][1]]
            if len(digits) > _LONGEST_CARD:
                break
            if len(digits) >= _SHORTEST_CARD and is_card_number(digits):
                span = (groups[first][0], groups[index][1])
                past = index + 1
        if span is not None:
            found.append(span)
        first = past
    return found


def redact_ibans(text: str) -> tuple[str, int]:
    """Replace international bank account numbers; returns the text and how many."""
    removed = 0
    if _IBAN_BEGINS.search(text) is None:
        return text, 0

    def replace(match: re.Match[str]) -> str:
        nonlocal removed
        length = _IBAN_LENGTHS.get(match[1].upper())
        if length is None:
            return match[0]
        # The words after an account number can look like more of it: the country says where to stop.
        taken = kept = 0
        for taken, character in enumerate(match[0], 1):  # noqa: B007 - the place is needed after the loop
            kept += character.isalnum()
            if kept == length:
                break
        account = "".join(character for character in match[0][:taken] if character.isalnum())
        if match[0][taken : taken + 1].isalnum() or not is_iban(account):
            return match[0]
        removed += 1
        return REDACTED + match[0][taken:]

    return _IBAN.sub(replace, text), removed
