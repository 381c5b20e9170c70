"""The rules as promtool sees them, and their tests as we do."""

import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

# Always firing is what it is for.
NEVER_SILENT = {"Watchdog"}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    # The limit is for a promtool that hangs: a file takes up to 15 s of a processor, and minutes on a crowded machine.
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=900)


def alert_assertions(root: Path, area: str, name: str) -> list[list[dict[str, Any]]]:
    """The assertions about one alert, test by test, in order of time."""
    document = yaml.safe_load((root / "tests" / "rules" / f"{area}.test.yml").read_text())
    return [
        [assertion for assertion in test.get("alert_rule_test", []) if assertion["alertname"] == name]
        for test in document["tests"]
    ]


def test_promtool_finds_nothing_wrong(promtool: Path, root: Path, area: str) -> None:
    checked = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", root / "rules" / f"{area}.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "duplicate" not in checked.stdout


def test_the_rules_do_what_their_tests_say(promtool: Path, root: Path, area: str) -> None:
    tested = run(promtool, "test", "rules", root / "tests" / "rules" / f"{area}.test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize(
    ("file", "right", "wrong", "story"),
    [
        ("workflows", "failures:increase30s >= 3", "failures:increase30s >= 1", "two failures are not three"),
        ("workflows", "[1h] offset 10m) >= 200", "[1h] offset 10m) >= 2000", "traffic stops dead"),
        ("thresholds", '"risk", "wedding_day", "", ""', '"risk", "normal", "", ""', "no calendar at all"),
        ("errors", "<= 3 * 300 *", "<= 0 * 300 *", "always errs this much"),
        ("oncall", '{within="7d"}', '{within="30d"}', "three weeks away"),
        ("platform", 'absent(up{job="wedsync"})', "absent(up)", "wedsync is no longer in the configuration"),
    ],
)
def test_a_broken_rule_fails_its_tests(
    promtool: Path, root: Path, tmp_path: Path, file: str, right: str, wrong: str, story: str
) -> None:
    """Tests that cannot fail prove nothing."""
    document = yaml.safe_load((root / "tests" / "rules" / f"{file}.test.yml").read_text())
    document["tests"] = [test for test in document["tests"] if story in test["name"]]
    document["rule_files"] = [Path(name).name for name in document["rule_files"]]
    (tmp_path / "story.test.yml").write_text(yaml.safe_dump(document))
    for name in document["rule_files"]:
        (tmp_path / name).write_text((root / "rules" / name).read_text())
    assert run(promtool, "test", "rules", tmp_path / "story.test.yml").returncode == 0
    text = (tmp_path / f"{file}.yml").read_text()
    assert right in text
    (tmp_path / f"{file}.yml").write_text(text.replace(right, wrong))
    assert run(promtool, "test", "rules", tmp_path / "story.test.yml").returncode != 0


def test_every_rule_file_has_its_test_file_and_back(root: Path) -> None:
    rules = {path.stem for path in (root / "rules").glob("*.yml")}
    tests = {path.name.removesuffix(".test.yml") for path in (root / "tests" / "rules").glob("*.test.yml")}
    assert rules == tests


def test_every_alert_is_seen_firing_and_silent(root: Path, alert: dict[str, Any]) -> None:
    seen = [bool(each["exp_alerts"]) for test in alert_assertions(root, alert["area"], alert["alert"]) for each in test]
    assert True in seen, "no test sees it fire"
    if alert["alert"] not in NEVER_SILENT:
        assert False in seen, "no test sees it stay silent"


def test_every_alert_is_seen_ending(root: Path, alert: dict[str, Any]) -> None:
    if alert["alert"] in NEVER_SILENT:
        assert "for" not in alert
        return
    assert "keep_firing_for" in alert, "one lost scrape would resolve it"
    stories = (
        [bool(each["exp_alerts"]) for each in test] for test in alert_assertions(root, alert["area"], alert["alert"])
    )
    assert any((True, False) in pairwise(story) for story in stories), "no test sees it resolve"


def test_every_recorded_series_is_tested_or_read_by_an_alert(
    root: Path, rules: list[dict[str, Any]], recorded: dict[str, Any]
) -> None:
    """A threshold nobody reads is a number that pretends."""
    others = [rule["expr"] for rule in rules if rule is not recorded]
    tests = (root / "tests" / "rules" / f"{recorded['area']}.test.yml").read_text()
    assert recorded["record"] in tests or any(recorded["record"] in expression for expression in others)
