"""Each fault acts in its real place, and its removal heals."""

import json
import threading
from typing import Any

import pytest

from exporters.instrumentation import WORKFLOWS
from tests.fakes import HttpSink, Received

DURATION = "wedsync_workflow_duration_seconds"


def reports(received: list[Received]) -> list[dict[str, Any]]:
    return [report for request in received for report in json.loads(request.body)["errors"]]


def reported(exporters: HttpSink, count: int) -> list[dict[str, Any]]:
    return reports(exporters.wait_for(lambda received: len(reports(received)) >= count))


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_with_the_database_away_a_workflow_fails_and_comes_back_with_it(
    demo: Any, exporters: HttpSink, workflow: str
) -> None:
    fault = demo.fault("database_down", workflow=workflow, region="london")
    assert demo.do(workflow, "london") == 500
    assert demo.do(workflow, "sydney") == 201
    assert demo.attempts(workflow, "failure") == 1
    (report,) = reported(exporters, 1)
    assert report["message"] == "unable to open database file"
    assert (report["error_type"], report["level"]) == ("OperationalError", "database")
    assert (report["type"], report["affects"], report["region"]) == ("service_failure", [workflow], "london")
    assert demo.ask("DELETE", f"/faults/{fault}")[0] == 200
    assert demo.do(workflow, "london") == 201
    assert demo.attempts(workflow, "failure") == 1


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_defect_fails_its_share_of_a_workflow_until_removed(demo: Any, exporters: HttpSink, workflow: str) -> None:
    demo.fault("failing", workflow=workflow, share=0.5)
    assert [demo.do(workflow) for _ in range(4)] == [201, 500, 201, 500]
    assert demo.attempts(workflow, "failure") == 2
    assert {report["error_type"] for report in reported(exporters, 2)} == {"WorkflowBroken"}
    assert demo.ask("DELETE", "/faults") == (200, {"removed": 1})
    assert [demo.do(workflow) for _ in range(4)] == [201] * 4


def test_a_slow_workflow_takes_its_time_and_removal_lets_the_waiting_go(demo: Any) -> None:
    fault = demo.fault("slow", workflow="messaging", seconds=60)
    statuses: list[int] = []
    waiting = threading.Thread(target=lambda: statuses.append(demo.do("messaging")))
    waiting.start()
    demo.until(lambda: demo.ask("GET", "/faults")[1]["faults"][0]["strikes"] == 1)
    assert demo.do("booking") == 201  # others are not held up
    assert statuses == []
    demo.clock.advance(seconds=12)
    assert demo.ask("DELETE", f"/faults/{fault}")[0] == 200
    waiting.join(10)
    assert statuses == [201]
    labels = {"service": "messaging", "workflow": "messaging", "region": "london"}
    assert demo.platform.registry.get_sample_value(f"{DURATION}_count", labels) == 1
    assert demo.platform.registry.get_sample_value(f"{DURATION}_sum", labels) < 30
    assert demo.attempts("messaging", "success") == 1
    assert demo.do("messaging") == 201


def test_with_the_provider_down_payments_fail_as_its_fault_and_heal_with_it(demo: Any, exporters: HttpSink) -> None:
    fault = demo.fault("third_party_down")
    assert demo.do("payment") == 502
    assert demo.do("booking") == 201
    assert demo.attempts("payment", "failure") == 1
    labels = {"service": "payment", "dependency": "payment_provider", "outcome": "failure"}
    assert demo.platform.registry.get_sample_value("wedsync_dependency_requests_total", labels) == 1
    (report,) = reported(exporters, 1)
    assert (report["error_type"], report["level"]) == ("ProviderUnavailable", "third_party")
    assert "503 Server Error" in report["stack_trace"]
    assert (report["type"], report["affects"], report["region"]) == ("service_failure", ["payment"], "london")
    demo.ask("DELETE", f"/faults/{fault}")
    assert demo.do("payment") == 201


def test_a_lost_photo_was_acknowledged_and_is_noticed_by_the_check(demo: Any, exporters: HttpSink) -> None:
    demo.fault("data_loss", region="london", share=0.5)
    assert [demo.do("photo_upload") for _ in range(4)] == [201] * 4
    assert demo.do("photo_upload", "sydney") == 201
    assert demo.attempts("photo_upload", "lost") == 0
    assert demo.platform.integrity.check() == 2
    assert demo.attempts("photo_upload", "lost") == 2
    assert demo.attempts("photo_upload", "lost", "sydney") == 0
    (report,) = reported(exporters, 1)
    assert (report["type"], report["affects"], report["region"]) == ("data_loss", ["photo_upload"], "london")
    assert report["message"] == "2 acknowledged photos are gone"


