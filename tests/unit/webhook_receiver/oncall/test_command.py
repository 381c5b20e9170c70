"""`python -m webhook_receiver.oncall`: what a file means, before it goes live."""

from pathlib import Path

import pytest

from tests.cast import SATURDAY
from webhook_receiver.oncall.__main__ import main, report
from wedsync_core.settings import settings_from_text

WEDSYNC_YML = Path(__file__).parents[4] / "wedsync.yml"
SHIPPED = WEDSYNC_YML.read_text()
SECOND_WAY = '\n  sms: {kind: webhook, url: "https://sms.example/", signing_key_file: /run/secrets/sms_key}\n  pager:'


def test_a_sound_file_says_who_is_on_call_and_that_weddings_are_covered() -> None:
    text = SHIPPED.replace("\n  pager:", SECOND_WAY).replace("{channel: console, address:", "{channel: sms, address:")

    lines, weak = report(settings_from_text(text, {}), SATURDAY)

    assert not weak
    assert lines[0] == "on_call_engineer (engineers): noor"
    assert lines[-2] == "no findings"
    assert lines[-1].endswith("Saturdays in 30 days, each with two people or more")


def test_what_is_missing_is_named_by_day(capsys: pytest.CaptureFixture[str]) -> None:
    alone = {"WEDSYNC__ESCALATION__POLICIES__WEDDING_DAY__STEPS": "[{after: 0s, roles: [on_call_engineer]}]"}

    assert main({"WEDSYNC_CONFIG": str(WEDSYNC_YML), **alone}) == 1

    printed = capsys.readouterr().out
    assert "single_provider at people.noor.contact" in printed
    assert " london: only " in printed


def test_a_file_that_is_refused_is_refused_here_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main({"WEDSYNC_CONFIG": str(tmp_path / "absent.yml")}) == 2
    assert "absent.yml: (file): cannot be read" in capsys.readouterr().err
