"""What must not survive, by kind. Each row is a text and what is left of it."""

import base64

import pytest

from wedsync_core.redaction import JSON, REDACTED, redact, redact_text

HEX = "0123456789abcdef" * 4
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbWFyYSJ9.c2lnbmF0dXJlLW9mLWl0"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc+/=\n-----END RSA PRIVATE KEY-----"
BASIC = base64.b64encode(b"amara:portfolio").decode()

TEXTS = {
    # The three forms of the specification, to the letter.
    "bearer": ("sent Bearer abc-DEF_123 to it", "sent Bearer [REDACTED] to it"),
    "password": ("GET /?password=hunter2 failed", "GET /?password=[REDACTED] failed"),
    "api key": ("apiKey=abc-def_1", "apiKey=[REDACTED]"),
    # Names beside values.
    "part of a name": ("userPassword=hunter2&page=2", "userPassword=[REDACTED]&page=2"),
    "environment": ("PGPASSWORD=tiger psql", "PGPASSWORD=[REDACTED] psql"),
    "form field": ("user[password]=hunter2&x=1", "user[password]=[REDACTED]&x=1"),
    "url encoded": ("body: password%3Dhunter2", "body: password%3D[REDACTED]"),
    "connection string": ("Host=db;Password=ab,c;Port=1", "Host=db;Password=[REDACTED];Port=1"),
    "json": ('{"password": "hun ter2", "page": 1}', '{"password": "[REDACTED]", "page": 1}'),
    "json number": ('{"cvv": 123, "page": 1}', '{"cvv": "[REDACTED]", "page": 1}'),
    "json object": ('{"card": {"no": {"a": 1}}, "page": 1}', '{"card": "[REDACTED]", "page": 1}'),
    "json in json": (r'{"body": "{\"token\": \"t0ps3cret\"}"}', r'{"body": "{\"token\": \"[REDACTED]\"}"}'),
    "escaped quote": (r"{'password': 'hun\'ter2', 'n': 1}", "{'password': '[REDACTED]', 'n': 1}"),
    "no closing quote": ('password="hun ter2\nnext line', 'password="[REDACTED]\nnext line'),
    "locals": ("password = 'hunter2'", "password = '[REDACTED]'"),
    "default argument": ('def f(password: str = "hunter2"):', 'def f(password: str = "[REDACTED]"):'),
    "repr": ("Guest(email='x', address='12 High St')", "Guest(email='[REDACTED]', address='[REDACTED]')"),
    "triple quotes": ('secret = """hun\nter2"""', 'secret = """[REDACTED]"""'),
    "yaml": ("password: hunter2\nhost: db", "password: [REDACTED]\nhost: db"),
    "flag": ("mysql --password hunter2 --verbose", "mysql --password [REDACTED] --verbose"),
    "xml": ("<userPassword>hunter2</userPassword>", "<userPassword>[REDACTED]</userPassword>"),
    "sentence": ("wrong password 'hunter2' for Tom", "wrong password '[REDACTED]' for Tom"),
    "cookies": ("Cookie: sid=a1; theme=dark\nHost: x", "Cookie: [REDACTED]\nHost: x"),
    "header in a command": ('curl -H "Cookie: sid=a1; b=2" https://x', 'curl -H "Cookie: [REDACTED]" https://x'),
    "authorization": (f"Authorization: Basic {BASIC}", "Authorization: Basic [REDACTED]"),
    "scheme in a value": ("token=Bearer abc", "token=Bearer [REDACTED]"),
    "basic alone": (f"sent Basic {BASIC}", "sent Basic [REDACTED]"),
    # Shapes.
    "jwt": (f"jwt was {JWT}, expired", "jwt was [REDACTED], expired"),
    "private key": (f"key {PEM}\nafter", "key [REDACTED]\nafter"),
    "private key cut short": (PEM[:48], "[REDACTED]"),
    "url": ("postgresql://wed:s3cr/et@db:5432/x", "postgresql://wed:[REDACTED]@db:5432/x"),
    "url without user": ("redis://:s3cret@cache:6379/0", "redis://:[REDACTED]@cache:6379/0"),
    "token in url": (f"https://{HEX[:32]}@errors.example/1", "https://[REDACTED]@errors.example/1"),
    "webhook": (
        "POST https://hooks.slack.com/services/T0/B0/x1y2z3",
        "POST https://hooks.slack.com/services/[REDACTED]",
    ),
    "visa": ("card 4111 1111 1111 1111 12/27", "card [REDACTED] 12/27"),
    "mastercard": ("card 5500-0055-5555-5559.", "card [REDACTED]."),
    "amex": ("378282246310005", "[REDACTED]"),
    "iban": ("pay GB82 WEST 1234 5698 7654 32 today", "pay [REDACTED] today"),
    "iban in lower case": ("de89370400440532013000", "[REDACTED]"),
    "email": ("no user amara.o+jobs@okafor.example here", "no user [REDACTED] here"),
    "email of another script": ("mail jürgen@hochzeit-müller.example", "mail [REDACTED]"),
    "email in a url": ("/reset?to=tom%40mail.example&x=1", "/reset?to=[REDACTED]&x=1"),
    "phone": ("call +44 7700 900123 now", "call [REDACTED] now"),
    "national phone": ("call 07700 900123, or 020 7946 0018", "call [REDACTED], or [REDACTED]"),
    "american phone": ("(212) 555-0143 and 212-555-0143", "[REDACTED] and [REDACTED]"),
}