def test_a_loss_is_counted_once_however_often_it_is_noticed(demo: Any) -> None:
    demo.fault("data_loss")
    demo.do("photo_upload")
    assert demo.ask("GET", "/photos/uploads/thing-1?region=london")[0] == 410
    assert demo.ask("GET", "/photos/uploads/thing-1?region=london")[0] == 410
    assert demo.platform.integrity.check() == 0
    assert demo.attempts("photo_upload", "lost") == 1


def test_a_photo_lost_after_it_was_verified_is_noticed_too(demo: Any) -> None:
    demo.do("photo_upload")
    assert demo.platform.integrity.check() == 0
    with demo.platform.upkeep._database.transaction("photo_upload", "london") as rows:
        rows.execute("DELETE FROM photo_bytes")
    assert demo.platform.integrity.check() == 1


def test_a_photo_whose_bytes_were_changed_is_noticed_when_it_is_read(demo: Any) -> None:
    demo.do("photo_upload")
    demo.platform.integrity.check()
    with demo.platform.upkeep._database.transaction("photo_upload", "london") as rows:
        rows.execute("UPDATE photo_bytes SET content = x'00'")
    assert demo.ask("GET", "/photos/uploads/thing-1?region=london")[0] == 410
    assert demo.attempts("photo_upload", "lost") == 1


def test_after_the_loss_ends_uploads_are_kept_and_a_second_try_mends_the_lost_one(demo: Any) -> None:
    fault = demo.fault("data_loss")
    demo.do("photo_upload")
    demo.platform.integrity.check()
    demo.ask("DELETE", f"/faults/{fault}")
    demo.made = 0
    assert demo.do("photo_upload") == 201
    assert demo.platform.integrity.check() == 0
    assert demo.ask("GET", "/photos/uploads/thing-1?region=london")[0] == 200
    assert demo.attempts("photo_upload", "lost") == 1


def test_the_background_loop_notices_by_itself(demo: Any, monkeypatch: pytest.MonkeyPatch, exporters: HttpSink) -> None:
    monkeypatch.setattr("demo.service.upkeep.CHECK_EVERY_SECONDS", 0.01)
    demo.fault("data_loss")
    demo.platform.start()
    demo.do("photo_upload")
    assert reported(exporters, 1)[0]["type"] == "data_loss"
    # An outage of the database does not end the loop.
    outage = demo.fault("database_down")
    demo.until(lambda: demo.ask("GET", "/faults")[1]["faults"][1]["strikes"] >= 2)
    demo.ask("DELETE", f"/faults/{outage}")
    demo.do("photo_upload")
    assert len(reported(exporters, 2)) == 2


def test_faults_are_listed_with_what_they_did_and_end_by_themselves(demo: Any) -> None:
    demo.fault("failing", workflow="payment", share=1, for_seconds=30)
    demo.do("payment")
    (listed,) = demo.ask("GET", "/faults")[1]["faults"]
    assert (listed["fault"], listed["workflow"], listed["strikes"]) == ("failing", "payment", 1)
    demo.clock.advance(seconds=31)
    assert demo.ask("GET", "/faults")[1] == {"faults": []}
    assert demo.do("payment") == 201


def test_the_faults_that_strike_somewhere_end_and_the_others_stay(demo: Any) -> None:
    demo.fault("failing", workflow="booking", region="london")
    demo.fault("failing", workflow="booking")
    sydney = demo.fault("failing", workflow="booking", region="sydney")
    slow = demo.fault("slow", workflow="booking", region="london")
    ended = demo.ask("DELETE", "/faults?fault=failing&workflow=booking&region=london")
    assert ended == (200, {"removed": 2}), "the one that strikes everywhere strikes there too"
    assert [fault["id"] for fault in demo.ask("GET", "/faults")[1]["faults"]] == [sydney, slow]
    assert demo.ask("DELETE", "/faults?regoin=london")[0] == 400
    assert demo.ask("DELETE", "/faults?fault=third_party_down") == (200, {"removed": 0})


def test_a_wrong_fault_is_refused_with_the_reason(demo: Any) -> None:
    status, answer = demo.ask("POST", "/faults", {"fault": "meteor"})
    assert (status, answer["error"][:21]) == (400, "fault must be one of ")
    assert demo.ask("DELETE", "/faults/99")[0] == 404


def test_with_the_exporters_away_requests_are_answered_as_before(demo: Any, exporters: HttpSink) -> None:
    exporters.stop()
    demo.fault("failing", workflow="payment")
    assert [demo.do("payment") for _ in range(5)] == [500] * 5
    assert demo.do("booking") == 201
