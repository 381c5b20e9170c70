"""Names that announce a secret or a personal datum, wherever they stand: a key, a header, `name=value` in a text."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

MAX_KEY_LENGTH = 200
"""Longer names are judged by their first 200 characters."""


class Sensitivity(Enum):
    """What a name says about the value beside it."""

    NONE = "none"
    PASSWORD = "password"  # noqa: S105 - the kind of a name, not a password
    """Chosen by a person: any word may be one."""
    CREDENTIAL = "credential"
    """Made by a machine: tokens, keys, cookies."""
    WEAK_CREDENTIAL = "weak_credential"
    """A name with an everyday meaning too (`pass`, `auth`): in running text it counts only in `name=value` form."""
    HEADER = "header"
    """The whole rest of the line is the value."""
    PERSONAL = "personal"


# Searched in the name with its separators taken out, so `user_password`, `userPassword` and `USERPASSWORD` are one.
_PASSWORD_STEMS = ("password", "passwd", "passphrase", "passcode", "passwort", "motdepasse", "contrasena")
_CREDENTIAL_STEMS = (
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "authkey",
    "sessionkey",
    "credential",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "idtoken",
    "apitoken",
    "bearertoken",
    "sessiontoken",
    "csrftoken",
    "securitytoken",
    "sessionid",
    "connectionstring",
)
_HEADER_STEMS = ("authorization", "setcookie")
_PERSONAL_STEMS = (
    "email",
    "paymentinfo",
    "cardnumber",
    "cardholder",
    "creditcard",
    "debitcard",
    "accountnumber",
    "sortcode",
    "routingnumber",
    "phonenumber",
    "mobilenumber",
    "ipaddress",
    "streetaddress",
    "postaladdress",
    "billingaddress",
    "homeaddress",
    "dateofbirth",
    "firstname",
    "lastname",
    "surname",
    "guestname",
    "guestlist",
    "postcode",
    "zipcode",
    "passport",
    "forwardedfor",
    "remoteaddr",
)
# Whole words of the name: as stems they would take `discard`, `microphone`, `tokenizer` and `shipping`.
_PASSWORD_WORDS = frozenset({"pwd", "pw"})
_CREDENTIAL_WORDS = frozenset(
    {"token", "tokens", "csrf", "xsrf", "jwt", "otp", "cvv", "cvc", "sid", "sessid", "phpsessid", "jsessionid", "dsn"}
)
_WEAK_WORDS = frozenset({"pass", "auth", "pin", "session", "signature", "sig"})
_HEADER_WORDS = frozenset({"cookie", "cookies"})
_PERSONAL_WORDS = frozenset(
    {
        "phone",
        "phones",
        "mobile",
        "tel",
        "telephone",
        "fax",
        "address",
        "addresses",
        "card",
        "cards",
        "iban",
        "ssn",
        "nino",
        "dob",
        "street",
        "ip",
        "pan",
    }
)
# `token_type`, `max_tokens`, `email_verified`: facts about the secret, and worth reading.
_HARMLESS_LAST = frozenset(
    {"type", "status", "brand", "at", "expires", "expiry", "expired", "ttl", "count", "limit", "length", "total"}
    | {"verified", "enabled", "required", "max", "min"}
)
_HARMLESS_FIRST = frozenset({"has", "is", "num", "max", "min", "total", "requires"})

_WORD = re.compile(r"[A-Z]++(?![a-z])|[A-Z]?[a-z]++|[A-Z]")
_SEPARATORS = re.compile(r"[^a-z0-9]++")


@lru_cache(maxsize=4096)
def sensitivity(name: str) -> Sensitivity:
    """Judge a name by its parts: `userPassword`, `X-Api-Key` and `billing.address` are all seen."""
    name = name[:MAX_KEY_LENGTH]
    squeezed = _SEPARATORS.sub("", name.lower())
    words = [word.lower() for word in _WORD.findall(name)]
    if words and len(words) > 1 and (words[-1] in _HARMLESS_LAST or words[0] in _HARMLESS_FIRST):
        return Sensitivity.NONE
    for kind, stems, whole in _KINDS:
        if any(stem in squeezed for stem in stems) or not whole.isdisjoint(words):
            return kind
    return Sensitivity.NONE


_KINDS: tuple[tuple[Sensitivity, tuple[str, ...], frozenset[str]], ...] = (
    (Sensitivity.PASSWORD, _PASSWORD_STEMS, _PASSWORD_WORDS),
    (Sensitivity.HEADER, _HEADER_STEMS, _HEADER_WORDS),
    (Sensitivity.CREDENTIAL, _CREDENTIAL_STEMS, _CREDENTIAL_WORDS),
    (Sensitivity.PERSONAL, _PERSONAL_STEMS, _PERSONAL_WORDS),
    (Sensitivity.WEAK_CREDENTIAL, (), _WEAK_WORDS),
)
