"""What the instrumentation sends is what the error room takes."""

import json
from collections.abc import Callable
from typing import Any

from exporters.errors.contract import ErrorReport, read_submission
from exporters.instrumentation import ErrorReporting
from tests.fakes import HttpSink

Build = Callable[..., Any]


def test_every_report_of_a_batch_is_taken_with_nothing_left_over(payments: Build) -> None:
    with HttpSink() as exporters:
        service = payments(error_reports=ErrorReporting(exporters.url, release="7"))
        service.ask("/payments", "POST", json={"how": "raise", "region": "sydney"})
        service.ask("/payments", "POST", json={"how": "raise", "region": "atlantis\ud800"})
        service.instrumentation.report(ValueError("a\ud800b\x00"), user_context={"ratio": float("nan"), 3: object()})
        service.instrumentation.report(LookupError("gone"), kind="data_loss", affects=["photo_upload", "timeline"])
        received = exporters.wait_for(lambda all_of: sum(len(json.loads(r.body)["errors"]) for r in all_of) == 4)
    for request in received:
        for report in read_submission(json.loads(request.body)).reports:
            assert isinstance(report, ErrorReport), report
            assert report.event_id is not None
            assert report.timestamp is not None
            assert not report.model_extra
