"""Takes secrets and personal data out of whatever is stored, logged or sent. Running it twice changes nothing more.

`keys` judges names, `pairs` finds values beside such names in text, `values` knows secrets by their own shape,
`numbers` proves cards and bank accounts, `walk` goes through a whole JSON value. All of it is pure.
"""

from wedsync_core.redaction.mark import CUT, REDACTED, TOO_DEEP
from wedsync_core.redaction.walk import (
    JSON,
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_TEXT,
    Redaction,
    pseudonym,
    redact,
    redact_counted,
    redact_text,
    redact_text_counted,
)

__all__ = [
    "CUT",
    "JSON",
    "MAX_DEPTH",
    "MAX_ITEMS",
    "MAX_TEXT",
    "REDACTED",
    "TOO_DEEP",
    "Redaction",
    "pseudonym",
    "redact",
    "redact_counted",
    "redact_text",
    "redact_text_counted",
]
