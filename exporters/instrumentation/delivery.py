"""What to do with the answer to a delivery. Pure: status and attempt in, verdict and delay out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

_NOW_OR_NEVER: Final = frozenset({400, 405, 406, 409, 410, 411, 413, 414, 415, 422, 431})


class Verdict(Enum):
    """What an answer means for the reports in the request."""

    DELIVERED = "the exporters have them"
    REFUSED = "the same request would be refused again"
    LATER = "trying again can help"


@dataclass(frozen=True)
class Answer:
    """What came back; `status` is None when nothing did. `refused` counts the items refused inside a 2xx."""

    status: int | None
    retry_after: float | None = None
    refused: int = 0


@dataclass(frozen=True)
class Backoff:
    """How long to keep trying: `attempts` posts, waiting `first` seconds, twice as long each time up to `ceiling`.

    The defaults try for about nine minutes, longer than a restart of the exporters takes.
    """

    first: float = 0.5
    ceiling: float = 30.0
    attempts: int = 24

    def delay(self, attempt: int, spread: float, asked: float | None = None) -> float | None:
        """Return the seconds to wait after the given attempt (from 1), or None to give up.

        `spread`, in [0, 1), shortens the wait by up to half, so that many services do not return in step. What the
        server asked for by Retry-After is kept to, up to the ceiling.
        """
        if attempt >= self.attempts:
            return None
        # The exponent is bounded: two to the power of a large attempt would overflow a float.
        wait = min(self.ceiling, self.first * 2.0 ** min(attempt - 1, 30))
        return max(wait * (1 - spread / 2), min(asked or 0.0, self.ceiling))


def judge(status: int | None) -> Verdict:
    """Return what a status means. Wrong credentials and a wrong address may be mended while we wait: `LATER`."""
    if status is not None and 200 <= status < 300:
        return Verdict.DELIVERED
    return Verdict.REFUSED if status in _NOW_OR_NEVER else Verdict.LATER
