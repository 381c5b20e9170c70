"""Who asks what, when: an endless list that depends on the seed and on nothing else."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

from demo.service.settings import REGIONS
from demo.traffic.rhythm import moment, weights
from exporters.instrumentation import WorkflowName

Actor = Literal["guest", "photographer", "couple", "supplier"]

WEDDINGS: Final = 12
SUPPLIERS: Final = 40
"""In each region."""
READ_BACK_AFTER: Final = 60
"""Uploads between storing a photo and reading it back, so that it is there."""
FIRST_DAY: Final = date(2026, 6, 20)
BOOKABLE_DAYS: Final = 700

_WORDS: Final = (
    "The ceremony moved inside",
    "We are ten minutes away",
    "Can the cake come at five?",
    "Aunt Ngozi needs a chair",
    "The florist is here",
    "Which entrance for the band?",
    "Thank you for everything",
)
_MOMENTS: Final = ("Arrival", "Vows", "Family photos", "Dinner", "Speeches", "First dance", "Sparklers")


@dataclass(frozen=True)
class Step:
    """One request. `at` is in seconds from the start of the run; `path` has its query; `sent` is the JSON, if any."""

    number: int
    at: float
    actor: Actor
    workflow: WorkflowName
    region: str
    method: Literal["GET", "POST", "PUT"]
    path: str
    sent: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class _Turn:
    """What one step is made from."""

    number: int
    at: float
    region: str
    dice: random.Random
    name: str
    """Of what the step makes. The same seed makes the same names: a run repeated repeats, and does not pile up."""

    @property
    def wedding(self) -> str:
        return f"{self.region}-wedding-{self.dice.randrange(WEDDINGS)}"

    @property
    def supplier(self) -> str:
        return f"{self.region}-supplier-{self.dice.randrange(SUPPLIERS)}"


def plan(seed: int, rate: float, day_minutes: float, regions: Mapping[str, str] = REGIONS) -> Iterator[Step]:
    """Yield steps for ever, `rate` a second on average, spaced as people arrive: without memory of each other.

    Raises ValueError for a rate or a length of day that is not above zero.
    """
    if rate <= 0 or day_minutes <= 0:
        raise ValueError("the rate and the length of a day must be above zero")
    dice = random.Random(seed)
    at, number = 0.0, 0
    uploads = _Uploads()
    while True:
        at += dice.expovariate(rate)
        number += 1
        likely = weights(moment(at, day_minutes), regions)
        workflow, region = dice.choices(list(likely), list(likely.values()))[0]
        turn = _Turn(number, at, region, dice, f"s{seed}-{number}")
        if workflow == "photo_upload":
            yield uploads.step(turn)
        else:
            yield _STEPS[workflow](turn)


class _Uploads:
    """Photos remember where they went, so that some are read back later."""

    def __init__(self) -> None:
        self._stored: list[tuple[str, str]] = []

    def step(self, turn: _Turn) -> Step:
        if len(self._stored) > READ_BACK_AFTER and turn.dice.random() < 0.2:
            photo, region = self._stored.pop(0)
            path = f"/photos/uploads/{photo}?region={region}"
            return Step(turn.number, turn.at, "couple", "photo_upload", region, "GET", path)
        self._stored.append((turn.name, turn.region))
        del self._stored[: -4 * READ_BACK_AFTER]
        actor: Actor = "photographer" if turn.dice.random() < 0.3 else "guest"
        content = turn.dice.randbytes(turn.dice.randint(1_000, 6_000))
        sent = {
            "region": turn.region,
            "photo_id": turn.name,
            "wedding_id": turn.wedding,
            "filename": f"{actor}-{turn.number}.jpg",
            "content_base64": base64.b64encode(content).decode(),
        }
        return Step(turn.number, turn.at, actor, "photo_upload", turn.region, "POST", "/photos/uploads", sent)


def _message(turn: _Turn) -> Step:
    wedding = turn.wedding
    path = f"/messaging/weddings/{wedding}/messages"
    actor: Actor = "supplier" if turn.dice.random() < 0.5 else "couple"
    if turn.dice.random() < 0.5:
        return Step(turn.number, turn.at, actor, "messaging", turn.region, "GET", f"{path}?region={turn.region}")
    sender = turn.supplier if actor == "supplier" else f"couple of {wedding}"
    sent = {"region": turn.region, "message_id": turn.name, "sender": sender, "text": turn.dice.choice(_WORDS)}
    return Step(turn.number, turn.at, actor, "messaging", turn.region, "POST", path, sent)


def _payment(turn: _Turn) -> Step:
    pence = turn.dice.randrange(5_000, 500_000, 500)
    sent = {"region": turn.region, "payment_id": turn.name, "wedding_id": turn.wedding, "pence": pence}
    return Step(turn.number, turn.at, "couple", "payment", turn.region, "POST", "/payment/payments", sent)


def _booking(turn: _Turn) -> Step:
    supplier = turn.supplier
    if turn.dice.random() < 0.5:
        path = f"/booking/suppliers/{supplier}/days?region={turn.region}"
        return Step(turn.number, turn.at, "couple", "booking", turn.region, "GET", path)
    day = FIRST_DAY + timedelta(days=turn.dice.randrange(BOOKABLE_DAYS))
    sent = {
        "region": turn.region,
        "booking_id": turn.name,
        "supplier_id": supplier,
        "wedding_id": turn.wedding,
        "day": day.isoformat(),
    }
    return Step(turn.number, turn.at, "couple", "booking", turn.region, "POST", "/booking/bookings", sent)


def _timeline(turn: _Turn) -> Step:
    path = f"/timeline/weddings/{turn.wedding}/timeline"
    if turn.dice.random() < 0.8:
        actor: Actor = "supplier" if turn.dice.random() < 0.7 else "guest"
        return Step(turn.number, turn.at, actor, "timeline", turn.region, "GET", f"{path}?region={turn.region}")
    entry = turn.dice.randrange(len(_MOMENTS))
    starts = f"{9 + entry * 2:02d}:{turn.dice.randrange(0, 60, 5):02d}"
    sent = {"region": turn.region, "starts": starts, "what": _MOMENTS[entry]}
    return Step(turn.number, turn.at, "couple", "timeline", turn.region, "PUT", f"{path}/entry-{entry}", sent)


_STEPS: Final[Mapping[WorkflowName, Callable[[_Turn], Step]]] = {
    "messaging": _message,
    "payment": _payment,
    "booking": _booking,
    "timeline": _timeline,
}
