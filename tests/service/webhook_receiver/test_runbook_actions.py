"""What reaches outside: one argument stays one argument, one path one path, and everything has an end."""

from __future__ import annotations

import os
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import HttpSink, Received
from tests.waiting import lives, wait_until
from webhook_receiver.runbooks.actions.call import call
from webhook_receiver.runbooks.actions.program import run
from webhook_receiver.runbooks.contract import Runbook
from webhook_receiver.runbooks.parameters import ParameterRefused
from webhook_receiver.runbooks.plan import plan_of
from wedsync_core.clock import SystemClock
from wedsync_core.settings.runbooks import EndpointSettings, ProgramSettings, RunbookSettings

CLOCK = SystemClock()
ATTACKS = [
    "$(touch canary)",
    "`touch canary`",
    "; touch canary",
    "x;touch canary",
    "| touch canary",
    "&& touch canary",
    "x\ntouch canary",
    "../../canary",
    "..",
    "%0d%0aX-Evil: 1",
    "\r\nX-Evil: 1",
    "http://evil.invalid/",
    "//evil.invalid/",
    "@evil.invalid",
    "?x=1#y",
    "{{ 7 * 7 }}",
    "${other}",
    "a\x00b",
    "--output=canary",
    "-o",
    "*",
    "~",
    "$HOME",
]
PRINT = [sys.executable, "-c", "import sys; print(len(sys.argv)); print(ascii(sys.argv[1]))"]


