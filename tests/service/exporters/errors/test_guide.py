"""What docs/errors.md shows is sent as it stands, and answered as it says."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest

from exporters.alarm.decision import KEEP_ALIVE, LASTS
from exporters.errors.contract import ErrorKind, ErrorReport, Level
from exporters.errors.recovery import SHORTEST_SILENCE
from exporters.errors.tally import DIMENSIONS
from exporters.errors.watching import GIVEN_UP_AFTER
from tests.error_desk import ErrorDesk, lost_photo
from wedsync_core.settings.model import WorkflowName

GUIDE = (Path(__file__).parents[4] / "docs" / "errors.md").read_text(encoding="utf-8")
REPORTING = GUIDE[GUIDE.index("## Reporting") : GUIDE.index("## Looking")]


def names(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


def row(field: str) -> str:
    (found,) = [line for line in REPORTING.splitlines() if line.startswith(f"| `{field}` |")]
    return found


def test_the_example_is_answered_as_the_guide_says(saturday_desk: ErrorDesk) -> None:
    (sent,) = re.findall(r"-d '(\{.*?\})'", REPORTING, re.DOTALL)
    (shown,) = re.findall(r"^```\n(\{.*?\})\n```$", REPORTING, re.DOTALL | re.MULTILINE)
    answer = saturday_desk.report(json.loads(sent))
    assert answer.status_code == 201
    said, expected = answer.get_json(), json.loads(shown)
    assert said.keys() == expected.keys()
    # Ids are chance; the guide's reporter has a wedding in progress, this desk an ordinary Saturday.
    for chosen_here in ("errorId", "groupId", "reasons"):
        assert said.pop(chosen_here)
        expected.pop(chosen_here)
    assert said == expected


def test_every_field_has_its_row_and_every_row_its_field() -> None:
    told = {name for line in REPORTING.splitlines() if line.startswith("| `") for name in names(line.split("|")[1])}
    assert told == set(ErrorReport.model_fields)


@pytest.mark.parametrize(
    ("field", "choices"),
    [
        ("level", get_args(Level)),
        ("type", get_args(ErrorKind)),
        ("affects", (*get_args(WorkflowName), "wedding_workflows")),
    ],
)
def test_every_choice_of_a_field_is_named(field: str, choices: Iterable[str]) -> None:
    assert names(row(field))[1:] == list(choices)


def test_a_batch_is_answered_with_the_keys_of_the_guide(saturday_desk: ErrorDesk) -> None:
    told = saturday_desk.report({"errors": [lost_photo(), lost_photo(), lost_photo(level="attic")]}).get_json()
    (shown,) = re.findall(r'`(\{"results":.*?\})`', REPORTING, re.DOTALL)
    assert re.findall(r'"(\w+)":', shown) == ["results", "index", "status", "recorded", "refused"]
    assert (list(told), told["recorded"], told["refused"]) == (["results", "recorded", "refused"], 2, 1)
    for item in told["results"]:
        assert list(item)[:2] == ["index", "status"]
        assert f'"{item["status"]}"' in shown


def test_the_question_of_the_guide_is_answered(saturday_desk: ErrorDesk) -> None:
    saturday_desk.report()
    (query,) = re.findall(r"`GET /errors(\?\S+)`", GUIDE)
    assert saturday_desk.get(query)["total"] == 1
    (choices,) = re.findall(r"`groupBy`: (.*?);", GUIDE, re.DOTALL)
    assert names(choices) == list(DIMENSIONS)
    (group,) = saturday_desk.get("/groups")["groups"]
    assert saturday_desk.get(f"/groups/{group['id']}")["grouping"]


def test_what_the_guide_says_of_the_direct_alarm_holds() -> None:
    assert (KEEP_ALIVE.total_seconds(), LASTS.total_seconds()) == (60, 300)
    text = " ".join(GUIDE.split())
    assert "again every minute while the error goes on" in text
    assert "Each post lasts five minutes" in text
    assert "silence alone ends no alarm" in text
    assert (GIVEN_UP_AFTER.total_seconds(), SHORTEST_SILENCE.total_seconds()) == (86_400, 600)
    assert "ten minutes" in text
    assert "silent for a day" in text
