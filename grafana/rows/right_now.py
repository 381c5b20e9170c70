"""Right now: whether any wedding is in danger, who works on it, and what kind of day it is where."""

from grafana.panels import BLUE, GREEN, ORANGE, PALE_BLUE, PURPLE, RED, YELLOW, Column, Face, Query, stat, table
from grafana.rows.workflows import FAILURES_OF_ALLOWANCE, OF_WORKFLOW, SLOWNESS_OF_LIMIT
from grafana.sdk import Builder, models

RUNBOOKS = "https://github.com/wedsync/monitoring/blob/main/docs/runbooks/"

RISKS = {
    "wedding_day": ("wedding day", PURPLE),
    "weekend": ("weekend", BLUE),
    "peak_season": ("peak season", PALE_BLUE),
    "normal": ("normal", GREEN),
}


def right_now() -> list[Builder[models.Panel]]:
    """Return the row's panels."""
    return [_verdict(), _weddings(), _critical_alerts(), _paging_faults(), _incidents(), _regions(), _firing()]


def _verdict() -> Builder[models.Panel]:
    return stat(
        Face(
            id=101,
            title="Workflows over their limit",
            meaning=(
                "How many workflows, counted per region, fail or slow down more than the day allows there right now. "
                "0: couples and suppliers can do what they came for. Anything else: see which ones in the table "
                "'Workflows by region', and open the incident. One failure among very few attempts counts here and "
                "does not page: an alert also asks for a minimum number."
            ),
            unit="none",
            empty="No workflow is being measured: treat this as a fault",
            width=5,
            height=4,
            limits=[(1, RED)],
        ),
        # "or 0 * count(...)": none over the limit is only worth saying while there is something measured.
        Query(
            expr=f"count(({FAILURES_OF_ALLOWANCE}) > 1 or ({SLOWNESS_OF_LIMIT}) > 1)"
            f" or 0 * count(service_workflow_region:wedsync_workflow_attempts:rate5m{{{OF_WORKFLOW}}})"
        ),
        texts={0: ("0: all within limits", GREEN)},
    )


def _weddings() -> Builder[models.Panel]:
    return stat(
        Face(
            id=102,
            title="Weddings in progress",
            meaning=(
                "Real weddings whose day is running now in the chosen regions. While it is not 0, a fault in a core "
                "workflow is critical and pages by the wedding_day policy. 0 on a Saturday in season: look whether "
                "the list of weddings is fresh (row 'The paging chain')."
            ),
            unit="none",
            empty="The exporters publish no weddings",
            width=5,
            height=4,
            limits=[(1, PURPLE)],
        ),
        Query(expr='sum(max by (region) (wedsync_calendar_weddings_in_progress{region=~"$region"}))'),
    )


def _critical_alerts() -> Builder[models.Panel]:
    return stat(
        Face(
            id=103,
            title="Critical alerts firing",
            meaning=(
                "Critical alerts that Prometheus fires now. Each is an incident or joins one. Errors that the "
                "exporters post to Alertmanager directly are not among them: see 'Direct alarms in force'."
            ),
            unit="none",
            empty="Prometheus evaluates no rules",
            width=4,
            height=4,
            limits=[(1, RED)],
        ),
        # The Watchdog always fires: without it, nothing firing would mean nothing.
        Query(
            expr='count(ALERTS{alertstate="firing", severity="critical"})'
            ' or 0 * count(ALERTS{alertname="Watchdog", alertstate="firing"})'
        ),
    )


def _paging_faults() -> Builder[models.Panel]:
    return stat(
        Face(
            id=104,
            title="Faults in paging itself",
            meaning=(
                "Alerts about what carries alerts to people. Not 0: somebody who should be woken may be asleep. Watch "
                "the row 'The paging chain' and telephone the on-call engineer."
            ),
            unit="none",
            empty="Prometheus evaluates no rules",
            width=4,
            height=4,
            limits=[(1, RED)],
        ),
        Query(
            expr='count(ALERTS{alertstate="firing", component="paging"})'
            ' or 0 * count(ALERTS{alertname="Watchdog", alertstate="firing"})'
        ),
    )


def _incidents() -> Builder[models.Panel]:
    return stat(
        Face(
            id=105,
            title="Open incidents",
            meaning=(
                "Incidents not resolved, by the severity the receiver decided. Critical: a wedding is affected now; "
                "somebody must have acknowledged it within five minutes. The receiver's console says who has."
            ),
            unit="none",
            empty="The receiver says nothing: its database may be down",
            width=6,
            height=4,
            limits=[(1, ORANGE)],
        ),
        *(
            Query(expr=f'max(wedsync_incidents_open{{severity="{severity}"}})', legend=severity)
            for severity in ("critical", "high", "medium", "low")
        ),
        limits_of={"critical": [(1, RED)]},
    )


def _regions() -> Builder[models.Panel]:
    chosen = 'region=~"$region"'
    in_force = f"region_risk:wedsync_calendar_risk:in_force{{{chosen}}}"
    critical = f'ALERTS{{alertstate="firing", severity="critical", {chosen}}}'
    return table(
        Face(
            id=106,
            title="Risk by region",
            meaning=(
                "What kind of day it is where the venues are, and so how strict the limits are there. A region that "
                "the calendar does not speak of, or no longer speaks of, is held to be under wedding day. Two rows "
                "for one region mean that the calendar contradicts itself; the stricter one holds."
            ),
            unit="none",
            empty="No region is known: neither the calendar nor any traffic",
            width=12,
        ),
        [
            Query(expr=f"max by (region, risk) ({in_force})"),
            Query(expr=f"max by (region) (wedsync_calendar_weddings_in_progress{{{chosen}}})"),
            # Grafana counts time in milliseconds.
            Query(expr=f"1000 * max by (region) (wedsync_calendar_next_change_timestamp_seconds{{{chosen}}})"),
            Query(expr=f"count by (region) ({critical}) or 0 * count by (region) ({in_force})"),
        ],
        [
            Column(field="region", name="Region"),
            Column(field="risk", name="Risk in force", texts=RISKS),
            Column(field="Value #B", name="Weddings in progress", limits=[(1, PURPLE)]),
            Column(field="Value #D", name="Critical alerts", limits=[(1, RED)]),
            Column(field="Value #C", name="Risk changes", unit="dateTimeFromNow"),
        ],
        sort_by="Critical alerts",
    )


def _firing() -> Builder[models.Panel]:
    return table(
        Face(
            id=107,
            title="What is firing",
            meaning=(
                "Every alert above information that Prometheus fires now. The name leads to its runbook: first what "
                "to check, then what to do. Empty is good."
            ),
            unit="none",
            empty="Nothing is firing",
            width=12,
        ),
        [
            Query(
                expr="max by (alertname, severity, service, workflow, region)"
                ' (ALERTS{alertstate="firing", severity=~"critical|warning"})'
            )
        ],
        [
            Column(field="alertname", name="Alert", link=("Runbook", f"{RUNBOOKS}${{__value.text}}.md")),
            Column(
                field="severity",
                name="Severity",
                texts={"critical": ("critical", RED), "warning": ("warning", YELLOW)},
            ),
            Column(field="service", name="Service"),
            Column(field="workflow", name="Workflow"),
            Column(field="region", name="Region"),
        ],
        sort_by="Severity",
        descending=False,
    )