def runbook(step: dict[str, Any]) -> Runbook:
    return Runbook.model_validate(
        {
            "name": "attacked",
            "summary": "x",
            "match": {"alertname": "x"},
            "environments": ["production"],
            # As careless as an author can be.
            "parameters": {"value": {"label": "value", "pattern": "(?s).*"}},
            "steps": [step],
        }
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_program_gets_what_was_said_as_one_argument_or_is_not_run(attack: str, tmp_path: Path) -> None:
    program = ProgramSettings(argv=[*PRINT, "${value}"], parameters={"value": {"pattern": "(?s).*"}})
    settings = RunbookSettings(programs={"print": program})
    step = {"do": "program", "program": "print", "with": {"value": "${value}"}}
    before = set(Path.cwd().iterdir())
    try:
        (planned,) = plan_of(runbook(step), {"value": attack}, settings)
    except ParameterRefused:
        return
    result = run(planned["argv"], program, CLOCK)
    assert result.output == f"2\n{attack!a}\n"
    assert set(Path.cwd().iterdir()) == before
    assert not list(tmp_path.rglob("canary"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_endpoint_gets_what_was_said_as_one_piece_or_is_not_called(attack: str) -> None:
    with HttpSink() as sink, HttpSink() as evil:
        said = attack.replace("evil.invalid", evil.url.removeprefix("http://"))
        endpoint = EndpointSettings(
            method="POST",
            base=sink.url,
            path="/units/${value}/restart",
            query={"again": "${value}"},
            body={"said": "${value}"},
            parameters={"value": {"pattern": "(?s).*"}},
        )
        settings = RunbookSettings(endpoints={"restart": endpoint})
        step = {"do": "call", "endpoint": "restart", "with": {"value": "${value}"}}
        try:
            (planned,) = plan_of(runbook(step), {"value": said}, settings)
        except ParameterRefused:
            return
        assert call(planned, endpoint, CLOCK).outcome == "done"
        (request,) = sink.received
        path, _, query = request.path.partition("?")
        assert path.count("/") == 3
        assert path.endswith("/restart")
        assert query.count("=") == 1
        assert "x-evil" not in request.headers
        assert evil.received == []


def test_a_redirect_is_not_followed() -> None:
    with HttpSink() as elsewhere:
        moved = HttpSink(lambda _request: (307, {"Location": elsewhere.url}, b""))
        with moved:
            endpoint = EndpointSettings(method="GET", base=moved.url, path="/")
            planned: dict[str, Any] = {"method": "GET", "url": f"{moved.url}/", "query": {}, "body": None}
            result = call(planned, endpoint, CLOCK)
    assert (result.outcome, result.reason) == ("failed", "unexpected_status")
    assert elsewhere.received == []


def test_a_planned_url_that_leads_elsewhere_is_not_called() -> None:
    with HttpSink() as sink:
        endpoint = EndpointSettings(method="GET", base="http://127.0.0.1:9", path="/")
        planned: dict[str, Any] = {"method": "GET", "url": f"{sink.url}/", "query": {}, "body": None}
        assert call(planned, endpoint, CLOCK).reason == "outside_of_endpoint"
    assert sink.received == []


def test_an_endpoint_that_hangs_has_an_end() -> None:
    go_on = threading.Event()

    def hang(_request: Received) -> tuple[int, dict[str, str], bytes]:
        go_on.wait(20)
        return 200, {}, b""

    with HttpSink(hang) as sink:
        endpoint = EndpointSettings(method="GET", base=sink.url, path="/", timeout=timedelta(seconds=1))
        planned: dict[str, Any] = {"method": "GET", "url": f"{sink.url}/", "query": {}, "body": None}
        result = call(planned, endpoint, CLOCK)
        go_on.set()
    assert (result.outcome, result.reason) == ("failed", "no_answer")


def test_an_answer_is_cut_and_its_secrets_are_masked() -> None:
    with HttpSink(lambda _request: (200, {}, b"password=hunter2hunter2 " + b"x" * 500_000)) as sink:
        endpoint = EndpointSettings(method="GET", base=sink.url, path="/")
        planned: dict[str, Any] = {"method": "GET", "url": f"{sink.url}/", "query": {}, "body": None}
        result = call(planned, endpoint, CLOCK)
    assert "hunter2" not in result.output
    assert len(result.output) <= 17_000


def python(code: str, **settings: Any) -> Any:
    program = ProgramSettings(argv=[sys.executable, "-c", code], **settings)
    return run(program.argv, program, CLOCK)


def test_a_program_knows_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEDSYNC_INCIDENTS_DATABASE_URL", "postgresql://secret")
    where = "os.getcwd(), os.path.exists(os.environ['HOME'])"
    result = python(f"import os; print(sorted(os.environ), {where}, sep='\\n')")
    told = result.output.splitlines()
    assert "WEDSYNC" not in result.output
    assert set(eval(told[0])) <= {"HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH"}  # noqa: S307 -- our own words
    assert "wedsync-runbook-" in told[1]
    assert told[2] == "True"


def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "child"
    code = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    result = python(code, timeout=timedelta(seconds=3))
    assert (result.outcome, result.reason) == ("failed", "timed_out")
    wait_until(lambda: not lives(int(note.read_text())))


def test_a_child_that_outlives_its_program_is_ended_too(tmp_path: Path) -> None:
    note = tmp_path / "child"
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\n"
    )
    assert python(code).outcome == "done"
    wait_until(lambda: not lives(int(note.read_text())))


def test_endless_output_is_dropped() -> None:
    result = python("import sys\nwhile True: sys.stdout.write('x' * 65536)", timeout=timedelta(seconds=2), output=100)
    assert result.reason == "timed_out"
    assert result.output == "x" * 100


def test_what_cannot_be_started_failed() -> None:
    program = ProgramSettings(argv=["/nowhere/at/all"])
    assert run(program.argv, program, CLOCK).reason == "not_started"
    assert python("raise SystemExit(3)").facts == {"exit_status": 3}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"argv": ["/bin/sh", "-c", "x"]}, "must not be a shell"),
        ({"argv": ["df"]}, "must be the whole path"),
        ({"argv": ["/bin/df", "${folder}"]}, "must stand both in the template and under parameters"),
        ({"argv": ["/bin/df", "$folder"]}, "a place is written"),
    ],
)
def test_a_program_that_could_be_anything_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ProgramSettings.model_validate(settings)


def test_our_process_group_is_our_own() -> None:
    result = python("import os; print(os.getpgid(0))")
    assert int(result.output) != os.getpgid(0)
