"""What a page may say to the machine: each wrong page is refused with the place of what is wrong."""

from pathlib import Path

import pytest

from webhook_receiver.runbooks.library import PageInvalid, open_library, read_page
from wedsync_core.settings import EVERYONE, load_settings

ROOT = Path(__file__).parents[4]
GOOD = """---
name: mend
summary: Mend it
match: {alertname: WorkflowFailing}
start: automatic
environments: [production]
parameters:
  region: {label: region, pattern: "[a-z]+"}
steps:
  - {do: call, endpoint: restart, with: {region: "${region}"}}
---

# WorkflowFailing
"""


def test_a_page_without_front_matter_is_for_people_only() -> None:
    assert read_page("Page.md", "# Page\n\nRead me.\n") is None


def test_a_page_has_a_part_for_each_reader() -> None:
    page = read_page("Page.md", GOOD)
    assert page is not None
    assert page.runbook.match == {"alertname": ["WorkflowFailing"]}
    assert page.runbook.changes
    assert page.body == "# WorkflowFailing\n"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("summary:", "sumary:", "sumary: unknown key"),
        ("---\n\n# W", "\n# W", "(front matter): has no end: a line of ---"),
        ("do: call, endpoint", "do: shell, command", "steps.0: Input tag 'shell' found using 'do'"),
        ("endpoint: restart", "endpoint: restart, url: http://evil/", "steps.0.url: unknown key"),
        ("name: mend", "name: Mend me", "name: String should match pattern"),
        ("name: mend", "name: runs", "name: 'runs' is a route"),
        ("with: {region: ", "with: {regoin: ", None),
        ('"${region}"}', '"${regio}"}', "steps.0: there is no parameter 'regio'"),
        ('pattern: "[a-z]+"', "choices: [london], pattern: x", "by choices or by pattern, one of the two"),
        ('pattern: "[a-z]+"', 'pattern: "[a-z"', "pattern is no regular expression"),
        ("label: region, ", "", "parameters.region: a machine must find it: give it a label or a default"),
        ("start: automatic", "start: automatic\ngates: {dry_run: true}", "gates.dry_run: nobody is shown a dry run"),
        ("start: automatic", "start: automatic\ngates: {cooldown: soon}", "gates.cooldown: write a span"),
        (
            '  - {do: call, endpoint: restart, with: {region: "${region}"}}',
            "  - {do: check, query: 'up{region=~\"a|${region}\"}'}",
            "in a query a place stands alone in double quotes",
        ),
        (
            '  - {do: call, endpoint: restart, with: {region: "${region}"}}',
            "  - {do: expire_silence, step: 1}",
            "steps.0.step: step 1 makes no silence before it",
        ),
    ],
)
def test_what_is_wrong_is_refused_where_it_stands(before: str, after: str, expected: str | None) -> None:
    text = GOOD.replace(before, after)
    assert text != GOOD
    if expected is None:
        assert read_page("Page.md", text) is not None, "what an endpoint takes is known by the settings"
        return
    with pytest.raises(PageInvalid) as refused:
        read_page("Page.md", text)
    assert expected in str(refused.value)
    assert str(refused.value).startswith("Page.md: ")


@pytest.mark.parametrize("environment", ["production", "demo"])
def test_every_shipped_page_loads_and_all_that_it_names_is_there(environment: str) -> None:
    settings = load_settings(ROOT / "wedsync.yml", {"WEDSYNC__RUNBOOKS__ENVIRONMENT": environment})
    library = open_library(settings.runbooks, {*settings.roles, EVERYONE})
    assert library.broken == {}
    here = [one for one in library.runbooks if environment in one.environments]
    assert len(here) >= (9 if environment == "production" else 13)


def test_nothing_shipped_changes_anything_of_production_by_itself() -> None:
    settings = load_settings(ROOT / "wedsync.yml", {})
    library = open_library(settings.runbooks, {*settings.roles, EVERYONE})
    for runbook in library.runbooks:
        if "production" in runbook.environments and runbook.start == "automatic":
            assert {step.do for step in runbook.steps} <= {"check", "wait_until", "notify", "program"}, runbook.name
