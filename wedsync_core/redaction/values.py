"""Secrets and personal data that are known by their own shape, whatever stands beside them.

Each rule names the text it cannot match without, so that a clean text is passed over at the speed of a substring
search. Patterns keep to one law: an unbounded repeat is possessive and stands inside no other repeat.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from wedsync_core.redaction.mark import REDACTED
from wedsync_core.redaction.numbers import redact_cards, redact_ibans

Replace = Callable[[str], tuple[str, int]]


@dataclass(frozen=True)
class ShapeRule:
    """One kind of secret: the texts one of which must occur, in lower case, and what replaces it."""

    name: str
    needles: tuple[str, ...]
    replace: Replace


def _sub(pattern: str, replacement: str | Callable[[re.Match[str]], str], flags: int = 0) -> Replace:
    compiled = re.compile(pattern, flags)

    def replace(text: str) -> tuple[str, int]:
        return compiled.subn(replacement, text)

    return replace


# After a scheme word, these are English or HTTP grammar rather than a credential.
_PROSE_AFTER_BEARER = (
    r"(?!(?:tokens?|auth|authentication|authorization|authorisation|scheme|header|credentials?|format|prefix|of|is|was"
    r"|and|or|in|for|the|not|missing|required|invalid|expired|realm=|error=|scope=|charset=)(?![\w-]))"
)
_BEARER = rf"\b(Bearer)(\s{{1,8}}|%20|\+){_PROSE_AFTER_BEARER}[A-Za-z0-9._~+/=-]{{1,8192}}+"
_BASIC = re.compile(r"\b(Basic)(\s{1,8}|%20)([A-Za-z0-9+/_-]{8,8192}+={0,2})", re.IGNORECASE)

_PRIVATE_KEY = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    # Without its END line (a cut text) everything that may belong to a key goes.
    r"(?:(?!-----END )[A-Za-z0-9+/=\s\\:,.()-]){0,65536}+"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
)
_JWT = r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,16384}+(?:\.[A-Za-z0-9_-]{0,16384}+){1,4}+"

# `scheme://user:password@host`. A password may hold any of `/ ? # @ :`; a port is told apart by its digits.
_URL_CREDENTIALS = (
    r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{1,30}+://)([^\s/?#@:\"'<>]{0,256}+):"
    r"(?!\d{1,5}(?:[/?#\s\"'<>)\],;]|\Z))([^\s\"'<>]{1,512})@(?=[\w\[])"
)
# `https://token@host`: sixteen characters that are no host name are no user name either.
_URL_NAME = r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{1,30}+://)([A-Za-z0-9_-]{16,256}+)@(?=[\w\[])"

_VENDOR_KEYS = (
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{8,256}+"  # Stripe
    r"|whsec_[A-Za-z0-9+/=]{16,256}+"  # Stripe webhooks
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])"  # AWS key ids
    r"|gh[pousr]_[A-Za-z0-9]{20,256}+|github_pat_[A-Za-z0-9_]{20,256}+"  # GitHub
    r"|gl(?:pat|ptt|dt|rt|cbt|soat|ffct)-[A-Za-z0-9_.-]{16,256}+"  # GitLab
    r"|xox[a-z]-[A-Za-z0-9-]{8,512}+|xapp-[A-Za-z0-9-]{16,512}+"  # Slack
    r"|AIza[A-Za-z0-9_-]{30,64}+|ya29\.[A-Za-z0-9_-]{16,1024}+|GOCSPX-[A-Za-z0-9_-]{20,64}+"  # Google
    r"|SG\.[A-Za-z0-9_-]{16,64}+\.[A-Za-z0-9_-]{16,64}+"  # SendGrid
    r"|sk-(?:[a-z]{2,8}[0-9]{0,2}-){0,2}[A-Za-z0-9_-]{20,256}+"  # OpenAI, Anthropic
    r"|key-[0-9a-f]{32}(?![0-9a-f])"  # Mailgun
    r"|sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{20,64}+"  # Square
    r"|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"  # Shopify
    r"|npm_[A-Za-z0-9]{36}|pypi-AgEI[A-Za-z0-9_-]{50,1024}+"  # package registries
    r"|do[opr]_v1_[0-9a-f]{64}"  # DigitalOcean
    r"|hv[bsr]\.[A-Za-z0-9_-]{20,512}+"  # Vault
    r"|hf_[A-Za-z0-9]{30,64}+|dckr_pat_[A-Za-z0-9_-]{20,64}+|lin_api_[A-Za-z0-9]{32,64}+"
    r"|EAA[A-Za-z0-9]{40,512}+"  # Facebook
    r"|AGE-SECRET-KEY-1[A-Z0-9]{40,80}+"
    r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"  # Telegram bots
    r")"
)
_VENDOR_NEEDLES = (
    *("_live_", "_test_", "whsec_", "akia", "asia", "abia", "acca", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "b_pat_"),
    *("glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glsoat-", "glffct-", "xox", "xapp-", "aiza", "ya29.", "gocspx-"),
    *("sg.", "sk-", "key-", "sq0", "shpat_", "shpca_", "shppa_", "shpss_", "npm_", "pypi-", "_v1_", "hvs.", "hvb."),
    *("hvr.", "hf_", "r_pat_", "lin_api_", "eaa", ":aa"),
)
_WEBHOOK_URL = (
    r"(https://(?:hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/"
    r"|[\w.-]{1,100}\.webhook\.office\.com/|outlook\.office\.com/webhook/))[^\s\"'<>\[]{8,512}+"
)
# File names and frames (`render@main.js`) are no addresses; none of these endings is a top-level domain.
_NO_FILE = r"(?!(?:js|mjs|cjs|jsx|ts|tsx|html|json)(?![\w-]))"
_EMAIL = rf"(?<![\w.%+-])[\w.%+-]{{1,128}}+@(?:[\w-]{{1,63}}\.){{1,8}}{_NO_FILE}[^\W\d_]{{2,24}}(?![\w])"
_EMAIL_ENCODED = r"(?<![\w.+-])[\w.+-]{1,128}+%40(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}"
# The first character is looked for before anything else: that is what makes a search over clean text fast.
_PHONE = (
    r"[+(0-9](?<![\w+-].)(?<!\d[.,:/].)(?:"
    r"(?<=\+)[1-9](?:[ ().-]{0,2}\d){7,14}"  # E.164, with the usual separators
    r"|(?<=0)[1-9]\d{1,3}[ -]?\d{3,4}[ -]?\d{3,4}"  # national: 07700 900123, 020 7946 0018
    r"|(?<=\()0?[1-9]\d{1,4}\) ?\d{3,4}[ -]?\d{3,4}"  # (020) 7946 0018, (212) 555-0143
    r"|(?<=[2-9])\d{2}-\d{3}-\d{4}"  # 212-555-0143
    r")(?![\w-]|[.:]\d)"
)


def _basic(match: re.Match[str]) -> str:
    """Keep `Basic authentication`; a credential decodes to `user:password`."""
    word = match[3]
    try:
        decoded = base64.b64decode(word + "=" * (-len(word) % 4))
    except (binascii.Error, ValueError):
        decoded = b""
    credential = b":" in decoded or word.endswith("=") or any(character.isdigit() for character in word)
    return f"{match[1]}{match[2]}{REDACTED}" if credential else match[0]


def _redact_basic(text: str) -> tuple[str, int]:
    cleaned = _BASIC.sub(_basic, text)
    return cleaned, cleaned.count(REDACTED) - text.count(REDACTED)


SHAPE_RULES: tuple[ShapeRule, ...] = (
    ShapeRule("private_key", ("private key",), _sub(_PRIVATE_KEY, REDACTED)),
    ShapeRule("bearer", ("bearer",), _sub(_BEARER, rf"\1\2{REDACTED}", re.IGNORECASE)),
    ShapeRule("basic", ("basic",), _redact_basic),
    ShapeRule("jwt", ("eyj",), _sub(_JWT, REDACTED)),
    ShapeRule("url_password", ("://",), _sub(_URL_CREDENTIALS, rf"\1\2:{REDACTED}@")),
    ShapeRule("url_token", ("://",), _sub(_URL_NAME, rf"\1{REDACTED}@")),
    ShapeRule("webhook_url", ("hooks.slack.com", "/webhooks/", "office.com/"), _sub(_WEBHOOK_URL, rf"\1{REDACTED}")),
    ShapeRule("twilio_key", (), _sub(r"SK(?<![A-Za-z0-9]SK)[0-9a-f]{32}(?![0-9a-f])", REDACTED)),
    ShapeRule("vendor_key", _VENDOR_NEEDLES, _sub(_VENDOR_KEYS, REDACTED)),
    ShapeRule("email", ("@",), _sub(_EMAIL, REDACTED)),
    ShapeRule("email_encoded", ("%40",), _sub(_EMAIL_ENCODED, REDACTED)),
    ShapeRule("card", (), redact_cards),
    ShapeRule("iban", (), redact_ibans),
    ShapeRule("phone", (), _sub(_PHONE, REDACTED)),
)
"""In running order: a long secret goes before the shorter shapes that could be found inside it."""
