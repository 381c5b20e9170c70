"""The same seed sends the same requests; every workflow is seen in every region; venues keep their own hours."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import islice, pairwise

import pytest

from demo.service.settings import REGIONS
from demo.traffic.plan import Step, plan
from demo.traffic.rhythm import MIDNIGHT, moment, weights
from exporters.instrumentation import WORKFLOWS


def steps(seed: int, count: int, rate: float = 20.0) -> list[Step]:
    return list(islice(plan(seed, rate, 10), count))


def test_the_same_seed_makes_the_same_plan_and_another_seed_another() -> None:
    assert steps(7, 2_000) == steps(7, 2_000)
    assert steps(7, 50) != steps(8, 50)


def test_the_pace_is_the_rate_on_average_and_time_only_goes_forward() -> None:
    found = steps(7, 6_000)
    assert found[-1].at == pytest.approx(300, rel=0.05)
    assert all(earlier.at < later.at for earlier, later in pairwise(found))


def test_half_a_minute_is_enough_to_see_every_workflow_in_every_region() -> None:
    found = steps(7, 12_000)
    for window in range(int(found[-1].at) // 30):
        seen = Counter((s.workflow, s.region) for s in found if window * 30 <= s.at < window * 30 + 30)
        quietest = min(seen[workflow, region] for workflow in WORKFLOWS for region in REGIONS)
        assert quietest >= 2, (window, seen)


def test_everybody_takes_part() -> None:
    assert {step.actor for step in steps(7, 2_000)} == {"guest", "photographer", "couple", "supplier"}


def test_a_photo_is_read_back_only_after_it_was_uploaded() -> None:
    uploaded: set[str] = set()
    read = 0
    for step in steps(7, 4_000):
        if step.method == "POST" and step.workflow == "photo_upload":
            assert step.sent is not None
            uploaded.add(step.sent["photo_id"])
        elif step.workflow == "photo_upload":
            read += 1
            assert step.path.removeprefix("/photos/uploads/").partition("?")[0] in uploaded
    assert read > 100


def test_a_day_lasts_as_long_as_asked_and_begins_again() -> None:
    assert moment(0, 10) == MIDNIGHT + timedelta(hours=6)
    assert moment(300, 10) == MIDNIGHT + timedelta(hours=18)
    assert moment(600, 10) == moment(0, 10)


def test_photos_peak_when_it_is_evening_at_the_venue() -> None:
    def share(now: datetime, region: str) -> float:
        likely = weights(now, REGIONS)
        return likely["photo_upload", region] / sum(likely[workflow, region] for workflow in WORKFLOWS)

    evening_in_london = MIDNIGHT + timedelta(hours=19)
    evening_in_sydney = MIDNIGHT + timedelta(hours=10)
    assert share(evening_in_london, "london") > share(evening_in_sydney, "london")
    assert share(evening_in_sydney, "sydney") > share(evening_in_london, "sydney")


@pytest.mark.parametrize(("rate", "day_minutes"), [(0, 10), (-1, 10), (20, 0)])
def test_an_impossible_pace_is_refused(rate: float, day_minutes: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        next(plan(7, rate, day_minutes))
