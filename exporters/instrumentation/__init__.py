"""What a WedSync service imports to be observed.

One call, `instrument(app, service="payment", regions=REGIONS, error_reports=ErrorReporting(url, token_file))`, and
around what matters `instrumentation.workflow(...)`, `instrumentation.dependency(...)`, `instrumentation.report(...)`.
"""

from exporters.instrumentation.assembly import Scraping, instrument
from exporters.instrumentation.delivery import Backoff
from exporters.instrumentation.exposition import serve_metrics
from exporters.instrumentation.labels import WORKFLOWS, WorkflowName
from exporters.instrumentation.measured import Attempt, Call, Measured
from exporters.instrumentation.reporter import ErrorReporting
from exporters.instrumentation.series import DURATION_BUCKETS
from exporters.instrumentation.service import Instrumentation

__all__ = [
    "DURATION_BUCKETS",
    "WORKFLOWS",
    "Attempt",
    "Backoff",
    "Call",
    "ErrorReporting",
    "Instrumentation",
    "Measured",
    "Scraping",
    "WorkflowName",
    "instrument",
    "serve_metrics",
]
