"""Workflows: whether couples and suppliers can upload, talk, pay, book and keep the timeline, region by region."""

from grafana.panels import GREEN, ORANGE, RED, YELLOW, Column, Face, Query, lines, stat, table
from grafana.sdk import Builder, models

OF_WORKFLOW = 'service=~"$service", workflow=~"$workflow", region=~"$region"'

_FAILURE_RATIO = f"service_workflow_region:wedsync_workflow_failures_per_attempt:ratio_rate5m{{{OF_WORKFLOW}}}"
_P95 = f"service_workflow_region:wedsync_workflow_duration_seconds:p95_rate5m{{{OF_WORKFLOW}}}"
_ATTEMPTS = f"service_workflow_region:wedsync_workflow_attempts:rate5m{{{OF_WORKFLOW}}}"
_LOST = f'wedsync_workflow_attempts_total{{outcome="lost", {OF_WORKFLOW}}}'
# A counter that appears with the loss itself counts from zero, as in rules/workflows.yml.
_LOST_LAST_HOUR = f"sum by (workflow, region) (({_LOST} unless {_LOST} offset 1h) or increase({_LOST}[1h]))"

FAILURES_OF_ALLOWANCE = (
    f"max by (workflow, region) ({_FAILURE_RATIO} / on (region) group_left () "
    "region:workflow_failure_ratio:threshold_in_force)"
)
"""Failed attempts as a share of those the region's risk allows: above 1 is over the limit."""
SLOWNESS_OF_LIMIT = (
    f"max by (workflow, region) ({_P95} / on (region, workflow) group_left () "
    "region_workflow:workflow_duration_p95_seconds:threshold_in_force)"
)
"""The 95th percentile as a share of what the region's risk allows: above 1 is over the limit."""


def workflows() -> list[Builder[models.Panel]]:
    """Return the row's panels."""
    return [_by_region(), _lost(), _success(), _duration(), _attempts(), _failures()]


def _by_region() -> Builder[models.Panel]:
    return table(
        Face(
            id=201,
            title="Workflows by region",
            meaning=(
                "One row for each workflow in each region, the worst first. 'Failures of allowance' and 'Slowness of "
                "limit' compare the last five minutes with what the region's risk allows today: 100 % is the limit. "
                "Red on a wedding day: somebody at a wedding cannot do their work now; open the incident."
            ),
            unit="none",
            empty="No workflow is being measured: treat this as a fault",
            width=18,
            height=11,
        ),
        [
            Query(expr=FAILURES_OF_ALLOWANCE),
            Query(expr=f"1 - max by (workflow, region) ({_FAILURE_RATIO})"),
            # ">= 0" leaves out what is not a number: a workflow without attempts has no percentile.
            Query(expr=f"max by (workflow, region) ({_P95}) >= 0"),
            Query(expr=f"{SLOWNESS_OF_LIMIT} >= 0"),
            Query(expr=f"sum by (workflow, region) ({_ATTEMPTS})"),
            Query(expr=_LOST_LAST_HOUR),
        ],
        [
            Column(field="workflow", name="Workflow"),
            Column(field="region", name="Region"),
            Column(
                field="Value #A",
                name="Failures of allowance",
                unit="percentunit",
                limits=[(0, GREEN), (0.5, YELLOW), (1, RED)],
            ),
            Column(field="Value #B", name="Success", unit="percentunit"),
            Column(
                field="Value #D",
                name="Slowness of limit",
                unit="percentunit",
                limits=[(0, GREEN), (0.8, YELLOW), (1, ORANGE)],
            ),
            Column(field="Value #C", name="95th percentile", unit="s"),
            Column(field="Value #E", name="Attempts", unit="ops"),
            Column(field="Value #F", name="Lost in the last hour", limits=[(0.5, RED)]),
        ],
        sort_by="Failures of allowance",
    )


def _lost() -> Builder[models.Panel]:
    return stat(
        Face(
            id=202,
            title="Lost in the last hour",
            meaning=(
                "What the platform had confirmed and then lost: a photo, a message, a payment, a booking. Nobody can "
                "take a wedding photo again. One is an incident: stop uploads to the failing store, keep the "
                "originals on the suppliers' devices, and follow the runbook PhotoUploadsLost or WorkflowDataLost."
            ),
            unit="none",
            empty="No workflow is being measured: treat this as a fault",
            width=6,
            height=11,
            limits=[(0.5, RED)],
        ),
        Query(expr=f"sum by (workflow) ({_LOST_LAST_HOUR})", legend="{{workflow}}"),
    )


def _success() -> Builder[models.Panel]:
    return lines(
        Face(
            id=203,
            title="Success ratio",
            meaning=(
                "Share of attempts that did what the person wanted, over five minutes. The dashed lines are the least "
                "that each region's risk allows; they move when the day changes there. A curve below its region's "
                "line pages (WorkflowFailing) once there are three failures."
            ),
            unit="percentunit",
            empty="No attempts in the chosen workflows and regions",
            width=12,
            height=9,
        ),
        Query(expr=f"1 - max by (workflow, region) ({_FAILURE_RATIO})", legend="{{workflow}}, {{region}}"),
        Query(
            expr='1 - region:workflow_failure_ratio:threshold_in_force{region=~"$region"}',
            legend="least allowed in {{region}}",
        ),
        limit_series="^least allowed",
        ratio_of_good=True,
    )


def _duration() -> Builder[models.Panel]:
    return lines(
        Face(
            id=204,
            title="95th percentile of duration",
            meaning=(
                "One attempt in twenty takes longer. The dashed lines are the most that each region's risk allows. A "
                "slow upload keeps a photographer from the next shot, a slow timeline keeps the caterer waiting. Over "
                "the line for a minute: WorkflowSlow warns."
            ),
            unit="s",
            empty="No attempts in the chosen workflows and regions",
            width=12,
            height=9,
        ),
        Query(expr=f"max by (workflow, region) ({_P95}) >= 0", legend="{{workflow}}, {{region}}"),
        Query(
            expr="max by (workflow, region) (region_workflow:workflow_duration_p95_seconds:threshold_in_force"
            '{workflow=~"$workflow", region=~"$region"})',
            legend="most allowed: {{workflow}}, {{region}}",
        ),
        limit_series="^most allowed",
    )


def _attempts() -> Builder[models.Panel]:
    return lines(
        Face(
            id=205,
            title="Attempts",
            meaning=(
                "How much people are doing. There is no limit; the shape is the message. A fall to nothing on a "
                "wedding day means that people cannot reach the platform at all, and nothing else will show it: "
                "compare with the day before and look at the front door (DNS, certificates, the mobile app)."
            ),
            unit="ops",
            empty="No attempts in the chosen workflows and regions",
            width=12,
        ),
        Query(expr=f"sum by (workflow) ({_ATTEMPTS})", legend="{{workflow}}"),
        stacked=True,
    )


def _failures() -> Builder[models.Panel]:
    failed = f'wedsync_workflow_attempts_total{{outcome=~"failure|lost", {OF_WORKFLOW}}}'
    return lines(
        Face(
            id=206,
            title="Failed and lost attempts",
            meaning=(
                "People who could not do what they came for, each second. The ratio above says how bad it is for one "
                "person; this says for how many. Use it to see which workflow began to fail first."
            ),
            unit="ops",
            empty="No attempts in the chosen workflows and regions",
            width=12,
        ),
        Query(
            expr=f"sum by (workflow, outcome) (rate({failed}[$__rate_interval]))",
            legend="{{workflow}}, {{outcome}}",
        ),
        stacked=True,
    )