# Put together here: a secret scanner that reads this file should find nothing.
VENDOR_KEYS = [
    "sk_" + "live_" + HEX[:24],
    "rk_" + "test_" + HEX[:24],
    "whsec" + "_" + HEX[:32],
    "AK" + "IA" + "IOSFODNN7EXAMPLE",
    "gh" + "p_" + HEX[:36],
    "github" + "_pat_" + HEX[:40],
    "gl" + "pat-" + HEX[:20],
    "xo" + "xb-123456789012-" + HEX[:24],
    "xa" + "pp-1-A0-" + HEX[:24],
    "AI" + "za" + HEX[:35],
    "ya" + "29." + HEX[:40],
    "SG" + "." + HEX[:22] + "." + HEX[:43],
    "sk" + "-proj-" + HEX[:40],
    "sk" + "-ant-api03-" + HEX[:40],
    "S" + "K" + HEX[:32],
    "key" + "-" + HEX[:32],
    "sq0" + "atp-" + HEX[:22],
    "shp" + "at_" + HEX[:32],
    "npm" + "_" + HEX[:36],
    "dop" + "_v1_" + HEX,
    "hv" + "s." + HEX[:24],
    "hf" + "_" + HEX[:34],
    "1234567890" + ":AA" + HEX[:33],
]


@pytest.mark.parametrize(("text", "left"), TEXTS.values(), ids=TEXTS.keys())
def test_a_secret_is_taken_out_of_a_text(text: str, left: str) -> None:
    assert redact_text(text) == left


@pytest.mark.parametrize("text", [text for text, _ in TEXTS.values()], ids=TEXTS.keys())
def test_a_second_run_changes_nothing(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


@pytest.mark.parametrize("key", VENDOR_KEYS, ids=[key[:8] for key in VENDOR_KEYS])
def test_a_vendor_s_key_is_known_by_its_shape(key: str) -> None:
    assert redact_text(f"rejected: {key} (401)") == "rejected: [REDACTED] (401)"


@pytest.mark.parametrize("field", ["email", "phone", "address", "payment_info"])
def test_the_specification_s_four_fields_go_whole(field: str) -> None:
    assert redact({field: {"anything": 1}, "role": "supplier"}) == {field: REDACTED, "role": "supplier"}


def test_names_are_judged_by_their_parts() -> None:
    secret: dict[str, JSON] = {
        "userPassword": "x",
        "X-Api-Key": "x",
        "billing.address": "x",
        "CLIENT_SECRET": "x",
        "cardNumber": 4,
        "guestList": ["Tom"],
        "session": {"id": 1},
        "clientIP": "10.0.0.1",
        "access_tokens": ["x"],
    }
    assert redact(dict(secret)) == dict.fromkeys(secret, REDACTED)


def test_names_that_only_sound_alike_stay() -> None:
    harmless: dict[str, JSON] = {
        "discard": "x",
        "microphone": "on",
        "tokenizer": "fast",
        "max_tokens": 512,
        "token_type": "bearer",
        "password_required": "yes",
        "keyboard": "qwerty",
        "shipping": "slow",
        "passed": 12,
        "has_password": "yes",
    }
    assert redact(dict(harmless)) == harmless


def test_absence_is_no_secret() -> None:
    value = {"password": None, "token": "", "email": False}
    assert redact(dict(value)) == value


def test_headers_and_form_fields_in_their_other_forms() -> None:
    assert redact([["Cookie", "sid=1"], ["Host", "x"]]) == [["Cookie", REDACTED], ["Host", "x"]]
    assert redact({"name": "password", "value": "hunter2"}) == {"name": "password", "value": REDACTED}
    assert redact({"name": "page", "value": "2"}) == {"name": "page", "value": "2"}


def test_people_named_in_keys_are_kept_apart() -> None:
    assert redact({"tom@mail.example": 1, "priya@mail.example": 2}) == {REDACTED: 1, f"{REDACTED}#2": 2}


def test_a_card_may_be_a_number() -> None:
    assert redact({"n": 4111111111111111, "m": 4111111111111112}) == {"n": REDACTED, "m": 4111111111111112}
